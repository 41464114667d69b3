"""Sample sizes: against statsmodels, and against draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import (
    NormalIndPower,
    normal_sample_size_one_tail,
    tt_solve_power,
)

from evenface.stats.power import deviation_of_difference, identities_needed, resolvable

GAPS, DEVIATIONS = st.floats(0.005, 0.2), st.floats(0.05, 1)
LEVELS, POWERS = st.floats(0.8, 0.99), st.floats(0.6, 0.95)


@given(GAPS, DEVIATIONS, LEVELS, POWERS)
def test_one_sample_is_the_textbook_s(
    gap: float, deviation: float, level: float, power: float
) -> None:
    ours = identities_needed(gap, deviation, level=level, power=power)
    tail = (1 - level) / 2
    theirs = normal_sample_size_one_tail(gap, power, tail, std_null=deviation)
    assert ours == max(np.ceil(theirs * (1 - 1e-12)), 2)


@pytest.mark.parametrize("gap", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("spread", [0.2, 0.45])
def test_two_groups_are_statsmodels(gap: float, spread: float) -> None:
    theirs = NormalIndPower().solve_power(effect_size=gap / spread, alpha=0.05, power=0.8)
    ours = identities_needed(gap, deviation_of_difference(spread, spread))
    # It counts a gap found on the wrong side as found.
    assert theirs - 0.1 <= ours <= theirs + 1.1
    found = NormalIndPower().power(gap / spread, ours, 0.05)
    fewer = NormalIndPower().power(gap / spread, ours - 1, 0.05)
    assert fewer <= 0.8 + 1e-5
    assert found >= 0.8


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.8])
def test_a_t_test_wants_some_two_more(ratio: float) -> None:
    theirs = tt_solve_power(effect_size=ratio, alpha=0.05, power=0.8)
    exactly = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2 / ratio**2
    assert theirs - exactly == pytest.approx(stats.norm.ppf(0.975) ** 2 / 2, abs=0.5)
    assert identities_needed(ratio, 1.0) == np.ceil(exactly)


def test_by_hand() -> None:
    # (1.95996 + 0.84162)^2 = 7.84888.
    assert identities_needed([0.01, 0.02, 0.05], 0.4).tolist() == [12559, 3140, 503]
    assert resolvable(503, 0.4) == pytest.approx(2.80158 * 0.4 / np.sqrt(503), rel=1e-5)
    assert deviation_of_difference([0.3, 0.0], [0.4, 0.2]) == pytest.approx([0.5, 0.2])
    # Half of what the gap allows is training noise, so twice as many.
    assert identities_needed(1.0, 10.0, floor=0.5 / 7.84888) == np.ceil(2 * 784.888)
    assert identities_needed([[0.1], [0.2]], [0.3, 0.4, 0.5]).shape == (2, 3)


def test_what_more_identities_do_not_reduce_can_hide_a_gap() -> None:
    needed = identities_needed([0.01, 0.05], 0.3, floor=0.0001)
    assert needed[0] == np.inf
    assert needed[1] == 412
    assert resolvable(1e12, 0.3, floor=0.0001) == pytest.approx(2.80158 * 0.01, rel=1e-4)
    assert resolvable(5, 0.0, floor=0.0) == 0
    assert identities_needed(0.01, 0.0) == 2


@given(GAPS, DEVIATIONS, LEVELS, POWERS, st.floats(0, 1e-4))
def test_needed_and_resolvable_turn_each_other_round(
    gap: float, deviation: float, level: float, power: float, floor: float
) -> None:
    n = float(identities_needed(gap, deviation, level=level, power=power, floor=floor))
    smallest = resolvable(1e15, deviation, level=level, power=power, floor=floor)
    if np.isinf(n):
        assert gap <= smallest * (1 + 1e-6)
        return
    assert resolvable(n, deviation, level=level, power=power, floor=floor) <= gap * (1 + 1e-9)
    if n > 2:
        assert resolvable(n - 1, deviation, level=level, power=power, floor=floor) > gap * (
            1 - 1e-9
        )


def test_that_many_do_find_the_gap() -> None:
    # Persons with 3 pictures each; what a person adds is the mean of their pictures.
    rng = np.random.default_rng(0)
    mean, spread, gap, draws = 0.8, 4.0, 0.05, 2000
    skill_variance = mean * (1 - mean) / (spread + 1)
    deviation = np.sqrt(skill_variance + (mean * (1 - mean) - skill_variance) / 3)
    n = int(identities_needed(gap, deviation_of_difference(deviation, deviation)))
    shares = []
    for centre in (mean + gap / 2, mean - gap / 2):
        skill = rng.beta(centre * spread, (1 - centre) * spread, (draws, n))
        shares.append(rng.binomial(3, skill) / 3)
    error = np.sqrt(sum(s.var(axis=1, ddof=1) / n for s in shares))
    found = np.abs(shares[0].mean(axis=1) - shares[1].mean(axis=1)) > 1.96 * error
    assert found.mean() == pytest.approx(0.8, abs=0.03)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        identities_needed([0.1, 0.0], 0.3)
    with pytest.raises(ValueError, match="at least 0"):
        identities_needed(0.1, -0.3)
    with pytest.raises(ValueError, match="finite"):
        resolvable(10, np.nan)
    with pytest.raises(ValueError, match="at least 1"):
        resolvable(0, 0.3)
    with pytest.raises(ValueError, match="level is 95"):
        resolvable(10, 0.3, level=95)
    with pytest.raises(ValueError, match=r"power is 0\.2"):
        identities_needed(0.1, 0.3, power=0.2)
    with pytest.raises(ValueError, match="at least 0"):
        deviation_of_difference(-1, 0)
