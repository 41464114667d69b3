"""How unequal groups are with each remedy, on people not fitted to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from evenface.stats.differential_intervals import differential_intervals
from evenface.stats.group_rates import GroupRates, correlation
from evenface.stats.intervals import Estimate
from evenface.studies.remedied_errors import Tally
from evenface.studies.verify_unequal import LEAST

MEASURES = ("fdr", "garbe")
"""Those that look at both kinds of errors and need no rate to differ from 0."""


def inequality(
    tally: Tally, name: str, target: float, *, alpha: float, level: float, seed: int
) -> dict[str, Estimate]:
    """Return measures of inequality between the groups of at least `LEAST` test persons.

    Parameters
    ----------
    tally : Tally
    name, target : str, float
        Remedy and target FMR, both in the tally.
    alpha : float
        Weight of FMR, in [0, 1].
    level : float
        Nominal coverage.
    seed : int

    Returns
    -------
    dict of str to Estimate
        By name in `MEASURES`; empty where fewer than two groups are large enough.
    """
    people = tally.people
    tested = np.bincount(people.group[tally.images > 0], minlength=len(people.groups))
    large = [g for g, title in enumerate(people.groups) if title is not None and tested[g] >= LEAST]
    if len(large) < 2:
        return {}
    sides: list[dict[str, Any]] = [
        {str(people.groups[g]): tally.counts((name, target), metric, g) for g in large}
        for metric in ("fmr", "fnmr")
    ]
    rates = [GroupRates.of(side) for side in sides]
    found = differential_intervals(
        *rates, alpha=alpha, correlation=correlation(*sides), level=level, seed=seed, which=MEASURES
    )
    persons = int(tested[large].sum())
    return {k: replace(d.estimate, n_identities=persons) for k, d in found.items()}
