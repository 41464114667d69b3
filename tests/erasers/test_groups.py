"""Erasers made from groups' moments are the same from a stream of blocks and from all rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenface.embed.folder import write_embeddings
from evenface.embed.store import Store, embeddings_from_arrays, open_store
from evenface.erasers.eraser import Maps, joint
from evenface.erasers.folder import fit_to
from evenface.erasers.groups import groups_of
from evenface.erasers.methods import ERASERS, fit_eraser
from evenface.erasers.streaming import blocks_of
from evenface.errors import VectorError

FROM_GROUPS = ["mean-projection", "oracle-leace", "recentre", "coral"]
STREAMED = ["leace", *FROM_GROUPS]
CLASSES = (("f", "m"), ("a", "b", "c"))
SIZES = (2, 3)


def people(n: int, d: int, attributes: int = 2, offset: float = 0.0) -> tuple[Any, Any]:
    """Rows in single precision, a tenth of each attribute unknown."""
    rng = np.random.default_rng(n + d)
    codes = np.stack([rng.choice(2, n, p=[0.7, 0.3]), rng.integers(0, 3, n)], axis=1)
    scales = np.stack([rng.uniform(0.5, 2, d) for _ in range(6)])
    x = rng.normal(size=(n, d)) * scales[codes[:, 0] * 3 + codes[:, 1]]
    x += rng.normal(size=(2, d))[codes[:, 0]] + rng.normal(size=(3, d))[codes[:, 1]]
    codes[rng.random(codes.shape) < 0.1] = -1
    return (x + offset).astype(np.float32), codes[:, :attributes]


def changed(maps: Maps, x: np.ndarray, codes: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Apply maps in double precision."""
    x = x.astype(np.float64)
    own = joint(codes, sizes, len(x)) if len(maps.centres) > 1 else np.zeros(len(x), dtype=int)
    found = x.copy()
    for k in np.flatnonzero(own >= 0):
        c = own[k]
        found[k] += maps.moves[c] - maps.out[c] @ (maps.into[c] @ (x[k] - maps.centres[c]))
    return found


def whole(method: str, x: np.ndarray, codes: np.ndarray, attributes: int) -> Maps:
    return fit_eraser(
        method, x.astype(np.float64), codes, attributes=["gender", "ethnicity"][:attributes],
        classes=CLASSES[:attributes],
    ).maps  # fmt: skip


def streamed(method: str, blocks: Any, sizes: tuple[int, ...]) -> Maps:
    stream = ERASERS[method].stream
    assert stream is not None
    return stream(blocks, sizes)


