"""A manifest: a CSV or Parquet table with ``path``, ``identity`` and any attributes."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from evenface.errors import SourceError
from evenface.faces.table import Faces, Note, build_faces

SUFFIXES = (".csv", ".tsv", ".parquet")


def read_table(file: Path) -> pl.DataFrame:
    """Read a CSV, TSV or Parquet file of labels; every CSV value as the text it is.

    Raises
    ------
    SourceError
        For an unknown extension, a broken encoding, rows of unequal length, or an empty file.
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
            return pl.read_parquet(file)
        text = file.read_bytes().decode("utf-8-sig")
        separator = "\t" if suffix == ".tsv" else ","
        # Types are not guessed: "001" stays an identity, not the number 1.
        table = pl.read_csv(text.encode(), separator=separator, infer_schema=False)
        # A blank line is no row.
        return table.filter(~pl.all_horizontal(pl.all().is_null()))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{file}, line {line}: not UTF-8 (byte {error.start}, {error.reason}); save the table "
            "as UTF-8"
        ) from None
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{file}: can't be read as a table: {_first_line(error)}") from None
    except OSError as error:
        raise SourceError(f"{file}: can't be read: {error.strerror or error}") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


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
    table = read_table(file)
    names = [c.strip() for c in table.columns]
    table.columns = names
    lacking = [c for c in ("path", "identity") if c not in names]
    if lacking:
        raise SourceError(
            f"{file}: no column {' and no column '.join(map(repr, lacking))}; "
            f"it has {', '.join(map(repr, names)) or 'none'}"
        )
    if not table.height:
        raise SourceError(f"{file}: has a header but no rows")
    nested = [c for c, t in table.schema.items() if t.is_nested() or t == pl.Binary]
    table = table.drop(nested)
    dropped = [c for c in ("sample_id", "sha256", "faces_found") if c in table.columns]
    columns = table.drop(dropped).cast(pl.String).to_dict(as_series=False)
    root = images or file.parent
    faces = build_faces(columns, root, "manifest", synthetic=synthetic)
    paths = faces.frame["path"].to_list()
    missing = [p for p in paths if not (root / p).is_file()]
    if len(missing) == len(paths):
        raise SourceError(
            f"{file}: none of its {len(paths)} pictures is there; the first would be "
            f"{root / paths[0]}; paths are relative to {root} (or say --images-root DIR)"
        )
    if not missing:
        return faces
    text = "Pictures of the manifest that are missing, recorded as failures: {n}."
    return faces.with_frame(faces.frame, Note.of("missing file", missing, text))
