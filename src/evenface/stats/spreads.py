"""How far rates of groups lie apart, before a measure puts it on its own scale.

A spread takes rates x, and the same with a positive number in place of each 0, both of shape
(..., G), and returns shape (...): 0 where all rates are the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MIN_GROUPS = 2


def filled(
    rates: Array, ceilings: npt.ArrayLike | None, kind: str = "rates", ratio: bool = True
) -> Array:
    """Return rates with ceilings in place of 0; as they are where no ratio is formed.

    Raises
    ------
    ValueError
        If a rate is 0 and its ceiling is missing or not in (0, 1].
    """
    zero = rates == 0
    if not ratio or not zero.any():
        return rates
    if ceilings is None:
        raise ValueError(f"a ratio to a rate of 0 has no end: give ceilings of the {kind}")
    limits = np.broadcast_to(np.asarray(ceilings, dtype=np.float64), rates.shape)
    if not ((limits[zero] > 0) & (limits[zero] <= 1)).all():
        raise ValueError(f"ceilings of the {kind} that are 0 must lie in (0, 1]")
    found: Array = np.where(zero, limits, rates)
    return found


def checked_rates(rates: npt.ArrayLike, kind: str) -> Array:
    """Return rates of at least two groups, shape (..., G).

    Raises
    ------
    ValueError
        If there are fewer groups, or a rate is not in [0, 1].
    """
    x = np.asarray(rates, dtype=np.float64)
    if x.ndim == 0 or x.shape[-1] < MIN_GROUPS:
        raise ValueError(f"{kind}: there are no differences among fewer than {MIN_GROUPS} groups")
    if not ((x >= 0) & (x <= 1)).all():
        raise ValueError(f"{kind}: rates lie between 0 and 1")
    return x


def extent(x: Array, positive: Array) -> Array:  # noqa: ARG001
    """Return the range."""
    found: Array = x.max(axis=-1) - x.min(axis=-1)
    return found


def gini(x: Array, positive: Array) -> Array:  # noqa: ARG001
    """Return the Gini coefficient by n / (n - 1): in [0, 1], 0 where all rates are 0."""
    # Sorted, x_(i) stands above i of the others and below n - 1 - i.
    n = x.shape[-1]
    apart = np.sort(x, axis=-1) @ (2.0 * np.arange(n) - n + 1)
    total = (n - 1) * x.sum(axis=-1)
    found = np.divide(apart, total, out=np.zeros(x.shape[:-1]), where=total > 0)
    inside: Array = np.clip(found, 0.0, 1.0)
    return inside


def _log_top(x: Array, positive: Array) -> Array:
    # A ceiling is no largest rate; where all rates are 0 nothing is known to be unequal.
    top, least = x.max(axis=-1), positive.min(axis=-1)
    found: Array = np.log(np.where(top > 0, top, least))
    return found


def log_range(x: Array, positive: Array) -> Array:
    """Return the log of the largest rate by the smallest."""
    found: Array = np.maximum(_log_top(x, positive) - np.log(positive.min(axis=-1)), 0.0)
    return found


def log_geomean(x: Array, positive: Array) -> Array:
    """Return the log of the largest rate by the geometric mean."""
    found: Array = np.maximum(_log_top(x, positive) - np.log(positive).mean(axis=-1), 0.0)
    return found
