"""Which of a study's numbers are meant when nothing more is said."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from evenface.studies.heldout import STRONGEST

BY_READER = ("probe", "transfer")
"""Studies of which the strongest reader alone is meant."""

BY_GROUP = ("probe", "spaces", "bias", "erase")
"""Studies of which numbers over everybody alone are meant."""

BETWEEN = "verify"
"""The study whose numbers are of one group or between two; those over everybody have neither."""

EVERYBODY = "all"


def headline(study: str, rows: pl.DataFrame, given: Collection[str] = ()) -> pl.Series:
    """Tell which rows are meant, shape (rows,).

    Parameters
    ----------
    study : str
    rows : polars.DataFrame
        Numbers of one metric of a study.
    given : collection of str
        Columns about which something was said: they are left alone.
    """
    kept = pl.repeat(value=True, n=rows.height, dtype=pl.Boolean, eager=True)
    if study in BY_READER and "probe" not in given:
        strongest = (rows["probe"] == STRONGEST).fill_null(value=False)
        kept &= strongest | (not strongest.any())
    if study in BY_GROUP and "group" not in given:
        kept &= (rows["group"] == EVERYBODY).fill_null(value=False)
    if study == BETWEEN and not {"attribute", "group_a", "group_b"} & set(given):
        # Differentials are always between groups: they have no row over everybody.
        kept &= rows["attribute"].is_null() | rows["attribute"].is_not_null().all()
    return kept
