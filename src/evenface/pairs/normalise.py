"""Scores normalised by what impostors score against the same picture.

A picture that is like many others' has high impostor scores; measured in deviations from their
mean, a score says the same for each. Who the impostors are is given by a cohort of training
persons. No group label is used.

``z_norm`` (Auckenthaler, Carey and Lloyd-Thomas 2000)::

    z(s; a) = (s - mean(a)) / deviation(a)

with mean and deviation of the scores of the reference a against the cohort. ``s_norm`` (Kenny
2010) is the mean over both sides, ``(z(s; a) + z(s; b)) / 2``, and does not depend on which of
the two is the reference.

Of what pictures add to all their scores, ``s = u_a + u_b``, either takes half away. Where pictures
of a group are alike among themselves alone, a cohort of all groups spreads more against them, and
``z_norm`` may turn the inequality around.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenface.errors import SelectionError
from evenface.pairs.people import Rows
from evenface.pairs.samples import Sample, Training, Values, against
from evenface.pairs.similarity import Prepared

COHORT = 1000
"""Rows of a cohort at most, spread evenly over persons."""

LEAST = 1e-6
"""Part of the range of scores below which a deviation is rounding."""

BLOCK = 512


@dataclass(frozen=True)
class Cohort:
    """Impostors for everybody.

    Attributes
    ----------
    prepared : Prepared
    person : ndarray of intp, shape (m,)
        A row is never compared with the cohort's rows of its own person.
    mean, deviation : float
        Where a row has fewer than two impostors, or all score the same.
    """

    prepared: Prepared
    person: Rows
    mean: float = 0.0
    deviation: float = 1.0

    def facts(self, sample: Sample) -> Values:
        """Return ``mean / deviation`` and ``1 / deviation`` of each row's impostors, (n, 2)."""
        mean, deviation = self.moments(sample).T
        return np.stack([mean / deviation, 1 / deviation], axis=1).astype(np.float32)

    def moments(self, sample: Sample) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Return the mean and deviation of each row's impostor scores, shape (n, 2)."""
        found = np.empty((len(sample), 2))
        low, high = self.prepared.reach
        for start in range(0, len(sample), BLOCK):
            some = slice(start, min(start + BLOCK, len(sample)))
            scores = against(sample.prepared, some, self.prepared).cpu().numpy()
            other = sample.person[some][:, None] != self.person
            count = np.maximum(other.sum(axis=1), 1)
            mean = scores.sum(axis=1, where=other, dtype=np.float64) / count
            # In the scores' own precision: the mean is taken away first.
            scores -= mean[:, None].astype(np.float32)
            rest = scores.sum(axis=1, where=other, dtype=np.float64) / count
            squares = np.square(scores).sum(axis=1, where=other, dtype=np.float64) / count
            deviation = np.sqrt(np.maximum(squares - rest**2, 0))
            lost = (deviation <= LEAST * (high - low)) | (count < 2)
            mean = np.where(other.any(axis=1), mean + rest, self.mean)
            found[some] = np.stack([mean, np.where(lost, self.deviation, deviation)], axis=1)
        return found


@dataclass(frozen=True)
class ZNorm:
    """Normalised by the reference's impostors."""

    cohort: Cohort

    def facts(self, sample: Sample) -> Values:
        """Return what `Cohort.facts` does."""
        return self.cohort.facts(sample)

    def __call__(self, scores: Values, a: Values, b: Values) -> Values:  # noqa: ARG002
        """Return ``z(s; a)``."""
        return scores * a[..., 1] - a[..., 0]


@dataclass(frozen=True)
class SNorm:
    """Normalised by the impostors of both sides."""

    cohort: Cohort

    def facts(self, sample: Sample) -> Values:
        """Return what `Cohort.facts` does, halved."""
        return self.cohort.facts(sample) * np.float32(0.5)

    def __call__(self, scores: Values, a: Values, b: Values) -> Values:
        """Return ``(z(s; a) + z(s; b)) / 2``."""
        found: Values = scores * (a[..., 1] + b[..., 1]) - (a[..., 0] + b[..., 0])
        return found


def fit_cohort(training: Training, *, most: int = COHORT) -> Cohort:
    """Draw a cohort: of each person one picture before there is a second of anybody.

    Raises
    ------
    SelectionError
        If there are not two persons.
    """
    sample = training.sample
    if sample.persons < 2:
        raise SelectionError("a cohort needs at least 2 training persons")
    mixed = np.random.default_rng(training.seed).permutation(len(sample))
    by_person = mixed[np.argsort(sample.person[mixed], kind="stable")]
    starts = np.searchsorted(sample.person[by_person], sample.person[by_person])
    turn = np.empty(len(sample), dtype=np.intp)
    turn[by_person] = np.arange(len(sample)) - starts
    chosen = np.sort(mixed[np.argsort(turn[mixed], kind="stable")][:most])
    cohort = Cohort(sample.prepared.at(chosen), sample.person[chosen])
    own = Sample(
        cohort.prepared, cohort.person, sample.identity[chosen], sample.group[chosen], sample.groups
    )
    # What is 0 here has no impostors that differ.
    mean, deviation = Cohort(cohort.prepared, cohort.person, deviation=0.0).moments(own).T
    some = deviation[deviation > 0]
    usual = float(np.median(some)) if some.size else 1.0
    return Cohort(cohort.prepared, cohort.person, float(mean.mean()), usual)


def fit_z_norm(training: Training) -> ZNorm:
    """Fit ``z_norm``."""
    return ZNorm(fit_cohort(training))


def fit_s_norm(training: Training) -> SNorm:
    """Fit ``s_norm``."""
    return SNorm(fit_cohort(training))