@pytest.mark.parametrize("size", [1, 7, 333, 5000])
@pytest.mark.parametrize("attributes", [1, 2])
@pytest.mark.parametrize("method", FROM_GROUPS)
def test_a_stream_gives_what_all_rows_give(method: str, attributes: int, size: int) -> None:
    x, codes = people(1000, 9, attributes)
    sizes = SIZES[:attributes]
    found = streamed(method, blocks_of(x, codes, size), sizes)
    expected = changed(whole(method, x, codes, attributes), x, codes, sizes)
    np.testing.assert_allclose(changed(found, x, codes, sizes), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("attributes", [1, 2])
@pytest.mark.parametrize("method", FROM_GROUPS)
def test_class_means_meet(method: str, attributes: int) -> None:
    x, codes = people(1000, 9, attributes)
    # Attributes that go together, so that classes' means are not those of their groups' means.
    rare = (codes[:, 0] == codes[:, -1]) & (np.arange(1000) % 5 > 0) & (attributes > 1)
    x, codes = x[~rare], codes[~rare]
    sizes = SIZES[:attributes]
    found = streamed(method, blocks_of(x, codes, 77), sizes)
    known = (codes >= 0).all(axis=1)
    erased, y = changed(found, x, codes, sizes)[known], codes[known]
    for column, size in zip(y.T, sizes, strict=True):
        for c in range(size):
            np.testing.assert_allclose(
                erased[column == c].mean(axis=0), erased.mean(axis=0), rtol=0, atol=1e-12
            )
    np.testing.assert_allclose(erased.mean(axis=0), x[known].mean(axis=0, dtype=float), atol=1e-12)


@pytest.mark.parametrize("attributes", [1, 2])
@pytest.mark.parametrize("method", FROM_GROUPS)
def test_more_dimensions_than_rows_give_the_same_too(method: str, attributes: int) -> None:
    x, codes = people(60, 150, attributes)
    sizes = SIZES[:attributes]
    found = streamed(method, blocks_of(x, codes, 11), sizes)
    maps = whole(method, x, codes, attributes)
    assert found.out.shape == maps.out.shape
    # New vectors as well, which lie outside of what the rows span.
    x, codes = people(80, 150, attributes)
    expected = changed(maps, x, codes, sizes)
    np.testing.assert_allclose(changed(found, x, codes, sizes), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", FROM_GROUPS)
def test_vectors_far_from_the_origin_keep_their_digits(method: str) -> None:
    x, codes = people(900, 9, offset=1e4)
    found = streamed(method, blocks_of(x, codes, 77), SIZES)
    expected = changed(whole(method, x, codes, 2), x, codes, SIZES)
    np.testing.assert_allclose(changed(found, x, codes, SIZES), expected, rtol=0, atol=1e-9)


def test_groups_far_from_each_other_keep_their_digits() -> None:
    x, codes = people(900, 5, 1)
    x = x.astype(np.float64) + 1e7 * codes
    found = groups_of(blocks_of(x, codes, 50), [2], spread=True)
    for c in range(2):
        own = x[codes[:, 0] == c]
        np.testing.assert_allclose(found.means[c], own.mean(axis=0), rtol=1e-14)
        np.testing.assert_allclose(found.covariances[c], np.cov(own.T, bias=True), atol=1e-7)


def test_groups_are_counts_means_and_covariances() -> None:
    x, codes = people(500, 4)
    codes[(codes == (1, 2)).all(axis=1)] = -1
    x[(codes < 0).any(axis=1)] = np.nan
    found = groups_of(blocks_of(x, codes, 60), SIZES, spread=True)
    assert found.n == (codes >= 0).all(axis=1).sum()
    assert found.present == [0, 1, 2, 3, 4]
    for c in range(6):
        own = x[(codes == divmod(c, 3)).all(axis=1)].astype(np.float64)
        assert found.counts[c] == len(own)
        np.testing.assert_array_equal(found.marks[:, c], np.eye(5)[[c // 3, 2 + c % 3]].sum(axis=0))
        if len(own):
            np.testing.assert_allclose(found.means[c], own.mean(axis=0), atol=1e-14)
            np.testing.assert_allclose(found.covariances[c], np.cov(own.T, bias=True), atol=1e-13)
    np.testing.assert_array_equal(found.means[5], 0)
    np.testing.assert_array_equal(found.covariances[5], 0)
    assert groups_of(blocks_of(x, codes, 60), SIZES).covariances.size == 0


@pytest.mark.parametrize("attributes", [1, 2])
def test_coral_gives_large_groups_one_mean_and_one_covariance(attributes: int) -> None:
    x, codes = people(60_000, 3, attributes)
    sizes = SIZES[:attributes]
    maps = streamed("coral", blocks_of(x, codes), sizes)
    erased, own = changed(maps, x, codes, sizes), joint(codes, sizes, len(x))
    parts = [erased[own == c] for c in range(len(maps.centres))]
    for part in parts[1:]:
        np.testing.assert_allclose(part.mean(axis=0), parts[0].mean(axis=0), atol=1e-9)
        np.testing.assert_allclose(np.cov(part.T), np.cov(parts[0].T), atol=0.01)


@pytest.mark.parametrize("method", FROM_GROUPS)
def test_groups_without_a_spread_of_their_own_are_brought_together(method: str) -> None:
    codes = np.arange(60) % 2
    x = np.where(codes[:, None] > 0, 0.1, 1 / 3) * np.arange(1, 9)
    x *= 1 + np.finfo(np.float64).eps * np.random.default_rng(0).integers(-1, 2, x.shape)
    for maps in (whole(method, x, codes[:, None], 1), streamed(method, [(x, codes)], (2,))):
        assert maps.out.shape[2] == (method == "mean-projection")
        erased = changed(maps, x, codes, (2,))
        np.testing.assert_allclose(erased, np.tile(x.mean(axis=0), (60, 1)), atol=1e-13)


def folder(place: Path, x: np.ndarray, codes: np.ndarray) -> Store:
    rows = {
        "identity": [f"p{i // 3}" for i in range(len(x))],
        **{
            name: [None if c < 0 else classes[c] for c in column]
            for name, classes, column in zip(("gender", "ethnicity"), CLASSES, codes.T, strict=True)
        },
    }
    write_embeddings(embeddings_from_arrays(x, rows), place, part_rows=170)
    return open_store(place)


@pytest.mark.parametrize("method", STREAMED)
def test_a_folder_is_not_loaded(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, codes = people(1000, 9)
    store = folder(tmp_path / "emb", x, codes)
    monkeypatch.setattr(Store, "load", None)
    found = fit_to(store, ["gender", "ethnicity"], method)
    known = (codes >= 0).all(axis=1)
    assert found.rows == known.sum()
    assert found.identities == len({i // 3 for i in np.flatnonzero(known)})
    expected = changed(whole(method, x, codes, 2), x, codes, SIZES)
    close = 1e-4 if method == "leace" else 1e-11  # products in single precision
    np.testing.assert_allclose(changed(found.maps, x, codes, SIZES), expected, rtol=0, atol=close)
    some = fit_to(store, ["ethnicity"], method, missing=["b"])
    assert some.classes == (("a", "c"),)
    assert some.rows == np.isin(codes[:, 1], [0, 2]).sum()


@pytest.mark.parametrize("method", list(ERASERS))
def test_a_folder_that_nothing_can_be_fitted_to_is_told(method: str, tmp_path: Path) -> None:
    x, codes = people(50, 4)
    codes[:, 0] = 1
    store = folder(tmp_path / "one", x, codes)
    with pytest.raises(VectorError, match="gender has one class"):
        fit_to(store, ["gender", "ethnicity"], method)
    with pytest.raises(VectorError, match="0 of 50 rows have a recorded gender"):
        fit_to(store, ["gender"], method, missing=["m"])
    x, codes = people(50, 4)
    x[(codes >= 0).all(axis=1)] = 0.1
    same = folder(tmp_path / "same", x, codes)
    with pytest.raises(VectorError, match="all vectors to fit on are the same"):
        fit_to(same, ["gender", "ethnicity"], method)


@pytest.mark.parametrize("method", STREAMED)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_told(method: str, value: float) -> None:
    x, codes = people(50, 4)
    known = np.flatnonzero((codes >= 0).all(axis=1))
    x[known[-1], 1] = value
    with pytest.raises(VectorError, match="finite"):
        streamed(method, blocks_of(x, codes, 7), SIZES)
    with pytest.raises(VectorError, match="two labelled vectors or more; there are 1"):
        streamed(method, [(x[known[:1]], codes[known[:1]])], SIZES)
    with pytest.raises(VectorError, match="there are 0"):
        streamed(method, [], SIZES)
