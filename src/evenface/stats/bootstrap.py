"""Resampling persons, never rows.

Pictures of one person are not independent, so whole persons are drawn, within the strata they
were sampled in. From a stratum of n persons n - 1 are drawn and weighted n / (n - 1): without
this the bootstrap's variance is too small by (n - 1) / n, which matters in groups of ten
(Rao and Wu 1988). The same weights serve every number about the same rows, so differences
between models on the same persons are paired by construction. Weights are drawn a block of
resamples at a time and multiplied while they are there: no loop over resamples, and no matrix
of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Values = npt.NDArray[Any]

MIN_PERSONS = 2
"""Persons a stratum needs before anything can be said about it."""

BLOCK = 4_000_000
"""Weights that are in memory at a time."""


def number_labels(labels: Sequence[Any] | npt.NDArray[Any]) -> Index:
    """Replace labels by numbers 0 ... k-1 in sorted order."""
    return np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.intp)


def distinct(numbers: Values) -> Values:
    """Return which numbers there are, sorted; what `numpy.unique` does, sooner for small ones."""
    whole = np.issubdtype(numbers.dtype, np.integer) and numbers.size > 0
    if whole and numbers.min() >= 0 and numbers.max() < 32 * numbers.size:
        return np.flatnonzero(np.bincount(numbers))
    return np.unique(numbers)


def per_person(values: Values, number: Index, count: int) -> Array:
    """Sum rows by person.

    Parameters
    ----------
    values : ndarray, shape (n, m)
    number : ndarray of intp, shape (n,)
        Persons 0 ... count-1.
    count : int

    Returns
    -------
    ndarray of float64, shape (count, m)
    """
    columns = [np.bincount(number, weights=v, minlength=count) for v in np.asarray(values).T]
    return np.stack(columns, axis=1) if columns else np.zeros((count, 0))


def person_strata(
    number: Index, count: int, strata: Sequence[Any] | npt.NDArray[Any] | None
) -> Index:
    """Return the stratum of each person, the commonest of its rows, as 0 ... k-1."""
    if strata is None:
        return np.zeros(count, dtype=np.intp)
    labels = number_labels(strata)
    kinds = int(labels.max(initial=0)) + 1
    votes = np.bincount(number * kinds + labels, minlength=count * kinds).reshape(count, kinds)
    # A stratum that no person ended up in would be an empty draw.
    return number_labels(votes.argmax(axis=1))


@dataclass(frozen=True)
class Resampler:
    """Draws the persons of a set of rows again and again.

    Attributes
    ----------
    person : ndarray of intp, shape (n,)
        Number of each row's person.
    stratum : ndarray of intp, shape (persons,)
        What each person was sampled as.
    resamples : int
    seed : int
        The same seed draws the same persons.
    """

    person: Index
    stratum: Index
    resamples: int
    seed: int

    @classmethod
    def of(
        cls,
        person: Sequence[Any] | npt.NDArray[Any],
        strata: Sequence[Any] | npt.NDArray[Any] | None = None,
        *,
        resamples: int = 2000,
        seed: int = 0,
    ) -> Resampler:
        """Say whom to draw.

        Parameters
        ----------
        person : sequence, length n
            Who is on each row.
        strata : sequence, length n, optional
            What a row's person was sampled as: its class, its group. A person with rows in
            several strata belongs to the commonest.
        resamples : int
        seed : int
        """
        number = number_labels(person)
        count = int(number.max(initial=-1)) + 1
        return cls(number, person_strata(number, count, strata), resamples, seed)

    @property
    def persons(self) -> int:
        """Number of persons."""
        return len(self.stratum)

    def sums(self, values: Values) -> tuple[Array, Array]:
        """Sum values over all rows, as they are and in every resample.

        Parameters
        ----------
        values : ndarray, shape (n, m)

        Returns
        -------
        point : ndarray, shape (m,)
        resampled : ndarray, shape (resamples, m)
        """
        of_persons = per_person(values, self.person, self.persons)
        rng = np.random.default_rng(self.seed)
        drawn = np.zeros((self.resamples, of_persons.shape[1]))
        for s in range(int(self.stratum.max(initial=-1)) + 1):
            own = of_persons[self.stratum == s]
            k = len(own)
            if k < MIN_PERSONS:
                drawn += own.sum(axis=0)
                continue
            own *= k / (k - 1)
            step = max(BLOCK // k, 1)
            for start in range(0, self.resamples, step):
                part = drawn[start : start + step]
                part += draw_persons(rng, len(part), k) @ own
        return of_persons.sum(axis=0), drawn


def draw_persons(rng: np.random.Generator, resamples: int, k: int) -> Index:
    """Return how often each of k persons comes up in k - 1 draws, shape (resamples, k)."""
    # Counting draws takes a tenth of the time of drawing counts, which are k binomials each.
    who = rng.integers(k, size=(resamples, k - 1), dtype=np.int32)
    who += (k * np.arange(resamples, dtype=np.int32))[:, None]
    return np.bincount(who.ravel(), minlength=resamples * k).reshape(resamples, k)


def percentiles(resampled: Array, level: float) -> tuple[Array, Array]:
    """Return the two ends of the percentile interval of each column.

    Parameters
    ----------
    resampled : ndarray, shape (resamples, m)
    level : float

    Returns
    -------
    low, high : ndarray, shape (m,)
    """
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return low, high


def bca(value: float, resampled: Array, influence: Array, level: float) -> tuple[float, float]:
    """Return the bias-corrected and accelerated interval (Efron 1987).

    Quantiles ``Phi(z0 + (z0 + z) / (1 - a (z0 + z)))`` of the resamples, with z0 from the share
    of resamples below the value and ``a = sum(u^3) / (6 sum(u^2)^(3/2))``.

    Parameters
    ----------
    value : float
    resampled : ndarray, shape (resamples,)
    influence : ndarray, shape (persons,)
        How each person moves the value, up to a factor; sums to 0.
    level : float
    """
    # Half of the ties: of shares of few rows many resamples equal the value.
    below = float((resampled < value).mean() + (resampled == value).mean() / 2)
    squares = float((influence**2).sum())
    if not 0 < below < 1 or squares <= 0:
        low, high = percentiles(resampled[:, None], level)
        return float(low[0]), float(high[0])
    z0 = float(stats.norm.ppf(below))
    a = float((influence**3).sum()) / (6 * squares**1.5)
    z = z0 + stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(resampled, stats.norm.cdf(z0 + z / (1 - a * z)))
    return float(low), float(high)
