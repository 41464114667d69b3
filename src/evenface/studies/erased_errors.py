"""What verification loses when vectors are changed: errors of people who were not fitted to.

For every split and every way to change vectors, thresholds are set among other persons' changed
vectors, at which FMR is the target's, or FMR and FNMR are equal. Errors are those among the
split's test persons, of changed vectors too, summed over splits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evenface.heads.scaling import Vectors
from evenface.pairs.people import People
from evenface.pairs.remedies import Unchanged
from evenface.pairs.samples import Sample, Values
from evenface.pairs.similarity import Prepared
from evenface.stats.intervals import Estimate
from evenface.stats.pairs import pair_difference, pair_rate
from evenface.studies.remedied import Hand
from evenface.studies.remedied_errors import Errors as SplitErrors
from evenface.studies.remedied_errors import Tally, Task, errors_of

EQUAL = 0.0
"""Stands for the threshold of equal errors where a target FMR would."""

MEAN = "mean of FMR and FNMR by their intervals"


class Errors:
    """Errors over splits of several ways to change vectors.

    Parameters
    ----------
    people : People
    ways : sequence of str
    fmr : float
        FMR on other persons at which errors are counted, beside `EQUAL` ones.
    similarity : str
    """

    def __init__(self, people: People, ways: Sequence[str], fmr: float, similarity: str) -> None:
        self.people, self.fmr, self.similarity = people, fmr, similarity
        self.tally = Tally(people, [(w, t) for w in ways for t in (fmr, EQUAL)])
        self.refused: dict[str, str] = {}
        self.counted: dict[tuple[str, float], SplitErrors] = {}
        self.set_at: dict[tuple[str, float], float] = {}

    def count(self, way: str, vectors: Vectors, hand: Hand) -> Sample:
        """Count the errors of a split's test persons; return their rows.

        Parameters
        ----------
        way : str
        vectors : ndarray of float32, shape (n, d)
            Of all rows, changed.
        hand : Hand

        Raises
        ------
        VectorError
            If a vector can't be compared, as one of length 0 by its cosine.
        """
        prepared = Prepared.of(vectors, self.people.order, self.similarity)
        training, test = (Sample.of(prepared, self.people, p) for p in (hand.training, hand.test))
        keys = (self.fmr, EQUAL)
        own = {(way, t): at for t, at in zip(keys, thresholds(training, keys), strict=True)}
        self.counted |= errors_of(test, [Task(way, Unchanged(), keys)], own, self.people.persons)
        self.set_at |= own
        return test

    def close(self, test: Sample, fold: int) -> None:
        """Add a split's errors, once those of all ways are counted."""
        self.tally.add(test, fold, self.set_at, self.counted)
        self.counted, self.set_at = {}, {}

    def rate(self, way: str, metric: str, group: int | None, level: float) -> Estimate:
        """Return ``fmr`` or ``fnmr`` at the threshold for an FMR, or ``eer``.

        Where others are too few for the FMR, by `refused`, the first two are not there.
        """

        def of(target: float, name: str) -> Estimate:
            return pair_rate(self.tally.counts((way, target), name, group), level=level)

        if metric == "eer":
            return _mean(of(EQUAL, "fmr"), of(EQUAL, "fnmr"))
        found = of(self.fmr, metric)
        return self._unless(found, way)

    def _unless(self, found: Estimate, *ways: str) -> Estimate:
        """Return a rate, or why there is none."""
        for why in (self.refused[w] for w in ways if w in self.refused):
            return Estimate.missing(
                why, level=found.level, n=found.n, n_identities=found.n_identities
            )
        return found

    def change(
        self, way: str, against: str, metric: str, group: int | None, level: float
    ) -> Estimate:
        """Return by how much a rate of one way differs from that of another."""

        def of(target: float, name: str) -> Estimate:
            one, other = (self.tally.counts((w, target), name, group) for w in (way, against))
            return pair_difference(one, other, same=True, level=level)

        if metric == "eer":
            return _mean(of(EQUAL, "fmr"), of(EQUAL, "fnmr"))
        return self._unless(of(self.fmr, metric), way, against)


def thresholds(sample: Sample, targets: Sequence[float]) -> list[float]:
    """Return a sample's thresholds: for a target FMR, or `EQUAL` errors.

    For a target it is the lowest at which no more impostor pairs match.
    """
    impostors: Values = np.sort(np.concatenate(list(sample.by_groups.values())))
    genuine = np.sort(sample.prepared.listed(*sample.genuine()))
    found = []
    for target in targets:
        if target == EQUAL:
            every = np.unique(genuine)
            missed = np.searchsorted(genuine, every) / genuine.size
            matched = 1 - np.searchsorted(impostors, every) / impostors.size
            found.append(float(every[np.abs(missed - matched).argmin()]))
        else:
            kept = min(int(target * impostors.size * (1 + 1e-9)), impostors.size - 1)
            found.append(float(np.nextafter(impostors[-1 - kept], np.float32(np.inf))))
    return found


def _mean(one: Estimate, other: Estimate) -> Estimate:
    """Return the mean of two rates of different pairs, or of two changes of such."""
    lost = [e for e in (one, other) if e.value is None]
    n, people = one.n + other.n, max(one.n_identities, other.n_identities)
    if lost:
        why = lost[0].method.removeprefix("not computed: ")
        return Estimate.missing(why, level=one.level, n=n, n_identities=people)
    (v, low, high), (w, under, over) = (
        np.array([e.value, e.low, e.high], dtype=float) for e in (one, other)
    )
    middle = (v + w) / 2
    down, up = np.hypot(v - low, w - under) / 2, np.hypot(high - v, over - w) / 2
    return Estimate(
        float(middle), float(middle - down), float(middle + up), one.level, n, people, MEAN
    )
