"""What a file of vectors held: the vectors, the labels, and what was left aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.errors import VectorError
from evenface.faces.table import Note

LARGEST = 2**63
PLAIN: dict[tuple[type, ...], Any] = {
    (bool,): pl.Boolean,
    (int, bool): pl.Int64,
    (int, float, bool): pl.Float64,
}
"""Types of values that are a column of numbers together, the narrowest first."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a file holds.

    Attributes
    ----------
    vectors : array, shape as in the file
    labels : polars.DataFrame
        All other columns, as strings; without columns where there are none.
    notes : tuple of Note
        What was left aside.
    files : tuple of Path
        What was read, where it was a folder.
    layout : str
        What kind of folder it was.
    """

    vectors: NDArray[Any]
    labels: pl.DataFrame
    notes: tuple[Note, ...] = ()
    files: tuple[Path, ...] = ()
    layout: str = ""


def found_labels(
    path: Path, vectors: NDArray[Any], frame: pl.DataFrame, names: Sequence[str]
) -> Found:
    """Return vectors with all columns of `frame` that can be text; others are noted.

    Raises
    ------
    VectorError
        Where a column of `names` can't be text.
    """
    columns, aside = [], []
    for column in frame.iter_columns():
        text = _as_text(column)
        if text is not None:
            columns.append(text)
        elif column.name in names:
            raise VectorError(
                f"{path}: labels {column.name!r} are {column.dtype}; text or numbers were expected"
            )
        else:
            aside.append(column.name)
    notes = Note.of("column ignored", aside, "{n} columns hold no text and no numbers.")
    return Found(vectors, pl.DataFrame(columns), (notes,) if aside else ())


def _as_text(column: pl.Series) -> pl.Series | None:
    """Return a plain column as strings; a whole number stays without a point."""
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object, pl.Duration):
        return None
    if column.dtype.is_float():
        column = column.fill_nan(None)
        whole = column.drop_nulls()
        if (whole.is_finite() & (whole == whole.round())).all() and not (
            whole.abs() >= 2**53
        ).any():
            column = column.cast(pl.Int64)
    try:
        return column.cast(pl.String)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def label_series(path: Path, name: str, array: NDArray[Any]) -> pl.Series:
    """Return a 1-D array as a column of labels, or raise `VectorError`."""
    if array.dtype.kind in "SU":
        return text_series(path, name, array.tolist())
    if array.dtype.kind not in "biuf":
        raise VectorError(f"{path}: labels {name!r} are {array.dtype}; text was expected")
    return pl.Series(name, array.astype(np.float32) if array.dtype == np.float16 else array)


def text_series(path: Path, name: str, values: Sequence[Any]) -> pl.Series:
    """Return text, bytes in UTF-8 and numbers as a column of text.

    Raises
    ------
    VectorError
        Where something is no text.
    """
    try:
        text = [v.decode("utf-8") if isinstance(v, bytes) else v for v in values]
        text = [v if v is None or isinstance(v, str) else str(v) for v in text]
        return pl.Series(name, text, dtype=pl.String)
    except UnicodeDecodeError as error:
        raise VectorError(f"{path}: labels {name!r} are bytes and not UTF-8") from error
    except UnicodeEncodeError as error:
        row = next(i for i, v in enumerate(text, 1) if v is not None and not _is_text(v))
        raise VectorError(
            f"{path}: labels {name!r} hold half a surrogate pair in row {row}, which is no "
            "text; write it again as UTF-8"
        ) from error


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain_labels(path: Path, name: str, values: Any, n: int) -> pl.Series | None:
    """Return an array or a list of plain values as a column of `n` labels; None if it is none."""
    if isinstance(values, np.ndarray):
        column = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
        good = column.ndim == 1 and len(column) == n and column.dtype.kind in "biufSU"
        return label_series(path, name, column) if good else None
    if not isinstance(values, list | tuple) or len(values) != n:
        return None
    plain = [v.item() if isinstance(v, np.ndarray) and v.size == 1 else v for v in values]
    if any(isinstance(v, int) and abs(v) >= LARGEST for v in plain):
        return None
    kinds = set(map(type, plain)) - {type(None)}
    for admitted, kind in PLAIN.items():
        if kinds <= set(admitted):
            return pl.Series(name, plain, dtype=kind, strict=False)
    return text_series(path, name, plain) if kinds <= {str, bytes, int, float, bool} else None
