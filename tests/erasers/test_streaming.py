"""LEACE of a stream is LEACE of all rows, however blocks and threads are dealt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evenface.embed.folder import write_embeddings
from evenface.embed.store import embeddings_from_arrays, open_store
from evenface.erasers.eraser import Maps
from evenface.erasers.leace import fit_leace
from evenface.erasers.streaming import blocks_of, store_blocks, stream_leace
from evenface.errors import VectorError

N, D = 5000, 9


def people(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two attributes, a tenth of the second unknown, far from 0."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, 2, N), rng.integers(0, 3, N)], axis=1)
    x = rng.normal(size=(N, D)) @ rng.normal(size=(D, D)) + 100
    x += rng.normal(size=(2, D))[codes[:, 0]] + rng.normal(size=(3, D))[codes[:, 1]]
    codes[rng.random(N) < 0.1, 1] = -1
    return x, codes


def projection(maps: Maps) -> np.ndarray:
    return np.asarray(maps.out[0] @ maps.into[0])


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("size", [7, 900, 9000])
def test_blocks_and_threads_change_nothing_but_rounding(workers: int, size: int) -> None:
    x, codes = people()
    whole = fit_leace([(x, codes)], [2, 3], "float64")
    found = stream_leace(blocks_of(x, codes, size), [2, 3], "float64", workers)
    np.testing.assert_allclose(projection(found), projection(whole), atol=1e-9)
    np.testing.assert_allclose(found.centres, whole.centres, rtol=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_single_precision_comes_close(kind: type) -> None:
    x, codes = people()
    x = (x - 100).astype(kind)
    whole = fit_leace([(x.astype(np.float64), codes)], [2, 3], "float64")
    found = stream_leace(blocks_of(x, codes, 600), [2, 3])
    np.testing.assert_allclose(projection(found), projection(whole), atol=1e-4)


def test_the_same_threads_give_the_same_digits() -> None:
    x, codes = people()
    one, other = (stream_leace(blocks_of(x, codes, 300), [2, 3], workers=2) for _ in range(2))
    assert one.out.tobytes() == other.out.tobytes()


def test_erased_vectors_no_longer_covary_with_the_attributes() -> None:
    x, codes = people()
    maps = stream_leace(blocks_of(x.astype(np.float32), codes, 500), [2, 3])
    known = (codes >= 0).all(axis=1)
    y = x[known].astype(np.float32).astype(np.float64)
    left = y - (y - maps.centres[0]) @ projection(maps).T
    for k, size in enumerate([2, 3]):
        z = np.eye(size)[codes[known, k]]
        before, after = ((v - v.mean(axis=0)).T @ (z - z.mean(axis=0)) for v in (y, left))
        assert np.linalg.norm(after) < 1e-5 * np.linalg.norm(before)


def test_blocks_of_unknown_labels_come_first() -> None:
    x, codes = people()
    codes[:1000] = -1
    x[:1000] = np.nan
    whole = fit_leace([(x[1000:], codes[1000:])], [2, 3], "float64")
    found = stream_leace(blocks_of(x, codes, 250), [2, 3], "float64", 2)
    np.testing.assert_allclose(projection(found), projection(whole), atol=1e-9)


def test_a_file_that_is_mapped_stays_there(tmp_path: Path) -> None:
    x, codes = people()
    np.save(tmp_path / "x.npy", x.astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = stream_leace(blocks_of(mapped, codes, 400), [2, 3])
    held = stream_leace(blocks_of(x.astype(np.float32), codes, 400), [2, 3])
    assert found.out.tobytes() == held.out.tobytes()


def test_a_folder_gives_what_its_rows_give(tmp_path: Path) -> None:
    x, codes = people()
    classes = (("f", "m"), ("a", "b", "c"))
    rows = {
        "identity": [f"p{i // 3}" for i in range(N)],
        "gender": [classes[0][c] for c in codes[:, 0]],
        "ethnicity": [None if c < 0 else classes[1][c] for c in codes[:, 1]],
    }
    write_embeddings(embeddings_from_arrays(x, rows), tmp_path / "emb", part_rows=1000)
    store = open_store(tmp_path / "emb")
    blocks = store_blocks(store, ["gender", "ethnicity"], classes, size=300)
    found = stream_leace(blocks, [2, 3], "float64")
    whole = fit_leace([(x.astype(np.float32), codes)], [2, 3], "float64")
    np.testing.assert_allclose(projection(found), projection(whole), atol=1e-9)
    some = store_blocks(store, ["gender"], classes[:1], {"ethnicity": "a"})
    assert sum(len(v) for v, _ in some) == (codes[:, 1] == 0).sum()


def test_what_does_not_fit_is_told() -> None:
    x, codes = people()
    with pytest.raises(VectorError, match=r"block 1 is float64 of shape \(2500, 4\)"):
        stream_leace([(x[:2500], codes[:2500]), (x[2500:, :4], codes[2500:])], [2, 3])
    with pytest.raises(VectorError, match="class numbers"):
        stream_leace(blocks_of(x, codes + 1), [2, 3])
    with pytest.raises(VectorError, match="labels of shape"):
        stream_leace(blocks_of(x, codes), [2])
    with pytest.raises(VectorError, match="expected one a row"):
        stream_leace(blocks_of(x, codes[1:]), [2, 3])
    with pytest.raises(VectorError, match="one thread"):
        stream_leace(blocks_of(x, codes), [2, 3], workers=0)
    with pytest.raises(VectorError, match="two labelled vectors"):
        stream_leace([], [2, 3])
    with pytest.raises(VectorError, match="two labelled vectors"):
        stream_leace(blocks_of(x, np.full_like(codes, -1)), [2, 3])
    with pytest.raises(VectorError, match="one class"):
        stream_leace(blocks_of(x, np.zeros(N, dtype=int)), [2])
    x[3000] = np.inf
    codes[3000] = 0
    with pytest.raises(VectorError, match="finite"):
        stream_leace(blocks_of(x, codes, 500), [2, 3])
