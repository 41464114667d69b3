"""Whom an eraser was fitted to: nobody is judged on vectors that were made with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.embeddings import Embeddings
from evenface.erasers.eraser import Eraser, hashed
from evenface.errors import LeakError
from evenface.faces.split import frame_persons
from evenface.faces.table import Note

SEEN = "seen_by_eraser"
"""The attribute that says, of changed vectors, whether the eraser was fitted to the identity."""

YES, NO = "yes", "no"


def mark_seen(embeddings: Embeddings, eraser: Eraser) -> Embeddings:
    """Note on each row whether an eraser was fitted to its identity, or an earlier one was.

    An eraser that doesn't know whom it was fitted to may have been fitted to anybody.
    """
    names = embeddings.rows["identity"].unique().to_list()
    known = eraser.fitted_on
    seen = [n for n in names if not known or hashed(eraser.salt, n) in known]
    marks = pl.when(_is_seen(embeddings.rows) | pl.col("identity").is_in(seen))
    rows = embeddings.rows.with_columns(marks.then(pl.lit(YES)).otherwise(pl.lit(NO)).alias(SEEN))
    failures = embeddings.failures.with_columns(pl.lit(None, pl.String).alias(SEEN))
    source: dict[str, Any] = {**embeddings.source, "attributes": []}
    changed = replace(embeddings, rows=rows, failures=failures, source=source)
    source["attributes"] = list(changed.attributes)
    return changed


def _is_seen(rows: pl.DataFrame) -> pl.Series:
    if SEEN not in rows.columns:
        return pl.repeat(value=False, n=rows.height, dtype=pl.Boolean, eager=True)
    return (rows[SEEN] == YES).fill_null(value=False)


def seen_rows(rows: pl.DataFrame) -> NDArray[np.bool_]:
    """Say of each row whether the eraser of these vectors was fitted to its person.

    A person may have several identities: one that was seen is enough.

    Parameters
    ----------
    rows : polars.DataFrame
        An embedding folder's.

    Returns
    -------
    bool array, shape (n,)
    """
    seen = _is_seen(rows).to_numpy()
    if not seen.any():
        return seen
    person = frame_persons(rows)
    return np.isin(person, person[seen])


def without_seen(embeddings: Embeddings) -> tuple[Embeddings, list[Note]]:
    """Leave out whom the eraser of these vectors was fitted to, and count them.

    Raises
    ------
    LeakError
        If nobody is left.
    """
    seen = seen_rows(embeddings.rows)
    if not seen.any():
        return embeddings, []
    count = np.unique(frame_persons(embeddings.rows)[seen]).size
    if seen.all():
        raise LeakError(
            f"the eraser of these vectors was fitted to all {count} identities here: what is read "
            "of them afterwards says nothing about other people. `evenface erase` on the vectors "
            "as they were fits erasers to training people alone and measures on others; or fit "
            "one to some of the people (`evenface fit-eraser --share 0.6`) or to other people, "
            "and apply it to these"
        )
    text = (
        f"Identities left out because the eraser of these vectors was fitted to them: {count}, of "
        f"{int(seen.sum())} pictures."
    )
    # The same folder, of which not everybody is asked about.
    left = replace(embeddings.take(~seen), stored_fingerprint=embeddings.fingerprint)
    return left, [Note("seen by eraser", count, text)]
