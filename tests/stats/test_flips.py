"""Wrong labels: against closed forms, brute force, and interval code that knows of none."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenface.stats.accuracy import Recalls
from evenface.stats.asked import Asked
from evenface.stats.flips import (
    SHARES,
    WAYS,
    WIDTHS,
    Curve,
    breakdown,
    flip_curves,
    named_classes,
)
from evenface.stats.intervals import Estimate
from evenface.stats.relabelled import OUT
from evenface.stats.repeats import Noise
from evenface.stats.unfavourable import most_harmful

ASKED = Asked()


def rows_of(
    rng: np.random.Generator, people: int, accuracies: tuple[float, ...], *, most: int = 1,
    classes: int = 2,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """What models said of people of balanced classes with 1 to `most` pictures each."""
    person = np.repeat(np.arange(people), rng.integers(1, most + 1, people))
    codes = person % classes
    other = (codes[:, None] + rng.integers(1, classes, (person.size, len(accuracies)))) % classes
    right = rng.random(other.shape) < accuracies
    said = np.where(right, codes[:, None], other)
    named = named_classes([(np.arange(person.size), said)], person.size, classes, said.shape[1])
    return named, codes, person


def values(curve: Curve) -> list[float]:
    found = [e.value for e in curve.estimates]
    assert None not in found
    return found  # type: ignore[return-value]


def test_shares_of_predictions_are_counted_by_class() -> None:
    tries = [(np.array([0, 2]), np.array([[1], [0]])), (np.array([0]), np.array([[0]])),
             (np.array([1]), np.array([[-1]]))]  # fmt: skip
    named = named_classes(tries, 3, 2, 1)[:, :, 0]
    assert named.tolist() == [[0.5, 0.5], [0.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize("classes", [2, 4])
def test_random_flips_have_the_closed_form(classes: int) -> None:
    # An error names the new class by luck: p (1 - k) + (1 - p) k for two classes.
    people, p, k = 400, 0.9, np.array(SHARES)
    codes = np.arange(people) % classes
    right = np.arange(people) // classes % 10 != 0
    said = np.where(right, codes, (codes + 1 + np.arange(people) // 40 % (classes - 1)) % classes)
    named = named_classes([(np.arange(people), said[:, None])], people, classes, 1)
    (found,) = flip_curves(named, codes, np.arange(people), [(0, None)], ASKED, draws=30)
    expected = p * (1 - k) + (1 - p) * k / (classes - 1)
    assert values(found["random"]) == pytest.approx(expected, abs=0.01)


def test_wrong_labels_that_stay_within_a_class_change_nothing() -> None:
    # Class 1 is made of four labels: one wrong label in four leads from it to class 0.
    people, k = 500, np.array(SHARES)
    codes = (np.arange(people) % 5 > 0).astype(np.intp)
    named = named_classes([(np.arange(people), codes[:, None])], people, 2, 1)
    told = (named, codes, np.arange(people), [(0, None)], ASKED)
    (found,) = flip_curves(*told, moves=(1.0, 0.25))
    # Both get what the other loses, a share k of 100 people; all who stay are right.
    expected = ((1 - k) + (400 - 100 * k) / 400) / 2
    assert values(found["random"]) == pytest.approx(expected, abs=0.01)
    (always,), (plain,) = flip_curves(*told, moves=(1.0, 1.0)), flip_curves(*told)
    assert always["worst"] == plain["worst"] == found["worst"]
    assert values(always["random"]) == pytest.approx(values(plain["random"]), abs=0.01)
    (never,) = flip_curves(*told, moves=(0.0, 0.0))
    assert set(values(never["random"])) == {1.0}


def test_no_flip_is_what_recalls_say() -> None:
    rng = np.random.default_rng(0)
    named, codes, person = rows_of(rng, 150, (0.9, 0.8, 0.7), most=5, classes=3)
    codes[0] = 2  # A person whose rows contradict each other.
    order = rng.permutation(len(codes))
    named, codes, person = named[order], codes[order], person[order]
    strata, noise = person // 50, Noise(0.0004, 5.0)
    correct = named[np.arange(len(codes)), codes]
    theirs = Recalls(correct, codes, person, ASKED, strata)
    found = flip_curves(
        named, codes, 7 * person, [(0, 2), (1, None)], Asked(method="bca"),
        strata=strata, noise=[noise, None], draws=2,
    )  # fmt: skip
    expected = (theirs.difference(0, 2, noise=noise), theirs.balanced(1))
    for curves, e in zip(found, expected, strict=True):
        for way in WAYS:
            first = curves[way].estimates[0]
            assert (first.value, first.low, first.high) == pytest.approx((e.value, e.low, e.high))
            assert (first.n, first.n_identities, first.method) == (e.n, e.n_identities, e.method)


def test_ends_of_every_way_are_what_recalls_say_of_the_altered_rows() -> None:
    rng = np.random.default_rng(1)
    named, codes, person = rows_of(rng, 80, (0.9, 0.7), most=4)
    value = named[:, :, 0] - named[:, :, 1]
    home = np.arange(80) % 2
    (found,) = flip_curves(named, codes, person, [(0, 1)], ASKED, shares=(0, 0.1), draws=1)
    for way in ("worst", "left_out"):
        sent = most_harmful(
            value, codes, person, home, np.ones(80, dtype=bool), [8], out=way == "left_out"
        )
        ((_, goes),) = sent
        assert 0 < (goes != -1).sum() <= 8
        kept = goes[person] != OUT
        to = np.where(goes[person] >= 0, goes[person], codes)[kept]
        correct = named[kept][np.arange(kept.sum()), to]
        assert found[way].estimates[1] == Recalls(correct, to, person[kept], ASKED).difference(0, 1)
    assert found["left_out"].estimates[1].n < found["worst"].estimates[1].n == len(codes)


def balanced(value: Any, codes: Any) -> float:
    own = value[np.arange(len(codes)), codes]
    return float(np.mean([own[codes == c].mean() for c in np.unique(codes)]))


def after(value: Any, codes: Any, who: Any, out: bool) -> float:
    if out:
        return balanced(np.delete(value, who, axis=0), np.delete(codes, who))
    flipped = codes.copy()
    flipped[who] = 1 - flipped[who]
    return balanced(value, flipped)


@pytest.mark.parametrize("out", [False, True])
@pytest.mark.parametrize("models", [1, 2])
def test_the_search_comes_near_the_worst_of_all_sets(models: int, out: bool) -> None:
    exact, reached = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        named, codes, person = rows_of(rng, 12, (0.85, 0.6))
        value = named[:, :, 0] - (named[:, :, 1] if models == 2 else 0)
        sent = most_harmful(value, codes, person, codes, np.ones(12, dtype=bool), [3], out=out)
        ((_, goes),) = sent
        before, ours = balanced(value, codes), after(value, codes, np.flatnonzero(goes != -1), out)
        worst = min(after(value, codes, who, out) for k in range(4)
                    for who in map(list, combinations(range(12), k)))  # fmt: skip
        assert ours >= worst - 1e-9
        exact.append(ours < worst + 1e-9)
        reached.append((before - ours) / max(before - worst, 1e-9) if before > worst else 1.0)
    assert np.mean(exact) >= 0.9
    assert min(reached) >= 0.8


def test_unfavourable_curves_only_fall_and_lie_below_random_ones() -> None:
    rng = np.random.default_rng(3)
    named, codes, person = rows_of(rng, 600, (0.95, 0.9), most=4, classes=3)
    for found in flip_curves(named, codes, person, [(0, None), (0, 1)], ASKED, draws=4):
        for way in ("worst", "left_out"):
            assert (np.diff(values(found[way])) <= 0).all()
        assert (np.array(values(found["worst"]))[1:] < values(found["left_out"])[1:]).all()
        assert (np.array(values(found["worst"]))[1:] < values(found["random"])[1:]).all()


def test_only_the_doubted_change() -> None:
    # Those in doubt are named wrongly by all: another label can only help them.
    people = 60
    codes, person = np.arange(people) % 2, np.arange(people)
    doubted = person < 20
    said = np.where(doubted, 1 - codes, codes)[:, None]
    named = named_classes([(person, said)], people, 2, 1)
    pair = [(0, None)]
    (own,) = flip_curves(named, codes, person, pair, ASKED, doubted=doubted)
    (others,) = flip_curves(named, codes, person, pair, ASKED, doubted=~doubted)
    (nobody,) = flip_curves(named, codes, person, pair, ASKED, doubted=doubted & ~doubted)
    assert values(own["worst"]) == pytest.approx([40 / 60] * 10)
    assert values(own["random"])[-1] == pytest.approx(44 / 60, abs=0.02)
    # A fifth of 40 is 8.
    assert values(others["random"])[-1] == pytest.approx(32 / 60, abs=0.02)
    assert {e.value for w in WAYS for e in nobody[w].estimates} == {40 / 60}


def test_all_rows_of_a_person_move_together() -> None:
    # One person with 30 pictures among forty with one: hers do the most harm.
    person = np.concatenate([np.zeros(30, dtype=int), np.arange(1, 41)])
    codes = person % 2
    named = np.eye(2)[codes][:, :, None]
    goes = dict(most_harmful(named[:, :, 0], codes, person, np.arange(41) % 2,
                             np.ones(41, dtype=bool), [1], out=False))[1]  # fmt: skip
    assert np.flatnonzero(goes >= 0).tolist() == [0]
    (found,) = flip_curves(named, codes, person, [(0, None)], ASKED, shares=(0, 1.5 / 41))
    e = found["worst"].estimates[1]
    assert e.value == pytest.approx((1 + 20 / 50) / 2)
    assert (e.n, e.n_identities) == (70, 41)


def test_shares_are_of_whole_identities_at_most() -> None:
    rng = np.random.default_rng(4)
    named, codes, person = rows_of(rng, 40, (0.9,))
    (found,) = flip_curves(named, codes, person, [(0, None)], ASKED)
    # 2 % of 40 are none, 3 % one.
    assert len(set(values(found["worst"])[:4])) == 1
    assert values(found["worst"])[4] < values(found["worst"])[3]


def test_the_spread_of_draws_widens_the_interval() -> None:
    rng = np.random.default_rng(5)
    named, codes, person = rows_of(rng, 200, (0.9,))
    shares = (0.0, 0.2)
    (many,) = flip_curves(named, codes, person, [(0, None)], ASKED, shares=shares, draws=5)
    single = []
    drawn = np.random.default_rng(0)
    for _ in range(5):
        order, step = drawn.permutation(200), drawn.integers(1, 2, 200)
        to = codes.copy()
        to[order[:40]] = (codes + step)[order[:40]] % 2
        single.append(Recalls(named[np.arange(200), to], to, person, ASKED).balanced())
    value = np.mean([e.value for e in single])
    down = np.mean([e.value - e.low for e in single[:WIDTHS]])
    spread = 1.959964**2 * 1.2 * np.var([e.value for e in single], ddof=1)
    found = many["random"].estimates[1]
    assert found.value == pytest.approx(value)
    assert found.low == pytest.approx(value - np.sqrt(down**2 + spread), abs=1e-6)
    assert found.low < value - down
    assert "5 draws of labels" in found.method


def test_the_same_seed_draws_the_same_labels() -> None:
    named, codes, person = rows_of(np.random.default_rng(6), 60, (0.9, 0.8), most=3)
    one, same, other = (
        flip_curves(named, codes, person, [(0, 1)], Asked(seed=s), draws=3) for s in (0, 0, 1)
    )
    assert one == same
    assert one[0]["random"] != other[0]["random"]
    assert one[0]["worst"] == other[0]["worst"]


def estimate(low: float | None) -> Estimate:
    if low is None:
        return Estimate.missing("why", level=0.95)
    return Estimate(low + 0.1, low, low + 0.2, 0.95, 9, 9, "hand")


@pytest.mark.parametrize(
    ("lows", "expected"),
    [
        ((0.6, 0.56, 0.46), 0.1 + 0.1 * 0.6),
        ((0.6, 0.5, 0.4), 0.1),
        ((0.6, 0.55, 0.51), None),
        ((0.5, 0.6, 0.6), 0.0),
        ((0.6, None, 0.6), 0.1),
        ((None, None, None), 0.0),
    ],
)
def test_breakdown_by_hand(lows: tuple[float | None, ...], expected: float | None) -> None:
    curve = Curve((0.0, 0.1, 0.2), tuple(map(estimate, lows)))
    found = breakdown(curve, 0.5)
    assert found == (None if expected is None else pytest.approx(expected))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(-1, 2), st.integers(0, 2)),
        max_size=16,
    )
)
def test_any_few_rows_give_numbers_in_range_or_a_reason(
    rows: list[tuple[int, int, int, int]],
) -> None:
    person, codes, one, other = np.array(rows, dtype=np.intp).reshape(-1, 4).T
    said = np.stack([one, other], axis=1)
    named = named_classes([(np.arange(len(codes)), said)], len(codes), 3, 2)
    shares = (0.0, 0.2, 0.5, 1.0)
    for curves in flip_curves(named, codes, person, [(0, None), (0, 1)], ASKED,
                              shares=shares, draws=2):  # fmt: skip
        for way in WAYS:
            assert curves[way].shares == shares
            for e in curves[way].estimates:
                if e.value is None:
                    assert "not computed" in e.method
                    continue
                assert e.low is not None
                assert e.high is not None
                assert -1 <= e.low <= e.value + 1e-12
                assert e.value - 1e-12 <= e.high <= 1
        for way in ("worst", "left_out"):
            # What has a number as recorded keeps one.
            assert len({e.value is None for e in curves[way].estimates}) == 1


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="recorded class"):
        flip_curves(np.zeros((1, 1, 1)), np.array([-1]), np.array([0]), [(0, None)], ASKED)
    assert flip_curves(np.zeros((1, 1, 1)), np.array([0]), np.array([0]), [], ASKED) == []
