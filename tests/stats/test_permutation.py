"""Permutation tests: against SciPy's enumeration, exact tests, and nulls of known level."""

from __future__ import annotations

import json
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evenface.stats import shuffles
from evenface.stats.permutation import (
    ALL_ALIKE,
    FEW_HIT,
    UNEVEN,
    independent,
    paired,
    sign_flips,
)
from evenface.stats.permuted import NEVER, Permutation

ROWS = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 2), st.booleans(), st.booleans()),
    min_size=1,
    max_size=40,
)
LABELS = st.permutations(range(8))


def rows_of(
    rng: np.random.Generator, people: int, accuracy: float, spread: float, most: int
) -> Any:
    """Outcomes of persons with a skill each and 1 to `most` pictures, and whose they are."""
    pictures = rng.integers(1, most + 1, people)
    skill = rng.beta(accuracy * spread, (1 - accuracy) * spread, people)
    person = np.repeat(np.arange(people), pictures)
    return (rng.random(person.size) < skill[person]).astype(float), person


def test_paired_equals_scipy_s_enumeration() -> None:
    rng = np.random.default_rng(0)
    for people in (4, 7, 11):
        one, person = rows_of(rng, people, 0.6, 2, 4)
        other = (rng.random(one.size) < 0.5).astype(float)
        classes = (person % 3 == 0).astype(int)
        weight = 1 / (2 * np.bincount(classes)[classes])
        x, y = (np.bincount(person, weights=weight * v) for v in (one, other))
        theirs = stats.permutation_test(
            (x, y),
            lambda a, b: abs(a.sum() - b.sum()),
            permutation_type="samples",
            alternative="greater",
            n_resamples=np.inf,
            vectorized=False,
        )
        (ours,) = paired((one - other)[:, None], person, classes)
        assert ours.exact
        assert ours.p == pytest.approx(theirs.pvalue)
        recalls = [np.mean((one - other)[classes == k]) for k in (0, 1)]
        assert ours.value == pytest.approx(np.mean(recalls))
        turns = np.array(list(product((-1, 1), repeat=people))) @ (x - y)
        assert ours.statistic == pytest.approx(ours.value / turns.std())


def studentised(x: np.ndarray, y: np.ndarray, hits: np.ndarray, rows: np.ndarray) -> float:
    """T by its formula; `x` and `y` say who is in which group."""
    shares, variances = [], []
    for group in (x.astype(int), y.astype(int)):
        h, r, n = hits[group], rows[group], len(group)
        shares.append(h.sum() / r.sum())
        variances.append(n / (n - 1) * ((h - shares[-1] * r) ** 2).sum() / r.sum() ** 2)
    return float((shares[0] - shares[1]) / np.sqrt(sum(variances)))


@pytest.mark.parametrize(("n", "people"), [(4, 9), (6, 8), (3, 6)])
def test_independent_equals_scipy_s_enumeration(n: int, people: int) -> None:
    rng = np.random.default_rng(people)
    rows = rng.integers(2, 6, people)
    # No person all right or all wrong, so that no choice of a group is without spread.
    hits = rng.integers(1, rows)
    person = np.repeat(np.arange(people), rows)
    hit = np.concatenate([np.arange(r) < h for h, r in zip(hits, rows, strict=True)])
    theirs = stats.permutation_test(
        (np.arange(n), np.arange(n, people)),
        lambda x, y: abs(studentised(x, y, hits, rows)),
        permutation_type="independent",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=False,
    )
    (ours,) = independent(hit[:, None], person, person < n)
    assert ours.exact
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.permutations == len(list(combinations(range(people), n)))
    expected = studentised(np.arange(n), np.arange(n, people), hits, rows)
    assert ours.statistic == pytest.approx(expected)
    assert ours.value == pytest.approx(hit[person < n].mean() - hit[person >= n].mean())


@given(st.integers(0, 13), st.integers(0, 20))
def test_one_picture_a_person_is_mcnemar_s_exact_test(better: int, alike: int) -> None:
    for worse in range(14 - better):
        d = np.repeat([1.0, -1.0, 0.0], [better, worse, alike + 2])
        (found,) = paired(d[:, None], np.arange(d.size))
        expected = stats.binomtest(better, better + worse).pvalue if better + worse else 1.0
        assert found.exact
        assert found.permutations == 2 ** (better + worse)
        assert found.p == pytest.approx(expected)


