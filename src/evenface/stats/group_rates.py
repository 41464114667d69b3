"""Error rates of groups, and how many comparisons they are worth.

Comparisons that share identities depend on each other, so a rate varies as that of fewer,
independent ones. Everything here rests on that effective number alone, wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evenface.stats.bootstrap import MIN_PERSONS, Array
from evenface.stats.disjoint import cells_apart, independent
from evenface.stats.intervals import all_right_bound
from evenface.stats.pair_counts import PairCounts
from evenface.stats.pairs import MIN_APART, freedom, pair_covariance, pair_variance

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class GroupRates:
    """One kind of error rate in each of G groups that share no identity.

    Attributes
    ----------
    names : tuple of str, length G
    rate : ndarray of float64, shape (G,)
        In [0, 1]; nan where there is none.
    effective : ndarray of float64, shape (G,)
        Independent comparisons of which the rate would vary as much,
        ``rate (1 - rate) / variance``: above 0 where there is a rate.
    freedom : ndarray of float64, shape (G,)
        Degrees of freedom of the variance, at least 1; inf where it is known.
    compared : ndarray of float64, shape (G,)
        Comparisons.
    persons : ndarray of intp, shape (G,)
        Identities that were compared.
    """

    names: tuple[str, ...]
    rate: Array
    effective: Array
    freedom: Array
    compared: Array
    persons: npt.NDArray[np.intp]

    def __post_init__(self) -> None:
        parts = (self.rate, self.effective, self.freedom, self.compared, self.persons)
        if any(x.shape != (len(self.names),) for x in parts):
            raise ValueError("each group has one rate and one of everything else")
        known = self.present
        r, n, f = (x[known] for x in (self.rate, self.effective, self.freedom))
        if not (((r >= 0) & (r <= 1)).all() and (n > 0).all() and (f >= 1).all()):
            raise ValueError("rates lie in [0, 1], effective comparisons above 0, freedom from 1")

    @classmethod
    def of(cls, counts: Mapping[str, PairCounts]) -> GroupRates:
        """Take rates and their variances from the comparisons of each group.

        With pairs m of an identity on average, ``comparisons / effective - 1`` is about
        ``r (m - 1)`` with r how alike errors of one identity are. Where fewer than 5 errors
        share no identity, the variance says nothing, and r is that of all groups together; where
        they have fewer than 5 too, comparisons of which no two share an identity are counted.

        Parameters
        ----------
        counts : mapping of str to PairCounts
            By group. Who is compared with nobody, or with oneself alone in a group of one
            identity, leaves the group without a rate.
        """
        names, groups = tuple(counts), list(counts.values())
        size = (len(groups),)
        rate, effective, free = np.full(size, np.nan), np.zeros(size), np.full(size, np.inf)
        compared = np.array([c.total for c in groups], dtype=np.float64)
        persons = np.array([int((c.compared > 0).sum()) for c in groups], dtype=np.intp)
        apart, single = np.zeros((2, *size))
        excess, scale = np.zeros((2, *size))
        for g in np.flatnonzero((persons >= MIN_PERSONS) & (compared > 0)):
            c, n = groups[g], compared[g]
            rate[g], single[g] = c.rate, max(independent(c), 1)
            # Whichever is rarer, errors or comparisons without.
            rare = c if c.rate <= 0.5 else _turned(c)
            apart[g] = cells_apart(rare, rare.hits > 0, MIN_APART)
            plain = rate[g] * (1 - rate[g])
            variance = max(pair_variance(c), plain / n) if plain else 0.0
            effective[g] = min(max(plain / variance, 1.0), n) if plain else n
            if plain and np.isfinite(variance):
                excess[g] = variance * n**2 - plain * n
                scale[g] = plain * n * max(n / persons[g] - 1, 0)
                free[g] = freedom(c, variance)
        known = np.isfinite(rate)
        few = known & (apart < MIN_APART)
        if few.any():
            borrowed = max(excess.sum() / scale.sum(), 0.0) if scale.sum() else 0.0
            alike = 1 + borrowed * np.maximum(compared / np.maximum(persons, 1) - 1, 0)
            worth = np.maximum(compared / alike, single)
            effective[few] = np.where(apart.sum() < MIN_APART, single, worth)[few]
            trusted = free[known & ~few]
            free[few] = trusted.sum() if trusted.size else np.inf
        return cls(names, rate, effective, free, compared, persons)

    @property
    def present(self) -> Flags:
        """Which groups have a rate."""
        found: Flags = np.isfinite(self.rate)
        return found

    def only(self, which: Flags) -> GroupRates:
        """Return some of the groups, in the same order.

        Parameters
        ----------
        which : ndarray of bool, shape (G,)

        Returns
        -------
        GroupRates
        """
        names = tuple(n for n, w in zip(self.names, which, strict=True) if w)
        kept = {k: getattr(self, k)[which] for k in ("rate", "effective", "freedom", "compared",
                                                     "persons")}  # fmt: skip
        return replace(self, names=names, **kept)

    @property
    def pooled(self) -> float:
        """The rate if it is the same in all groups, by effective comparisons."""
        w = self.effective[self.present]
        return float(self.rate[self.present] @ w / w.sum())

    def smoothed(self, rates: Array | None = None) -> Array:
        """Rates with half an error added, among as many comparisons as have it at the pooled rate.

        This keeps them off 0, and those of few comparisons from being the most extreme ones.

        Parameters
        ----------
        rates : ndarray, shape (..., G), optional
            In [0, 1]: others than those that were found, on as many comparisons.

        Returns
        -------
        ndarray of float64, shape (..., G)
            In (0, 1).
        """
        p = self.rate if rates is None else rates
        pooled = max(self.pooled, 0.5 / (self.effective.sum() + 1))
        found: Array = (p * self.effective + 0.5) / (self.effective + 0.5 / pooled)
        return found

    def ceilings(self, level: float) -> Array:
        """Return for each group the largest rate that no error at all is compatible with.

        Parameters
        ----------
        level : float
            Between 0 and 1.

        Returns
        -------
        ndarray of float64, shape (G,)
            In (0, 1]; 1 where there is nothing to go by.
        """
        return np.array([1 - all_right_bound(n, level) if n else 1.0 for n in self.effective])

    def drawn(self, rates: Array, draws: int, rng: np.random.Generator) -> Array:
        """Draw what might be found if the rates were others.

        Binomial, of as many comparisons as a chi-square with `freedom` makes of the effective
        ones.

        Parameters
        ----------
        rates : ndarray, shape (..., G)
            In [0, 1].
        draws : int
        rng : numpy.random.Generator

        Returns
        -------
        ndarray, shape (..., draws, G)
        """
        n = self._trials(draws, rng)
        found: Array = rng.binomial(n, rates[..., None, :]) / n
        return found

    def believed(self, draws: int, rng: np.random.Generator) -> Array:
        """Draw rates that might be true, given those found: Beta, from Jeffreys' prior.

        Parameters
        ----------
        draws : int
        rng : numpy.random.Generator

        Returns
        -------
        ndarray, shape (draws, G)
        """
        n = self._trials(draws, rng)
        found: Array = rng.beta(n * self.rate + 0.5, n * (1 - self.rate) + 0.5)
        return found

    def _trials(self, draws: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        n = np.broadcast_to(self.effective, (draws, self.effective.size)).copy()
        some = np.isfinite(self.freedom)
        f = self.freedom[some]
        n[:, some] *= rng.chisquare(f, (draws, f.size)) / f
        return np.maximum(np.rint(n), 1).astype(np.int64)


def correlation(fmr: Mapping[str, PairCounts], fnmr: Mapping[str, PairCounts]) -> float:
    """Return how much a group's FMR and FNMR go together, as estimates: in [-1, 1].

    Who is often taken for others may often not be recognised, too. Covariances by identity,
    summed over the groups, by what they could be at most: one number for all groups, since a
    group alone tells little.

    Parameters
    ----------
    fmr, fnmr : mapping of str to PairCounts
        By group, identities of a group numbered alike in both.

    Returns
    -------
    float
        0 where nothing is known.

    Raises
    ------
    ValueError
        If a group's identities are numbered otherwise.
    """
    total = most = 0.0
    for name in fmr.keys() & fnmr.keys():
        one, other = fmr[name], fnmr[name]
        if min(c.errors for c in (one, other)) > 0:
            scale = one.rate * other.rate
            product = pair_variance(one) * pair_variance(other)
            both = pair_covariance(one, other)
            if np.isfinite(product) and np.isfinite(both) and product > 0:
                # By the rates, so that each group counts as it does in ratios.
                total, most = total + both / scale, most + np.sqrt(product) / scale
    return float(np.clip(total / most, -1, 1)) if most else 0.0


def _turned(counts: PairCounts) -> PairCounts:
    """Return the same comparisons with errors and the others exchanged, where they are listed."""
    return replace(counts, hits=counts.tried - counts.hits) if counts.trials.any() else counts
