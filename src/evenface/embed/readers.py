"""Vectors and labels out of files that other programs wrote: which reader reads what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from evenface.embed.arrays import load_arrays
from evenface.embed.found import Found, found_labels, label_series
from evenface.embed.hub import read_folder
from evenface.embed.pickled import load_plain
from evenface.embed.shapes import plain_vectors
from evenface.embed.tables import read_csv, read_csv_vectors, read_parquet, read_parquet_vectors
from evenface.errors import VectorError
from evenface.faces.table import Note


def read_vectors(path: Path, chosen: str | None, names: Sequence[str]) -> Found:
    """Read a file of vectors.

    Parameters
    ----------
    path : Path
        ``.npy``, ``.npz``, ``.csv``, ``.parquet``, ``.pkl``, or a folder that `read_folder` knows.
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
    if path.is_dir():
        return read_folder(path, chosen, names)
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
    frame = read_csv(path) if suffix == ".csv" else read_parquet(path)
    return found_labels(path, np.empty((frame.height, 0)), frame, names)


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
            labels[name] = label_series(path, name, array)
        elif name in names:
            raise VectorError(
                f"{path}: labels {name!r} have shape {array.shape}; "
                f"one for each of {len(np.atleast_1d(vectors))} vectors was expected"
            )
        else:
            aside.append(name)
    notes = (Note.of("array ignored", aside, "{n} arrays are no label a vector."),) if aside else ()
    found = found_labels(path, vectors, pl.DataFrame(labels), names)
    return replace(found, notes=(*notes, *found.notes))


def _read_pickle(path: Path, chosen: str | None, names: Sequence[str]) -> Found:
    if not path.is_file():
        raise VectorError(f"{path} is no file")
    return plain_vectors(path, load_plain(path), path.stat().st_size, chosen, names)


_READERS: dict[str, Callable[[Path, str | None, Sequence[str]], Found]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": read_csv_vectors,
    ".parquet": read_parquet_vectors,
    ".pkl": _read_pickle,
    ".pickle": _read_pickle,
}
