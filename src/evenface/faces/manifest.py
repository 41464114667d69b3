"""A manifest: a CSV or Parquet table with ``path``, ``identity`` and any attributes."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl

from evenface.errors import SourceError
from evenface.faces.files import is_there
from evenface.faces.table import RESERVED, Faces, Note, build_faces

SUFFIXES = (".csv", ".tsv", ".parquet")
NEEDED = ("path", "identity")
LABELS = (*NEEDED, "gender", "ethnicity")


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
            table = pl.read_parquet(file)
        else:
            table = _read_text(file, "\t" if suffix == ".tsv" else ",")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{file}, line {line}: not UTF-8 (byte {error.start}, {error.reason}); save the table "
            "as UTF-8"
        ) from None
    except pl.exceptions.PolarsError as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise SourceError(f"{file}: can't be read as a table: {said[0][:200]}") from None
    except OSError as error:
        raise SourceError(f"{file}: can't be read: {error.strerror or error}") from None
    names = [c.strip() for c in table.columns]
    _check_names(names, file)
    table.columns = names
    return table


def _read_text(file: Path, separator: str) -> pl.DataFrame:
    text = file.read_bytes().decode("utf-8-sig")
    # The standard reader keeps text as text ("001" is no number) and knows its line.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] = []
    rows: list[list[str | None]] = []
    try:
        for row in reader:
            if not any(field.strip() for field in row):
                continue
            if not header:
                header = [name.strip() for name in row]
                _check_names(header, file)
            elif len(row) != len(header):
                raise SourceError(
                    f"{file}, line {reader.line_num}: {len(row)} fields, but the header has "
                    f"{len(header)}; quote values that hold {separator!r}"
                )
            else:
                rows.append([field or None for field in row])
    except csv.Error as error:
        raise SourceError(
            f"{file}, line {reader.line_num}: can't be read as a table: {error}"
        ) from None
    if not header:
        raise SourceError(f"{file}: can't be read as a table: it is empty")
    return pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row")


def _check_names(names: list[str], file: Path) -> None:
    twice = sorted({n for n in names if names.count(n) > 1})
    if "" in names:
        raise SourceError(f"{file}: column {names.index('') + 1} has no name")
    if twice:
        raise SourceError(f"{file}: columns that stand more than once: {', '.join(twice)}")


def read_manifest(file: Path, images: Path | None = None, *, synthetic: bool = False) -> Faces:
    """Read a manifest.

    Parameters
    ----------
    file : Path
        ``.csv``, ``.tsv`` or ``.parquet`` with columns ``path`` and ``identity``; every other
        column is an attribute.
    images : Path, optional
        What its paths are relative to; the manifest's own folder if not given.
    synthetic : bool
        Whether its pictures are rendered.

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
    faces = build_faces(
        table.to_dict(as_series=False), root, "manifest", synthetic=synthetic, notes=notes,
        where=file,
    )  # fmt: skip
    paths = faces.frame["path"].to_list()
    missing = [p for p in paths if not is_there(root / p)]
    if len(missing) == len(paths):
        raise SourceError(
            f"{file}: none of its {len(paths)} pictures is there; the first would be "
            f"{root / paths[0]}; paths are relative to {root} (or say --images-root DIR)"
        )
    if not missing:
        return faces
    text = "Pictures of the manifest that are missing, recorded as failures: {n}."
    return faces.with_frame(faces.frame, Note.of("missing file", missing, text))


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