@pytest.mark.parametrize(("n", "k"), [(2, 1), (5, 2), (6, 3), (7, 5), (9, 8)])
def test_every_choice_of_a_group_comes_once(
    n: int, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shuffles, "BLOCK", 3 * n)
    blocks = list(shuffles.all_subsets(n, k))
    assert max(len(b) for b in blocks) <= 3
    found = {tuple(np.flatnonzero(row)) for row in np.concatenate(blocks)}
    assert found == set(combinations(range(n), k))
    assert sum(map(len, blocks)) == len(found)


def test_drawn_permutations_come_near_all_of_them() -> None:
    rng = np.random.default_rng(1)
    right, person = rows_of(rng, 12, 0.6, 4, 4)
    d = right - (rng.random(right.size) < 0.4)
    (every,) = paired(d[:, None], person)
    used = every.permutations - 1
    (some,) = paired(d[:, None], person, permutations=used)
    assert every.exact
    assert not some.exact
    assert some.permutations == used
    error = 4 * np.sqrt(every.p * (1 - every.p) / used)  # type: ignore[operator]
    assert some.p == pytest.approx(every.p, abs=error)
    assert some.p * (used + 1) == pytest.approx(round(some.p * (used + 1)))  # type: ignore[operator]
    (every,) = independent(right[:, None], person, person < 5)
    (some,) = independent(right[:, None], person, person < 5, permutations=791)
    assert (every.exact, every.permutations, some.exact) == (True, 792, False)
    assert some.p == pytest.approx(every.p, abs=0.07)
    assert (some.value, some.statistic) == (every.value, every.statistic)


def test_a_deviate_goes_on_where_drawn_permutations_end() -> None:
    rng = np.random.default_rng(0)
    person = np.arange(400)
    d = rng.normal(size=(400, 3)) + np.array([0.0, 0.25, 0.5])
    none, some, much = paired(d, person, permutations=99)
    # Where permutations reach what was seen, it is p's.
    assert none.p is not None
    assert none.p > 0.01
    assert none.deviate == pytest.approx(stats.norm.isf(none.p / 2))
    # Beyond, as far as the statistic: 99 permutations can't tell 0.25 from 0.5.
    assert some.p == much.p == 0.01
    expected = np.abs(d.sum(axis=0)) / np.sqrt(np.square(d).sum(axis=0))
    assert [some.deviate, much.deviate] == pytest.approx(expected[1:].tolist())
    assert some.deviate < much.deviate  # type: ignore[operator]
    # Where nothing is the matter it is too far no oftener than it should be.
    found = [paired(rng.normal(size=(60, 50)), np.arange(60), permutations=99) for _ in range(40)]
    far = [t.deviate > stats.norm.isf(0.0005) for own in found for t in own]  # type: ignore[operator]
    assert np.mean(far) < 0.003
    assert paired(np.ones((3, 1)), np.zeros(3))[0].deviate is None


def test_random_choices_are_of_the_size_asked_and_fair() -> None:
    chosen = np.concatenate(
        list(shuffles.random_subsets(np.random.default_rng(0), 20_000, 10, 3, 1))
    )
    assert (chosen.sum(axis=1) == 3).all()
    assert chosen.mean(axis=0) == pytest.approx(np.full(10, 0.3), abs=0.015)
    pair = (chosen[:, 0] * chosen[:, 9]).mean()
    assert pair == pytest.approx(3 / 10 * 2 / 9, abs=0.01)


