"""Likeness of spaces: SciPy, definitions written out, what must and must not change it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import spatial

from evenface.errors import VectorError
from evenface.studies.likeness import linear_cka, neighbour_overlap, procrustes

Space = np.ndarray
Likeness = Callable[[Space, Space], float]


def overlap(a: Space, b: Space) -> float:
    return neighbour_overlap(a, b, 5)


ALL: list[Likeness] = [linear_cka, procrustes, overlap]
SEEDS = st.integers(0, 10_000)


def spaces(seed: int, n: int = 40, p: int = 6, q: int = 3) -> tuple[Space, Space]:
    """Two spaces that share something."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, p))
    return a, a @ rng.normal(size=(p, q)) + rng.normal(size=(n, q))


def moved(space: Space, seed: int, scale: float) -> Space:
    """Return the space turned or mirrored, scaled and shifted."""
    rng = np.random.default_rng([seed, 1])
    turn = np.linalg.qr(rng.normal(size=(space.shape[1],) * 2))[0]
    return scale * space @ turn + 10 * scale * rng.normal(size=space.shape[1])


@pytest.mark.parametrize("likeness", ALL)
@given(
    SEEDS, st.sampled_from([1e-200, 1e-3, 1.0, 1e6, 1e150]), st.sampled_from([(40, 6), (12, 30)])
)
def test_a_space_moved_is_the_same_space(
    likeness: Likeness, seed: int, scale: float, shape: tuple[int, int]
) -> None:
    a, b = spaces(seed, *shape)
    assert likeness(a, moved(a, seed, scale)) == pytest.approx(1, abs=1e-9)
    assert likeness(moved(a, seed, scale), b) == pytest.approx(likeness(a, b), abs=1e-9)


@pytest.mark.parametrize("likeness", ALL)
@given(SEEDS)
def test_both_directions_agree_within_range(likeness: Likeness, seed: int) -> None:
    a, b = spaces(seed)
    assert 0 <= likeness(a, b) == pytest.approx(likeness(b, a), abs=1e-12)
    assert likeness(a, b) < 1
    order = np.random.default_rng(seed).permutation(len(a))
    assert likeness(a[order], b[order]) == pytest.approx(likeness(a, b), abs=1e-12)


@pytest.mark.parametrize("likeness", ALL)
def test_it_is_other_than_1_once_the_rows_no_longer_match(likeness: Likeness) -> None:
    a = np.random.default_rng(0).normal(size=(300, 3))
    assert likeness(a, np.roll(a, 1, axis=0)) < 0.1
    # A linear map that is no rotation keeps less than all.
    assert likeness(a, a * [10, 1, 0.1]) < 0.95


@given(SEEDS, st.integers(2, 9), st.integers(2, 9), st.sampled_from([5, 30]))
def test_procrustes_is_scipy_s(seed: int, p: int, q: int, n: int) -> None:
    a, b = spaces(seed, n, p, q)
    wide = [np.pad(s, ((0, 0), (0, max(p, q) - s.shape[1]))) for s in (a, b)]
    assert procrustes(a, b) == pytest.approx(1 - spatial.procrustes(*wide)[2], abs=1e-9)


@given(SEEDS, st.sampled_from([(30, 4, 7), (8, 20, 5), (8, 20, 30), (2, 3, 3)]))
def test_cka_is_that_of_the_kernels(seed: int, shape: tuple[int, int, int]) -> None:
    # Kornblith's other form: centred n x n kernels, also where there are fewer rows than columns.
    n, p, q = shape
    a, b = spaces(seed, n, p, q)
    centre = np.eye(n) - 1 / n
    k, m = (centre @ s @ s.T @ centre for s in (a, b))
    expected = np.sum(k * m) / np.sqrt(np.sum(k * k) * np.sum(m * m))
    assert linear_cka(a, b) == pytest.approx(expected, abs=1e-9)


