"""Error rates over pairs of pictures, with intervals that know whose pictures they are.

FMR counts pairs of two identities, FNMR pairs of one. Two pairs that share an identity depend on
each other, so millions of pairs of a few hundred identities say little more than these do. The
variance of a rate sums the products of residuals over all pairs of pairs that share an identity
(Fafchamps and Gubert 2007; Aronow, Samii and Assenova 2015), and Wilson's interval is taken at
the number of independent pairs that would vary as much (Fogliato, Patil and Perona 2024).
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from evenface.stats.bootstrap import MIN_PERSONS, Array
from evenface.stats.disjoint import cells_apart, independent
from evenface.stats.intervals import Estimate, all_right_bound, clopper_pearson, wilson
from evenface.stats.pair_bootstrap import WEIGHTS, resampled_variance
from evenface.stats.pair_counts import PairCounts

MIN_APART = 5
"""Errors of which no two share an identity, and as many comparisons without an error, that an
interval which isn't exact needs."""

FEW = f"exact interval over pairs that share no identity: fewer than {MIN_APART} such errors"
MANY = f"exact interval over pairs that share no identity: fewer than {MIN_APART} without error"
BOUND = "exact bound over pairs that share no identity"
DIFFERENCE = "difference of two rates over pairs by their intervals"