def test_p_depends_neither_on_blocks_nor_on_company(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    right = (rng.random((300, 4)) < 0.7).astype(float)
    person, first = np.arange(300) // 3, np.arange(300) < 120
    d = right - right[:, [1, 2, 3, 0]]
    together = paired(d, person), independent(right, person, first)
    assert not any(t.exact for tests in together for t in tests)
    monkeypatch.setattr(shuffles, "BLOCK", 7000)
    assert (paired(d, person), independent(right, person, first)) == together
    alone = paired(d[:, [2]], person), independent(right[:, [2]], person, first)
    assert [t[0].p for t in alone] == [t[2].p for t in together]
    assert paired(d, person, seed=1) != together[0]


@settings(max_examples=50)
@given(ROWS, LABELS)
def test_neither_order_nor_names_matter_to_pairs(rows: list[Any], names: list[int]) -> None:
    person, classes, one, other = (np.array(column) for column in zip(*rows, strict=True))
    d = (one.astype(float) - other)[:, None]
    (found,) = paired(d, person, classes)
    if np.unique(person).size < 2:
        assert (found.p, found.value) == (None, None)
        return
    assert found.p is not None
    assert found.value is not None
    assert 0 < found.p <= 1
    assert -1 <= found.value <= 1
    (swapped,) = paired(-d, person, classes)
    assert swapped.p == pytest.approx(found.p)
    assert swapped.value == pytest.approx(-found.value)
    (renamed,) = paired(d[::-1], np.array(names)[person][::-1], classes[::-1])
    assert renamed.p == pytest.approx(found.p)


@settings(max_examples=50)
@given(ROWS, LABELS)
def test_neither_order_nor_names_matter_to_groups(rows: list[Any], names: list[int]) -> None:
    person, _, hit, _ = (np.array(column) for column in zip(*rows, strict=True))
    first = person < 4
    (found,) = independent(hit[:, None], person, first)
    if min(np.unique(person[first]).size, np.unique(person[~first]).size) < 2:
        assert found.p is None
        return
    assert found.p is not None
    assert 0 < found.p <= 1
    for again in (
        independent(~hit[:, None], person, first),
        independent(hit[:, None], person, ~first),
        independent(hit[::-1, None], np.array(names)[person][::-1], first[::-1]),
    ):
        assert again[0].p == pytest.approx(found.p)


def test_levels_hold_where_rows_would_not() -> None:
    # 400 draws: 0.05 has a standard error of 0.011. Skills of their own for both models.
    rng = np.random.default_rng(3)
    found = []
    for k in range(40):
        pictures = rng.integers(2, 7, 60)
        person = np.repeat(np.arange(60), pictures)
        skill = rng.beta(2.4, 0.6, (3, 60, 10))[:, person]
        right = (rng.random(skill.shape) < skill).astype(float)
        d, classes, rows = right[0] - right[1], person % 3, np.arange(person.size)
        many = {"permutations": 499, "seed": k}
        tests = (
            paired(d, person, classes, **many),
            independent(right[2], person, person < 25, **many),
            paired(d, rows, classes, **many),
            independent(right[2], rows, person < 25, **many),
        )
        found.append([[t.p <= 0.05 for t in test] for test in tests])  # type: ignore[operator]
    models, groups, models_by_row, groups_by_row = np.mean(found, axis=(0, 2))
    assert 0.02 <= models <= 0.08
    assert 0.02 <= groups <= 0.08
    assert models_by_row > 0.1
    assert groups_by_row > 0.08


def test_unequal_spreads_and_numbers_of_pictures_keep_the_level() -> None:
    # The same shares, but the small group has skills far apart: shuffled differences are narrower
    # than those that arise. 300 draws.
    rng = np.random.default_rng(4)
    by_error, by_difference = [], []
    for k in range(300):
        few, small = rows_of(rng, 40, 0.6, 3, 3)
        many, large = rows_of(rng, 120, 0.6, 30, 9)
        hit, person = np.concatenate([few, many])[:, None], np.concatenate([small, large + 40])
        first = person < 40
        (found,) = independent(hit, person, first, permutations=199, seed=k)
        assert found.p is not None
        assert found.value is not None
        by_error.append(found.p <= 0.05)
        hits = np.bincount(person, weights=hit[:, 0])[:, None]
        compare = shuffles.Studentised(hits, np.bincount(person).astype(float))
        drawn = shuffles.random_subsets(np.random.default_rng(k), 199, 160, 40, 1)
        further = sum((np.abs(compare(x)[0]) >= abs(found.value)).sum() for x in drawn)
        by_difference.append((further + 1) / 200 <= 0.05)
    assert 0.02 <= np.mean(by_error) <= 0.09
    assert np.mean(by_difference) > 0.12


def test_what_is_there_is_found() -> None:
    rng = np.random.default_rng(5)
    worse, person = rows_of(rng, 200, 0.7, 5, 4)
    better = np.maximum(worse, rng.random(worse.size) < 0.5)
    (found,) = paired((better - worse)[:, None], person, person % 2)
    assert found.p == 1 / 10_000
    assert found.value is not None
    assert found.value > 0
    first = person < 100
    (apart,) = independent(np.where(first, better, worse)[:, None], person, first)
    assert apart.p is not None
    assert apart.p < 0.05


def test_a_gap_s_change_is_a_sum_over_persons() -> None:
    # One group gains 0.5, the other loses 0.5: the gap changes by 1, the mean by nothing.
    d = np.repeat([1.0, 0.0, -1.0, 0.0], 8)
    person = np.arange(32)
    (change,) = sign_flips((d * np.where(person < 16, 1, -1) / 16)[:, None], permutations=2**16)
    assert (change.value, change.exact, change.permutations) == (1, True, 2**16)
    assert change.p == 2 / 2**16
    (mean,) = paired(d[:, None], person)
    assert mean.p == 1


def test_few_persons_say_so() -> None:
    d = np.array([1.0, 1, 1, 1, 1, 1, 0])
    (five,), (six,) = (paired(d[:, None][k:], np.arange(7 - k)) for k in (1, 0))
    assert (five.p, six.p) == (2 / 32, 2 / 64)
    assert NEVER in five.method
    assert NEVER not in six.method
    (none,) = paired(np.zeros((4, 1)), np.arange(4))
    assert (none.p, none.permutations) == (1, 1)
    assert ALL_ALIKE in none.method
    (groups,) = independent(np.arange(5.0)[:, None] / 4, np.arange(5), np.arange(5) < 2)
    assert groups.p is not None
    assert NEVER in groups.method
    assert UNEVEN in groups.method
    n = 2 * FEW_HIT
    hit = np.arange(2 * n) % 2 == 0
    assert UNEVEN not in independent(hit[:, None], np.arange(2 * n), np.arange(2 * n) < n)[0].method
    # B permutations can't show less than 1 / (B + 1).
    assert NEVER in paired(np.ones((20, 1)), np.arange(20), permutations=19)[0].method


def test_groups_without_spread_are_compared_by_how_many_such_there_are() -> None:
    hit, person = np.repeat([1.0, 0.0], 8)[:, None], np.arange(16) // 2
    (found,) = independent(hit, person, person < 4)
    assert (found.value, found.statistic, found.p) == (1, None, 2 / 70)
    (same,) = independent(np.ones((16, 1)), person, person < 4)
    assert (same.value, same.statistic, same.p) == (0, 0, 1)
    # A share that no binary fraction is: nothing but rounding is left of the variance.
    third = np.tile([1.0, 0.0, 0.0], 400)[:, None]
    (rounded,) = independent(third, np.arange(1200) // 3, np.arange(1200) < 300, permutations=99)
    assert (rounded.statistic, rounded.p) == (0, 1)


@pytest.mark.parametrize(
    ("test", "why"),
    [
        (paired(np.ones((3, 2)), np.zeros(3)), "only 1 identity"),
        (paired(np.ones((0, 2)), np.zeros(0)), "no identity"),
        (independent(np.ones((3, 2)), np.arange(3), np.arange(3) < 1), "only 1 identity"),
        (independent(np.ones((3, 2)), np.arange(3), np.arange(3) < 0), "no identity"),
        (
            independent(np.ones((6, 2)), np.arange(6) // 2, np.arange(6) < 3),
            "identities are in both groups: 1",
        ),
    ],
)
def test_what_cannot_be_tested_says_why(test: tuple[Permutation, ...], why: str) -> None:
    assert len(test) == 2
    for found in test:
        assert (found.value, found.statistic, found.p) == (None, None, None)
        assert why in str(found)


def test_a_test_is_whole_and_says_itself() -> None:
    found = Permutation(0.0123, 0.0123, 0.04, 9999, False, 100, "as said")
    assert str(found) == "+0.012, p = 0.04"
    assert json.loads(json.dumps(found.to_dict()))["n_identities"] == 100
    json.dumps(paired(np.ones((4, 1)), np.arange(4))[0].to_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="or neither"):
        Permutation(0.1, 0.1, None, 9, True, 3, "half")


@pytest.mark.parametrize(
    ("values", "person", "permutations", "why"),
    [
        (np.ones(4), np.arange(4), 99, "shape"),
        (np.ones((4, 1)), np.arange(3), 99, "a person a row"),
        (np.full((4, 1), np.nan), np.arange(4), 99, "finite"),
        (np.ones((4, 1)), np.arange(4), 0, "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(
    values: np.ndarray, person: np.ndarray, permutations: int, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        paired(values, person, permutations=permutations)
    with pytest.raises(ValueError, match=why):
        independent(values, person, person < 2, permutations=permutations)


def test_classes_groups_and_hits_must_fit() -> None:
    with pytest.raises(ValueError, match="classes must be one a row"):
        paired(np.ones((4, 1)), np.arange(4), np.arange(3))
    with pytest.raises(ValueError, match="groups must be one a row"):
        independent(np.ones((4, 1)), np.arange(4), np.arange(3) < 2)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        independent(2 * np.ones((4, 1)), np.arange(4), np.arange(4) < 2)
