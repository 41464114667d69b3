"""Thresholds from impostor scores: one for all, or one for each group.

Group thresholds are chosen at one FMR within each group, the largest at which all training pairs
together, also those of two groups, have no more than the target: then a pooled threshold at the
same target has as many false matches, and only whose they are differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenface.errors import SelectionError
from evenface.pairs.bins import LOWEST
from evenface.pairs.samples import Sample, Training, Values
from evenface.stats.rates import Scores, threshold_at

ENOUGH = 10
"""False matches to expect at a target FMR before a threshold can be set at it."""

HALVINGS = 40


class Highest:
    """The highest of many scores, as many as thresholds up to an FMR need.

    Parameters
    ----------
    total : int
        How many scores there will be.
    target : float
        Largest FMR, in [0, 1].
    """

    def __init__(self, total: int, target: float) -> None:
        self.total, self.keep = total, min(int(np.ceil(target * total)) + 2, total)
        self.cut = np.float32(-np.inf)
        self.parts: list[Values] = []
        self.held = 0

    def chosen(self, scores: Values) -> Values:
        """Return those of some scores that may be among the highest."""
        flat = scores.ravel()
        return flat[flat >= self.cut] if self.cut > -np.inf else flat

    def add(self, scores: Values) -> None:
        """Take what `chosen` returned."""
        self.parts.append(scores)
        self.held += scores.size
        if self.held > 3 * self.keep + (1 << 16):
            self._drop()

    def threshold(self, target: float) -> float:
        """Return the lowest threshold, a float32, at which FMR is no more than a target."""
        self._drop()
        kept = self.parts[0]
        below = self.total - kept.size
        counts = np.append(np.ones(kept.size, dtype=np.int64), below)
        found = threshold_at(Scores.of(np.append(kept, LOWEST), counts), target)
        # Just above a score in double precision is that score in single precision.
        single = np.float32(found)
        up = np.nextafter(single, np.float32(np.inf))
        return float(single if float(single) >= found else up)

    def _drop(self) -> None:
        every = np.concatenate([np.empty(0, dtype=np.float32), *self.parts])
        if every.size > self.keep:
            every = np.partition(every, every.size - self.keep)[every.size - self.keep :]
            self.cut = every.min()
        self.parts, self.held = [every], every.size


@dataclass(frozen=True)
class GroupThresholds:
    """A threshold for each group.

    Attributes
    ----------
    thresholds : ndarray of float32, shape (groups,)
        Of a pair of two groups the larger counts: neither group has more false matches with
        others than its own threshold allows.
    within : float
        FMR within each group that has a threshold of its own.
    own : ndarray of bool, shape (groups,)
        Which have; others, and who has no recorded group, have that of all together.
    """

    thresholds: Values
    within: float
    own: np.ndarray[tuple[int], np.dtype[np.bool_]]

    def facts(self, sample: Sample) -> Values:
        """Return the threshold of each row's group, shape (n, 1)."""
        return self.thresholds[sample.group][:, None]

    def __call__(self, scores: Values, a: Values, b: Values) -> Values:
        """Return how far scores are above the threshold: 0 is the threshold of all."""
        return scores - np.maximum(a[..., 0], b[..., 0])


def fit_group_thresholds(training: Training) -> GroupThresholds:
    """Set a threshold for each group.

    Raises
    ------
    SelectionError
        If no group has 10 / FMR impostor pairs.
    """
    sample, target = training.sample, training.target
    cells = sample.by_groups
    size = len(sample.groups)
    total = sum(c.size for c in cells.values())
    own = np.array([cells[g, g].size >= ENOUGH / target for g in range(size)])
    own &= np.array([name is not None for name in sample.groups], dtype=bool)
    if not own.any():
        raise SelectionError(
            f"no recorded group has {ENOUGH / target:.0f} pairs of two training persons"
        )
    pooled = Highest(total, target)
    for scores in cells.values():
        pooled.add(pooled.chosen(scores))
    thresholds = np.full(size, pooled.threshold(target), dtype=np.float32)

    def at(within: float) -> Values:
        found = thresholds.copy()
        for g in np.flatnonzero(own).tolist():
            found[g] = _threshold(cells[g, g], within)
        return found

    def fits(within: float) -> bool:
        t = at(within)
        false = sum(_at_least(c, max(t[g], t[h])) for (g, h), c in cells.items())
        return false <= target * total

    # From no false match within any of these groups on.
    low, high = 0.5 / total, 1.0
    for _ in range(HALVINGS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if fits(middle) else (low, middle)
    return GroupThresholds(at(low), low, own)


def _at_least(scores: Values, threshold: float) -> int:
    return scores.size - int(np.searchsorted(scores, np.float32(threshold), side="left"))


def _threshold(scores: Values, target: float) -> np.float32:
    """Return the lowest of sorted scores, or just above all, from which FMR is at most a target."""
    allowed = int(target * scores.size)
    if allowed >= scores.size:
        return np.float32(scores[0])
    # Scores that tie with the first one too many are too many.
    k = int(np.searchsorted(scores, scores[scores.size - allowed - 1], side="right"))
    above = np.nextafter(scores[-1], np.float32(np.inf))
    return np.float32(scores[k] if k < scores.size else above)