def pair_rate(
    counts: PairCounts,
    *,
    level: float = 0.95,
    method: str = "wilson",
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Share of comparisons that were errors: FMR, FNMR, or both together.

    Wilson's interval at the effective number of comparisons ``rate (1 - rate) / variance``, no
    more than there were, with the t quantile for `freedom`; `benchmarks/coverage_pairs.py` shows
    how often it holds. Without any error there is a bound, with few that share no identity an
    exact interval (Clopper and Pearson 1934), both at no more than the number of comparisons of
    which no two share an identity: that is safe, and wide.

    Parameters
    ----------
    counts : PairCounts
    level : float
        Nominal coverage, between 0 and 1.
    method : {"wilson", "vertex", "double-or-nothing"}
        What the variance comes from: `pair_variance`, or `resampled_variance` with either kind of
        weights. Percentiles of the resamples hold less often than Wilson's interval with their
        variance: at a rate of 0.01 and 50 very different identities in 86 % for 90 % of draws.
    resamples, seed : int
        Of a bootstrap.

    Returns
    -------
    Estimate
        In [0, 1].

    Raises
    ------
    ValueError
        If there is no such method.
    """
    if method not in METHODS:
        raise ValueError(f"no method {method!r}; there are {', '.join(METHODS)}")
    n, p = counts.total, counts.rate
    people = int((counts.compared > 0).sum())
    if people < MIN_PERSONS:
        why = "no comparisons" if n == 0 else "only 1 identity"
        return Estimate.missing(why, level=level, n=int(n), n_identities=people)
    single = independent(counts)
    if p in (0, 1):
        bound = all_right_bound(single, level)
        low, high, how = (0.0, 1 - bound, BOUND) if p == 0 else (bound, 1.0, BOUND)
        return Estimate(p, low, high, level, int(n), people, how)
    how, variance = METHODS[method], pair_variance(counts)
    # Varying less than independent comparisons would is noise of the estimate.
    least = p * (1 - p) / n
    if few := _few(counts):
        effective = min(max(p * (1 - p) / max(variance, least), 1.0), single)
        (low, high), how = clopper_pearson(p * effective, effective, level), few
    else:
        t = stats.t.ppf(0.5 + level / 2, freedom(counts, variance))
        if method in WEIGHTS:
            variance = resampled_variance(counts, method, resamples=resamples, seed=seed)
        low, high = (float(x) for x in wilson(p, p * (1 - p) / max(variance, least), t))
    return Estimate(p, min(low, p), max(high, p), level, int(n), people, how)


def pair_difference(
    one: PairCounts, other: PairCounts, *, same: bool, level: float = 0.95
) -> Estimate:
    """One rate minus another, from their intervals and correlation (Zou and Donner 2008).

    ``low = d - sqrt(a^2 + b^2 - 2 r a b)`` with a the way from the one rate down to its low end, b
    from the other up to its high end, and r their correlation.

    Parameters
    ----------
    one, other : PairCounts
        Of the same comparisons at two thresholds or by two models; or of others, as of two groups.
    same : bool
        Whether identities with the same number are the same, so that `pair_covariance` counts:
        that of two groups of them is 0. If not, none is in both.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    Estimate
        In [-1, 1].
    """
    found = [pair_rate(c, level=level) for c in (one, other)]
    n, people = found[0].n + found[1].n, found[0].n_identities + found[1].n_identities
    if same:
        people = int((one.compared + other.compared > 0).sum())
    lost = [e.method.removeprefix("not computed: ") for e in found if e.value is None]
    if lost:
        return Estimate.missing(lost[0], level=level, n=n, n_identities=people)
    (v, low, high), (w, under, over) = (np.array([e.value, e.low, e.high], float) for e in found)
    r = _correlation(one, other) if same else 0.0
    down, up = (
        float(np.hypot(a - b, np.sqrt(2 * (1 - r) * a * b)))
        for a, b in ((v - low, over - w), (high - v, w - under))
    )
    d = float(v - w)
    return Estimate(d, max(d - down, -1.0), min(d + up, 1.0), level, n, people, DIFFERENCE)


def pair_variance(counts: PairCounts) -> float:
    """Variance of the rate, from all pairs of comparisons that share an identity.

    With residuals ``e_c = hits_c - rate * trials_c`` of cells and E_i their sum over the cells
    that identity i is in, it is ``(sum_i E_i^2 - sum_c e_c^2) / (n^2 - s)``, where the second sum
    is over cells of two identities, which the first counts twice (Aronow, Samii and Assenova
    2015), n is the comparisons and s the ordered pairs of them that share an identity. The papers
    divide by n^2; with all pairs among identities of as many pictures this has no bias.

    Returns
    -------
    float
        May be below 0, by chance; infinite if every two comparisons share an identity.
    """
    return pair_covariance(counts, counts)


def pair_covariance(one: PairCounts, other: PairCounts) -> float:
    """Covariance of two rates over the same identities, as in `pair_variance`.

    Raises
    ------
    ValueError
        If the identities are numbered otherwise, or in other folds.
    """
    folded = one.fold is not None and other.fold is not None
    if one.identities != other.identities or (folded and np.any(one.fold != other.fold)):
        raise ValueError("the identities must be numbered alike, and be in the same folds")
    errors, trials = _same_cells(one, other)
    share = one.compared @ other.compared - trials
    product = one.total * other.total
    if product <= share:
        return float("inf")
    return float((one.residuals @ other.residuals - errors) / (product - share))


def freedom(counts: PairCounts, variance: float) -> float:
    """Degrees of freedom of the t quantile.

    Identities are weighted by w as in `resampled_variance`, cells by w_i w_j, and psi_i is the
    derivative of the log of the effective share ``variance / (rate (1 - rate))`` by w_i, at 1.
    Then ``sum psi^2`` is its variance by the delta method, and ``2 / (f sum psi^2)`` the degrees
    of freedom of a chi-square that varies as much where the part f of the variance, what is
    beyond that of independent comparisons, must be estimated. At least 1.

    Parameters
    ----------
    counts : PairCounts
    variance : float
        Its `pair_variance`.
    """
    n, p = counts.total, counts.rate
    excess = 1 - p * (1 - p) / n / max(variance, 1e-300)
    # psi is 0 where each identity has one comparison and half of them are errors.
    psi = _influence(counts) if 0 < excess < 1 else np.zeros(1)
    return max(2 / max(excess * float(psi @ psi), 1e-300), 1.0)


METHODS = {
    "wilson": "Wilson interval at the effective number of comparisons, by identity",
    "vertex": "Wilson interval with the variance of a vertex bootstrap of identities",
    "double-or-nothing": "Wilson interval with the variance of a double-or-nothing bootstrap",
}


def _same_cells(one: PairCounts, other: PairCounts) -> tuple[float, float]:
    """Sum over cells of two identities the products of residuals, and those of comparisons."""
    k = one.identities
    keys = [c.first * k + c.second for c in (one, other)]
    cells = keys[0] if one is other else np.union1d(*keys)
    first, second = np.divmod(cells, max(k, 1))
    residuals, trials, implied = [], [], []
    for counts, key in zip((one, other), keys, strict=True):
        m = counts.implied(first, second)
        at = slice(None) if one is other else np.searchsorted(cells, key)
        h, t = np.zeros(cells.size), m.copy()
        h[at], t[at] = counts.hits, t[at] + counts.trials
        residuals.append((h - counts.rate * t) * (first != second))
        trials.append(t * (first != second))
        implied.append(m)
    # What follows in both does so within the folds of either.
    (a, b), (c, d) = one.sides, other.sides
    ac, bd, ad, bc = ((one if one.fold is not None else other).summed(x)
                      for x in (a * c, b * d, a * d, b * c))  # fmt: skip
    everywhere = float(ac @ bd + ad @ bc) - 2 * float((a * b) @ (c * d))
    elsewhere = everywhere - float(implied[0] @ implied[1])
    return (
        float(residuals[0] @ residuals[1]) + one.rate * other.rate * elsewhere,
        float(trials[0] @ trials[1]) + elsewhere,
    )


def _correlation(one: PairCounts, other: PairCounts) -> float:
    """Correlation of two rates; 0, which is safe, where too few comparisons tell them apart."""
    k, variances = one.identities, [pair_variance(c) for c in (one, other)]
    keys = np.concatenate([c.first * k + c.second for c in (one, other)])
    cells, where = np.unique(keys, return_inverse=True)
    net = np.zeros(cells.size)
    np.add.at(net, where, np.concatenate([one.hits, -other.hits]))
    told = PairCounts(*np.divmod(cells, k), net, net, one.sides)
    if cells_apart(told, net != 0, MIN_APART) < MIN_APART or min(variances) <= 0:
        return 0.0
    return float(np.clip(pair_covariance(one, other) / np.sqrt(np.prod(variances)), -1, 1))


def _influence(counts: PairCounts) -> Array:
    """Derivative by each identity's weight of log(variance / (rate (1 - rate)))."""
    n, p, two = counts.total, counts.rate, counts.impostor
    e, t, tried = counts.residuals, counts.compared, counts.tried
    m, by_rate = counts.implied(counts.first, counts.second), e / n
    residual = (counts.hits - p * tried) * two
    everywhere = counts.implied_squares()
    squares = counts.touching(residual**2 - (p * m) ** 2) + p**2 * everywhere
    spread = e @ e - squares.sum() / 2
    moved = e**2 + counts.times(counts.hits - p * counts.trials, e, -p) - squares
    through = residual @ tried - p * (everywhere.sum() / 2 - m @ m) - e @ t
    logit = (1 - 2 * p) / (p * (1 - p)) * by_rate
    found: Array = 2 * (moved + through * by_rate) / spread - 2 * t / n - logit
    return found


def _few(counts: PairCounts) -> str | None:
    """Return what there is too little of for an interval that isn't exact."""
    if cells_apart(counts, counts.hits > 0, MIN_APART) < MIN_APART:
        return FEW
    right = int((counts.compared > counts.touching(counts.hits)).sum()) // 2
    if counts.trials.any():
        right = cells_apart(counts, counts.hits < counts.trials, MIN_APART)
    return MANY if right < MIN_APART else None
