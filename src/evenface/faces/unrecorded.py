"""Recorded values that a reader may take for no record: ``withheld``, ``prefer not to say``.

What a data set writes where it has no label (`evenface.faces.table.UNKNOWN`) is none from the
start. A value that says why there is no other one is a value like any, with groups of its own,
until it is asked to count as none. Vectors and stored labels stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from evenface.errors import ConfigError
from evenface.faces.table import UNKNOWN, Note


def plain_values(missing: Sequence[str]) -> tuple[str, ...]:
    """Return values as they are compared: stripped, in small letters, each once.

    Raises
    ------
    ConfigError
        If one is empty.
    """
    found = tuple(dict.fromkeys(str(value).strip().lower() for value in missing))
    if "" in found:
        raise ConfigError("missing: a value is empty; an empty label is a missing one already")
    return found


def without_values(
    frame: pl.DataFrame, attributes: Sequence[str], missing: Sequence[str]
) -> pl.DataFrame:
    """Return the same rows with null in place of some values of attributes.

    Parameters
    ----------
    frame : polars.DataFrame
    attributes : sequence of str
        Columns to look at; others stay.
    missing : sequence of str
        Values, whatever their case.

    Raises
    ------
    ConfigError
        If a value is empty.
    """
    values = plain_values(missing)
    if not values:
        return frame
    return frame.with_columns(
        pl.when(_is_one(name, values).not_()).then(pl.col(name)).alias(name) for name in attributes
    )


def taken_as_missing(
    frame: pl.DataFrame, attributes: Sequence[str], missing: Sequence[str]
) -> list[Note]:
    """Count the labels that are taken for none, and name values that are nowhere.

    Returns
    -------
    list of Note
        Of the kinds ``taken as missing``, one an attribute, and ``nowhere``.
    """
    values = plain_values(missing)
    notes, found = [], set(UNKNOWN)
    for name in attributes:
        hit = frame.filter(_is_one(name, values))[name]
        if hit.len():
            found |= set(hit.str.to_lowercase().to_list())
            said = ", ".join(repr(v) for v in sorted(hit.unique().to_list()))
            text = f"Labels of {name} taken as missing, as asked ({said}): {hit.len()}."
            notes.append(Note("taken as missing", hit.len(), text))
    nowhere = [v for v in values if v not in found]
    if nowhere:
        said = ", ".join(map(repr, nowhere))
        text = f"Asked to be taken as missing, but recorded nowhere: {said}."
        notes.append(Note("nowhere", len(nowhere), text))
    return notes


def _is_one(name: str, values: Sequence[str]) -> pl.Expr:
    said = pl.col(name).str.strip_chars().str.to_lowercase()
    return said.is_in(list(values)).fill_null(value=False)
