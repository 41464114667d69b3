"""Intervals of rates over all pairs, where errors are known by identity for some persons only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from evenface.stats.intervals import Estimate, wilson
from evenface.stats.pair_counts import PairCounts
from evenface.stats.pairs import METHODS, freedom, pair_rate, pair_variance
from evenface.stats.rates import EqualError, Scores

DRAWN = "its variance from identities drawn at random"
EQUAL = "by the intervals of FMR and FNMR where they meet"


@dataclass(frozen=True)
class Errors:
    """Errors of some kind of pairs at one threshold.

    Attributes
    ----------
    counts : PairCounts
        By identity; of all persons, or of some drawn at random.
    errors, total : int
        Of all pairs.
    persons : int
        Whose pairs these are.
    """

    counts: PairCounts
    errors: int
    total: int
    persons: int

    @property
    def all_known(self) -> bool:
        """Whether the counts are those of all pairs."""
        return bool(self.counts.total == self.total)

    @property
    def rate(self) -> float:
        """Share of errors, nan where there is no pair."""
        return self.errors / self.total if self.total else float("nan")

    def estimate(self, level: float) -> Estimate:
        """Return the rate and its interval.

        Where counts are of some persons, the variance of their rate is taken to shrink with the
        number of persons. It has a part that shrinks as their square does, so this is safe.
        """
        part = pair_rate(self.counts, level=level)
        if self.all_known or part.value is None:
            return part if self.all_known else replace(part, n=self.total)
        p, some = self.rate, int((self.counts.compared > 0).sum())
        scale = some / max(self.persons, some)
        variance = pair_variance(self.counts)
        if part.method != METHODS["wilson"] or not np.isfinite(variance) or p in (0, 1):
            # Too few errors among those drawn: their own, wide interval, around all pairs' rate.
            low, high = min(part.low or 0.0, p), max(part.high or 1.0, p)
            method = f"{part.method}, among identities drawn at random"
            return Estimate(p, low, high, level, self.total, self.persons, method)
        q = self.counts.rate
        least = q * (1 - q) / self.counts.total
        share = max(variance, least) / (q * (1 - q)) * scale
        t = stats.t.ppf(0.5 + level / 2, freedom(self.counts, variance))
        low, high = (float(x) for x in wilson(p, 1 / share, t))
        method = f"{METHODS['wilson']}, {DRAWN}"
        return Estimate(p, min(low, p), max(high, p), level, self.total, self.persons, method)


def equal_error_estimate(
    found: EqualError, fmr: Estimate, fnmr: Estimate, weight: float
) -> Estimate:
    """Return the equal error rate with an interval.

    To first order the crossing moves by ``w dFMR + (1 - w) dFNMR`` when the rates do, with
    ``w = g / (f + g)`` from the densities f of impostor and g of genuine scores where they meet.
    The ways to the ends of the two intervals are added in squares, as by Zou and Donner (2008).

    Parameters
    ----------
    found : EqualError
    fmr, fnmr : Estimate
        At its threshold.
    weight : float
        From `crossing_weight`.
    """
    lost = [e.method.removeprefix("not computed: ") for e in (fmr, fnmr) if e.value is None]
    n, persons = fmr.n + fnmr.n, max(fmr.n_identities, fnmr.n_identities)
    if lost:
        return Estimate.missing(lost[0], level=fmr.level, n=n, n_identities=persons)
    ends = [np.array([e.value, e.low, e.high], dtype=np.float64) for e in (fmr, fnmr)]
    shares = (weight, 1 - weight)
    down = float(np.hypot(*(w * (e[0] - e[1]) for w, e in zip(shares, ends, strict=True))))
    up = float(np.hypot(*(w * (e[2] - e[0]) for w, e in zip(shares, ends, strict=True))))
    low, high = max(found.value - down, 0.0), min(found.value + up, 1.0)
    return Estimate(found.value, low, high, fmr.level, n, persons, EQUAL)


def crossing_weight(genuine: Scores, impostors: Scores, threshold: float) -> float:
    """Return how much FMR's error counts in that of the equal error rate, in [0, 1].

    The densities are shares of scores as near to the threshold as the nearest of the genuine
    ones, as many as the square root of their number and at least 10.
    """
    near = min(max(int(np.sqrt(genuine.total)), 10), genuine.total)
    away = np.abs(genuine.values - threshold)
    order = np.argsort(away)
    k = int(np.searchsorted(np.cumsum(genuine.counts[order]), near))
    reach = max(float(away[order[min(k, order.size - 1)]]), 1e-12)
    low, high = threshold - reach, np.nextafter(threshold + reach, np.inf)
    f, g = (
        float(s.at_least(low) - s.at_least(high)) / s.total for s in (impostors, genuine)
    )  # fmt: skip
    return g / (f + g) if f + g > 0 else 0.5
