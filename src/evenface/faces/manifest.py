"""A manifest: a CSV or Parquet table with ``path``, ``identity`` and any attributes."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from evenface.errors import SourceError
from evenface.faces.delimited import check_names, read_rows
from evenface.faces.listed import with_missing
from evenface.faces.look import Look
from evenface.faces.marker import is_synthetic
from evenface.faces.rows import Rows
from evenface.faces.table import RESERVED, Faces, Note, build_faces

SUFFIXES = (".csv", ".tsv", ".parquet")
NEEDED = ("path", "identity")
LABELS = (*NEEDED, "gender", "ethnicity")


def find(look: Look) -> Path | None:
    """Return a folder's only manifest, None where it has none or two."""
    tables = [n for n in look.at(look.folder).files if n in ("manifest.csv", "manifest.parquet")]
    return look.folder / tables[0] if len(tables) == 1 else None


def read_table(file: Path) -> pl.DataFrame:
    """Read a CSV, TSV or Parquet file of labels; every CSV value as the text it is.

    Raises
    ------
    SourceError
        For an unknown extension, a broken encoding, rows of unequal length, columns without a
        name or with the same one, or an empty file.
    """
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise SourceError(
            f"{file}: a table must end in {', '.join(SUFFIXES)}, not {file.suffix or 'nothing'!r}"
        )
    if not file.is_file():
        raise SourceError(f"{file}: no such file")
    try:
        if suffix == ".parquet":
            with file.open("rb") as stream:
                table = pl.read_parquet(stream)
        else:
            table = _read_text(file, "\t" if suffix == ".tsv" else ",")
    except pl.exceptions.PolarsError as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise SourceError(f"{file}: can't be read as a table: {said[0][:200]}") from None
    except OSError as error:
        raise SourceError(f"{file}: can't be read: {error.strerror or error}") from None
    names = [c.strip() for c in table.columns]
    check_names(names, file)
    table.columns = names
    return table


def _read_text(file: Path, separator: str) -> pl.DataFrame:
    read = read_rows(file, separator)
    rows = Rows(*next(read))
    for row in read:
        rows.add(*[field or None for field in row])
    return rows.frame()


def read_manifest(file: Path, images: Path | None = None) -> Faces:
    """Read a manifest.

    Parameters
    ----------
    file : Path
        ``.csv``, ``.tsv`` or ``.parquet`` with columns ``path`` and ``identity``; every other
        column is an attribute.
    images : Path, optional
        What its paths are relative to; the manifest's own folder if not given.

    Raises
    ------
    SourceError
        If a column is missing, a path stands twice or none of the pictures exists. Single
        missing pictures are counted here and recorded as failures when they are embedded.
    """
    table, notes = _plain(read_table(file), file)
    lacking = [c for c in NEEDED if c not in table.columns]
    if lacking:
        raise SourceError(
            f"{file}: no column {' and no column '.join(map(repr, lacking))}; "
            f"it has {', '.join(map(repr, table.columns)) or 'none'}"
        )
    if not table.height:
        raise SourceError(f"{file}: has a header but no rows")
    root = images or file.parent
    synthetic = is_synthetic(file.parent)
    faces = build_faces(table, root, "manifest", synthetic=synthetic, notes=notes, where=file)
    return with_missing(faces, file, "manifest")


def _plain(table: pl.DataFrame, file: Path) -> tuple[pl.DataFrame, tuple[Note, ...]]:
    """Return the table as text, without columns that can't be labels, and say which those were."""
    odd = [
        c
        for c, kind in table.schema.items()
        if kind.is_nested() or kind in (pl.Binary, pl.Duration, pl.Object, pl.Null)
    ]
    needed = [c for c in odd if c in LABELS and table.schema[c] != pl.Null]
    if needed:
        raise SourceError(
            f"{file}: column {needed[0]!r} is of type {table.schema[needed[0]]}; text was expected"
        )
    own = [c for c in RESERVED if c in table.columns and c not in NEEDED and c != "embedding"]
    left = [*(c for c in odd if table.schema[c] != pl.Null), *own]
    notes: tuple[Note, ...] = ()
    if left:
        text = "Columns left out, because they are evenface's own or no text: {n}."
        notes = (Note.of("columns", left, text),)
    return table.drop(left).cast(pl.String), notes
