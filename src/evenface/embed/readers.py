"""Vectors and labels out of files that other programs wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.arrays import load_arrays
from evenface.embed.columns import is_plain, vector_columns
from evenface.embed.embeddings import VECTOR
from evenface.embed.files import first_line
from evenface.errors import VectorError
from evenface.faces.table import Note


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
    """

    vectors: NDArray[Any]
    labels: pl.DataFrame
    notes: tuple[Note, ...] = ()


def read_vectors(path: Path, chosen: str | None, names: Sequence[str]) -> Found:
    """Read a file of vectors.

    Parameters
    ----------
    path : Path
        ``.npy``, ``.npz``, ``.csv`` or ``.parquet``.
    chosen : str or None
        What holds the vectors: a key, a column, a range of columns (``e0..e127``) or their
        prefix (``e``).
    names : sequence of str
        Columns that are labels whatever they hold.

    Raises
    ------
    VectorError
        Where the file can't be read or it isn't clear what the vectors are.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise VectorError(
            f"{path} ends in {path.suffix or 'nothing'}; {', '.join(_READERS)} were expected"
        )
    return reader(path, chosen, names)


def read_labels(path: Path, names: Sequence[str]) -> Found:
    """Read a ``.csv`` or ``.parquet`` of labels, without vectors.

    Raises
    ------
    VectorError
        Where the file can't be read, or a column of `names` can't be text.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise VectorError(f"labels in {path} can't be read; .csv or .parquet was expected")
    frame = _read_csv(path) if suffix == ".csv" else _read_parquet(path)
    return _found(path, np.empty((frame.height, 0)), frame, names)


def _found(path: Path, vectors: NDArray[Any], frame: pl.DataFrame, names: Sequence[str]) -> Found:
    """Return vectors with all columns of `frame` that can be text; others are noted."""
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


def _read_npy(path: Path, chosen: str | None, _names: Sequence[str]) -> Found:
    if chosen is not None:
        raise VectorError(f"{path} holds a single array; leave {chosen!r} out")
    array = load_arrays(path)
    if isinstance(array, dict):
        raise VectorError(f"{path} is a .npz archive under another name; rename it")
    return Found(array, pl.DataFrame())


def _read_npz(path: Path, chosen: str | None, names: Sequence[str]) -> Found:
    arrays = load_arrays(path)
    if not isinstance(arrays, dict):
        raise VectorError(f"{path} is a single array and no .npz archive; rename it to .npy")
    listed = ", ".join(f"{key} {a.dtype} {a.shape}" for key, a in arrays.items()) or "nothing"
    key = chosen if chosen is not None else "vectors"
    if key not in arrays:
        matrices = [k for k, a in arrays.items() if a.ndim == 2 and a.dtype.kind == "f"]
        if chosen is not None or len(matrices) != 1:
            raise VectorError(f"{path} has no array {key!r}; it holds {listed}. Choose one by name")
        (key,) = matrices
    vectors = arrays.pop(key)
    labels: dict[str, pl.Series] = {}
    aside = []
    for name, array in arrays.items():
        if array.ndim == 1 and vectors.ndim >= 1 and len(array) == len(vectors):
            labels[name] = _label_series(path, name, array)
        elif name in names:
            raise VectorError(
                f"{path}: labels {name!r} have shape {array.shape}; "
                f"one for each of {len(np.atleast_1d(vectors))} vectors was expected"
            )
        else:
            aside.append(name)
    notes = (Note.of("array ignored", aside, "{n} arrays are no label a vector."),) if aside else ()
    found = _found(path, vectors, pl.DataFrame(labels), names)
    return replace(found, notes=(*notes, *found.notes))


def _label_series(path: Path, name: str, array: NDArray[Any]) -> pl.Series:
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError as error:
            raise VectorError(f"{path}: labels {name!r} are bytes and not UTF-8") from error
    if array.dtype.kind == "U":
        try:
            return pl.Series(name, array.tolist(), dtype=pl.String)
        except UnicodeEncodeError as error:
            row = next(i for i, text in enumerate(array.tolist(), 1) if not _is_text(text))
            raise VectorError(
                f"{path}: labels {name!r} hold half a surrogate pair in row {row}, which is no "
                "text; write it again as UTF-8"
            ) from error
    if array.dtype.kind not in "biuf":
        raise VectorError(f"{path}: labels {name!r} are {array.dtype}; text was expected")
    return pl.Series(name, array.astype(np.float32) if array.dtype == np.float16 else array)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_csv_vectors(path: Path, chosen: str | None, names: Sequence[str]) -> Found:
    return _numbered(path, _read_csv(path), chosen, names)


def _read_parquet_vectors(path: Path, chosen: str | None, names: Sequence[str]) -> Found:
    frame = _read_parquet(path)
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
    return _found(path, vectors, frame.drop(column), names)


def _unnest(path: Path, column: pl.Series) -> NDArray[Any]:
    if column.null_count():
        raise VectorError(f"{path}: {column.null_count()} rows have no vector in {column.name!r}")
    lists = column.cast(pl.List(pl.Float64)) if column.dtype != pl.List else column
    lengths = lists.list.len().unique().sort().to_list()
    if len(lengths) > 1:
        raise VectorError(
            f"{path}: vectors in {column.name!r} have lengths from {lengths[0]} to "
            f"{lengths[-1]}; one length was expected"
        )
    if not lengths or lengths == [0]:
        return np.empty((len(column), 0))
    return lists.cast(pl.Array(pl.Float64, int(lengths[0]))).to_numpy()


def _read_csv(path: Path) -> pl.DataFrame:
    """Read all columns as text; one without a name, such as a row index, is left out."""
    # The header as a row: polars leaves doubled quotes in names that it reads itself.
    try:
        table = _guarded(
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


def _read_parquet(path: Path) -> pl.DataFrame:
    return _guarded(path, lambda: pl.read_parquet(path, glob=False))


def _guarded(path: Path, read: Callable[[], pl.DataFrame]) -> pl.DataFrame:
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
    return _found(path, numbers.to_numpy(), frame.drop(columns), names)


_READERS: dict[str, Callable[[Path, str | None, Sequence[str]], Found]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": _read_csv_vectors,
    ".parquet": _read_parquet_vectors,
}
