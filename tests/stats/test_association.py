"""Association tests: against the published definition, loops over pairs, all deals, and nulls."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenface.stats import association as module
from evenface.stats.associated import Targets, means_by_person
from evenface.stats.association import SIDES, Association, association

CASES = st.integers(0, 2**32 - 1)


def cosine(v: np.ndarray, w: np.ndarray) -> float:
    return float(v @ w / np.sqrt((v @ v) * (w @ w)))


def published(v: np.ndarray, x: Any, y: Any, a: Any, b: Any) -> tuple[np.ndarray, float]:
    """Associations of X and Y and effect size by Caliskan et al.'s formula, picture by picture."""
    s = [
        np.mean([cosine(v[i], v[j]) for j in np.flatnonzero(a)])
        - np.mean([cosine(v[i], v[j]) for j in np.flatnonzero(b)])
        for i in [*np.flatnonzero(x), *np.flatnonzero(y)]
    ]
    k = int(np.sum(x))
    return np.array(s), float((np.mean(s[:k]) - np.mean(s[k:])) / np.std(s, ddof=1))


def by_loops(v: np.ndarray, who: np.ndarray, *sets: np.ndarray) -> tuple[np.ndarray, float]:
    """The same by person, over all pairs of pictures of two persons."""

    def of(mask: np.ndarray) -> dict[int, list[int]]:
        return {p: np.flatnonzero(mask & (who == p)).tolist() for p in np.unique(who[mask])}

    x, y, a, b = map(of, sets)

    def near(i: int, p: int, attribute: dict[int, list[int]]) -> float:
        others = [rows for q, rows in attribute.items() if q != p]
        return float(np.mean([np.mean([cosine(v[i], v[j]) for j in rows]) for rows in others]))

    of_targets = [*x.items(), *y.items()]
    s = [np.mean([near(i, p, a) - near(i, p, b) for i in rows]) for p, rows in of_targets]
    d = (np.mean(s[: len(x)]) - np.mean(s[len(x) :])) / np.std(s, ddof=1)
    return np.array(s), float(d)


def shares(s: np.ndarray, k: int) -> dict[str, float]:
    """p of each side from all deals."""
    n = len(s)
    deals = [list(c) for c in combinations(range(n), k)]
    every = [s[c].mean() - np.delete(s, c).mean() for c in deals]
    seen, e = s[:k].mean() - s[k:].mean(), 1e-12
    return {
        "greater": float(np.mean([t >= seen - e for t in every])),
        "less": float(np.mean([t <= seen + e for t in every])),
        "two-sided": float(np.mean([abs(t) >= abs(seen) - e for t in every])),
    }


def masks(of: np.ndarray) -> list[np.ndarray]:
    return [of == k for k in range(4)]


def apart(rng: np.random.Generator, sizes: tuple[int, ...], d: int = 6) -> tuple[Any, ...]:
    """Persons with one picture each, in one set each."""
    of = np.repeat(np.arange(4), sizes)
    v = rng.normal(size=(of.size, d)) + np.eye(4, d)[of]
    return v, rng.permutation(of.size), *masks(of)


def mixed(rng: np.random.Generator, people: int = 12, d: int = 5) -> tuple[Any, ...]:
    """Persons with 1 to 4 pictures, most in a target set and in attribute sets."""
    who = np.repeat(np.arange(people), rng.integers(1, 5, people))
    v = rng.normal(size=(who.size, d)) + rng.normal(size=(people, d))[who]
    target, role = who % 3, rng.integers(0, 3, who.size)  # Role 0 is as a target.
    x, y = ((target == k) & (role == 0) for k in (0, 1))
    # Everybody has a picture in a set that they must have one in.
    first = np.unique(who, return_index=True)[1]
    x[first], y[first] = target[first] == 0, target[first] == 1
    a, b = role == 1, role == 2
    a[first[2:8:3]], b[first[3:9:3]] = True, True
    return v, who, x, y, a, b


def test_equals_the_published_definition() -> None:
    rng = np.random.default_rng(0)
    for sizes in ((4, 4, 5, 5), (3, 6, 2, 7)):
        v, who, *sets = apart(rng, sizes)
        s, d = published(v, *sets)
        for side in SIDES:
            found = association(v, who, *sets, side=side)
            assert found.effect.value == pytest.approx(d, rel=1e-12)
            assert found.p == pytest.approx(shares(s, sizes[0])[side])
            assert found.exact
            assert (found.effect.n, found.effect.n_identities) == (sum(sizes), sum(sizes))


