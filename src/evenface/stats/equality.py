"""Do groups have one rate? A chi-square test whose draws know whose pictures are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenface.stats.bootstrap import Array
from evenface.stats.group_rates import GroupRates


@dataclass(frozen=True)
class Equality:
    """A test of whether groups have one rate.

    Attributes
    ----------
    statistic : float
        ``sum_g n_g (p_g - p)^2 / (p (1 - p))`` with n_g effective comparisons and p the pooled
        rate: the chi-square of a table with as many.
    freedom : int
        Groups less 1.
    p : float
        Share of draws with all rates at p whose statistic is at least as large, in (0, 1].
    """

    statistic: float
    freedom: int
    p: float


def equal_rates(rates: GroupRates, *, draws: int = 2000, seed: int = 0) -> Equality | None:
    """Test whether all groups have the same rate.

    Parameters
    ----------
    rates : GroupRates
        Those without a rate are left out.
    draws, seed : int

    Returns
    -------
    Equality or None
        None with fewer than 2 groups that have a rate.
    """
    kept = rates.only(rates.present)
    if len(kept.names) < 2:
        return None
    p, n = kept.pooled, kept.effective
    if p in (0, 1):
        return Equality(0.0, n.size - 1, 1.0)
    x = kept.drawn(np.full(n.size, p), draws, np.random.default_rng(seed))
    found, expected = (_chi_square(y, n) for y in (kept.rate, x))
    share = (1 + int((expected >= found - 1e-9).sum())) / (1 + draws)
    return Equality(float(found), n.size - 1, float(share))


def _chi_square(rates: Array, n: Array) -> Array:
    p = (rates @ n / n.sum())[..., None]
    spread = np.maximum(p * (1 - p), 1e-300)
    found: Array = (n * (rates - p) ** 2 / spread).sum(axis=-1)
    return found
