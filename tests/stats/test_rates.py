"""Error rates at thresholds, against counting by hand and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_curve

from evenface.stats.rates import Scores, det_curve, equal_error, fmr, fnmr, threshold_at

SIDE = st.lists(st.integers(-5, 5).map(lambda k: k / 4), min_size=1, max_size=20)


@given(SIDE, SIDE, st.floats(-2, 2))
def test_rates_are_what_counting_gives(genuine: list[float], impostor: list[float],
                                       threshold: float) -> None:  # fmt: skip
    g, i = Scores.of(genuine), Scores.of(impostor)
    assert fmr(i, threshold) == sum(s >= threshold for s in impostor) / len(impostor)
    assert fnmr(g, threshold) == sum(s < threshold for s in genuine) / len(genuine)


@given(SIDE, SIDE)
def test_equal_error_is_the_nearest_of_all_thresholds(
    genuine: list[float], impostor: list[float]
) -> None:
    candidates = [*sorted({*genuine, *impostor}), 99.0]
    rates = [
        (sum(s >= t for s in impostor) / len(impostor), sum(s < t for s in genuine) / len(genuine))
        for t in candidates
    ]
    gap, mean = min(
        ((abs(a - b), (a + b) / 2) for a, b in rates), key=lambda pair: pair[0]
    )  # fmt: skip
    found = equal_error(Scores.of(genuine), Scores.of(impostor))
    assert found.high - found.low == pytest.approx(gap)
    assert found.value == pytest.approx(mean)


@given(SIDE, st.floats(0, 1))
def test_a_threshold_is_the_lowest_that_keeps_its_target(
    impostor: list[float], target: float
) -> None:
    scores = Scores.of(impostor)
    threshold = threshold_at(scores, target)
    assert fmr(scores, threshold) <= target
    lower = [s for s in impostor if s < threshold]
    if lower:
        assert fmr(scores, max(lower)) > target


def test_curves_are_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    genuine, impostor = rng.normal(1.5, 1, 800), rng.normal(0, 1, 4200)
    truth = np.repeat([1, 0], [800, 4200])
    false, true, thresholds = roc_curve(
        truth, np.concatenate([genuine, impostor]), drop_intermediate=False
    )
    g, i = Scores.of(genuine), Scores.of(impostor)
    assert fmr(i, thresholds[1:]) == pytest.approx(false[1:], abs=1e-15)
    assert fnmr(g, thresholds[1:]) == pytest.approx(1 - true[1:], abs=1e-15)


def test_two_normals_meet_where_they_must() -> None:
    rng = np.random.default_rng(1)
    found = equal_error(Scores.of(rng.normal(2, 1, 100_000)), Scores.of(rng.normal(0, 1, 100_000)))
    assert found.value == pytest.approx(stats.norm.sf(1), abs=0.003)
    assert found.threshold == pytest.approx(1, abs=0.02)


def test_a_thinned_curve_runs_from_end_to_end() -> None:
    rng = np.random.default_rng(2)
    g, i = Scores.of(rng.normal(2, 1, 5000)), Scores.of(rng.normal(0, 1, 50_000))
    thresholds, m, n = det_curve(g, i, points=100)
    assert 20 < thresholds.size <= 110
    assert (np.diff(thresholds) > 0).all()
    assert (np.diff(m) <= 0).all()
    assert (np.diff(n) >= 0).all()
    assert (m[0], n[0], m[-1], n[-1]) == (1, 0, 0, 1)
    assert ((m > 0) & (m < 1e-3)).any()


def test_counts_stand_for_as_many_scores() -> None:
    weighted = Scores.of([0.5, 0.1, 0.5], [2, 3, 1])
    assert weighted.total == 6
    assert weighted.at_least([0.5, 0.1, 0.6]).tolist() == [3, 6, 0]
    with pytest.raises(ValueError, match="finite"):
        Scores.of([np.nan])
    with pytest.raises(ValueError, match="below 0"):
        Scores.of([1.0], [-1])
    with pytest.raises(ValueError, match="no impostor"):
        fmr(Scores.of([]), 0.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at(weighted, 1.5)


def test_sides_that_are_apart_have_no_error() -> None:
    found = equal_error(Scores.of([3.0, 4.0]), Scores.of([1.0, 2.0]))
    assert (found.value, found.low, found.high, found.threshold) == (0, 0, 0, 3)
    found = equal_error(Scores.of([1.0, 2.0]), Scores.of([3.0, 4.0]))
    assert (found.value, found.threshold) == (1, 3)


def test_with_one_score_for_all_everything_matches_or_nothing() -> None:
    found = equal_error(Scores.of([1.0] * 3), Scores.of([1.0] * 5))
    assert (found.value, found.low, found.high) == (0.5, 0, 1)


@given(SIDE, SIDE)
def test_short_curves_have_every_threshold(genuine: list[float], impostor: list[float]) -> None:
    g, i = Scores.of(genuine), Scores.of(impostor)
    thresholds, m, n = det_curve(g, i)
    assert thresholds[:-1].tolist() == sorted({*genuine, *impostor})
    assert m.tolist() == [float(np.mean(np.array(impostor) >= t)) for t in thresholds]
    assert n.tolist() == [float(np.mean(np.array(genuine) < t)) for t in thresholds]


def test_empty_sides_and_endless_scores_are_refused() -> None:
    some, none = Scores.of([1.0, 2.0]), Scores.of([])
    with pytest.raises(ValueError, match="no genuine pair"):
        fnmr(none, 0)
    with pytest.raises(ValueError, match="no impostor pair"):
        equal_error(some, none)
    with pytest.raises(ValueError, match="no genuine pair"):
        equal_error(none, some)
    with pytest.raises(ValueError, match="no impostor pair"):
        threshold_at(none, 0.1)
    for bad in (np.inf, -np.inf):
        with pytest.raises(ValueError, match="not a finite number"):
            Scores.of([1.0, bad])
