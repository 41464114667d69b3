"""Permutation tests whose unit is the identity.

Pictures of one person go right and wrong together. Swapping or shuffling rows would take them for
independent and find differences where there are none, so a person's rows move as one.

Where few permutations exist all of them are computed and p is the share of those at least as far
from 0 as what was seen, itself among them. Otherwise B are drawn and ``p = (b + 1) / (B + 1)``,
which is never 0 and never too small (Phipson and Smyth 2010). Ties count as at least as far.
Tests are two-sided. Where few persons differ there are few values that p can take, so 0.05 is
reached less often than in 5 % of the samples in which nothing is the matter: at worst never.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import comb

from evenface.stats.bootstrap import MIN_PERSONS, Array, Index, number_labels
from evenface.stats.permuted import Permutation, found
from evenface.stats.shuffles import (
    ROUNDING,
    Studentised,
    all_flips,
    all_subsets,
    among_all,
    among_drawn,
    random_flips,
    random_subsets,
    turned,
)

PAIRED = "permutation test, both results of an identity swapped"
SHUFFLED = "studentised permutation test, identities shuffled between groups"
ALL_ALIKE = "no identity differs"
FEW_HIT = 20
UNEVEN = (
    f"fewer than {FEW_HIT} identities of a group are hit, or spared, so the level holds only if "
    "groups have alike numbers of pictures"
)


def paired(
    differences: npt.NDArray[Any],
    person: npt.NDArray[Any],
    classes: npt.NDArray[Any] | None = None,
    *,
    permutations: int = 9999,
    seed: int = 0,
) -> tuple[Permutation, ...]:
    """Test whether two models are equally good on the same persons, for many pairs of models.

    `value` is the difference in balanced accuracy, ``sum_i c_i`` over persons with
    ``c_i = sum over i's rows of d / (K n_k)``, where K classes have n_k rows each. If the models
    are interchangeable, swapping both results of a person, which turns the sign of c_i, changes
    nothing that matters. Models that differ person by person but not on the whole are told apart
    no oftener than said if persons are many; where one is better on one class and worse on
    another, less often.

    Parameters
    ----------
    differences : ndarray, shape (n, m)
        Outcome of a row under one model minus that under the other, for each of m comparisons.
        All of them see the same swaps, and none depends on which others are beside it.
    person : ndarray, shape (n,)
        Who is on each row.
    classes : ndarray, shape (n,), optional
        The rows' recorded classes. Without, all rows count the same.
    permutations : int
        Most to compute, at least 1. If no more exist, 2 to the number of persons who differ, all
        are.
    seed : int

    Returns
    -------
    tuple of Permutation, length m
        Without p for fewer than 2 persons.

    Raises
    ------
    ValueError
        If shapes don't fit, differences aren't finite or `permutations` is below 1.
    """
    d, who = _checked(differences, person, permutations)
    number = number_labels(np.zeros(len(d)) if classes is None else classes)
    if number.shape != who.shape:
        raise ValueError("classes must be one a row")
    counts = np.bincount(number)
    weight = 1 / (counts.size * counts[number])
    return sign_flips(_per_person(d * weight[:, None], who), permutations=permutations, seed=seed)


def sign_flips(
    contributions: npt.NDArray[Any], *, permutations: int = 9999, seed: int = 0
) -> tuple[Permutation, ...]:
    """Test whether sums of what persons contribute are 0, by turning signs.

    What `paired` rests on, for any sum over persons that swapping models turns around. The change
    of a gap is such a sum: persons of one group give ``d_i / n_1``, of the other ``-d_i / n_2``.

    Parameters
    ----------
    contributions : ndarray, shape (persons, m)
        Finite.
    permutations, seed
        As in `paired`.

    Returns
    -------
    tuple of Permutation
        One a column.

    Raises
    ------
    ValueError
        If a contribution isn't finite, or `permutations` is below 1.
    """
    c, _ = _checked(contributions, np.arange(len(contributions)), permutations)
    people, m = int(c.shape[0]), int(c.shape[1])
    if people < MIN_PERSONS:
        return (Permutation.missing(_too_few(people), n_identities=people),) * m
    values = c.sum(axis=0)
    # Differences that cancel within a person seldom do so to the last bit.
    c = np.where(np.abs(c) > ROUNDING * np.abs(c).max(axis=0), c, 0.0)
    # Of all turns of signs, the standard deviation.
    turns = np.sqrt(np.square(c).sum(axis=0))
    statistics = values / np.where(turns > 0, turns, np.nan)
    total = np.abs(c).sum(axis=0)
    c = c / np.where(total > 0, total, 1.0)
    seen, differ = np.abs(c.sum(axis=0)), np.count_nonzero(c, axis=0)
    exact = np.array([permutations >> int(k) > 0 for k in differ], dtype=np.bool_)
    p, least = np.ones((2, m))
    for j in np.flatnonzero(exact):
        one = slice(j, j + 1)
        some = c[c[:, j] != 0, one]
        p[one], least[one] = among_all(turned(all_flips(len(some)), some), seen[one])
    drawn = np.flatnonzero(~exact)
    if drawn.size:
        flips = random_flips(np.random.default_rng(seed), permutations, people, m)
        p[drawn], least[drawn] = among_drawn(turned(flips, c[:, drawn]), seen[drawn])
    used = np.where(exact, 2.0 ** np.where(exact, differ, 0), permutations)
    notes = [PAIRED + ("" if k else f"; {ALL_ALIKE}") for k in differ]
    return found(values, statistics, p, least, used, exact, people, notes)


def independent(
    hit: npt.NDArray[Any],
    person: npt.NDArray[Any],
    first: npt.NDArray[np.bool_],
    *,
    permutations: int = 9999,
    seed: int = 0,
) -> tuple[Permutation, ...]:
    """Test whether two groups of other persons have the same share of hits, for many kinds of hit.

    `value` is the share of the first group minus that of the second, each hits over rows. Persons
    are shuffled between groups and compared by ``T = value / sqrt(v_1 + v_2)`` with
    ``v_g = n_g / (n_g - 1) sum_i (h_i - share_g r_i)^2 / R_g^2`` over the n_g persons of a group,
    where person i has h_i hits on r_i rows and the group R_g rows. If groups differ in nothing
    the test is exact. If they have the same share but other spreads, or other numbers of rows a
    person, the difference itself rejects too often or too seldom; divided by its error, it keeps
    its level where persons are many (Janssen 1997; Chung and Romano 2013). That takes some twenty
    persons of each group who are hit and as many who are spared. `method` says if there are fewer:
    in `benchmarks/levels.py` 2 to 11 % are rejected then instead of 5, if groups are unlike.

    Parameters
    ----------
    hit : ndarray, shape (n, m)
        In [0, 1], for each of m kinds of hit. All see the same shuffles.
    person : ndarray, shape (n,)
        Who is on each row.
    first : ndarray of bool, shape (n,)
        Whether a row is of the first group.
    permutations : int
        Most to compute, at least 1. If there are no more ways to choose the first group, all are.
    seed : int

    Returns
    -------
    tuple of Permutation, length m
        Without p for a group of fewer than 2 persons, or if a person is in both.

    Raises
    ------
    ValueError
        If shapes don't fit, hits aren't in [0, 1] or `permutations` is below 1.
    """
    h, who = _checked(hit, person, permutations)
    if not ((h >= 0) & (h <= 1)).all():
        raise ValueError("hits must be in [0, 1]")
    if np.shape(first) != who.shape:
        raise ValueError("groups must be one a row")
    m, hits, rows = int(h.shape[1]), _per_person(h, who), np.bincount(who).astype(np.float64)
    inside = np.bincount(who, weights=first, minlength=rows.size)
    mask, people = inside > 0, rows.size
    n, both = int(mask.sum()), int((mask & (inside < rows)).sum())
    fewest = min(n, people - n)
    if both or fewest < MIN_PERSONS:
        why = f"a group has {_too_few(fewest)}"
        why = f"identities are in both groups: {both}" if both else why
        return (Permutation.missing(why, n_identities=people),) * m
    compare = Studentised(hits, rows)
    values, seen = (x[0] for x in compare(mask[None].astype(np.float64)))
    ways = float(comb(people, n))
    exact = ways <= permutations + 0.5
    used = round(ways) if exact else permutations
    rng, judge = np.random.default_rng(seed), among_all if exact else among_drawn
    chosen = all_subsets(people, n) if exact else random_subsets(rng, used, people, n, m)
    p, least = judge((np.abs(compare(x)[1]) for x in chosen), np.abs(seen))
    some = np.stack([hits > 0, hits < rows[:, None]])
    least_hit = np.minimum(some[:, mask].sum(axis=1), some[:, ~mask].sum(axis=1)).min(axis=0)
    notes = [SHUFFLED + (f"; {UNEVEN}" if k < FEW_HIT else "") for k in least_hit]
    counts, every = np.full(m, used), np.full(m, exact)
    return found(values, seen, p, least, counts, every, people, notes)


def _checked(
    values: npt.NDArray[Any], person: npt.NDArray[Any], permutations: int
) -> tuple[Array, Index]:
    """Return the values, shape (n, m), and numbers of persons."""
    x, who = np.asarray(values, dtype=np.float64), np.asarray(person)
    if x.ndim != 2 or who.shape != x.shape[:1] or not np.isfinite(x).all():
        raise ValueError("values must be finite numbers of shape (n, m), with a person a row")
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; it must be at least 1")
    return x, number_labels(who)


def _too_few(people: int) -> str:
    return "no identity" if people == 0 else "only 1 identity"


def _per_person(values: Array, who: Index) -> Array:
    sums = [np.bincount(who, weights=v) for v in values.T]
    return np.stack(sums, axis=1) if sums else np.zeros((int(who.max(initial=-1)) + 1, 0))
