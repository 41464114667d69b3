"""Means, accuracies and balanced accuracies of held-out rows, with intervals by person.

Balanced accuracy is the mean of the classes' recalls. Where a class shows no error (or nothing
but errors) resampling can't vary its recall and would print an interval of no width. There the
exact bound for that many persons takes the place of the missing spread, and the classes' parts
are combined by the method of variance estimates recovery (Zou and Donner 2008):
``low = v - sqrt((v - low_b)^2 + sum_k (1 - bound_k)^2 / K^2)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.stats.bootstrap import MIN_PERSONS, Array, Index, Resampler, percentiles
from evenface.stats.intervals import Estimate, all_right_bound, clopper_pearson

BOOTSTRAP = "percentile bootstrap over identities"
EXACT = "exact bound over identities"
FEW = "exact interval at the effective number of identities"
FEW_PERSONS = 30
"""Below this a resampled mean is too coarse; Korn and Graubard's interval takes its place."""

BOTH = "percentile bootstrap over identities, widened by the exact bound of a class without spread"

Values = npt.NDArray[Any]


def mean(
    values: Values,
    sampler: Resampler,
    *,
    level: float = 0.95,
    limits: tuple[float, float] | None = (0.0, 1.0),
) -> Estimate:
    """Mean of a value per row.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Within `limits`, if there are any.
    sampler : Resampler
        Made for these rows.
    level : float
        Nominal coverage.
    limits : (float, float), optional
        The values' range; a mean that sits on one of its ends gets the exact bound.
    """
    n = values.shape[0]
    if n == 0:
        return Estimate.missing("no rows", level=level)
    if sampler.persons < MIN_PERSONS:
        return Estimate.missing("only 1 identity", level=level, n=n, n_identities=sampler.persons)
    columns = np.stack([values.astype(np.float64), np.ones(n)], axis=1)
    point, drawn = sampler.sums(columns)
    value = point[0] / point[1]
    low, high = (float(x[0]) for x in percentiles(drawn[:, :1] / drawn[:, 1:], level))
    method = BOOTSTRAP
    if limits is not None:
        floor, ceiling = limits
        reach = (ceiling - floor) * (1 - all_right_bound(sampler.persons, level))
        if value >= ceiling:
            low, method = ceiling - reach, EXACT
        elif value <= floor:
            high, method = floor + reach, EXACT
        elif sampler.persons < FEW_PERSONS:
            share = (value - floor) / (ceiling - floor)
            ends = effective_interval(
                share, drawn[:, 0] / drawn[:, 1], (ceiling - floor), sampler.persons, level
            )
            low, high = (floor + (ceiling - floor) * x for x in ends)
            method = FEW
    return Estimate(float(value), low, high, level, n, sampler.persons, method)


def effective_interval(
    share: float, drawn: Array, width: float, persons: int, level: float
) -> tuple[float, float]:
    """Interval of a share at its effective number of persons (Korn and Graubard 1998).

    Parameters
    ----------
    share : float
    drawn : ndarray, shape (resamples,)
        The share in every resample, times `width`.
    width : float
    persons : int
    level : float
        Nominal coverage.
    """
    variance = float((drawn / width).var())
    effective = share * (1 - share) / variance if variance > 0 else float(persons)
    # No fewer than a person, no more than there are: values between 0 and 1 are no trials.
    effective = min(max(effective, 1.0), float(persons))
    return clopper_pearson(share * effective, effective, level)


