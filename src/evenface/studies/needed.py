"""How many people it would take: for gaps that the people at hand are too few to show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from evenface.stats.asked import Asked
from evenface.stats.intervals import Estimate
from evenface.stats.power import identities_needed, resolvable
from evenface.studies.judged import Judged
from evenface.studies.unequal import difference

POINTS = (0.01, 0.02, 0.05)
"""Gaps that are asked about: 1, 2 and 5 points."""

POWER = 0.8
"""How often a gap of that size would be shown."""

NEEDED = {
    "metric": pl.String, "what": pl.String, "points": pl.Float64, "identities": pl.Float64,
    "have": pl.Int64, "resolved": pl.Float64, "training_share": pl.Float64,
}  # fmt: skip
"""Columns of the table ``needed``: people a group to show a gap of so many points (none where
training alone varies too much for it), how many there are, and what gap those would show."""


def needed_apart(
    what: str, own: Judged, rest: Judged, model: int, asked: Asked
) -> list[dict[str, Any]]:
    """Return how many people of a group it would take to show gaps between it and all others.

    The others are taken to grow in proportion: with n people of the group, the variance is that
    of now times the people there are over n.

    Parameters
    ----------
    what : str
    own, rest : Judged
        The group and the others, judged without classes.
    model : int
    asked : Asked
    """
    have, others = own.recalls.persons, rest.recalls.persons
    found = difference(own, rest, model)
    if found.value is None:
        return []
    deviation = np.hypot(own.deviation(model), rest.deviation(model) * np.sqrt(have / others))
    people = replace(found, n_identities=have)
    # Where nobody differs from anybody there is no deviation to go by.
    return needed_rows("accuracy", what, float(deviation), people, asked) if deviation else []


def needed_rows(
    metric: str, what: str, deviation: float, found: Estimate, asked: Asked
) -> list[dict[str, Any]]:
    """Return a row for each of `POINTS`.

    Parameters
    ----------
    metric, what : str
        Which number.
    deviation : float
        Standard deviation of a person's influence on it.
    found : Estimate
        The number with the people at hand.
    asked : Asked
    """
    have = max(found.n_identities, 1)
    share = min(found.training_share or 0.0, 0.999)
    # What training adds stays, however many are tested.
    floor = deviation**2 / have * share / (1 - share)
    told = {"level": asked.level, "power": POWER, "floor": floor}
    wanted = identities_needed(np.array(POINTS), deviation, **told)
    resolved = float(resolvable(have, deviation, **told))
    return [
        {
            "metric": metric, "what": what, "points": points,
            "identities": float(n) if np.isfinite(n) else None, "have": found.n_identities,
            "resolved": resolved, "training_share": found.training_share,
        }
        for points, n in zip(POINTS, wanted, strict=True)
    ]  # fmt: skip
