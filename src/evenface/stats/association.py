"""Whether one kind of face lies nearer to one attribute than another kind does (WEAT, iEAT).

Two sets of target pictures X and Y, two of attribute pictures A and B (Caliskan, Bryson and
Narayanan 2017; for pictures Steed and Caliskan 2021). A picture w is associated by
``s(w, A, B) = mean_a cos(w, a) - mean_b cos(w, b)``, and the effect size is
``d = (mean_X s - mean_Y s) / std_{X u Y} s``, the standard deviation with one less than the
number, as in the papers' programs.

Here pictures come by person, and a person is the unit: s of a person is the mean over their
pictures, attributes are means over persons of the means of their pictures, and who stands among
targets and attributes is never compared with themselves. Where nobody has two pictures or stands
in two sets, all of it is the published definition. The cosines are never listed: means of unit
vectors by set and person give the same sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import comb

from evenface.stats.associated import Mask, Targets, means_by_person
from evenface.stats.bootstrap import MIN_PERSONS, Array, Index, number_labels
from evenface.stats.intervals import Estimate
from evenface.stats.shuffles import (
    all_subsets,
    among_all,
    among_drawn,
    random_subsets,
)

Side = Literal["two-sided", "greater", "less"]
SIDES = ("two-sided", "greater", "less")
MOST_EXACT = 20_000
"""Partitions of the targets up to which all of them are looked at."""

INTERVAL = "infinitesimal jackknife over identities on Fisher's scale"
SETS = {"x": "target set x", "y": "target set y", "a": "attribute set a", "b": "attribute set b"}


@dataclass(frozen=True)
class Association:
    """How differently two sets of people are associated with two attributes.

    Attributes
    ----------
    effect : Estimate
        The effect size d; above 0 where X is nearer to A, or Y to B. Its `n` counts pictures in
        any of the sets, its `n_identities` the persons on them.
    p : float or None
        How often people dealt to X and Y at random differ as much: in (0, 1]. None where there is
        no effect size.
    partitions : int
        How many such deals were looked at.
    exact : bool
        Whether these were all there are.
    side : {"two-sided", "greater", "less"}
        Which differences count as as large.
    """

    effect: Estimate
    p: float | None
    partitions: int
    exact: bool
    side: str = "two-sided"

    def __post_init__(self) -> None:
        if (self.effect.value is None) != (self.p is None):
            raise ValueError("an association has an effect size and a p, or neither")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, JSON-ready."""
        return {**self.__dict__, "effect": self.effect.to_dict()}

    def __str__(self) -> str:
        return self.effect.method if self.p is None else f"d = {self.effect}, p = {self.p:.3g}"


