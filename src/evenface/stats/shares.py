"""Shares of rows, quantiles, and how far two groups' shares are apart, with intervals by person."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evenface.stats.accuracy import mean
from evenface.stats.asked import Asked
from evenface.stats.intervals import Estimate

APART = "difference of two groups' shares by their intervals"
WOODRUFF = "interval of the share below it, over identities"


def quantile(
    values: npt.NDArray[np.float64],
    person: npt.NDArray[np.intp],
    at: float,
    asked: Asked,
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
    asked : Asked

    Returns
    -------
    Estimate
        In the unit of `values`; no number where there are no rows or only 1 identity.
    """
    n = values.size
    if not n:
        return Estimate.missing("no rows", level=asked.level)
    value = float(np.quantile(values, at, method="inverted_cdf"))
    below = mean(values <= value, person, asked)
    people = below.n_identities
    if below.value is None or below.low is None or below.high is None:
        return Estimate.missing("only 1 identity", level=asked.level, n=n, n_identities=people)
    shares = [min(max(at + end - below.value, 0.0), 1.0) for end in (below.low, below.high)]
    low, high = (float(np.quantile(values, q, method="inverted_cdf")) for q in shares)
    return Estimate(value, min(low, value), max(high, value), asked.level, n, people, WOODRUFF)


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
