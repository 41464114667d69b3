"""Shares of rows, and how far two groups' shares are apart, with intervals by person.

Shares of what goes wrong are small, and resampling says too little about them: of 200 persons one
of whom is hit, hardly a resample has four. Where few persons are hit, or few spared, the exact
interval at the effective number of persons takes its place (Korn and Graubard 1998).

Persons with as many rows and as many hits are alike to a bootstrap, so they are drawn together:
from a multinomial, in the time that there are kinds of persons, not persons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenface.stats.accuracy import FEW, FEW_PERSONS, effective_interval, mean
from evenface.stats.bootstrap import MIN_PERSONS, Array, Index, Resampler, number_labels
from evenface.stats.intervals import Estimate

APART = "difference of two groups' shares by their intervals"
WOODRUFF = "interval of the share below it, over identities"


@dataclass(frozen=True)
class Alike(Resampler):
    """A `Resampler` of persons by kind: how many rows, how many hits.

    Attributes
    ----------
    first : ndarray of intp, shape (kinds,)
        A person of each kind.
    people : int
        Persons in all.
    """

    first: Index
    people: int

    @classmethod
    def of_hits(
        cls, hit: npt.NDArray[np.bool_], person: npt.NDArray[np.intp], resamples: int, seed: int
    ) -> Alike:
        """Draw the weights for values that are these hits, and for no others."""
        number = number_labels(person)
        count = int(number.max(initial=-1)) + 1
        rows = np.bincount(number, minlength=count)
        hits = np.bincount(number, weights=hit, minlength=count)
        kinds, first, sizes = np.unique(
            np.stack([rows, hits], axis=1), axis=0, return_index=True, return_counts=True
        )[:3]
        if count < MIN_PERSONS:
            return cls(number, np.ones((resamples, len(kinds))), count, first, count)
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(count - 1, sizes / count, size=resamples).astype(np.float64)
        return cls(number, drawn * (count / (count - 1)), count, first, count)

    @property
    def persons(self) -> int:
        """Number of persons."""
        return self.people

    def sums(self, values: npt.NDArray[np.float64]) -> tuple[Array, Array]:
        """Sum values over all rows, as they are and in every resample."""
        per_person = np.stack(
            [np.bincount(self.person, weights=v, minlength=self.people) for v in values.T], axis=1
        )
        return per_person.sum(axis=0), self.weights @ per_person[self.first]


def share(
    hit: npt.NDArray[np.bool_],
    person: npt.NDArray[np.intp],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Share of rows that are hit: in [0, 1].

    Parameters
    ----------
    hit : ndarray of bool, shape (n,)
    person : ndarray of intp, shape (n,)
        Who is on each row.
    level : float
        Nominal coverage.
    resamples : int
    seed : int
    """
    sampler = Alike.of_hits(hit, person, resamples, seed)
    found = mean(hit.astype(np.float64), sampler, level=level)
    if found.value is None or not 0 < found.value < 1:
        return found
    fewest = min(np.unique(person[hit]).size, np.unique(person[~hit]).size)
    if fewest >= FEW_PERSONS:
        return found
    drawn = sampler.sums(np.stack([hit, np.ones(hit.size)], axis=1))[1]
    low, high = effective_interval(
        found.value, drawn[:, 0] / drawn[:, 1], 1.0, sampler.persons, level
    )
    return Estimate(found.value, low, high, level, found.n, found.n_identities, FEW)


def quantile(
    values: npt.NDArray[np.float64],
    person: npt.NDArray[np.intp],
    at: float,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Quantile of a value per row, with Woodruff's interval (1952).

    The share of rows at or below the quantile has an interval by person; its ends, as shares, are
    looked up among the values.

    Parameters
    ----------
    values : ndarray, shape (n,)
    person : ndarray of intp, shape (n,)
    at : float
        Which quantile, between 0 and 1.
    level, resamples, seed
        As in `share`.
    """
    n = values.size
    if not n:
        return Estimate.missing("no rows", level=level)
    value = float(np.quantile(values, at, method="inverted_cdf"))
    below = share(values <= value, person, level=level, resamples=resamples, seed=seed)
    people = below.n_identities
    if below.value is None or below.low is None or below.high is None:
        return Estimate.missing("only 1 identity", level=level, n=n, n_identities=people)
    shares = [min(max(at + end - below.value, 0.0), 1.0) for end in (below.low, below.high)]
    low, high = (float(np.quantile(values, q, method="inverted_cdf")) for q in shares)
    return Estimate(value, min(low, value), max(high, value), level, n, people, WOODRUFF)


def apart(one: Estimate, other: Estimate) -> Estimate:
    """One share minus another, of other persons, from their intervals (Zou and Donner 2008)."""
    n, people = one.n + other.n, one.n_identities + other.n_identities
    for found in (one, other):
        if found.value is None:
            why = found.method.removeprefix("not computed: ")
            return Estimate.missing(why, level=one.level, n=n, n_identities=people)
    v, low, high = (float(x) for x in (one.value, one.low, one.high) if x is not None)
    w, under, over = (float(x) for x in (other.value, other.low, other.high) if x is not None)
    down, up = np.hypot(v - low, over - w), np.hypot(high - v, w - under)
    return Estimate(v - w, float(v - w - down), float(v - w + up), one.level, n, people, APART)
