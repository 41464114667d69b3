"""Vectors and labels out of tables: CSV, Parquet, and frames that came from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.columns import is_plain, vector_columns
from evenface.embed.embeddings import VECTOR
from evenface.embed.features import features_of_parquet, with_class_names
from evenface.embed.files import first_line
from evenface.embed.found import Found, found_labels
from evenface.errors import VectorError


def read_csv_vectors(path: Path, chosen: str | None, names: Sequence[str]) -> Found:
    """Read a ``.csv`` whose columns of numbers are the vectors."""
    return _numbered(path, read_csv(path), chosen, names)


def read_parquet_vectors(path: Path, chosen: str | None, names: Sequence[str]) -> Found:
    """Read a ``.parquet`` with a column of lists, or as in CSV."""
    return frame_vectors(path, read_parquet(path), chosen, names)


def frame_vectors(
    path: Path, frame: pl.DataFrame, chosen: str | None, names: Sequence[str]
) -> Found:
    """Take the vectors out of a frame that `path` held, and all else as labels.

    Raises
    ------
    VectorError
        Where it isn't clear what the vectors are, or they can't be used.
    """
    nested = {
        name: kind
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.List | pl.Array) and kind.inner.is_numeric()
    }
    if chosen in nested:
        column = chosen
    elif chosen is not None or not nested:
        return _numbered(path, frame, chosen, names)
    elif len(nested) == 1 or VECTOR in nested:
        column = VECTOR if VECTOR in nested else next(iter(nested))
    else:
        raise VectorError(f"{path} has several lists ({', '.join(nested)}); choose one by name")
    vectors = _unnest(path, frame[column])
    return found_labels(path, vectors, frame.drop(column), names)


def _unnest(path: Path, column: pl.Series) -> NDArray[Any]:
    if column.null_count():
        raise VectorError(f"{path}: {column.null_count()} rows have no vector in {column.name!r}")
    kind: Any = column.dtype
    # As they are where they are floats: twice the room is a lot for a million vectors.
    inner = kind.inner if kind.inner.is_float() else pl.Float64()
    lengths = [kind.size] if isinstance(kind, pl.Array) else column.list.len().unique().to_list()
    if len(lengths) > 1:
        raise VectorError(
            f"{path}: vectors in {column.name!r} have lengths from {min(lengths)} to "
            f"{max(lengths)}; one length was expected"
        )
    if not lengths or lengths == [0]:
        return np.empty((len(column), 0))
    return column.cast(pl.Array(inner, int(lengths[0]))).to_numpy()


def read_csv(path: Path) -> pl.DataFrame:
    """Read all columns as text; one without a name, such as a row index, is left out."""
    # The header as a row: polars leaves doubled quotes in names that it reads itself.
    try:
        table = guarded(
            path, lambda: pl.read_csv(path, infer_schema=False, has_header=False, glob=False)
        )
    except VectorError as error:
        raise _wrong_encoding(path) or error from error
    names = [(name or "").removeprefix("\ufeff") for name in table.row(0)]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise VectorError(f"{path} has several columns named {', '.join(twice)}; rename them")
    columns = zip(names, table[1:].iter_columns(), strict=True)
    return pl.DataFrame([column.alias(name) for name, column in columns if name])


def _wrong_encoding(path: Path) -> VectorError | None:
    """Return the error that names the first line that isn't UTF-8, if there is one."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    return VectorError(
                        f"{path}, line {number}: not UTF-8 ({error.reason}); "
                        "save the table as UTF-8"
                    )
    except OSError:
        pass
    return None


def read_parquet(path: Path) -> pl.DataFrame:
    """Read a Parquet file; classes that it names by number get their names."""
    frame = guarded(path, lambda: pl.read_parquet(path, glob=False))
    return with_class_names(path, frame, features_of_parquet(path))


def guarded(path: Path, read: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """Read a file, or raise `VectorError` that names it."""
    try:
        if not path.is_file():
            raise VectorError(f"{path} is no file")
        return read()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise VectorError(f"{path} can't be read: {first_line(error)}") from error


def _numbered(path: Path, frame: pl.DataFrame, chosen: str | None, names: Sequence[str]) -> Found:
    columns = vector_columns(path, frame, chosen, names)
    plain = {name for name in columns if is_plain(frame[name])}
    other = [name for name in columns if name not in plain]
    if other:
        raise VectorError(
            f"{path}: column {other[0]!r} of the vectors is {frame[other[0]].dtype}; "
            "numbers were expected"
        )
    numbers = frame.select(columns).cast(pl.Float64, strict=False)
    for name in columns:
        bad = numbers[name].is_null()
        if bad.any():
            row = int(bad.arg_true()[0])
            raise VectorError(
                f"{path}: column {name!r} of the vectors holds {frame[name][row]!r} in row "
                f"{row + 1} ({bad.sum()} rows in all); a number was expected"
            )
    return found_labels(path, numbers.to_numpy(), frame.drop(columns), names)
