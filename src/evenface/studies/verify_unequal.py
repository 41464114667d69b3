"""How unequal error rates of groups are, in `verify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evenface.stats.differential_intervals import DifferentialEstimate, differential_intervals
from evenface.stats.equality import equal_rates
from evenface.stats.group_rates import GroupRates, correlation
from evenface.stats.intervals import Estimate
from evenface.stats.rates_of_all import Errors
from evenface.studies.operating import Point
from evenface.studies.partitions import ALL, Partition
from evenface.studies.result import number
from evenface.studies.verify_numbers import Asked, Row, at, groups_of

LEAST = 10
"""Identities that a group needs to be compared with others.

With groups of 4 to 21 people the test of equal rates found differences in 11 % of draws in which
there was none, at a level of 5 %; without those of fewer than 10 in 5 %.
"""


ENDLESS = "; a rate is 0, so the ratio has no upper end"


def differential_rows(
    asked: Asked, partition: Partition, points: Sequence[Point], alpha: float
) -> tuple[list[Row], list[Row]]:
    """Return how unequal groups are at each point, and what would be expected of equal ones.

    Groups of fewer than `LEAST` identities are left out: between them tests find differences
    where there are none.

    Returns
    -------
    numbers : list of dict
        Rows of the study's frame.
    tests : list of dict
        ``attribute``, ``fmr_target``, ``threshold``, ``metric``, ``p`` (that groups have one
        rate), ``expected``, ``extreme`` and ``bound`` of `DifferentialEstimate`.
    """
    large = partition.of_at_least(asked.compared.people, LEAST)
    numbers, tests = [], []
    for point in points:
        matches = {n: asked.false_matches(point.threshold, g) for n, g in groups_of(large)}
        wrong = {n: asked.false_non_matches(point.threshold, g) for n, g in groups_of(large)}
        rates = [_group_rates(side) for side in (matches, wrong)]
        together = 0.0
        if all(e.all_known for e in matches.values()):
            together = correlation(*({n: e.counts for n, e in s.items()} for s in (matches, wrong)))
        found = differential_intervals(
            *rates, alpha=alpha, correlation=together, level=asked.level, seed=asked.common.seed
        )
        where = {"attribute": partition.attribute, **at(point)}
        for name, d in found.items():
            numbers.append(number("verify", name, _bounded(d), **where, group_a=ALL, group_b=ALL))
            tests.append(
                {**where, "metric": name, "p": d.p, "expected": d.expected, "extreme": d.extreme,
                 "bound": d.bound}
            )  # fmt: skip
        for name, side in zip(("fmr", "fnmr"), rates, strict=True):
            equal = equal_rates(side, draws=asked.common.resamples, seed=asked.common.seed)
            tests.append(
                {**where, "metric": name, "p": equal.p if equal else None, "expected": None,
                 "extreme": None, "bound": False}
            )  # fmt: skip
    return numbers, tests


def _bounded(found: DifferentialEstimate) -> Estimate:
    """Return the estimate; no number where a rate of 0 leaves no upper end."""
    e = found.estimate
    if not found.bound or e.low is None:
        return e
    sure = f"{e.level:.0%}".replace("%", " %")
    why = f"at least {e.low:.2f} ({sure}){ENDLESS}"
    return Estimate.missing(why, level=e.level, n=e.n, n_identities=e.n_identities)


def _group_rates(errors: dict[str, Errors]) -> GroupRates:
    """Return rates of all pairs; what they are worth is scaled up from persons drawn."""
    rates = GroupRates.of({n: e.counts for n, e in errors.items()})
    if all(e.all_known for e in errors.values()):
        return rates
    every = list(errors.values())
    scale = np.array(
        [max(e.persons / max(int((e.counts.compared > 0).sum()), 1), 1.0) for e in every]
    )
    return replace(
        rates,
        rate=np.where(rates.present, [e.rate for e in every], np.nan),
        effective=rates.effective * scale,
        compared=np.array([e.total for e in every], dtype=np.float64),
        persons=np.array([e.persons for e in every], dtype=np.intp),
    )
