"""Shares of what is rare: intervals that hold as often as they say, by person."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenface.stats.accuracy import EXACT, FEW, mean
from evenface.stats.asked import Asked
from evenface.stats.intervals import Estimate, all_right_bound, clopper_pearson
from evenface.stats.shares import apart, quantile

ASKED = Asked()


def share(hit: np.ndarray, person: np.ndarray) -> Estimate:
    return mean(hit, person, ASKED)


def people(
    rng: np.random.Generator, count: int, pictures: int, rate: float, spread: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Persons of different proneness, with different numbers of pictures."""
    own = np.full(count, rate)
    if spread is not None:
        own = rng.beta(rate * spread, spread - rate * spread, count)
    person = np.repeat(np.arange(count), rng.integers(1, 2 * pictures, count))
    return rng.random(person.size) < own[person], person


@pytest.mark.parametrize(
    ("count", "pictures", "rate", "spread"),
    [(100, 1, 0.035, None), (40, 5, 0.9, 2.0), (300, 3, 0.01, 1.0), (200, 3, 0.3, 2.0)],
)
def test_intervals_hold_as_often_as_they_say(
    count: int, pictures: int, rate: float, spread: float | None
) -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _seed in range(150):
        found = share(*people(rng, count, pictures, rate, spread))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= rate <= found.high
    # Of 150, binomial: 0.95 less two standard errors.
    assert held >= 137


@given(st.integers(2, 60), st.booleans())
def test_nothing_and_everything_have_the_exact_bound(count: int, everything: bool) -> None:
    person = np.repeat(np.arange(count), 2)
    found = share(np.full(2 * count, everything), person)
    reach = 1 - all_right_bound(count, 0.95)
    assert (found.low, found.high) == ((1 - reach, 1.0) if everything else (0.0, reach))
    assert (found.n, found.n_identities, found.method) == (2 * count, count, EXACT)


def test_one_picture_a_person_gives_clopper_and_pearson() -> None:
    hit = np.arange(200) < 3
    found = share(hit, np.arange(200))
    assert found.method == FEW
    wanted = clopper_pearson(3, 200, 0.95)
    assert (found.low, found.high) == pytest.approx(wanted, abs=0.004)


def test_no_rows_and_one_person_end_in_words() -> None:
    none, nobody = np.zeros(0, bool), np.zeros(0, np.intp)
    assert share(none, nobody).method == "not computed: no rows"
    assert share(np.ones(3, bool), np.zeros(3, np.intp)).value is None
    assert quantile(np.zeros(0), nobody, 0.5, ASKED).value is None
    assert quantile(np.ones(3), np.zeros(3, np.intp), 0.5, ASKED).value is None


def test_quantiles_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _seed in range(100):
        person = np.repeat(np.arange(60), rng.integers(1, 5, 60))
        values = rng.normal(100, 20, 60)[person] + rng.normal(0, 10, person.size)
        found = quantile(values, person, 0.5, ASKED)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 100 <= found.high
    assert held >= 90
    assert quantile(np.array([3.0, 1.0, 2.0, 9.0]), np.arange(4), 0.5, ASKED).value == 2


def test_differences_are_paired_with_nothing_and_hold() -> None:
    rng = np.random.default_rng(3)
    apart_of_equal = 0
    for _seed in range(150):
        one, other = (share(*people(rng, 60, 2, 0.05, 3.0)) for _ in range(2))
        gap = apart(one, other)
        assert gap.low is not None
        assert gap.high is not None
        apart_of_equal += gap.low > 0 or gap.high < 0
    assert apart_of_equal <= 13
    lost = apart(one, share(np.zeros(0, bool), np.zeros(0, np.intp)))
    assert lost.method == "not computed: no rows"
