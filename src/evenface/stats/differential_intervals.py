"""How unequal groups are, with intervals that don't take noise for inequality.

The largest of noisy rates is too large and the smallest too small, so a differential is on
average farther from equality than the truth, most of all when groups are equal. Percentiles of
resamples are farther still, and never contain equality. Hence the two ends are made in two ways:

Towards equality a test is inverted. Rates are drawn in from both sides to within a span (those
outside it, as the binomial likelihood has it), from the rates found down to one rate for all; of
FMR and FNMR that one gives way which costs less likelihood for what it brings. The end is where
a differential as far from equality as the one found would come up in no more than half of what
the level leaves; both from rates with half an error added (`GroupRates.smoothed`), lest groups of
few comparisons decide. If it comes up more often when all rates are equal, equality is in the
interval.

Away from equality it is the percentile of rates drawn from Jeffreys' posterior: their bias only
makes this end safer. A ratio to a rate of 0 has no such end.

FMR and FNMR of a group are of the same people, so both are drawn with the correlation that these
give them. `benchmarks/coverage_differentials.py` shows how often the intervals hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from evenface.stats.bootstrap import Array, Index
from evenface.stats.differentials import DIFFERENTIALS, Differential
from evenface.stats.group_rates import GroupRates
from evenface.stats.intervals import Estimate
from evenface.stats.less_unequal import deviance, drawn_in
from evenface.stats.spreads import MIN_GROUPS

STEPS = 8
"""Spans that are tried from equality to the rates found."""

METHOD = "inverted test towards equality, Jeffreys draws away from it"
AT_LEAST = "lower bound, by an inverted test: a rate is 0, so that the ratio has no upper end"


@dataclass(frozen=True)
class DifferentialEstimate:
    """A differential with its uncertainty, and what it would be without any inequality.

    Attributes
    ----------
    estimate : Estimate
        On the scale of the differential. Missing with fewer than 2 groups that have rates.
    bound : bool
        Whether a rate is 0, so that the value is what a ratio is at least, and there is no upper
        end: `estimate.high` repeats the value and is no limit.
    expected : float or None
        Median of the differential if all groups had the pooled rates and only numbers of
        comparisons differed.
    extreme : float or None
        What it would be farther from equality than with a probability of 1 - level only.
    p : float or None
        Probability that it would then be at least as far from equality as it is, both from rates
        with half an error added: in (0, 1].
    groups, left_out : tuple of str
        Those that count, and those without a rate.
    """

    estimate: Estimate
    bound: bool
    expected: float | None
    extreme: float | None
    p: float | None
    groups: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Side:
    """FMR or FNMR of the groups that count, and what might have been found.

    `path` has shape (STEPS + 1, G), from equality to the rates found, `cost` their deviance.
    `drawn` and `believed` have shapes (STEPS + 1, draws, G) and (draws, G).
    """

    rates: GroupRates
    path: Array
    cost: Array
    drawn: Array
    believed: Array
    ceilings: Array


def differential_intervals(
    fmr: GroupRates,
    fnmr: GroupRates,
    *,
    alpha: float = 0.5,
    correlation: float = 0.0,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
    which: Sequence[str] = tuple(DIFFERENTIALS),
) -> dict[str, DifferentialEstimate]:
    """Compute differentials between groups that share no identity, with intervals.

    Parameters
    ----------
    fmr, fnmr : GroupRates
        Of the same groups in the same order, at one threshold. A group counts if it has those
        rates that a differential looks at.
    alpha : float
        Weight of FMR where a differential looks at both, in [0, 1].
    correlation : float
        Of a group's FMR and FNMR as estimates, in [-1, 1]: see `group_rates.correlation`.
    level : float
        Nominal coverage, between 0 and 1.
    draws : int
        For each of 9 assumed truths.
    seed : int
        The same seed draws the same; both kinds of rates have numbers of their own.
    which : sequence of str
        Names in `DIFFERENTIALS`.

    Returns
    -------
    dict
        By name, in the order of `which`.

    Raises
    ------
    ValueError
        If the groups differ, alpha is outside [0, 1] or the correlation outside [-1, 1].
    """
    if fmr.names != fnmr.names:
        raise ValueError("FMR and FNMR must be of the same groups in the same order")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha, the weight of FMR, lies between 0 and 1, not at {alpha}")
    if not -1 <= correlation <= 1:
        raise ValueError(f"a correlation lies between -1 and 1, not at {correlation}")
    found, sides = {}, {}
    for name in which:
        kind = DIFFERENTIALS[name]
        weights = kind.weights(alpha)
        looked = [(k, r) for k, (r, w) in enumerate(zip((fmr, fnmr), weights, strict=True)) if w]
        kept = np.all([r.present for _, r in looked], axis=0)
        out = tuple(n for n, k in zip(fmr.names, kept, strict=True) if not k)
        if kept.sum() < MIN_GROUPS:
            found[name] = _missing(int(kept.sum()), level, fmr.only(kept).names, out)
            continue
        for k, r in looked:
            key = (k, kept.tobytes())
            if key not in sides:
                order = _orders(int(kept.sum()), draws, correlation, seed)[k]
                rng = np.random.default_rng([seed, k])
                sides[key] = _side(r.only(kept), order, level, rng)
        mine = [(weights[k], sides[k, kept.tobytes()]) for k, _ in looked]
        found[name] = _estimated(kind, mine, level, out)
    return found


def _orders(groups: int, draws: int, correlation: float, seed: int) -> Index:
    """Return ranks of normal numbers with a correlation, shape (2, draws, groups)."""
    one, other = np.random.default_rng([seed, 2]).standard_normal((2, draws, groups))
    other = correlation * one + np.sqrt(1 - correlation**2) * other
    return np.stack([one, other]).argsort(axis=1).argsort(axis=1)


def _side(rates: GroupRates, order: Index, level: float, rng: np.random.Generator) -> _Side:
    """Draw, and give each group's draws the order that makes FMR and FNMR go together."""
    path, draws = drawn_in(rates, STEPS), len(order)
    drawn = np.sort(rates.drawn(path, draws, rng), axis=-2)
    believed = np.sort(rates.believed(draws, rng), axis=-2)
    return _Side(
        rates,
        path,
        deviance(rates, path),
        np.take_along_axis(drawn, order[None], axis=-2),
        np.take_along_axis(believed, order, axis=-2),
        rates.ceilings(level),
    )


