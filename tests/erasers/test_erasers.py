"""Erasers as objects: strengths, labels, leaks, degenerate input, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

from evenface.embed.embeddings import embeddings_from_arrays
from evenface.erasers.methods import ERASERS, check_erasers, fit_eraser
from evenface.erasers.saved import apply_eraser, load_eraser, save_eraser
from evenface.erasers.span import Span
from evenface.errors import ConfigError, LeakError, StoreError, VectorError

NAMES = ("f", "m")


def two(n: int = 60, d: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 2
    return rng.normal(size=(n, d)) + 2 * codes[:, None] * (np.arange(d) == 0), codes


def fitted(method: str, x: np.ndarray, codes: np.ndarray, **more: Any) -> Any:
    return fit_eraser(method, x, codes, attributes=["gender"], classes=[NAMES], **more)


@pytest.mark.parametrize("method", list(ERASERS))
def test_a_strength_goes_from_nothing_to_all(method: str) -> None:
    x, codes = two()
    eraser = fitted(method, x, codes)
    assert eraser.needs_labels == ERASERS[method].by_label
    np.testing.assert_allclose(eraser.at(0)(x, codes), x, rtol=1e-6, atol=1e-6)
    half = eraser.at(0.5)(x, codes)
    np.testing.assert_allclose(half, (x + eraser(x, codes)) / 2, atol=1e-5)
    assert half.dtype == np.float32
    assert not np.allclose(eraser(x, codes), x, atol=0.05)
    with pytest.raises(VectorError, match="between 0 and 1"):
        eraser.at(1.5)


@pytest.mark.parametrize("method", list(ERASERS))
def test_a_seed_gives_the_same_map(method: str) -> None:
    x, codes = two()
    first, again = (fitted(method, x, codes, seed=2) for _ in range(2))
    assert first.maps.out.tobytes() == again.maps.out.tobytes()
    assert first.maps.moves.tobytes() == again.maps.moves.tobytes()


@pytest.mark.parametrize("method", list(ERASERS))
def test_more_dimensions_than_rows_are_erased(method: str) -> None:
    x, codes = two(20, 50)
    erased = fitted(method, x, codes)(x, codes)
    assert np.isfinite(erased).all()
    apart = erased[codes == 1].mean(axis=0) - erased[codes == 0].mean(axis=0)
    before = x[codes == 1].mean(axis=0) - x[codes == 0].mean(axis=0)
    most = {"adversarial": 0.02, "inlp": 0.2}.get(method, 1e-4)
    assert np.linalg.norm(apart) < most * np.linalg.norm(before)


@pytest.mark.parametrize("method", list(ERASERS))
def test_one_class_is_refused(method: str) -> None:
    x, codes = two()
    with pytest.raises(VectorError, match="one class among the rows"):
        fitted(method, x, np.zeros_like(codes))
    with pytest.raises(VectorError, match="recorded gender"):
        fitted(method, x, np.full_like(codes, -1))


@pytest.mark.parametrize("method", list(ERASERS))
def test_attributes_that_say_the_same_are_erased_together(method: str) -> None:
    x, codes = two(400)
    both = np.stack([codes, 1 - codes], axis=1)
    eraser = fit_eraser(method, x, both, attributes=["a", "b"], classes=[NAMES, NAMES])
    erased = eraser(x, both)
    assert np.isfinite(erased).all()
    if method == "leace":
        assert eraser.rank == 1
        np.testing.assert_allclose(erased, fitted("leace", x, codes)(x), atol=1e-4)


@pytest.mark.parametrize("method", list(ERASERS))
def test_vectors_that_are_all_the_same_are_refused(method: str) -> None:
    x, codes = two()
    with pytest.raises(VectorError, match="all vectors to fit on are the same"):
        fitted(method, np.ones_like(x), codes)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e6 + 0.1, -1e-9 / 7])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(60, 8), (20, 50)])
def test_equal_vectors_are_the_same_whatever_their_mean_is_rounded_to(
    value: float, kind: type, shape: tuple[int, int]
) -> None:
    x, codes = np.full(shape, value, dtype=kind), np.arange(shape[0]) % 2
    uneven = (x * np.arange(1, shape[1] + 1)).astype(kind)
    for method in ERASERS:
        for same in (x, uneven):
            with pytest.raises(VectorError, match="all vectors to fit on are the same"):
                fitted(method, same, codes)


def test_vectors_that_differ_in_their_last_digits_are_the_same() -> None:
    x, codes = two()
    last = np.finfo(np.float64).eps * np.sign(x)
    with pytest.raises(VectorError, match="all vectors to fit on are the same"):
        fitted("leace", 0.1 * (1 + last), codes)
    assert Span.of(x + 1e9).axes.shape[1] == 8


def test_axes_without_variance_stay_where_they_are() -> None:
    x, codes = two()
    x[:, 3] = 7
    for method in ERASERS:
        erased = fitted(method, x, codes)(x, codes)
        assert np.isfinite(erased).all()
        np.testing.assert_allclose(erased[:, 3], 7, atol=1e-5)


def test_rows_of_unknown_label_take_no_part() -> None:
    x, codes = two()
    x[5] = 1e6
    codes[5] = -1
    eraser = fitted("recentre", x, codes)
    assert eraser.rows == 59
    np.testing.assert_allclose(eraser(x, codes)[5], x[5])
    with pytest.raises(VectorError, match="give codes"):
        eraser(x)
    with pytest.raises(VectorError, match="class numbers"):
        eraser(x, codes + 5)


def test_input_that_does_not_fit_is_refused() -> None:
    x, codes = two()
    eraser = fitted("leace", x, codes)
    with pytest.raises(VectorError, match="expects a vector of 8"):
        eraser(x[:, :5])
    with pytest.raises(VectorError, match="finite"):
        eraser(np.where(x > 1, np.nan, x))
    with pytest.raises(VectorError, match="single precision"):
        eraser(x * 1e38 * 10)
    with pytest.raises(VectorError, match="finite"):
        fitted("leace", np.where(x > 1, np.inf, x), codes)
    with pytest.raises(VectorError, match="labels of shape"):
        fitted("leace", x, codes[:-1])
    with pytest.raises(VectorError, match="expected one a row"):
        fitted("leace", x, codes, identities=["a"])
    with pytest.raises(ConfigError, match="no eraser named 'lace'"):
        check_erasers(["lace"])


def test_a_planted_leak_is_refused() -> None:
    x, codes = two()
    who = [f"p{i // 2}" for i in range(60)]
    eraser = fitted("leace", x, codes, identities=who)
    assert eraser.identities == 30
    eraser.refuse_leak(["q1", "q2"])
    with pytest.raises(LeakError, match="1 identities"):
        eraser.refuse_leak(["q1", "p7"])
    with pytest.raises(LeakError, match="fit it with identities"):
        fitted("leace", x, codes).refuse_leak(["q1"])
    assert not any("p7" in mark for mark in eraser.fitted_on)


def embeddings(x: np.ndarray, codes: np.ndarray) -> Any:
    rows = pl.DataFrame({
        "identity": [f"p{i}" for i in range(len(x))], "gender": [NAMES[c] for c in codes],
    })  # fmt: skip
    return embeddings_from_arrays(x, rows)


@pytest.mark.parametrize("method", list(ERASERS))
def test_a_file_gives_the_eraser_back(method: str, tmp_path: Path) -> None:
    x, codes = two()
    known = embeddings(x, codes)
    eraser = fitted(method, x, codes, identities=known.rows["identity"].to_list()).at(0.75)
    again, card = load_eraser(save_eraser(eraser, tmp_path / "e.safetensors", model=known.card))
    np.testing.assert_array_equal(again(x, codes), eraser(x, codes))
    assert repr(again) == repr(eraser)
    assert card["model"]["dimension"] == known.card.get("dimension")
    assert b"p17" not in (tmp_path / "e.safetensors").read_bytes()
    erased = apply_eraser(again, known, card=card)
    np.testing.assert_array_equal(erased.vectors, eraser(known.vectors, codes))
    assert erased.card["erased"][0]["strength"] == 0.75
    assert erased.fingerprint != known.fingerprint
    with pytest.raises(LeakError):
        again.refuse_leak(["p3"])


def test_vectors_of_another_network_are_refused(tmp_path: Path) -> None:
    x, codes = two()
    known = embeddings(x, codes)
    eraser = fitted("recentre", x, codes)
    other = {"model": {"name": "another", "sha256": "0", "dimension": 8}}
    with pytest.raises(VectorError, match="fitted to vectors of another"):
        apply_eraser(eraser, known, card=other)
    with pytest.raises(VectorError, match="have 5 dimensions"):
        apply_eraser(eraser, embeddings(x[:, :5], codes))
    with pytest.raises(VectorError, match="have no gender"):
        apply_eraser(eraser, embeddings_from_arrays(x, known.rows.select("identity")))


def damage(file: Path, what: str) -> None:
    data = file.read_bytes()
    arrays = load_file(file)
    card = json.loads(
        json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["card"]
    )
    if what == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif what == "empty":
        file.write_bytes(b"")
    elif what == "header":
        file.write_bytes((1 << 60).to_bytes(8, "little") + data[8:])
    elif what == "no card":
        save_file(arrays, file)
    else:
        changes: dict[str, Any] = {
            "nan": ({**arrays, "moves": arrays["moves"] * np.nan}, card),
            "missing": ({k: v for k, v in arrays.items() if k != "into"}, card),
            "shape": ({**arrays, "centres": arrays["centres"][:, :3].copy()}, card),
            "dtype": ({**arrays, "out": arrays["out"].astype(np.float32)}, card),
            "method": (arrays, {**card, "method": "magic"}),
            "classes": (arrays, {**card, "classes": 5}),
            "strength": (arrays, {**card, "strength": 7}),
            "list": (arrays, [1]),
            "rows": (arrays, {**card, "rows": float("inf")}),
            "dimension": (arrays, {**card, "dimension": 9}),
            "by label": (arrays, {**card, "method": "coral"}),
        }
        tensors, said = changes[what]
        save_file(tensors, file, metadata={"card": json.dumps(said)})


@pytest.mark.parametrize(
    "what",
    ["cut", "empty", "header", "no card", "nan", "missing", "shape", "dtype", "method", "classes",
     "strength", "list", "rows", "dimension", "by label"],
)  # fmt: skip
def test_a_damaged_file_is_told(what: str, tmp_path: Path) -> None:
    x, codes = two()
    file = save_eraser(fitted("leace", x, codes), tmp_path / "e.safetensors")
    damage(file, what)
    with pytest.raises(StoreError, match=r"e\.safetensors"):
        load_eraser(file)


def test_a_newer_file_and_none_are_told(tmp_path: Path) -> None:
    x, codes = two()
    file = save_eraser(fitted("leace", x, codes), tmp_path / "e.safetensors")
    save_file(load_file(file), file, metadata={"card": '{"schema": "evenface.eraser/9"}'})
    with pytest.raises(StoreError, match="update evenface"):
        load_eraser(file)
    with pytest.raises(StoreError, match="no such file"):
        load_eraser(tmp_path / "none.safetensors")
