"""Who was right on which picture: what lets two runs be compared picture by picture."""

from __future__ import annotations

import numpy as np
import polars as pl

from evenface.studies.data import Labels, StudyData
from evenface.studies.heldout import Tally

RIGHT = "right"
"""Name of the column that has the share of right predictions of every model, as a list."""


def outcomes_of(data: StudyData, tally: Tally, target: Labels, group: Labels) -> pl.DataFrame:
    """Return one row a picture that every model was tried on.

    Columns ``sample_id``, ``person`` (a number, the same for pictures of one person),
    ``recorded`` (its class), ``group``, and ``right``, the share of each model's held-out
    predictions that were right, in the order of the tally's models.
    """
    rows = np.flatnonzero(tally.tried() & (tally.codes >= 0))
    return pl.DataFrame(
        {
            "sample_id": data.rows["sample_id"][rows],
            "person": data.person[rows],
            "recorded": _names(target, rows),
            "group": _names(group, rows),
            RIGHT: pl.Series(
                tally.share(rows).astype(np.float32),
                dtype=pl.Array(pl.Float32, len(tally.place)),
            ),
        }
    )


def _names(labels: Labels, rows: np.ndarray) -> pl.Series:
    names = pl.Series([*labels.names, None], dtype=pl.String)
    return names.gather(np.where(labels.codes[rows] < 0, len(labels.names), labels.codes[rows]))