def test_closed_forms() -> None:
    # One column each: CKA and Procrustes are the squared correlation.
    a, b = spaces(0, 50, 1, 1)
    r = np.corrcoef(a[:, 0], b[:, 0])[0, 1] ** 2
    assert (linear_cka(a, b), procrustes(a, b)) == pytest.approx((r, r))
    # One of two equal, uncorrelated columns: 1 / sqrt(2) and 1 / 2.
    square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert linear_cka(square, square[:, :1]) == pytest.approx(np.sqrt(0.5))
    assert procrustes(square, square[:, :1]) == pytest.approx(0.5)
    assert linear_cka(square[:, 1:], square[:, :1]) == procrustes(square[:, 1:], square[:, :1]) == 0


def test_wide_spaces_of_few_rows_are_alike_by_chance() -> None:
    rng = np.random.default_rng(0)
    for n, p in ((400, 20), (100, 300)):
        a, b = rng.normal(size=(2, n, p))
        assert linear_cka(a, b) == pytest.approx(p / (n + p), abs=0.02)


def by_hand(a: Space, b: Space, k: int, person: np.ndarray) -> float:
    shares = []
    for i in range(len(a)):
        others = np.flatnonzero(person != person[i])
        if len(others):
            near = [
                set(others[np.argsort(np.linalg.norm(s[others] - s[i], axis=1))[:k]])
                for s in (a, b)
            ]
            shares.append(len(near[0] & near[1]) / len(near[0]))
    return float(np.mean(shares)) if shares else 0.0


@given(SEEDS, st.integers(1, 19), st.integers(1, 20))
def test_overlap_is_the_count_by_hand(seed: int, k: int, people: int) -> None:
    # With few people also rows that have fewer than k neighbours, or none.
    a, b = spaces(seed, 20, 3, 2)
    person = np.random.default_rng(seed).integers(0, people, 20)
    assert neighbour_overlap(a, b, k, person) == pytest.approx(by_hand(a, b, k, person))
    assert neighbour_overlap(a, b, k) == pytest.approx(by_hand(a, b, k, np.arange(20)))


def test_overlap_of_unrelated_spaces_is_k_among_the_others() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 600, 5))
    assert neighbour_overlap(a, b, 60) == pytest.approx(60 / 599, abs=0.01)
    assert neighbour_overlap(a, b, 599) == 1


def test_pictures_of_one_person_lend_no_overlap() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(100), 4)
    near = 1e-3 * rng.normal(size=(2, 400, 3))
    a, b = (rng.normal(size=(100, 3))[person] + near[i] for i in (0, 1))
    assert neighbour_overlap(a, b, 3) == 1
    assert neighbour_overlap(a, b, 3, person) < 0.15


@pytest.mark.parametrize("likeness", ALL)
@pytest.mark.parametrize("fill", [0.0, 0.1, 1e30])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_collapsed_space_is_like_nothing(
    likeness: Likeness, fill: float, kind: type[np.floating]
) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(20, 3))
    flat = np.full((20, 2), fill, dtype=kind)
    # Also where only rounding tells its rows apart.
    rough = flat * (1 + np.finfo(kind).eps * rng.integers(0, 2, (20, 2))).astype(kind)
    for same in (flat, rough):
        assert likeness(a, same) == likeness(same, a) == likeness(same, same) == 0


def test_float32_is_as_good() -> None:
    a, b = spaces(0, 60)
    for likeness in ALL:
        narrow = likeness(a.astype(np.float32), b.astype(np.float32))
        assert narrow == pytest.approx(likeness(a, b), abs=1e-5)


@pytest.mark.parametrize("likeness", ALL)
@pytest.mark.parametrize(
    "other", [np.ones((9, 2)), np.ones(10), np.ones((10, 0)), np.full((10, 2), np.nan)]
)
def test_spaces_that_cannot_be_compared_are_refused(likeness: Likeness, other: Space) -> None:
    a = np.random.default_rng(0).normal(size=(10, 2))
    with pytest.raises(VectorError):
        likeness(a, other)


@pytest.mark.parametrize("k", [0, 10])
def test_k_and_persons_must_fit_the_rows(k: int) -> None:
    a = np.random.default_rng(0).normal(size=(10, 2))
    with pytest.raises(VectorError, match="from 1 to 9"):
        neighbour_overlap(a, a, k)
    with pytest.raises(VectorError, match="persons of shape"):
        neighbour_overlap(a, a, 3, np.arange(9))