class Recalls:
    """Recall of every class under every model, for the same rows and the same resamples.

    Parameters
    ----------
    correct : ndarray, shape (n, m)
        Share of a row's held-out predictions that were right, in [0, 1], for each of m models.
    classes : ndarray of intp, shape (n,)
        The rows' recorded classes.
    sampler : Resampler
        Made for these rows, with the classes among its strata.
    level : float
        Nominal coverage of the intervals.
    """

    def __init__(
        self, correct: Values, classes: Index, sampler: Resampler, *, level: float = 0.95
    ) -> None:
        self.level = level
        self.n = int(classes.shape[0])
        self.persons = sampler.persons
        self.present = np.unique(classes)
        self.counts = np.array(
            [np.unique(sampler.person[classes == k]).size for k in self.present], dtype=np.intp
        )
        points, draws = [], []
        for k in self.present:
            rows = (classes == k)[:, None]
            point, drawn = sampler.sums(np.concatenate([correct * rows, rows], axis=1))
            points.append(point[:-1] / point[-1])
            with np.errstate(invalid="ignore"):
                draws.append(drawn[:, :-1] / drawn[:, -1:])
        self.point: Array = np.stack(points) if points else np.zeros((0, correct.shape[1]))
        # Shape (resamples, classes, models). A class whose persons all belong to another stratum
        # may be missing from a resample; its recall there is that of the sample.
        self.drawn: Array = np.stack(draws, axis=1) if points else np.zeros((1, *self.point.shape))
        self.drawn = np.where(np.isnan(self.drawn), self.point, self.drawn)

    def _why_not(self, least_classes: int) -> str | None:
        if self.present.size < least_classes:
            return f"{self.present.size} of {least_classes} classes among the held-out rows"
        if self.counts.min(initial=MIN_PERSONS) < MIN_PERSONS:
            return "a class has only 1 identity among the held-out rows"
        return None

    def _slack(self, model: int, only: int | None = None) -> tuple[float, float]:
        """Squared widening below and above for classes whose recall is exactly 1 or 0.

        Of all classes, each a part of their mean, or of the `only` one.
        """
        below = above = 0.0
        for k, (recall, persons) in enumerate(zip(self.point[:, model], self.counts, strict=True)):
            if only not in (None, k):
                continue
            reach = 1 - all_right_bound(int(persons), self.level)
            reach /= self.present.size if only is None else 1
            if recall >= 1:
                below += reach**2
            elif recall <= 0:
                above += reach**2
        return below, above

    def balanced(self, model: int = 0, *, least_classes: int = 2) -> Estimate:
        """Balanced accuracy of one model: in [0, 1]."""
        why = self._why_not(least_classes)
        if why:
            return Estimate.missing(why, level=self.level, n=self.n, n_identities=self.persons)
        value = float(self.point[:, model].mean())
        drawn = self.drawn[:, :, model].mean(axis=1)
        return self._estimate(value, drawn, self._slack(model), (0.0, 1.0))

    def difference(self, model: int, other: int, *, least_classes: int = 2) -> Estimate:
        """Balanced accuracy of one model minus that of another, on the same persons: in [-1, 1]."""
        why = self._why_not(least_classes)
        if why:
            return Estimate.missing(why, level=self.level, n=self.n, n_identities=self.persons)
        value = float((self.point[:, model] - self.point[:, other]).mean())
        drawn = (self.drawn[:, :, model] - self.drawn[:, :, other]).mean(axis=1)
        below, above = self._slack(model)
        other_below, other_above = self._slack(other)
        slack = (below + other_above, above + other_below)
        return self._estimate(value, drawn, slack, (-1.0, 1.0))

    def least(self, model: int = 0) -> Estimate:
        """Return the recall of the worst class: in [0, 1].

        It is picked for being the least, so on average it is lower than that class's recall; in
        each resample the least is picked anew.
        """
        why = self._why_not(1)
        if why:
            return Estimate.missing(why, level=self.level, n=self.n, n_identities=self.persons)
        worst = int(self.point[:, model].argmin())
        slack = self._slack(model, only=worst)
        value, drawn = float(self.point[worst, model]), self.drawn[:, :, model].min(axis=1)
        return self._estimate(value, drawn, slack, (0.0, 1.0))

    def least_difference(self, model: int, other: int) -> Estimate:
        """Return the worst class's recall under one model minus that under another."""
        why = self._why_not(1)
        if why:
            return Estimate.missing(why, level=self.level, n=self.n, n_identities=self.persons)
        value = float(self.point[:, model].min() - self.point[:, other].min())
        drawn = self.drawn[:, :, model].min(axis=1) - self.drawn[:, :, other].min(axis=1)
        slack = self._apart(model, other, [int(self.point[:, m].argmin()) for m in (model, other)])
        return self._estimate(value, drawn, slack, (-1.0, 1.0))

    def _apart(self, model: int, other: int, only: list[int]) -> tuple[float, float]:
        below, above = self._slack(model, only=only[0])
        other_below, other_above = self._slack(other, only=only[1])
        return below + other_above, above + other_below

    def _estimate(
        self, value: float, drawn: Array, slack: tuple[float, float], limits: tuple[float, float]
    ) -> Estimate:
        low, high = (float(x[0]) for x in percentiles(drawn[:, None], self.level))
        method = BOTH if any(slack) else BOOTSTRAP
        low = value - float(np.hypot(max(value - low, 0.0), np.sqrt(slack[0])))
        high = value + float(np.hypot(max(high - value, 0.0), np.sqrt(slack[1])))
        return Estimate(
            value,
            max(low, limits[0]),
            min(high, limits[1]),
            self.level,
            self.n,
            self.persons,
            method,
        )
