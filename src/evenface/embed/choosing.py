"""Which rows and columns of an embedding folder are meant, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.files import first_line
from evenface.embed.parts import Part, read_rows, row_schema
from evenface.embed.where import AT, Where, chosen_rows
from evenface.errors import VectorError


def columns_of(
    folder: Path, manifest: Mapping[str, Any], columns: Sequence[str] | None
) -> dict[str, Any]:
    """Return the types of the columns that are asked for, all if None.

    Raises
    ------
    VectorError
        Where there is no such column.
    """
    schema = row_schema(manifest)
    if isinstance(columns, str):
        raise VectorError(f"columns must be a list of names; say [{columns!r}]")
    unknown = [c for c in columns or () if c not in schema]
    if unknown:
        raise VectorError(f"{folder} has no column {unknown[0]!r}; it has {', '.join(schema)}")
    return schema if columns is None else {c: schema[c] for c in columns}


def chosen_parts(
    folder: Path,
    manifest: Mapping[str, Any],
    columns: Sequence[str] | None,
    where: Where | None,
) -> Iterator[tuple[NDArray[np.intp] | None, pl.DataFrame]]:
    """Yield each part's rows that are wanted, and where they stand in it; None for all."""
    schema, wanted = row_schema(manifest), list(columns_of(folder, manifest, columns))
    chosen = chosen_rows(where, schema)
    needed = list(chosen.meta.root_names()) if chosen is not None else []
    needed += [c for c in where if c not in needed] if isinstance(where, Mapping) else []
    columns_of(folder, manifest, needed)
    for part in map(Part.of, manifest["parts"]):
        reading = list(dict.fromkeys([*wanted, *needed])) or ["sample_id"]
        frame = read_rows(folder, part, schema, reading)
        if chosen is None:
            yield None, frame.select(wanted)
            continue
        try:
            found = frame.with_row_index(AT).filter(chosen)
        except pl.exceptions.PolarsError as error:
            raise VectorError(f"rows can't be chosen so: {first_line(error)}") from error
        yield found[AT].to_numpy().astype(np.intp), found.select(wanted)
