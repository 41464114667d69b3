"""Resampling persons, never rows.

Pictures of one person are not independent, so whole persons are drawn, within the strata they
were sampled in. From a stratum of n persons n - 1 are drawn and weighted n / (n - 1): without
this the bootstrap's variance is too small by (n - 1) / n, which matters in groups of ten
(Rao and Wu 1988). One matrix of weights serves every number about the same rows, so differences
between models on the same persons are paired by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

MIN_PERSONS = 2
"""Persons a stratum needs before anything can be said about it."""


def number_labels(labels: Sequence[Any] | npt.NDArray[Any]) -> Index:
    """Replace labels by numbers 0 ... k-1 in sorted order."""
    return np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.intp)


@dataclass(frozen=True)
class Resampler:
    """Weights of persons in every resample of a set of rows.

    Attributes
    ----------
    person : ndarray of intp, shape (n,)
        Number of each row's person.
    weights : ndarray of float64, shape (resamples, persons)
        How often each person counts.
    smallest : int
        Persons in the smallest stratum.
    """

    person: Index
    weights: Array
    smallest: int

    @classmethod
    def of(
        cls,
        person: Sequence[Any] | npt.NDArray[Any],
        strata: Sequence[Any] | npt.NDArray[Any] | None = None,
        *,
        resamples: int = 2000,
        seed: int = 0,
    ) -> Resampler:
        """Draw the weights.

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
        stratum = _person_strata(number, count, strata)
        rng = np.random.default_rng(seed)
        weights = np.zeros((resamples, count))
        smallest = count
        for s in range(int(stratum.max(initial=-1)) + 1):
            members = np.flatnonzero(stratum == s)
            k = members.size
            smallest = min(smallest, k)
            if k < MIN_PERSONS:
                weights[:, members] = 1.0
                continue
            weights[:, members] = _drawn(rng, resamples, k) * (k / (k - 1))
        return cls(number, weights, smallest)

    @property
    def persons(self) -> int:
        """Number of persons."""
        return int(self.weights.shape[1])

    def sums(self, values: npt.NDArray[Any]) -> tuple[Array, Array]:
        """Sum values over all rows, as they are and in every resample.

        Parameters
        ----------
        values : ndarray, shape (n, m)

        Returns
        -------
        point : ndarray, shape (m,)
        resampled : ndarray, shape (resamples, m)
        """
        per_person = np.zeros((self.persons, values.shape[1]))
        np.add.at(per_person, self.person, values)
        return per_person.sum(axis=0), self.weights @ per_person


def _drawn(rng: np.random.Generator, resamples: int, k: int) -> Index:
    """Return how often each of k persons comes up in k - 1 draws, shape (resamples, k)."""
    # Counting draws takes a tenth of the time of drawing counts, which are k binomials each.
    who = rng.integers(k, size=(resamples, k - 1)) + k * np.arange(resamples)[:, None]
    return np.bincount(who.ravel(), minlength=resamples * k).reshape(resamples, k)


def _person_strata(
    number: Index, count: int, strata: Sequence[Any] | npt.NDArray[Any] | None
) -> Index:
    if strata is None:
        return np.zeros(count, dtype=np.intp)
    labels = number_labels(strata)
    votes = np.zeros((count, int(labels.max(initial=0)) + 1))
    np.add.at(votes, (number, labels), 1)
    used = votes.argmax(axis=1)
    # A stratum that no person ended up in would be an empty draw.
    return number_labels(used)


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
