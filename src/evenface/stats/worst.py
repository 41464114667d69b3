"""The worst of several classes: its recall, and how it differs between two models.

It is picked for being the least, so on average it is lower than that class's recall; in each
resample the least is picked anew. A class without any error can't vary when it is drawn again;
its exact bound takes the place of the missing spread. Training is taken to be the same part of the
variance as in that class's own recall, and widens both ways as much.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evenface.stats.accuracy import PERCENTILE, Recalls
from evenface.stats.bootstrap import Array, percentiles
from evenface.stats.intervals import Estimate, all_right_bound

WIDENED = f"{PERCENTILE}, widened by the exact bound of a class without spread"

MOST = 0.999
"""Part of a variance that training is taken to be at most: with all of it nothing is known."""

Shares = Sequence[float | None]


def least(recalls: Recalls, model: int = 0, *, training: Shares | None = None) -> Estimate:
    """Return the recall of the worst class: in [0, 1].

    Parameters
    ----------
    recalls : Recalls
    model : int
    training : sequence of float or None, optional
        For each class that is present, the part of its recall's variance that training makes
        (`Estimate.training_share`).
    """
    missing = recalls.missing(1)
    if missing:
        return missing
    worst = int(recalls.point[:, model].argmin())
    drawn = recalls.drawn()[..., model].min(axis=1)
    slack = _slack(recalls, worst, model)
    share = training[worst] if training else None
    return _estimate(recalls, float(recalls.point[worst, model]), drawn, slack, (0.0, 1.0), share)


def least_difference(
    recalls: Recalls, model: int, other: int, *, training: Shares | None = None
) -> Estimate:
    """Return the worst class's recall under one model minus that under another: in [-1, 1].

    Parameters
    ----------
    recalls : Recalls
    model, other : int
    training : sequence of float or None, optional
        For each class that is present, training's part of the variance of the two recalls'
        difference. Where the models are worst in different classes the larger part counts.
    """
    missing = recalls.missing(1)
    if missing:
        return missing
    a, b = (int(recalls.point[:, m].argmin()) for m in (model, other))
    value = float(recalls.point[a, model] - recalls.point[b, other])
    drawn = recalls.drawn()[..., model].min(axis=1) - recalls.drawn()[..., other].min(axis=1)
    below, above = _slack(recalls, a, model)
    other_below, other_above = _slack(recalls, b, other)
    slack = (below + other_above, above + other_below)
    known = [s for s in (training[a], training[b]) if s is not None] if training else []
    return _estimate(recalls, value, drawn, slack, (-1.0, 1.0), max(known, default=None))


def _slack(recalls: Recalls, k: int, model: int) -> tuple[float, float]:
    """Return the squared widening below and above for a recall of exactly 1 or 0."""
    recall = recalls.point[k, model]
    reach = (1 - all_right_bound(recalls.parts[k].persons, recalls.level)) ** 2
    return (reach if recall >= 1 else 0.0, reach if recall <= 0 else 0.0)


def _estimate(
    recalls: Recalls,
    value: float,
    drawn: Array,
    slack: tuple[float, float],
    limits: tuple[float, float],
    training: float | None,
) -> Estimate:
    low, high = (float(x[0]) for x in percentiles(drawn[:, None], recalls.level))
    tested = 1 - min(training or 0.0, MOST)
    down = np.sqrt(max(value - low, 0.0) ** 2 / tested + slack[0])
    up = np.sqrt(max(high - value, 0.0) ** 2 / tested + slack[1])
    return Estimate(
        value,
        float(max(value - down, limits[0])),
        float(min(value + up, limits[1])),
        recalls.level,
        recalls.n,
        recalls.persons,
        WIDENED if any(slack) else PERCENTILE,
        training,
    )