def association(
    vectors: npt.ArrayLike,
    person: npt.ArrayLike,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    side: Side = "two-sided",
    level: float = 0.95,
    permutations: int = 9999,
    seed: int = 0,
) -> Association:
    """Measure and test the association of two sets of targets with two of attributes.

    The test deals the persons of X u Y to two sets of the same sizes. All deals are looked at
    where there are no more than `MOST_EXACT`, and p is the share of those with a difference as
    large; otherwise `permutations` are drawn and p is ``(hits + 1) / (draws + 1)``. Caliskan et
    al. test one side, ``greater``, and don't count ties; here they count, so that p is never 0.

    The interval covers all persons drawn anew, those of the attributes too, the sizes of the sets
    being given. The derivatives of d by each person's weight, whatever sets the person is in, give
    its variance (infinitesimal jackknife, Jaeckel 1972). ``r = d sqrt(n_X n_Y / (n (n - 1)))``
    is the correlation of s with membership of X, so the interval is taken on atanh(r) and never
    leaves what d can be. It is about the d of as many attribute persons as there are: with few,
    s varies more, and d is nearer to 0 than with many.

    Parameters
    ----------
    vectors : array_like, shape (n, d)
        Of any length but 0: cosines are compared.
    person : array_like, shape (n,)
        Who is on each picture.
    x, y, a, b : array_like of bool, shape (n,)
        Which pictures are in each set. A person may stand in several, but not in both X and Y.
    side : {"two-sided", "greater", "less"}
    level : float
        Nominal coverage of the interval, between 0 and 1.
    permutations : int
        Deals to draw, at least 1.
    seed : int

    Returns
    -------
    Association
        With the reason instead of numbers where a set shows fewer than 2 persons, a person is in
        both X and Y, or no two persons differ.

    Raises
    ------
    ValueError
        If shapes don't fit, vectors aren't finite or one that is used is 0, or an option is none
        that there is.
    """
    if side not in SIDES:
        raise ValueError(f"no side {side!r}; there are {', '.join(SIDES)}")
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; it must be at least 1")
    v, who, sets = _checked(vectors, person, (x, y, a, b))
    n, people = len(v), int(np.unique(who).size)

    def missing(why: str) -> Association:
        effect = Estimate.missing(why, level=level, n=n, n_identities=people)
        return Association(effect, None, 0, False, side)

    found = [means_by_person(v, who, mask) for mask in sets]
    for (members, _), name in zip(found, SETS.values(), strict=True):
        if members.size < MIN_PERSONS:
            return missing(f"{('no', 'only 1')[members.size]} identity in the {name}")
    if both := np.intersect1d(found[0][0], found[1][0]).size:
        return missing(f"identities are in both target sets: {both}")
    made = Targets.of(found, people)
    if made.alike:
        return missing(made.alike)
    low, high = made.interval(level)
    effect = Estimate(made.d, low, high, level, n, people, INTERVAL)
    return Association(effect, *_test(made, side, permutations, seed), side)


def _test(made: Targets, side: str, draws: int, seed: int) -> tuple[float, int, bool]:
    """Return p, how many deals it comes from, and whether these were all."""
    z = made.s - made.s.mean()
    # Means of sets of given sizes differ by a multiple of the first one's sum.
    z /= np.abs(z).sum()
    n, k = len(z), made.first
    member = (np.arange(n) < k)[None].astype(np.float64)

    def size(chosen: Array) -> Array:
        moved = chosen @ z[:, None] * (-1 if side == "less" else 1)
        # Ties are those of positive numbers.
        return np.asarray(np.abs(moved) if side == "two-sided" else 1 + moved)

    ways = float(comb(n, k))
    exact = ways <= MOST_EXACT + 0.5
    used = round(ways) if exact else draws
    rng, judge = np.random.default_rng(seed), among_all if exact else among_drawn
    deals = all_subsets(n, k) if exact else random_subsets(rng, used, n, k, 1)
    p, _ = judge((size(deal) for deal in deals), size(member)[0])
    return float(p[0]), used, exact


def _checked(
    vectors: npt.ArrayLike, person: npt.ArrayLike, masks: tuple[npt.ArrayLike, ...]
) -> tuple[Array, Index, list[Mask]]:
    """Return unit vectors, numbers of persons and masks, of the pictures in any set."""
    v, who = np.asarray(vectors), np.asarray(person)
    sets = [np.asarray(m) for m in masks]
    if v.ndim != 2 or any(m.shape != v.shape[:1] for m in (who, *sets)):
        raise ValueError("vectors must be of shape (n, d), with a person and a place in sets a row")
    if any(m.dtype != np.bool_ for m in sets):
        raise ValueError("which pictures are in a set must be said by booleans")
    used = np.any(sets, axis=0)
    v = v[used].astype(np.float64)
    if not np.isfinite(v).all():
        raise ValueError("vectors must be finite")
    # Squares of very long and very short vectors are no numbers.
    scale = np.abs(v).max(axis=1, initial=0.0)
    if zero := int((scale == 0).sum()):
        raise ValueError(f"vectors of length 0 have no direction to compare: {zero}")
    v /= scale[:, None]
    v /= np.sqrt(np.einsum("ij,ij->i", v, v))[:, None]
    return v, number_labels(who[used]), [m[used] for m in sets]
