"""Comparisons: closed forms, SciPy, worked examples, and a null where the answer is known."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from evenface.stats.comparisons import (
    CORRECTED,
    Comparison,
    benjamini_hochberg,
    corrected_t,
    holm,
)

SCORES = st.lists(st.integers(-1000, 1000).map(lambda x: x / 1000), min_size=3, max_size=30)
P_VALUES = st.lists(st.floats(0, 1), max_size=30)


@given(SCORES, st.floats(0.5, 0.999))
def test_with_no_overlap_it_is_the_t_test(differences: list[float], level: float) -> None:
    if np.ptp(differences) == 0:
        return
    ours = corrected_t(differences, test_share=0, level=level)
    theirs = stats.ttest_1samp(differences, 0)
    ends = theirs.confidence_interval(level)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert (ours.low, ours.high) == pytest.approx((ends.low, ends.high), rel=1e-9, abs=1e-12)
    assert ours.df == theirs.df == ours.n - 1
    assert ours.method == CORRECTED


def test_closed_form() -> None:
    # Mean 2, variance 1, S 3: t = 2 / sqrt(1/3 + 1/3), and with 2 degrees of freedom
    # P(|T| > t) = 1 - t / sqrt(2 + t^2) = 1 - sqrt(3/4).
    found = corrected_t([1.0, 2.0, 3.0], test_share=1 / 3, level=0.9)
    assert found.value == pytest.approx(2)
    assert found.p == pytest.approx(1 - math.sqrt(6 / 8))
    # The quantile with 2 degrees of freedom is (2q - 1) / sqrt(2q (1 - q)).
    reach = 0.9 / math.sqrt(2 * 0.95 * 0.05) * math.sqrt(2 / 3)
    assert (found.low, found.high) == pytest.approx((2 - reach, 2 + reach))
    assert (found.df, found.n, found.level) == (2, 3, 0.9)


@given(SCORES, st.floats(0, 5), st.floats(0.5, 0.999))
def test_p_and_interval_agree(differences: list[float], share: float, level: float) -> None:
    found = corrected_t(differences, test_share=share, level=level)
    assert found.value is not None
    if found.low is None or found.high is None or found.p is None:
        assert np.ptp(differences) == 0
        return
    assert found.low <= found.value <= found.high
    if abs(found.p - (1 - level)) > 1e-9:
        assert (found.p < 1 - level) == (found.low > 0 or found.high < 0)
    turned = corrected_t([-d for d in differences], test_share=share, level=level)
    assert turned.p == pytest.approx(found.p)
    assert turned.low == pytest.approx(-found.high)


@given(SCORES, st.floats(0, 2), st.floats(0.01, 2))
def test_overlap_only_makes_it_harder(differences: list[float], share: float, more: float) -> None:
    less = corrected_t(differences, test_share=share)
    worse = corrected_t(differences, test_share=share + more)
    if less.p is not None and worse.p is not None:
        assert worse.p >= less.p


def overlapping(draws: int, splits: int, rows: int, tested: int, better: float) -> np.ndarray:
    """Differences in accuracy of two trained classifiers, shape (draws, splits).

    Each is nearest class means on three columns of its own, which tell as much about the class
    as those of the other: neither is better, whatever rows are trained on. `better` is added to
    what the first one sees.
    """
    rng = np.random.default_rng(0)
    y = np.arange(rows) % 2
    x = rng.normal(size=(2, draws, rows, 3)) + 0.4 * (2 * y - 1)[:, None]
    x[0] += better * (2 * y - 1)[:, None]
    found = np.empty((draws, splits))
    for s in range(splits):
        train = np.ones((draws, rows))
        out = np.argsort(rng.random((draws, rows)), axis=1)[:, :tested]
        np.put_along_axis(train, out, 0, axis=1)
        sums = [np.einsum("dn,adnf->adf", train * (y == c), x) for c in (0, 1)]
        means = [m / (train * (y == c)).sum(axis=1)[:, None] for c, m in enumerate(sums)]
        away, middle = means[1] - means[0], (means[1] + means[0]) / 2
        says = np.einsum("adnf,adf->adn", x, away) > (away * middle).sum(axis=-1)[..., None]
        right = ((says == y) * (1 - train)).sum(axis=-1) / tested
        found[:, s] = right[0] - right[1]
    return found


def test_equal_models_on_overlapping_splits_are_told_apart_no_oftener_than_said() -> None:
    # 600 draws: 0.05 has a standard error of 0.009.
    differences = overlapping(600, 10, 60, 12, better=0.0)
    corrected = [corrected_t(d, test_share=12 / 48).p for d in differences]
    plain = [corrected_t(d, test_share=0).p for d in differences]
    level = np.mean([p is not None and p < 0.05 for p in corrected])
    assert level <= 0.07
    # Not for being blind: and the plain test finds a difference several times too often.
    assert level >= 0.01
    assert np.mean([p is not None and p < 0.05 for p in plain]) > 0.15


def test_a_better_model_is_found() -> None:
    differences = overlapping(100, 10, 60, 12, better=0.8)
    found = [corrected_t(d, test_share=12 / 48).p for d in differences]
    assert np.mean([p is not None and p < 0.05 for p in found]) > 0.8


@pytest.mark.parametrize("differences", [[], [0.1], [0.1, 0.2]])
def test_two_repetitions_are_too_few(differences: list[float]) -> None:
    found = corrected_t(differences, test_share=0.25)
    assert found == Comparison.missing(
        f"{len(differences)} of at least 3 repetitions", level=0.95, n=len(differences)
    )
    assert (found.value, found.low, found.high, found.p, found.df) == (None,) * 5
    assert str(found).startswith("not computed")


def test_equal_results_speak_for_nothing() -> None:
    found = corrected_t([0.0] * 5, test_share=0.25)
    assert (found.value, found.p) == (0, 1)
    assert (found.low, found.high, found.df) == (None, None, None)


@pytest.mark.parametrize("differences", [[0.1] * 7, [0.9 - 0.8, 0.7 - 0.6, 0.4 - 0.3], [3e9] * 3])
def test_one_difference_again_and_again_is_no_certainty(differences: list[float]) -> None:
    # Also where equal differences of results differ in the last bit.
    found = corrected_t(differences, test_share=0.25)
    assert found.value == pytest.approx(differences[0])
    assert (found.low, found.high, found.p) == (None, None, None)
    assert "no interval and no p" in str(found)


def test_a_small_spread_is_a_spread() -> None:
    small = corrected_t([1e-6, 2e-6, 3e-6], test_share=0.25)
    assert small.p == pytest.approx(corrected_t([1.0, 2.0, 3.0], test_share=0.25).p)


@pytest.mark.parametrize(
    ("differences", "share", "level", "why"),
    [
        ([0.1, np.nan, 0.2], 0.25, 0.95, "finite"),
        ([[0.1, 0.2, 0.3]], 0.25, 0.95, "one a repetition"),
        ([0.1, 0.2, 0.3], -0.1, 0.95, "n_test / n_train"),
        ([0.1, 0.2, 0.3], math.nan, 0.95, "n_test / n_train"),
        ([0.1, 0.2, 0.3], 0.25, 95, "between 0 and 1"),
    ],
)
def test_what_makes_no_sense_is_refused(
    differences: list[float], share: float, level: float, why: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        corrected_t(differences, test_share=share, level=level)


def test_a_comparison_is_whole_and_says_itself() -> None:
    found = corrected_t([0.01, 0.02, 0.03], test_share=0)
    assert str(found) == "+0.020 [-0.005, +0.045], p = 0.0742"
    assert found.to_dict()["df"] == 2
    with pytest.raises(ValueError, match="or none"):
        Comparison(0.1, 0.0, None, 0.5, 4, 5, 0.95, "half")
    with pytest.raises(ValueError, match="without a value"):
        Comparison(None, None, None, 0.5, None, 5, 0.95, "p of nothing")
    with pytest.raises(ValueError, match="has a p"):
        Comparison(0.1, 0.0, 0.2, None, 4, 5, 0.95, "no p")


def test_holm_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, and 0.04 raised to 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == pytest.approx([1, 1])
    assert holm([]).shape == (0,)


@given(P_VALUES, st.randoms())
def test_adjusted_values_keep_order_and_never_sink(p: list[float], shuffle: object) -> None:
    family = holm(p)
    bonferroni = np.minimum(np.array(p) * len(p), 1)
    slack = 1e-12
    assert (np.array(p) <= family).all()
    assert (family <= bonferroni + slack).all()
    by_size = np.argsort(p, kind="stable")
    assert (np.diff(family[by_size]) >= 0).all()
    order = list(range(len(p)))
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    assert holm([p[i] for i in order]) == pytest.approx(family[order])


@given(P_VALUES, st.floats(0.001, 0.5))
def test_holm_rejects_what_stepping_down_rejects(p: list[float], alpha: float) -> None:
    rejected = np.zeros(len(p), dtype=bool)
    for step, i in enumerate(np.argsort(p, kind="stable")):
        if p[i] * (len(p) - step) > alpha:
            break
        rejected[i] = True
    assert ((holm(p) <= alpha) == rejected).all()


@pytest.mark.parametrize("p", [[0.1, np.nan], [1.1], [-0.1], [[0.1]]])
def test_p_values_outside_their_range_are_refused(p: list[float]) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        holm(p)
    with pytest.raises(ValueError, match="from 0 to 1"):
        benjamini_hochberg(p)


def test_benjamini_hochberg_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4/1, 4/2, 4/3, 4/4: 0.02, 0.02, 0.04, 0.04.
    found = benjamini_hochberg([0.01, 0.04, 0.03, 0.005])
    assert found == pytest.approx([0.02, 0.04, 0.04, 0.02])
    # The second of 0.03, 0.031 pulls the first down.
    assert benjamini_hochberg([0.03, 0.031]) == pytest.approx([0.031, 0.031])
    assert benjamini_hochberg([]).shape == (0,)


@given(P_VALUES.filter(len))
def test_benjamini_hochberg_is_statsmodels(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)


# A tenth of a second each.
@settings(max_examples=10)
@given(P_VALUES.filter(len))
def test_holm_is_statsmodels(p: list[float]) -> None:
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


@given(P_VALUES, st.randoms())
def test_fewer_false_findings_cost_less_than_none(p: list[float], shuffle: object) -> None:
    found = benjamini_hochberg(p)
    assert (np.array(p) <= found).all()
    assert (found <= holm(p) + 1e-12).all()
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= 0).all()
    order = list(range(len(p)))
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    assert benjamini_hochberg([p[i] for i in order]) == pytest.approx(found[order])


def test_the_share_of_false_findings_is_as_said() -> None:
    # 15 of 20 tests have nothing to find: false ones are 15/20 of the level on average.
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(2000):
        p = 2 * stats.norm.sf(np.abs(rng.normal(size=20) + np.repeat([0, 3], [15, 5])))
        rejected = benjamini_hochberg(p) <= 0.1
        shares.append(rejected[:15].sum() / max(rejected.sum(), 1))
    assert np.mean(shares) == pytest.approx(0.075, abs=0.015)