def _estimated(
    kind: Differential, sides: list[tuple[float, _Side]], level: float, out: tuple[str, ...]
) -> DifferentialEstimate:
    """Put value, interval and reference together, on the scale that is 0 when equal."""
    tail = (1 - level) / 2

    def apart(of: Sequence[Array], positive: Sequence[Array]) -> Array:
        pairs = zip(sides, of, positive, strict=True)
        total: Array = np.sum([w * kind.spread(x, y) for (w, _), x, y in pairs], axis=0)
        return total

    def shown(x: float) -> float:
        return float(kind.shown(np.array(x)))

    raw = [s.rates.rate for _, s in sides]
    filled = [np.where(x == 0, s.ceilings, x) for x, (_, s) in zip(raw, sides, strict=True)]
    value = float(apart(raw, filled))
    bound = bool(kind.ratio and any((x == 0).any() for x in raw))
    low, p = _towards(kind, sides, tail)
    believed = [s.believed for _, s in sides]
    high = float(np.quantile(apart(believed, believed), 1 - tail))
    equal = [s.drawn[0] for _, s in sides]
    limits = [np.where(x == 0, s.ceilings, x) for x, (_, s) in zip(equal, sides, strict=True)]
    middle, far = np.quantile(apart(equal, limits), [0.5, level])
    # A value without an upper end repeats itself.
    ends = [shown(min(low, value)), shown(value if bound else max(high, value))]
    rates = [s.rates for _, s in sides]
    how = AT_LEAST if bound else METHOD
    if out:
        how += f"; without {', '.join(out)}"
    estimate = Estimate(
        shown(value),
        min(ends),
        max(ends),
        level,
        int(sum(r.compared.sum() for r in rates)),
        int(np.max([r.persons for r in rates], axis=0).sum()),
        how,
    )
    names = rates[0].names
    return DifferentialEstimate(estimate, bound, shown(middle), shown(far), p, names, out)


def _towards(
    kind: Differential, sides: list[tuple[float, _Side]], tail: float
) -> tuple[float, float]:
    """Return the end towards equality, where that is 0, and the p value of equality."""

    def spread(s: _Side, x: Array | None = None) -> Array:
        y = s.rates.smoothed(x)
        return kind.spread(y, y)

    found = sum(w * float(spread(s)) for w, s in sides)
    truths = [w * kind.spread(s.path, s.path) for w, s in sides]
    drawn = [w * spread(s, s.drawn) for w, s in sides]
    # From the rates found step by step to equality, the side first that is worth it.
    at = [STEPS for _ in sides]
    places, shares = [], []
    while True:
        here = [t[k] for t, k in zip(truths, at, strict=True)]
        there = np.sum([d[k] for d, k in zip(drawn, at, strict=True)], axis=0)
        places.append(float(sum(here)))
        shares.append((1 + int((there >= found - 1e-12).sum())) / (1 + there.size))
        if not any(at):
            break
        price = [
            (s.cost[k - 1] - s.cost[k]) / max(t[k] - t[k - 1], 1e-12) if k else np.inf
            for (_, s), t, k in zip(sides, truths, at, strict=True)
        ]
        at[int(np.argmin(price))] -= 1
    often = np.flatnonzero(np.array(shares) > tail)
    if not often.size:
        return places[0], shares[-1]
    k = int(often[-1])
    if k == len(shares) - 1:
        return 0.0, shares[-1]
    # Between the last that is often enough and the first that isn't.
    z = special.ndtri(np.minimum([shares[k], shares[k + 1], tail], 0.999))
    part = float((z[0] - z[2]) / (z[0] - z[1]))
    return places[k] + part * (places[k + 1] - places[k]), shares[-1]


def _missing(
    kept: int, level: float, groups: tuple[str, ...], out: tuple[str, ...]
) -> DifferentialEstimate:
    why = f"{kept} {'group has' if kept == 1 else 'groups have'} rates, {MIN_GROUPS} are needed"
    if out:
        why += f"; without {', '.join(out)}"
    return DifferentialEstimate(
        Estimate.missing(why, level=level), False, None, None, None, groups, out
    )
