"""One part of an embedding folder: rows and vectors in a Parquet file, vectors in one piece.

Lists in Parquet are read at a tenth of a disk's rate. The vectors of a part are therefore written
uncompressed and as one page, so that they stand in the file as they do in memory; the manifest
says from which byte on. Any tool reads the file as Parquet, evenface reads the bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.embeddings import ROW_SCHEMA, VECTOR
from evenface.embed.files import LOST, file_sha256, parquet_bytes, read_parquet, write_whole
from evenface.errors import StoreError
from evenface.faces.places import is_local

DTYPES: Final[dict[str, tuple[Any, Any]]] = {
    "float32": (np.float32, pl.Float32),
    "float16": (np.float16, pl.Float16),
}
"""What vectors may be kept as: NumPy's and polars' names."""

ONE_PAGE: Final = 2**31 - 1
_SOUGHT = 4096


@dataclass(frozen=True)
class Part:
    """A part as the manifest lists it.

    Attributes
    ----------
    name : str
    rows : int
    size : int
        Bytes of the file.
    sha256 : str
        Of the file.
    vectors_at : int or None
        Byte at which the vectors stand, row by row and little-endian; None where they don't.
    """

    name: str
    rows: int
    size: int
    sha256: str
    vectors_at: int | None = None

    def entry(self) -> dict[str, Any]:
        """Return it as the manifest has it."""
        return asdict(self)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Part:
        """Return the part of a manifest's entry."""
        return cls(**{k: entry.get(k) for k in cls.__dataclass_fields__})  # type: ignore[arg-type]