def test_a_known_answer() -> None:
    # Cosines with (1, 0) are 1, 0.8, 0, 0.6; with (0, 1) they are 0, 0.6, 1, 0.8.
    v = np.array([[1, 0], [4, 3], [0, 2], [3, 4], [1, 0], [5, 0], [0, 1], [0, 3]], float)
    sets = masks(np.repeat(np.arange(4), 2))
    found = association(v, np.arange(8), *sets)
    # s is 1, 0.2, -1, -0.2: means 0.6 and -0.6, variance 2.08 / 3.
    assert found.effect.value == pytest.approx(1.2 / np.sqrt(2.08 / 3))
    # Of the 6 deals only the one seen and its mirror image differ by 1.2.
    assert (found.p, found.partitions, found.exact) == (pytest.approx(2 / 6), 6, True)
    one = association(v, np.arange(8), *sets, side="greater")
    assert one.p == pytest.approx(1 / 6)


def test_a_person_is_never_compared_with_themselves() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        v, who, *sets = mixed(rng)
        s, d = by_loops(v, who, *sets)
        found = association(v, who, *sets)
        assert found.effect.value == pytest.approx(d, rel=1e-10)
        assert found.p == pytest.approx(shares(s, np.unique(who[sets[0]]).size)["two-sided"])
        assert found.effect.n_identities == np.unique(who[np.any(sets, axis=0)]).size


def test_more_of_the_same_pictures_change_nothing() -> None:
    rng = np.random.default_rng(2)
    v, who, *sets = apart(rng, (5, 6, 4, 4))
    again = np.repeat(np.arange(who.size), rng.integers(1, 4, who.size))
    one = association(v, who, *sets)
    other = association(v[again], who[again], *(m[again] for m in sets))
    assert other.effect.value == pytest.approx(one.effect.value)
    assert (other.effect.low, other.p) == (pytest.approx(one.effect.low), one.p)
    assert (other.effect.n, other.effect.n_identities) == (again.size, who.size)


@settings(max_examples=25, deadline=None)
@given(seed=CASES)
def test_swaps_turn_the_sign_and_lengths_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    v, who, x, y, a, b = mixed(rng)
    found, e = association(v, who, x, y, a, b, side="greater"), 1e-9
    for sets in ((y, x, a, b), (x, y, b, a)):
        other = association(v, who, *sets, side="less")
        assert other.effect.value == pytest.approx(-found.effect.value, abs=e)
        assert other.effect.low == pytest.approx(-found.effect.high, abs=e)
        assert other.p == pytest.approx(found.p)
    longer = v * np.exp(rng.uniform(-300, 300, (len(v), 1)))
    scaled = association(longer, who, x, y, a, b, side="greater")
    assert scaled.effect.value == pytest.approx(found.effect.value, abs=e)
    assert scaled.p == found.p
    order = rng.permutation(len(v))
    moved = association(v[order], -who[order], *(m[order] for m in (x, y, a, b)), side="greater")
    assert moved.effect.value == pytest.approx(found.effect.value, abs=e)
    assert moved.effect.low == pytest.approx(found.effect.low, abs=e)
    assert moved.p == pytest.approx(found.p)
    assert found.effect.low <= found.effect.value <= found.effect.high


def test_moves_are_the_derivatives_by_weights() -> None:
    rng = np.random.default_rng(3)
    v, who, *sets = mixed(rng, 16)
    v /= np.linalg.norm(v, axis=1)[:, None]
    found = [means_by_person(v, who, m) for m in sets]
    made = Targets.of(found, 16)

    def d(weights: np.ndarray) -> float:
        """Effect size with weights of each set's persons, which are made to sum to their number."""
        w = [u[m] * len(m) / u[m].sum() for u, (m, _) in zip(weights, found, strict=True)]
        s = []
        for k in (0, 1):
            for p, t in zip(*found[k], strict=True):
                near = []
                for j in (2, 3):
                    members, means = found[j]
                    u = w[j] * (members != p)
                    near.append(t @ (u @ means) / u.sum())
                s.append(near[0] - near[1])
        s, n = np.array(s), len(s)
        first = len(found[0][0])
        every = np.concatenate(w[:2])
        centre = every @ s / n
        spread = np.sqrt(every @ (s - centre) ** 2 / (n - 1))
        return float((w[0] @ s[:first] / first - w[1] @ s[first:] / (n - first)) / spread)

    assert d(np.ones((4, 16))) == pytest.approx(made.d)
    for k in range(4):
        for p in found[k][0]:
            up, down = np.ones((2, 4, 16))
            up[k, p], down[k, p] = 1 + 1e-5, 1 - 1e-5
            assert made.moves[k, p] == pytest.approx((d(up) - d(down)) / 2e-5, abs=1e-7)


def population(
    rng: np.random.Generator, sizes: tuple[int, ...], shift: float, d: int = 16
) -> tuple[Any, ...]:
    """Targets and attributes a shift apart along two directions, with 2 pictures a person."""
    of = np.repeat(np.arange(4), sizes)
    centre = np.zeros((4, d))
    centre[:, 0], centre[:, 1] = 2, [shift, -shift, 1, -1]
    person = rng.normal(size=(of.size, d)) + centre[of]
    who = np.repeat(np.arange(of.size), 2)
    return person[who] + 0.5 * rng.normal(size=(who.size, d)), who, *masks(of[who])


