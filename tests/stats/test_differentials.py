"""Differentials: the papers' formulas by hand, and what holds for any rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenface.stats.differentials import (
    DIFFERENTIALS,
    fairness_discrepancy,
    garbe,
    inequity_rate,
    max_geomean_ratio,
    max_min_ratio,
)

FMR, FNMR = [0.01, 0.02, 0.04], [0.1, 0.05, 0.05]
NAMES = pytest.mark.parametrize("name", list(DIFFERENTIALS))


def rates(groups: int, least: float = 0.0) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(least, 1, allow_subnormal=False), min_size=groups, max_size=groups)


TABLES = st.integers(2, 7).flatmap(lambda g: st.tuples(rates(g, 1e-9), rates(g, 1e-9)))
WITH_ZEROS = st.integers(2, 7).flatmap(
    lambda g: st.tuples(
        *[st.lists(st.sampled_from([0, 1e-4, 0.02, 1]), min_size=g, max_size=g)] * 2
    )
)


def test_fairness_discrepancy_by_hand() -> None:
    assert fairness_discrepancy(FMR, FNMR) == pytest.approx(1 - (0.03 + 0.05) / 2)
    assert fairness_discrepancy(FMR, FNMR, 1) == pytest.approx(0.97)
    assert fairness_discrepancy(FMR, FNMR, 0.25) == pytest.approx(1 - 0.0075 - 0.0375)


def test_inequity_rate_by_hand() -> None:
    assert inequity_rate(FMR, FNMR).value == pytest.approx(8**0.5)
    assert inequity_rate(FMR, FNMR, 0).value == pytest.approx(2)
    assert inequity_rate(FMR, FNMR, 0.75).value == pytest.approx(4**0.75 * 2**0.25)


def test_garbe_by_hand() -> None:
    # Differences 0.01, 0.02, 0.03, each twice; mean 0.07 / 3.
    of_fmr = 3 / 2 * 0.12 / (2 * 9 * 0.07 / 3)
    of_fnmr = 3 / 2 * 0.2 / (2 * 9 * 0.2 / 3)
    assert garbe(FMR, FNMR, 1) == pytest.approx(of_fmr)
    assert garbe(FMR, FNMR, 0) == pytest.approx(of_fnmr)
    assert garbe(FMR, FNMR, 0.3) == pytest.approx(0.3 * of_fmr + 0.7 * of_fnmr)
    # One group has all the errors: 1, whatever their number.
    assert garbe([0, 0, 0, 0.2], [0.1] * 4, 1) == pytest.approx(1)


def test_ratios_by_hand() -> None:
    assert max_min_ratio(FMR).value == pytest.approx(4)
    assert max_geomean_ratio(FMR).value == pytest.approx(0.04 / 0.02)


def test_a_rate_of_zero_leaves_a_bound() -> None:
    ceilings = [0.005, 0.5, 0.5]
    found = max_min_ratio([[0, 0.02, 0.04], FMR], ceilings)
    np.testing.assert_allclose(found.value, [8, 4])
    np.testing.assert_array_equal(found.bound, [True, False])
    geometric = max_geomean_ratio([0, 0.02, 0.04], ceilings)
    assert geometric.value == pytest.approx(0.04 / np.cbrt(0.005 * 0.02 * 0.04))
    both = inequity_rate(FMR, [0, 0.02, 0.04], fnmr_ceilings=ceilings)
    assert both.value == pytest.approx(32**0.5)
    assert both.bound


def test_a_ceiling_is_no_largest_rate() -> None:
    found = max_min_ratio([0, 0.02, 0.02], [0.5, 0.5, 0.5])
    assert found.value == pytest.approx(1)
    assert found.bound


def test_what_has_no_weight_may_be_zero() -> None:
    found = inequity_rate(FMR, [0, 0, 0.1], 1)
    assert found.value == pytest.approx(4)
    assert not found.bound


@NAMES
def test_leading_axes(name: str) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.01, 0.5, (2, 4, 3, 5))
    whole = DIFFERENTIALS[name](x, y, 0.3)
    assert whole.value.shape == whole.bound.shape == (4, 3)
    assert whole.value[2, 1] == pytest.approx(
        float(DIFFERENTIALS[name](x[2, 1], y[2, 1], 0.3).value)
    )


@given(table=TABLES, alpha=st.floats(0, 1), seed=st.integers(0, 9))
def test_range_and_order_of_groups(
    table: tuple[list[float], list[float]], alpha: float, seed: int
) -> None:
    x, y = np.array(table)
    order = np.random.default_rng(seed).permutation(x.size)
    for kind in DIFFERENTIALS.values():
        found = kind(x, y, alpha)
        assert np.isfinite(found.value)
        assert kind.low <= found.value <= (np.inf if kind.high is None else kind.high)
        assert not found.bound
        other = kind(x[order], y[order], alpha).value
        assert other == pytest.approx(found.value, rel=1e-9, abs=1e-12)


@given(table=WITH_ZEROS, alpha=st.floats(0, 1))
def test_zeros_give_finite_bounds(table: tuple[list[float], list[float]], alpha: float) -> None:
    limits = np.full(len(table[0]), 0.01)
    for kind in DIFFERENTIALS.values():
        found = kind(*table, alpha, fmr_ceilings=limits, fnmr_ceilings=limits)
        assert np.isfinite(found.value)
        assert kind.low <= found.value <= (np.inf if kind.high is None else kind.high)
        looked = [x for x, w in zip(table, kind.weights(alpha), strict=True) if w]
        assert found.bound == (kind.ratio and any(0 in x for x in looked))


@given(x=st.floats(1e-9, 1), y=st.floats(1e-9, 1), groups=st.integers(2, 7))
def test_equal_rates(x: float, y: float, groups: int) -> None:
    for kind in DIFFERENTIALS.values():
        found = kind(np.full(groups, x), np.full(groups, y)).value
        assert found == pytest.approx(kind.equal, abs=1e-12)


def test_no_errors_at_all() -> None:
    none = np.zeros(3)
    assert garbe(none, none) == 0
    assert fairness_discrepancy(none, none) == 1
    found = inequity_rate(none, none, fmr_ceilings=[0.1, 0.2, 0.3], fnmr_ceilings=[0.1] * 3)
    assert found.value == pytest.approx(1)
    assert found.bound


@given(table=TABLES, factor=st.floats(0.01, 1))
def test_scaling(table: tuple[list[float], list[float]], factor: float) -> None:
    x, y = np.array(table)
    for name, kind in DIFFERENTIALS.items():
        one, other = (float(kind(*z).value) for z in ((x, y), (factor * x, factor * y)))
        if name == "fdr":
            assert 1 - other == pytest.approx(factor * (1 - one), abs=1e-9)
        else:
            assert other == pytest.approx(one, rel=1e-6, abs=1e-9)


@NAMES
def test_errors(name: str) -> None:
    kind = DIFFERENTIALS[name]
    for wrong, why in [
        (([0.1], [0.1]), "fewer than 2"),
        ((0.1, 0.1), "fewer than 2"),
        (([0.1, 0.2], [0.1, 0.2, 0.3]), "of 2 groups"),
        (([0.1, np.nan], [0.1, 0.2]), "between 0 and 1"),
        (([0.1, 0.2], [0.1, 1.2]), "between 0 and 1"),
        (([0.1, 0.2], [0.1, 0.2], 1.5), "alpha"),
        (([0.1, 0.2], [0.1, 0.2], np.nan), "alpha"),
    ]:
        with pytest.raises(ValueError, match=why):
            kind(*wrong)


def test_zeros_without_ceilings() -> None:
    with pytest.raises(ValueError, match="ceilings of the FNMR"):
        inequity_rate([0.1, 0.2], [0, 0.1])
    with pytest.raises(ValueError, match="must lie in"):
        max_min_ratio([0, 0.1], [0, 0.1])
