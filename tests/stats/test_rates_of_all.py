"""Rates of all pairs, where errors are known by identity for some persons only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from evenface.stats.intervals import Estimate
from evenface.stats.pair_counts import PairCounts
from evenface.stats.pairs import pair_rate
from evenface.stats.rates import Scores, equal_error
from evenface.stats.rates_of_all import Errors, crossing_weight, equal_error_estimate

PERSONS, IMAGES, THRESHOLD = 120, 2, 0.55


def people(seed: int, persons: int = PERSONS) -> np.ndarray:
    """Cosines of all pictures, of persons of four dimensions."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(persons, 1, 4)) + 0.5 * rng.normal(size=(persons, IMAGES, 4))
    x = x.reshape(-1, 4) / np.linalg.norm(x.reshape(-1, 4), axis=1, keepdims=True)
    return x @ x.T


def counts_of(scores: np.ndarray) -> PairCounts:
    who = np.arange(len(scores)) // IMAGES
    i, j = np.nonzero(np.triu(scores >= THRESHOLD) & (who[:, None] < who[None, :]))
    return PairCounts.among(np.full(len(scores) // IMAGES, IMAGES), who[i], who[j])


def test_all_known_is_the_rate_itself() -> None:
    counts = counts_of(people(0))
    errors = Errors(counts, int(counts.errors), int(counts.total), PERSONS)
    assert errors.all_known
    assert errors.estimate(0.9) == pair_rate(counts, level=0.9)


def of_part(scores: np.ndarray, drawn: np.ndarray) -> Estimate:
    every = counts_of(scores)
    rows = (drawn[:, None] * IMAGES + np.arange(IMAGES)).ravel()
    part = counts_of(scores[np.ix_(rows, rows)])
    assert every.total > part.total
    return Errors(part, int(every.errors), int(every.total), PERSONS).estimate(0.95)


def test_intervals_from_a_part_hold_the_rate_of_everybody_there_could_be() -> None:
    truth = counts_of(people(999, 1500)).rate
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        scores = people(seed)
        e = of_part(scores, np.sort(rng.permutation(PERSONS)[:50]))
        assert e.value == counts_of(scores).rate
        assert e.low <= e.value <= e.high
        assert e.n == PERSONS * (PERSONS - 1) // 2 * IMAGES**2
        assert e.n_identities == PERSONS
        held += e.low <= truth <= e.high
    assert held >= 90


def test_few_errors_of_a_part_leave_its_own_interval() -> None:
    counts = PairCounts.among([2] * 10, [], [])
    e = Errors(counts, 40, 100_000, 300).estimate(0.95)
    assert e.value == 0.0004
    assert e.low == 0
    assert e.high == pair_rate(counts).high
    assert "identities drawn at random" in e.method


def test_a_part_of_one_person_says_nothing() -> None:
    e = Errors(PairCounts.among([2], [], []), 40, 1000, 30).estimate(0.95)
    assert (e.value, e.n) == (None, 1000)


SIDE = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


@given(SIDE, SIDE, st.floats(-20, 20))
def test_weights_are_shares(genuine: list[float], impostors: list[float], at: float) -> None:
    assert 0 <= crossing_weight(Scores.of(genuine), Scores.of(impostors), at) <= 1


def test_the_weight_is_that_of_the_two_densities() -> None:
    q = norm.ppf((np.arange(40_000) + 0.5) / 40_000)
    # The spread-out genuine scores have a third of the density where they meet.
    weight = crossing_weight(Scores.of(3 * q + 3), Scores.of(q - 1), 0.0)
    assert weight == pytest.approx(0.25, abs=0.02)


def test_intervals_of_equal_error_hold() -> None:
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        g, i = rng.normal(1.2, 1, 300), rng.normal(-1.2, 1, 600)
        found = equal_error(Scores.of(g), Scores.of(i))
        t = found.threshold
        # Every pair of other people: as many cells as pairs.
        sides = []
        for wrong in (i >= t, g < t):
            k = np.arange(wrong.size)
            sides.append(pair_rate(PairCounts.listed(2 * k, 2 * k + 1, wrong)))
        weight = crossing_weight(Scores.of(g), Scores.of(i), t)
        e = equal_error_estimate(found, *sides, weight)
        assert 0 <= e.low <= e.value <= e.high <= 1
        held += e.low <= norm.cdf(-1.2) <= e.high
    assert 180 <= held <= 200


def test_a_missing_side_leaves_no_interval() -> None:
    found = equal_error(Scores.of([1.0]), Scores.of([0.0]))
    lost = Estimate.missing("only 1 identity", level=0.95, n=3, n_identities=1)
    there = pair_rate(PairCounts.among([2] * 10, [], []))
    e = equal_error_estimate(found, there, lost, 0.5)
    assert e.value is None
    assert "only 1 identity" in e.method
