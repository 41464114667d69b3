"""What a majority costs, if some recorded groups were wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from evenface.faces.split import Rows
from evenface.stats.asked import Asked
from evenface.stats.repeats import Noise
from evenface.studies.grouped import restricted
from evenface.studies.judged import Judged
from evenface.studies.label_noise import Conclusion, label_noise_rows
from evenface.studies.losing import MEAN
from evenface.studies.remedies import NONE
from evenface.studies.scores import Cell, Scores, balanced_cell


def label_noise(
    scores: Scores, cells: Sequence[Cell], found: pl.DataFrame, asked: Asked
) -> list[dict[str, Any]]:
    """Return how each loss's drop at the largest share bears wrong groups of the people tested.

    Nothing for drops that are not shown, or where spaces part something else than the groups: then
    there is no one label that could be wrong.

    Parameters
    ----------
    scores : Scores
    cells : sequence of Cell
    found : polars.DataFrame
        The study's numbers.
    asked : Asked
    """
    codes = scores.groups.codes
    if not np.array_equal(scores.tally.codes, codes):
        return []
    drops = found.filter(metric="drop_from_balanced", group=MEAN, remedy=NONE).drop_nulls("value")
    rows: list[dict[str, Any]] = []
    for cell in cells:
        own = drops.filter(loss=cell.loss, majority=cell.majority)
        if cell.remedy != NONE or not own.height or cell.share < float(own["share"].max() or 0):  # type: ignore[arg-type]
            continue
        drop = own.filter(share=cell.share).row(0, named=True)
        if drop["low"] <= 0:
            continue
        first = balanced_cell(cell, cells)
        both = [s for s in scores.by_group(cell) if s in scores.by_group(first)]
        part = restricted(scores.tally, [first.column, cell.column], both)
        tested: Rows = np.flatnonzero(part.tried() & (codes >= 0))
        judged = Judged(part, tested, codes, scores.person, codes, asked, scores.repeats(cell))
        claim = Conclusion(cell.loss, 0, 1, noise=_noise(judged, drop["training_share"], len(both)))
        rows += label_noise_rows(
            part, tested, codes, scores.person, [claim], asked, about=cell.majority
        )
    return rows


def _noise(judged: Judged, share: float | None, splits: int) -> Noise | None:
    """Return what training adds, from its part of the variance in the study's own interval."""
    if share is None:
        return None
    tested = judged.recalls.variance(0, 1)[0]
    share = min(share, 0.999)
    return Noise(tested * share / (1 - share), 2.0 * max(splits - 1, 1))
