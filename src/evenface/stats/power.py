"""How many identities would resolve a gap, and which gap those that are there resolve.

All of it asks for one number, the standard deviation of what a person adds to an estimate: its
variance over n persons is ``deviation^2 / n``. That several pictures of a person say less than as
many persons is inside. Quantiles are the normal distribution's. A t-test at n - 1 degrees of
freedom would want ``z^2 / 2``, about 2 persons at 95 %, more (Guenther 1981), so below some 10
persons what stands here is too few.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from evenface.stats.bootstrap import MIN_PERSONS
from evenface.stats.intervals import Numbers

NEVER_ENOUGH = "no number of identities would do: what they do not reduce is too much"
"""Why `identities_needed` is infinite."""


def identities_needed(
    gap: npt.ArrayLike,
    deviation: npt.ArrayLike,
    *,
    level: float = 0.95,
    power: float = 0.8,
    floor: npt.ArrayLike = 0.0,
) -> Numbers:
    """Return the fewest identities with which a gap of this size would mostly be found.

    The smallest whole ``n >= (z_{1-a/2} + z_power)^2 deviation^2 / gap^2`` with a = 1 - level and
    normal quantiles z; with a floor, ``gap^2 - (z_{1-a/2} + z_power)^2 floor`` stands in place of
    ``gap^2``. That the other end of the interval finds the gap on the wrong side is left out,
    which is less than 1 in 100 000 where `power` is 0.8.

    Parameters
    ----------
    gap : array_like, of any shape
        Above 0, in the number's own unit: 0.01 is a point of accuracy.
    deviation : array_like, of a shape that fits
        Standard deviation of a person's influence on the number, at least 0: its standard error
        times the root of the persons it rests on. For two groups of n persons each,
        `deviation_of_difference`; then n is persons a group.
    level : float
        Of the interval that must leave 0 out, between 0 and 1.
    power : float
        How often it must do so, at least 0.5 and below 1.
    floor : array_like, of a shape that fits
        Variance that more identities do not reduce, at least 0: the noise of training.

    Returns
    -------
    ndarray of float64
        Whole numbers, at least 2, shape of the arguments together; inf where the floor alone
        hides the gap (`NEVER_ENOUGH`).

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    gap, deviation, floor = _checked(gap, deviation, floor)
    if not (gap > 0).all():
        raise ValueError("a gap must be above 0")
    z = _quantiles(level, power)
    room = gap**2 - z**2 * floor
    with np.errstate(divide="ignore", invalid="ignore"):
        n = z**2 * deviation**2 / room
    # What is whole but for rounding is whole.
    whole = np.maximum(np.ceil(n * (1 - 1e-12)), MIN_PERSONS)
    return np.asarray(np.where(room > 1e-12 * gap**2, whole, np.inf))


def resolvable(
    n: npt.ArrayLike,
    deviation: npt.ArrayLike,
    *,
    level: float = 0.95,
    power: float = 0.8,
    floor: npt.ArrayLike = 0.0,
) -> Numbers:
    """Return the smallest gap that would mostly be found with `n` identities.

    ``(z_{1-a/2} + z_power) sqrt(deviation^2 / n + floor)``.

    Parameters
    ----------
    n : array_like, of any shape
        Persons, or persons a group, at least 1.
    deviation : array_like, of a shape that fits
        As in `identities_needed`, at least 0.
    level, power : float
        As in `identities_needed`: between 0 and 1; at least 0.5 and below 1.
    floor : array_like, of a shape that fits
        As in `identities_needed`, at least 0.

    Returns
    -------
    ndarray of float64
        At least 0, shape of the arguments together, in the number's own unit.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    n, deviation, floor = _checked(n, deviation, floor)
    if not (n >= 1).all():
        raise ValueError("n must be at least 1")
    return np.asarray(_quantiles(level, power) * np.sqrt(deviation**2 / n + floor))


def deviation_of_difference(one: npt.ArrayLike, other: npt.ArrayLike) -> Numbers:
    """Return the deviation for a difference of groups of other persons, as many in each.

    ``sqrt(one^2 + other^2)``; the difference's variance is its square over the persons a group.

    Parameters
    ----------
    one, other : array_like, of shapes that fit each other
        Standard deviations of a person's influence on each group's number, at least 0.

    Returns
    -------
    ndarray of float64
        Shape of the arguments together.

    Raises
    ------
    ValueError
        If a deviation is below 0 or not finite.
    """
    one, other, _ = _checked(one, other, 0.0)
    return np.asarray(np.hypot(one, other))


def _checked(*values: npt.ArrayLike) -> tuple[Numbers, ...]:
    arrays = tuple(np.asarray(v, dtype=np.float64) for v in values)
    if not all(((a >= 0) & (a < np.inf)).all() for a in arrays):
        raise ValueError("gaps, numbers, deviations and floors must be finite and at least 0")
    return arrays


def _quantiles(level: float, power: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must be between 0 and 1")
    if not 0.5 <= power < 1:
        raise ValueError(f"power is {power}; it must be at least 0.5 and below 1")
    return float(stats.norm.ppf(0.5 + level / 2) + stats.norm.ppf(power))