def row_schema(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a part without its vectors."""
    return {**ROW_SCHEMA, **dict.fromkeys(manifest["source"]["attributes"], pl.String)}


def part_frame(rows: pl.DataFrame, vectors: NDArray[Any]) -> pl.DataFrame:
    """Return rows and vectors as a part keeps them."""
    kind = pl.Array(DTYPES[str(vectors.dtype)][1], vectors.shape[1])
    return rows.with_columns(pl.Series(VECTOR, vectors, dtype=kind))


def write_part(folder: Path, name: str, rows: pl.DataFrame, vectors: NDArray[Any]) -> Part:
    """Write a part as one whole file; the same rows and vectors give the same bytes."""
    data = parquet_bytes(
        part_frame(rows, vectors),
        compression="uncompressed",
        compression_level=None,
        data_page_size=ONE_PAGE,
        row_group_size=max(len(rows), 1),
    )
    write_whole(folder / name, data)
    digest = hashlib.sha256(data).hexdigest()
    return Part(name, len(rows), len(data), digest, _find(data, vectors))


def _find(data: bytes, vectors: NDArray[Any]) -> int | None:
    """Return where the vectors stand in one piece; another writer may lay them out otherwise."""
    raw = np.ascontiguousarray(vectors).astype(vectors.dtype.newbyteorder("<"), copy=False)
    whole = memoryview(raw.data).cast("B") if raw.size else memoryview(b"")
    at = data.find(bytes(whole[:_SOUGHT])) if raw.size else -1
    return at if at >= 0 and memoryview(data)[at : at + len(whole)] == whole else None


def read_rows(
    folder: Path, part: Part, schema: Mapping[str, Any], columns: list[str] | None = None
) -> pl.DataFrame:
    """Read the rows of a part, without its vectors.

    Raises
    ------
    StoreError
        Where the file is missing, damaged or doesn't fit the manifest.
    """
    path = folder / part.name
    wanted = {c: schema[c] for c in (columns or schema)}
    try:
        frame = read_parquet(path, columns=list(wanted))
    except StoreError:
        _refuse_other_columns(path, schema)
        raise
    if dict(frame.schema) != wanted:
        raise _unfit(path, dict(frame.schema), wanted)
    if frame.height != part.rows:
        raise StoreError(f"{path} has {frame.height} rows; the manifest says {part.rows}")
    return frame


def _refuse_other_columns(path: Path, schema: Mapping[str, Any]) -> None:
    try:
        found = dict(pl.read_parquet_schema(path))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return
    if not schema.items() <= found.items():
        raise _unfit(path, {c: t for c, t in found.items() if c != VECTOR}, schema)


def _unfit(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> StoreError:
    wrong = [f"{c} is {found.get(c)}, not {t}" for c, t in wanted.items() if found.get(c) != t]
    wrong += [f"{c} is unexpected" for c in found if c not in wanted]
    return StoreError(
        f"{path} doesn't fit the manifest: {'; '.join(wrong) or 'its columns are in disorder'}"
    )


def read_whole(
    folder: Path,
    part: Part,
    schema: Mapping[str, Any],
    dimension: int,
    dtype: str,
    *,
    verify: bool = True,
    decode: bool = False,
) -> tuple[pl.DataFrame, NDArray[Any]]:
    """Read all of a part and compare it with the manifest and, to `verify`, with its hash.

    To `decode` reads vectors as any tool does, and compares them with where they are said to be.
    """
    path = folder / part.name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} can't be read ({error}); {LOST}") from error
    same = hashlib.sha256(data).hexdigest() == part.sha256
    if same and part.vectors_at is not None and not decode:
        # Just as it was written: nothing needs to be decoded but the rows.
        flat = np.frombuffer(data, DTYPES[dtype][0], part.rows * dimension, part.vectors_at)
        return read_parquet(path, data, list(schema)), flat.reshape(part.rows, dimension)
    frame = read_parquet(path, data)
    wanted = {**schema, VECTOR: pl.Array(DTYPES[dtype][1], dimension)}
    if dict(frame.schema) != wanted:
        raise _unfit(path, dict(frame.schema), wanted)
    if frame.height != part.rows:
        raise StoreError(f"{path} has {frame.height} rows; the manifest says {part.rows}")
    if verify and not same:
        raise StoreError(f"{path} was changed since it was written; {LOST}")
    if frame[VECTOR].null_count():
        raise StoreError(f"{path} has rows without a vector")
    # A null inside a vector would read as NaN, which `refuse_not_finite` names.
    vectors = frame[VECTOR].to_numpy()
    if same and part.vectors_at is not None and _find(data, vectors) != part.vectors_at:
        raise StoreError(f"{path} has its vectors elsewhere than the manifest says; {LOST}")
    return frame.select(list(schema)), vectors


def refuse_damaged(folder: Path, part: Part) -> None:
    """Raise `StoreError` where a part isn't what was written, by its hash."""
    try:
        found = file_sha256(folder / part.name)
    except OSError as error:
        raise StoreError(f"{folder / part.name} can't be read ({error}); {LOST}") from error
    if found != part.sha256:
        raise StoreError(f"{folder / part.name} was changed since it was written; {LOST}")


class PartVectors:
    """The vectors of one part, read where they stand.

    Parameters
    ----------
    folder : Path
    part : Part
    dimension : int
    dtype : {"float32", "float16"}
    """

    def __init__(self, folder: Path, part: Part, dimension: int, dtype: str) -> None:
        self.path, self.part = folder / part.name, part
        self._dtype = np.dtype(DTYPES[dtype][0]).newbyteorder("<")
        self._width = dimension * self._dtype.itemsize
        self._shape = (part.rows, dimension)
        at, length = part.vectors_at, part.rows * self._width
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise StoreError(f"{self.path} can't be read ({error}); {LOST}") from error
        if size != part.size or (at is not None and not 0 <= at <= size - length):
            raise StoreError(f"{self.path} has {size} bytes; the manifest says {part.size}; {LOST}")

    def read(self, start: int, stop: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read rows `start` to `stop`, in the dtype they are kept in.

        `out`, if it has their shape, is filled and returned: fresh memory costs more than reading.
        """
        if self.part.vectors_at is None:
            return self._decoded()[start:stop]
        shape = (stop - start, self._shape[1])
        found = out if out is not None and out.shape == shape else np.empty(shape, self._dtype)
        with self._open() as file:
            file.seek(self.part.vectors_at + start * self._width)
            view = memoryview(found.data).cast("B") if found.size else memoryview(b"")
            while view:
                n = file.readinto(view)
                if not n:
                    raise StoreError(f"{self.path} ends too early; {LOST}")
                view = view[n:]
        return found

    def expect(self, start: int, stop: int) -> None:
        """Tell the system that rows will be read soon."""
        if self.part.vectors_at is None or not is_local(self.path):
            return
        if hasattr(os, "posix_fadvise"):
            at, n = self.part.vectors_at + start * self._width, (stop - start) * self._width
            with self._open() as file:
                os.posix_fadvise(file.fileno(), at, n, os.POSIX_FADV_WILLNEED)

    def take(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Read some rows, in the order asked for; on a disk, nothing else is read."""
        if self.part.vectors_at is None or not is_local(self.path):
            return self.read(0, self.part.rows)[rows]
        # As bytes: the place in the file is rarely a multiple of a number's size.
        mapped = np.memmap(
            self.path, np.uint8, "r", self.part.vectors_at, (self.part.rows, self._width)
        )
        return np.ascontiguousarray(mapped[rows]).view(self._dtype)

    def _open(self) -> Any:
        return self.path.open("rb", buffering=0) if is_local(self.path) else self.path.open("rb")

    def _decoded(self) -> NDArray[Any]:
        found: NDArray[Any] = read_parquet(self.path, columns=[VECTOR])[VECTOR].to_numpy()
        if found.shape != self._shape:
            raise StoreError(f"{self.path} holds vectors of shape {found.shape[1:]}")
        return found.astype(self._dtype, copy=False)
