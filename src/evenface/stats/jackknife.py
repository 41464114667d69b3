"""Intervals for numbers about neighbourhoods, where every person touches every other's value.

A face's neighbours are other people of the sample. Resampling values with the neighbours held
fixed forgets that with other people they would be others, and gives intervals half as wide as
they should be. Here groups of people are left out in turn, as faces and as neighbours, and the
number is computed anew (delete-a-group jackknife, Kott 2001):
``variance = (G - 1) / G * sum_g (value_g - mean)^2``, with G - 1 degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

from evenface.stats.bootstrap import MIN_PERSONS, Array, Index, number_labels
from evenface.stats.intervals import Estimate

GROUPS = 30
JACKKNIFE = "delete-a-group jackknife over identities"


def deal_groups(person: npt.NDArray[np.intp], strata: Index, *, seed: int = 0) -> Index:
    """Deal persons to at most `GROUPS` groups, stratum by stratum.

    Parameters
    ----------
    person, strata : ndarray of intp, shape (n,)
        Person of each row, and what the person was sampled as.
    seed : int

    Returns
    -------
    ndarray of intp, shape (n,)
        Group of each row, 0 ... G-1; rows of one person share it.
    """
    number = number_labels(person)
    count = int(number.max(initial=-1)) + 1
    rng = np.random.default_rng(seed)
    first = np.unique(number, return_index=True)[1]
    order = np.lexsort((rng.random(count), strata[first]))
    group = np.empty(count, dtype=np.intp)
    group[order] = np.arange(count) % min(GROUPS, count)
    return np.asarray(group[number])


def jackknife(
    statistic: Callable[[npt.NDArray[np.bool_]], float],
    person: npt.NDArray[np.intp],
    group: Index,
    *,
    level: float = 0.95,
    limits: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    """Compute a number and its interval by leaving groups of people out.

    Parameters
    ----------
    statistic : callable
        Takes which rows take part (bool, shape (n,)), returns the number.
    person, group : ndarray of intp, shape (n,)
        From `deal_groups`.
    level : float
        Nominal coverage, between 0 and 1.
    limits : (float, float)
        The number's range; the interval is cut to it.

    Returns
    -------
    Estimate
    """
    n = len(person)
    people = int(np.unique(person).size)
    if people < MIN_PERSONS:
        return Estimate.missing("only 1 identity", level=level, n=n, n_identities=people)
    value = statistic(np.ones(n, dtype=bool))
    count = int(group.max()) + 1
    without: Array = np.array([statistic(group != g) for g in range(count)])
    return from_replicates(value, without, n=n, people=people, level=level, limits=limits)


def from_replicates(
    value: float,
    without: Array,
    *,
    n: int,
    people: int,
    level: float = 0.95,
    limits: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    """Make an estimate of a number and what it is without each group in turn.

    Parameters
    ----------
    value : float
    without : ndarray, shape (G,)
    n, people : int
        Rows and persons it rests on.
    level : float
    limits : (float, float)
    """
    count = len(without)
    if people < MIN_PERSONS or count < MIN_PERSONS:
        return Estimate.missing("only 1 identity", level=level, n=n, n_identities=people)
    spread = np.sqrt((count - 1) / count * np.sum((without - without.mean()) ** 2))
    reach = float(stats.t.ppf(0.5 + level / 2, count - 1) * spread)
    low, high = max(value - reach, limits[0]), min(value + reach, limits[1])
    return Estimate(float(value), float(low), float(high), level, n, people, JACKKNIFE)
