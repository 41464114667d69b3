"""The variance of a rate over pairs by drawing how often each identity counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from evenface.stats.bootstrap import MIN_PERSONS, Array, Index, draw_persons
from evenface.stats.pair_counts import PairCounts

BLOCK = 1 << 22
"""Weights in memory at a time; a few arrays of their size come on top."""


def resampled_variance(
    counts: PairCounts, weights: str, *, resamples: int = 2000, seed: int = 0
) -> float:
    """Variance of the rate when identities are drawn; where they don't matter, three times it.

    Parameters
    ----------
    counts : PairCounts
    weights : {"vertex", "double-or-nothing"}
        ``vertex``: how often an identity is drawn (Snijders and Borgatti 1999), in n - 1 draws of
        n as by `Resampler`, from each of two groups. ``double-or-nothing``: 0 or 2 (Owen and
        Eckles 2012). Cells count as `weighted` says.
    resamples, seed : int
    """
    rng = np.random.default_rng(seed)
    a, b = counts.sides
    # Who is compared with nobody isn't drawn; who stands on both sides is of a group of their own.
    group = (a > 0) + 2 * (b > 0) + 4 * (counts.touching(counts.trials) > 0)
    step = max(BLOCK // counts.identities, 1)
    rates = np.full(resamples, np.nan)
    for start in range(0, resamples, step):
        part = rates[start : start + step]
        hits, trials = weighted(counts, WEIGHTS[weights](rng, group, part.size))
        np.divide(hits, trials, out=part, where=trials > 0)
    return float(np.nanvar(rates))


def weighted(counts: PairCounts, w: Array) -> tuple[Array, Array]:
    """Errors and comparisons when identities count w_i times, so that cells count w_i w_j.

    Cells of one identity count w_i times: copies of it are not compared with each other.

    Parameters
    ----------
    counts : PairCounts
    w : ndarray, shape (identities, m)

    Returns
    -------
    hits, trials : ndarray, shape (m,)
    """
    a, b = counts.sides
    folds = [slice(None)] if counts.fold is None else counts.fold == np.unique(counts.fold)[:, None]
    trials = sum((a[f] @ w[f]) * (b[f] @ w[f]) for f in folds) - (a * b) @ w**2
    return _over_cells(counts, counts.hits, w), trials + _over_cells(counts, counts.trials, w)


def _over_cells(counts: PairCounts, values: Array, w: Array) -> Array:
    two, k = counts.impostor, counts.identities
    kept = two & (values > 0)
    own = np.bincount(counts.first, values * ~two, k)
    where = (counts.first[kept], counts.second[kept])
    others = sparse.csr_array((values[kept], where), shape=(k, k))
    found: Array = np.einsum("im,im->m", w, others @ w) + own @ w
    return found


def _vertex(rng: np.random.Generator, group: Index, resamples: int) -> Array:
    weights = np.ones((group.size, resamples))
    for g in np.unique(group[group > 0]):
        members = np.flatnonzero(group == g)
        k = members.size
        if k >= MIN_PERSONS:
            weights[members] = draw_persons(rng, resamples, k).T * (k / (k - 1))
    return weights


def _double(rng: np.random.Generator, group: Index, resamples: int) -> Array:
    return 2 * rng.integers(0, 2, (group.size, resamples)).astype(np.float64)


WEIGHTS: dict[str, Callable[[np.random.Generator, Index, int], Array]] = {
    "vertex": _vertex,
    "double-or-nothing": _double,
}
