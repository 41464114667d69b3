"""Accuracy by protocols: known answers, loops over thresholds, and persons who never judge."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenface.pairs.protocol import HANDS, best_threshold, protocol

PAIRS = st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=1, max_size=25)


def accuracy(scores: np.ndarray, same: np.ndarray, threshold: float) -> float:
    return float(np.mean((scores >= threshold) == same))


@pytest.mark.parametrize(
    ("scores", "same", "threshold"),
    [
        ([1, 2, 4, 5], [0, 0, 1, 1], 3),
        ([5, 1, 4, 2], [1, 0, 1, 0], 3),
        # 2 to 3 and 4 to 5 are right on 4 of 5; the lower of two.
        ([1, 2, 3, 4, 5], [0, 0, 1, 0, 1], 2.5),
        # 1 to 2, 3 to 4 and 5 to 6: the middle of three.
        ([1, 2, 3, 4, 5, 6], [0, 1, 0, 1, 0, 1], 3.5),
        # Equal scores are accepted or refused together.
        ([1, 2, 2, 2, 3], [0, 1, 1, 0, 1], 1.5),
        ([1, 2, 2, 2], [0, 0, 0, 1], np.nextafter(2, 3)),
        ([1, 2, 3], [1, 1, 0], 1),
        ([1, 2, 3], [1, 0, 0], np.nextafter(3, 4)),
        # Between neighbouring numbers there is none.
        ([1, np.nextafter(1, 2)], [0, 1], np.nextafter(1, 2)),
    ],
)
def test_thresholds_known_by_hand(scores: Any, same: Any, threshold: float) -> None:
    found = best_threshold(np.array(scores, float), np.array(same, bool))
    assert found == threshold


@settings(max_examples=60, deadline=None)
@given(pairs=PAIRS)
def test_no_threshold_is_better(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([s for s, _ in pairs], float)
    same = np.array([g for _, g in pairs], bool)
    found = best_threshold(scores, same)
    if same.all() or not same.any():
        assert found is None
        return
    every = np.arange(-5, 6) + 0.5
    best = max(accuracy(scores, same, t) for t in every)
    assert accuracy(scores, same, found) == best
    # Its mirror image: the same pairs are judged right from the other side.
    assert found == best_threshold(scores[::-1], same[::-1])


def test_a_known_answer() -> None:
    # Fold by fold: impostors at 0 and 2, genuine at 1 and 3, shifted by the fold.
    scores = np.array([0, 4, 2, 6, 1, 5, 3, 7], float)
    same = np.array([0, 1, 0, 1, 0, 1, 0, 1], bool)
    fold = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    one = np.arange(8)
    other = np.where(same, one, one + 8)
    found = protocol(scores, same, one, other, fold, group=[0, 0, 1, 1, 0, 0, 1, -1])
    # Of fold 1, 3 to 5; of fold 0, 2 to 4.
    assert found.thresholds.tolist() == [4, 3]
    # Fold 1: an impostor at 3 is accepted.
    assert found.overall.folds.tolist() == [1, 0.75]
    assert found.overall.mean == 0.875
    assert found.overall.standard_error == pytest.approx(0.125)
    assert found.overall.accuracy.value == 0.875
    assert (found.overall.accuracy.n, found.overall.accuracy.n_identities) == (8, 12)
    assert (found.published, found.shared) == (True, 0)
    assert [g.folds.tolist() for g in found.groups] == [[1, 1], [1, 0]]
    assert [g.pairs.tolist() for g in found.groups] == [[2, 2], [2, 1]]
    assert found.groups[1].accuracy.value == pytest.approx(2 / 3)


def drawn(rng: np.random.Generator, people: int, pairs: int) -> tuple[np.ndarray, ...]:
    one = rng.integers(0, people, pairs)
    other = np.where(rng.random(pairs) < 0.5, one, rng.integers(0, people, pairs))
    same = one == other
    return np.round(rng.normal(size=pairs) + 2 * same, 1), same, one, other


def test_equals_loops_over_folds() -> None:
    rng = np.random.default_rng(0)
    scores, same, one, other = drawn(rng, 40, 300)
    fold = rng.integers(0, 10, 300)
    found = protocol(scores, same, one, other, 7 * fold)
    for f in range(10):
        threshold = best_threshold(scores[fold != f], same[fold != f])
        assert found.thresholds[f] == threshold
        own = fold == f
        assert found.overall.folds[f] == pytest.approx(accuracy(scores[own], same[own], threshold))
    assert found.overall.mean == pytest.approx(found.overall.folds.mean())
    assert found.overall.pairs.tolist() == np.bincount(fold).tolist()
    everywhere = [np.unique(fold[(one == i) | (other == i)]).size for i in range(40)]
    assert found.shared == sum(k > 1 for k in everywhere)
    e = found.overall.accuracy
    assert e.low < e.value < e.high
    assert e.value == pytest.approx(np.average(found.overall.folds, weights=found.overall.pairs))


def test_nobody_chooses_and_is_judged() -> None:
    rng = np.random.default_rng(1)
    scores, same, one, other = drawn(rng, 60, 900)
    found = protocol(scores, same, 3 * one, 3 * other, np.full(900, -1), seed=3)
    assert not found.published
    assert (found.shared, found.overall.mean, found.overall.standard_error) == (0, None, None)
    assert found.overall.pairs.sum() == 900
    assert found.thresholds.size <= HANDS * (HANDS + 1) // 2
    for f in range(0, found.thresholds.size, 6):
        judged = np.unique(np.concatenate([one[found.fold == f], other[found.fold == f]]))
        moved = scores + 0.7 * np.isin(one, judged) - 1.3 * np.isin(other, judged)
        again = protocol(moved, same, 3 * one, 3 * other, seed=3)
        assert again.thresholds[f] == found.thresholds[f]
    same_seed = protocol(scores, same, one, other, seed=3)
    assert same_seed.thresholds.tolist() == found.thresholds.tolist()
    assert protocol(scores, same, one, other, seed=4).thresholds.tolist() != (
        found.thresholds.tolist()
    )


def test_folds_of_people_are_dealt_evenly() -> None:
    people = np.arange(100)
    genuine = protocol(np.zeros(100), np.ones(100, bool), people, people)
    assert np.bincount(genuine.fold).tolist() == [10] * HANDS
    assert "no pairs of both kinds to choose a threshold by in 10 of 10 folds" in (
        genuine.overall.accuracy.method
    )
    assert np.isnan(genuine.thresholds).all()


def test_reasons_instead_of_numbers() -> None:
    scores, same, one, other = drawn(np.random.default_rng(3), 9, 40)
    single = protocol(scores, same, one, other, np.zeros(40, int))
    assert single.overall.accuracy.method == (
        "not computed: only 1 fold, and a threshold is chosen on others"
    )
    assert single.overall.mean is None
    fold = np.where(same, 0, 1)
    lost = protocol(scores, same, one, other, fold, group=fold)
    assert "in 2 of 2 folds" in lost.overall.accuracy.method
    assert [g.accuracy.value for g in lost.groups] == [None, None]
    none = protocol([], [], [], [])
    assert "0 of 0 folds" in none.overall.accuracy.method
    # A group of which a fold has no pair has no published mean.
    some = protocol(scores, same, one, other, np.arange(40) % 4, group=np.arange(40) % 4 - 1)
    assert (some.groups[0].mean, some.groups[0].standard_error) == (None, None)
    assert np.isnan(some.groups[0].folds).tolist() == [True, False, True, True]
    assert some.groups[0].accuracy.value is not None


def test_input_that_makes_no_sense() -> None:
    def refused(said: str, *given: Any) -> None:
        with pytest.raises(ValueError, match=re.escape(said)):
            protocol(*given)

    refused("one a pair", [1.0, 2.0], [True], [0, 1], [0, 1])
    refused("scores must be finite", [np.nan, 2.0], [True, True], [0, 1], [0, 1])
    refused("numbered from 0", [1.0, 2.0], [True, True], [-1, 1], [-1, 1])
    refused("and others none", [1.0, 2.0], [True, True], [0, 1], [0, 1], [0, -1])