def test_the_interval_covers() -> None:
    rng, sizes = np.random.default_rng(4), (25, 25, 20, 20)
    drawn = (population(rng, (1000, 1000, 20, 20), 0.5) for _ in range(30))
    many = [association(*given, permutations=1) for given in drawn]
    truth = np.mean([m.effect.value for m in many])
    found = [association(*population(rng, sizes, 0.5), permutations=1).effect for _ in range(300)]
    held = np.mean([e.low <= truth <= e.high for e in found])
    assert 0.93 <= held <= 0.995
    widths, spread = [e.high - e.low for e in found], np.std([e.value for e in found])
    assert 0.9 <= np.mean(widths) / (2 * 1.96 * spread) <= 1.35


def test_p_is_uniform_if_nothing_is_the_matter() -> None:
    rng = np.random.default_rng(5)
    for sizes, exact in (((5, 5, 6, 6), True), ((12, 12, 6, 6), False)):
        drawn = (population(rng, sizes, 0.0) for _ in range(250))
        found = [association(*given, permutations=99, seed=i) for i, given in enumerate(drawn)]
        assert all(f.exact == exact for f in found)
        p = np.array([f.p for f in found])
        for level in (0.05, 0.2, 0.5):
            reach = 3.3 * np.sqrt(level * (1 - level) / p.size)
            assert np.mean(p <= level) <= level + reach
            assert np.mean(p <= level) >= level - reach - 0.01


def test_drawn_deals_tend_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    v, who, *sets = population(np.random.default_rng(6), (7, 8, 5, 5), 0.2)
    every = association(v, who, *sets)
    assert (every.partitions, every.exact) == (6435, True)
    monkeypatch.setattr(module, "MOST_EXACT", 100)
    drawn = association(v, who, *sets, permutations=20_000)
    assert (drawn.partitions, drawn.exact) == (20_000, False)
    assert drawn.p == pytest.approx(every.p, abs=0.015)
    assert drawn.effect == every.effect
    assert drawn == association(v, who, *sets, permutations=20_000)
    far = population(np.random.default_rng(6), (12, 12, 8, 8), 3.0)
    assert association(*far, permutations=49).p == pytest.approx(1 / 50)


def test_reasons_instead_of_numbers() -> None:
    rng = np.random.default_rng(7)
    v, who, x, y, a, b = apart(rng, (4, 4, 3, 3))
    none = np.zeros(who.size, bool)

    def why(*given: Any) -> str:
        found = association(*given)
        assert (found.p, found.partitions, found.exact) == (None, 0, False)
        assert found.effect.n == np.any(given[2:], axis=0).sum()
        return str(found)

    assert why(v, who, none, y, a, b) == "not computed: no identity in the target set x"
    assert why(v, who, x, y, a, none) == "not computed: no identity in the attribute set b"
    same = np.where(a, -1, who)
    assert why(v, same, x, y, a, b) == "not computed: only 1 identity in the attribute set a"
    assert why(v, who, x, x | y, a, b) == "not computed: identities are in both target sets: 4"
    assert why(v, who, x, y, a, a) == "not computed: all identities are associated alike"
    v[x], v[y] = v[x][0], v[y][0]
    assert why(v, who, x, y, a, b) == (
        "not computed: the identities of each target set are associated alike"
    )


def test_input_that_makes_no_sense() -> None:
    v, who, *sets = apart(np.random.default_rng(8), (3, 3, 3, 3))

    def refused(said: str, *given: Any, **more: Any) -> None:
        with pytest.raises(ValueError, match=re.escape(said)):
            association(*given, **more)

    refused("of shape (n, d)", v[0], who, *sets)
    refused("of shape (n, d)", v, who[1:], *sets)
    refused("said by booleans", v, who, *(m.astype(int) for m in sets))
    refused("no side 'both'; there are two-sided, greater, less", v, who, *sets, side="both")
    refused("permutations is 0", v, who, *sets, permutations=0)
    refused("finite", np.where(np.arange(12)[:, None] == 3, np.nan, v), who, *sets)
    zero = np.where(np.arange(12)[:, None] < 2, 0, v)
    refused("vectors of length 0 have no direction to compare: 2", zero, who, *sets)
    # Of pictures in no set nothing is asked.
    spare = [np.append(m, False) for m in sets]
    found = association(np.vstack([v, np.nan * v[:1]]), np.append(who, 12), *spare)
    assert found.effect == association(v, who, *sets).effect


def test_it_says_what_it_found() -> None:
    found = association(*apart(np.random.default_rng(9), (4, 4, 3, 3)))
    kept = json.loads(json.dumps(found.to_dict()))
    assert kept["effect"]["value"] == found.effect.value
    assert str(found) == f"d = {found.effect}, p = {found.p:.3g}"
    with pytest.raises(ValueError, match="or neither"):
        Association(found.effect, None, 0, False)
