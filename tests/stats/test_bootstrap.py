"""Intervals: against closed forms, SciPy, and populations whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evenface.stats.accuracy import EXACT, Recalls, mean
from evenface.stats.asked import Asked, Method
from evenface.stats.bootstrap import Resampler, distinct, percentiles
from evenface.stats.intervals import Estimate, all_right_bound, clopper_pearson


@given(st.integers(1, 400), st.floats(0.8, 0.99))
def test_exact_intervals_equal_scipy(n: int, level: float) -> None:
    for successes in {0, n // 2, n}:
        theirs = stats.binomtest(successes, n).proportion_ci(level, method="exact")
        assert clopper_pearson(successes, n, level) == pytest.approx(tuple(theirs), abs=1e-10)
    assert all_right_bound(n, level) == pytest.approx(clopper_pearson(n, n, level)[0], abs=1e-10)


@given(st.lists(st.integers(-3, 500), max_size=12))
def test_distinct_numbers_equal_numpy(numbers: list[int]) -> None:
    given_ = np.array(numbers, dtype=np.intp)
    assert distinct(given_).tolist() == np.unique(given_).tolist()


def test_bootstrap_variance_is_unbiased_in_small_strata() -> None:
    # Rao and Wu: the resampled variance of a mean equals s^2 / n, not (n - 1) / n of it.
    values = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    sampler = Resampler.of(np.arange(6), resamples=200_000)
    _, drawn = sampler.sums(values[:, None])
    assert (drawn[:, 0] / 6).var() == pytest.approx(values.var(ddof=1) / 6, rel=0.02)


def test_every_stratum_keeps_its_weight_in_every_resample() -> None:
    strata = np.repeat([0, 1], [5, 20])
    sampler = Resampler.of(np.arange(25), strata, resamples=50)
    of_strata = sampler.sums(np.stack([strata == 0, strata == 1], axis=1))[1]
    assert of_strata[:, 0] == pytest.approx(np.full(50, 5.0))
    assert of_strata[:, 1] == pytest.approx(np.full(50, 20.0))


@pytest.mark.parametrize("method", ["score", "percentile", "bca"])
def test_images_of_one_person_move_together(method: Method) -> None:
    # Ten identical images a person: the interval is that of ten times fewer independent rows.
    rng = np.random.default_rng(0)
    people = rng.random(60) < 0.7
    one = mean(people, np.arange(60), Asked(method=method))
    ten = mean(np.repeat(people, 10), np.repeat(np.arange(60), 10), Asked(method=method))
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high))
    assert ten.n_identities == 60
    assert ten.n == 600


def test_same_seed_same_interval_other_seed_another() -> None:
    values = np.random.default_rng(0).random(50)
    intervals = [mean(values, np.arange(50), Asked(method="bca", seed=s)) for s in (1, 1, 2)]
    assert intervals[0] == intervals[1] != intervals[2]


def coverage(people: int, images: int, accuracy: float, draws: int = 250) -> float:
    rng = np.random.default_rng([people, images])
    hits = 0
    for _ in range(draws):
        skill = rng.beta(accuracy * 6, (1 - accuracy) * 6, size=2 * people)
        person = np.repeat(np.arange(2 * people), images)
        right = (rng.random(person.size) < skill[person]).astype(float)
        classes = (person >= people).astype(np.intp)
        found = Recalls(right[:, None], classes, person, Asked()).balanced()
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= accuracy <= found.high
    return hits / draws


@pytest.mark.parametrize(("people", "images", "accuracy"), [(20, 3, 0.9), (60, 2, 0.8)])
def test_nominal_95_percent_intervals_cover(people: int, images: int, accuracy: float) -> None:
    # 250 draws: 0.95 has a standard error of 0.014.
    assert coverage(people, images, accuracy) > 0.90


def test_the_row_wise_bootstrap_would_not_cover() -> None:
    # What the persons are for: with rows as units the same population is missed far too often.
    rng = np.random.default_rng(3)
    hits = 0
    for k in range(200):
        skill = rng.beta(3.0, 1.0, size=20)
        right = (rng.random((20, 12)) < skill[:, None]).astype(float).ravel()
        by_row = mean(right, np.arange(240), Asked(method="percentile", resamples=300, seed=k))
        assert by_row.low is not None
        assert by_row.high is not None
        hits += by_row.low <= 0.75 <= by_row.high
    assert hits / 200 < 0.85


def test_no_error_seen_gives_a_bound_and_no_empty_interval() -> None:
    right = np.ones(30)
    found = mean(right, np.arange(30), Asked())
    assert found.method == EXACT
    assert found.low == pytest.approx(0.025 ** (1 / 30))
    classes = np.repeat([0, 1], 15).astype(np.intp)
    both = Recalls(right[:, None], classes, np.arange(30), Asked()).balanced()
    assert both.method == EXACT
    assert both.low is not None
    assert 0.8 < both.low < 1.0 == both.high


def test_differences_are_paired_over_persons() -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1], 100).astype(np.intp)
    right = (rng.random(200) < 0.7).astype(float)
    better = right.copy()
    better[:10] = 1.0
    recalls = Recalls(np.stack([better, right], axis=1), classes, np.arange(200), Asked())
    gap = recalls.difference(0, 1)
    alone = recalls.balanced(0)
    assert gap.value == pytest.approx((better - right).mean())
    assert None not in (gap.low, gap.high, alone.low, alone.high)
    assert gap.high - gap.low < 0.5 * (alone.high - alone.low)  # type: ignore[operator]


def test_what_cannot_be_said_says_why() -> None:
    found = mean(np.ones(3), np.zeros(3, dtype=np.intp), Asked())
    assert (found.value, found.low, found.high) == (None, None, None)
    assert "only 1 identity" in found.method
    classes = np.array([0, 0, 1], dtype=np.intp)
    recalls = Recalls(np.ones((3, 1)), classes, np.arange(3), Asked())
    assert "only 1 identity" in recalls.balanced().method
    assert (
        "1 of 2 classes"
        in Recalls(np.ones((2, 1)), np.zeros(2, dtype=np.intp), np.arange(2), Asked())
        .balanced()
        .method
    )
    with pytest.raises(ValueError, match="none"):
        Estimate(0.5, None, None, 0.95, 1, 1, "half an estimate")


def test_percentiles_are_numpy_s() -> None:
    drawn = np.arange(101.0)[:, None]
    low, high = percentiles(drawn, 0.9)
    assert (low[0], high[0]) == pytest.approx((5.0, 95.0))


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 2), st.booleans()), min_size=1, max_size=40
    )
)
def test_any_rows_give_an_estimate_in_range_or_a_reason(rows: list[tuple[int, int, bool]]) -> None:
    person, classes, right = (np.array(column) for column in zip(*rows, strict=True))
    recalls = Recalls(right[:, None].astype(float), classes.astype(np.intp), person, Asked())
    found = recalls.balanced(least_classes=1)
    if found.value is None:
        assert "not computed" in found.method
    else:
        assert found.low is not None
        assert found.high is not None
        assert 0 <= found.low <= found.value <= found.high <= 1
