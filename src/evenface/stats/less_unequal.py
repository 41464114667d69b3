"""Rates of groups that are as likely as can be while less unequal than those found."""

from __future__ import annotations

import numpy as np

from evenface.stats.bootstrap import Array
from evenface.stats.group_rates import GroupRates

FINE = 101
"""Spans among which steps are chosen."""


def drawn_in(rates: GroupRates, steps: int) -> Array:
    """Return rates that are ever less equal: from the pooled rate to the rates found.

    Rates beyond a span of log odds are moved to its ends; where it lies maximises the binomial
    likelihood, so that ``sum n (p - upper)`` over those above equals ``sum n (lower - p)`` over
    those below. Of many spans those are returned whose deviances have even roots, as far as it
    can matter, and equality. Rates of 0 count as `GroupRates.smoothed`, those of 1 as half a
    comparison less.

    Returns
    -------
    ndarray, shape (steps + 1, G)
        In (0, 1).
    """
    p, n = rates.rate, rates.effective
    inside = np.minimum(np.where(p > 0, p, rates.smoothed()), 1 - 0.5 / (n + 1))
    odds = np.log(inside / (1 - inside))
    half = (np.linspace(0, 1, FINE) * np.ptp(odds) / 2)[:, None]
    low, high = (np.full((FINE, 1), x) for x in (odds.min(), odds.max()))
    for _ in range(30):
        middle = (low + high) / 2
        over = np.maximum(p - _share(middle + half), 0) - np.maximum(_share(middle - half) - p, 0)
        up = (over @ n)[:, None] > 0
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    middle = (low + high) / 2
    spans = np.clip(p, _share(middle - half), _share(middle + half))
    spans[-1] = inside
    root = np.sqrt(np.maximum(deviance(rates, spans), 0))
    far = np.linspace(min(root[0], 3 + np.sqrt(n.size)), 0, steps)
    # The roots fall along the spans.
    at = np.interp(-far, -root, np.arange(FINE))
    at = np.concatenate([[0], np.rint(at).astype(np.intp)])
    at[-1] = FINE - 1
    found: Array = spans[at.astype(np.intp)]
    return found


def _share(odds: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-odds))
    return found


def deviance(rates: GroupRates, path: Array) -> Array:
    """Return twice the log likelihood that each step of `drawn_in` costs, shape (steps + 1,)."""
    p, n = path[-1], rates.effective
    found: Array = 2 * (p * np.log(p / path) + (1 - p) * np.log((1 - p) / (1 - path))) @ n
    return found
