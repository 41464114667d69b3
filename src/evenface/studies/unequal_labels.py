"""A model that is right more often for some groups, if some recorded groups were wrong.

The label that is read stays as recorded, so a person can only be of another group in which that
label occurs: where gender is read, ethnicity is in doubt; where the group itself is, nothing is.

The difference of two shares, that of the group and that of all others, is a balanced accuracy in
disguise: with h the share of right predictions, ``mean h in the group - mean h elsewhere =
2 b - 1``, where b is the mean of two recalls, of h in the group and of 1 - h elsewhere. So
`evenface.stats.flips` serves as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.faces.split import Rows
from evenface.stats.asked import Asked
from evenface.stats.clusters import satterthwaite
from evenface.stats.flips import Curve, flip_curves
from evenface.stats.intervals import Estimate
from evenface.stats.repeats import Noise
from evenface.studies.data import Labels
from evenface.studies.judged import Judged
from evenface.studies.label_noise import ALL, curve_rows


def label_noise(
    judged: Sequence[tuple[str, Judged, Judged]],
    model: int,
    tests: pl.DataFrame,
    about: str,
    labels: Labels,
    asked: Asked,
) -> list[dict[str, Any]]:
    """Return how each difference that is shown bears wrong recorded groups.

    Its interval is at the level at which Holm's correction judged its test, so that it leaves
    zero out roughly where the corrected test finds a difference. What is not found by both is not
    asked about.

    Parameters
    ----------
    judged : sequence of (str, Judged, Judged)
        As in `evenface.studies.unequal.against_others`.
    model : int
    tests : polars.DataFrame
        Of `evenface.studies.judged.TESTS`, p adjusted.
    about : str
    labels : Labels
        What is read.
    asked : Asked

    Returns
    -------
    list of dict
        Rows of `evenface.studies.label_noise.LABEL_NOISE`. Where a group does worse than all
        others, the others' accuracy minus its own.
    """
    rows: list[dict[str, Any]] = []
    alpha = 1 - asked.level
    found = {r["a"]: r for r in tests.filter(about=about).rows(named=True)}
    for name, own, rest in judged:
        test = found[name]
        if test["p_holm"] is None or test["p_holm"] >= alpha:
            continue
        kinds = np.unique(labels.codes[own.rows])
        kin = sum(np.isin(labels.codes[j.rows], kinds).any() for _, j, _ in judged) - 1
        if not kin:
            continue
        # Who is recorded as of another group may be of a third, which changes nothing here.
        noted = _Doubt(np.isin(labels.codes, kinds), (1.0, 1 / kin))
        corrected = replace(asked, level=1 - alpha * test["p"] / test["p_holm"])
        curves = _curves(own, rest, model, noted, corrected, better=test["value"] > 0)
        first = curves["worst"].estimates[0]
        if first.low is not None and first.low > 0:
            side = "above" if test["value"] > 0 else "below"
            whose = ALL if len(kinds) == len(labels.names) else _those(labels, kinds)
            what = f"{name}: {side} others"
            rows += curve_rows(curves, about, what, group=whose)
    return rows


class _Doubt(NamedTuple):
    """Rows whose group is in doubt, and how likely a wrong one crosses the line."""

    rows: npt.NDArray[np.bool_]
    moves: tuple[float, float]


def _those(labels: Labels, kinds: Rows) -> str:
    return f"those recorded as {', '.join(labels.names[k] for k in kinds)}"


def _curves(
    own: Judged, rest: Judged, model: int, doubt: _Doubt, asked: Asked, *, better: bool
) -> dict[str, Curve]:
    both = (own.recalls, rest.recalls)
    hit = np.concatenate([r.correct[:, model] for r in both])
    hit = hit if better else 1 - hit
    codes: Rows = np.repeat([0, 1], [len(own.rows), len(rest.rows)])
    person: Rows = np.concatenate([r.person for r in both])
    strata = np.concatenate([r.strata for r in both if r.strata is not None])
    noises = [j.noise([(model, None)])[0] for j in (own, rest)]
    (curves,) = flip_curves(
        np.stack([hit, 1 - hit], axis=1)[:, :, None], codes, person, [(0, None)], asked,
        strata=strata, doubted=doubt.rows[np.concatenate([own.rows, rest.rows])],
        noise=[_together(noises)], moves=doubt.moves,
    )  # fmt: skip
    return {
        way: Curve(curve.shares, tuple(map(_as_difference, curve.estimates)))
        for way, curve in curves.items()
    }


def _together(noises: Sequence[Noise | None]) -> Noise | None:
    """Return what training adds to the mean of two recalls."""
    known = [n for n in noises if n is not None]
    if len(known) < 2:
        return None
    variances = [n.variance / 4 for n in known]
    return Noise(sum(variances), satterthwaite(variances, [n.df for n in known]))


def _as_difference(e: Estimate) -> Estimate:
    if e.value is None or e.low is None or e.high is None:
        return e
    return replace(e, value=2 * e.value - 1, low=2 * e.low - 1, high=2 * e.high - 1)
