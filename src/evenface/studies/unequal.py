"""Is a model right more often for some groups than for others? Each group against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.faces.split import Rows
from evenface.stats.asked import Asked
from evenface.stats.intervals import Estimate
from evenface.stats.permutation import independent
from evenface.stats.permuted import Permutation
from evenface.stats.shares import apart
from evenface.studies.judged import Judged, weakened

OTHERS = "all others"


def against_others(
    judged: Sequence[tuple[str, Judged, Judged]], model: int, about: str, asked: Asked
) -> list[dict[str, Any]]:
    """Compare a model's accuracy in each group with its accuracy among everybody else.

    The test shuffles identities between the two (`evenface.stats.permutation.independent`), and
    is weakened by what training adds, as everywhere.

    Parameters
    ----------
    judged : sequence of (str, Judged, Judged)
        Each group's name, the group and the others, judged without classes.
    model : int
        Which column.
    about : str
    asked : Asked

    Returns
    -------
    list of dict
        Rows of `evenface.studies.judged.TESTS`, p not adjusted yet.
    """
    rows = []
    for name, own, rest in judged:
        found = difference(own, rest, model)
        test = _test(own, rest, model, asked)
        rows.append(
            {
                "metric": "accuracy", "about": about, "a": name, "b": OTHERS, "value": found.value,
                "low": found.low, "high": found.high,
                "p": None if found.value is None else weakened(test, found), "p_holm": None,
                "n_identities": found.n_identities, "method": test.method,
            }
        )  # fmt: skip
    return rows


def difference(own: Judged, rest: Judged, model: int) -> Estimate:
    """Return a model's accuracy in a group minus that among all others."""
    one, other = (j.balanced([model], least_classes=1)[0] for j in (own, rest))
    return _with_training(apart(one, other), one, other)


def _test(own: Judged, rest: Judged, model: int, asked: Asked) -> Permutation:
    hit = np.concatenate([j.recalls.correct[:, [model]] for j in (own, rest)])
    person: Rows = np.concatenate([j.recalls.person for j in (own, rest)])
    first: npt.NDArray[np.bool_] = np.arange(len(person)) < len(own.rows)
    return independent(hit, person, first, permutations=asked.resamples - 1, seed=asked.seed)[0]


def _with_training(found: Estimate, one: Estimate, other: Estimate) -> Estimate:
    """Add which part of the variance training makes: the parts' mean, by their variances."""
    shares = (one.training_share, other.training_share)
    if found.value is None or None in shares:
        return found
    widths = [(e.high or 0.0) - (e.low or 0.0) for e in (one, other)]
    weights = np.square(widths)
    if not weights.sum():
        return found
    share = float(np.average([s or 0.0 for s in shares], weights=weights))
    return replace(found, training_share=share)
