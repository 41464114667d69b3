"""Vectors that are at hand already, found by the bytes of their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.embeddings import ROW_SCHEMA
from evenface.embed.parts import Part, PartVectors, read_rows, refuse_damaged
from evenface.embed.prepare import Known

KEPT = ("sample_id", "sha256", "faces_found", "face_size")


@dataclass(frozen=True)
class Shelf:
    """Parts of one folder that vectors may be taken from.

    Attributes
    ----------
    folder : Path
    parts : tuple of Part
    dimension : int
    dtype : str
    own : bool
        Whether rows with the same ``sample_id`` are the same pictures.
    """

    folder: Path
    parts: tuple[Part, ...]
    dimension: int
    dtype: str
    own: bool = False


@final
class VectorBank:
    """Looks vectors up by hash; holds some 50 bytes a picture and no vector.

    May be asked by several threads, and sent to other processes that see the same folders.
    """

    def __init__(self, shelves: Sequence[Shelf]) -> None:
        self._files = [(shelf, part) for shelf in shelves for part in shelf.parts if part.rows]
        self._open: dict[int, PartVectors] = {}
        frames = [
            read_rows(shelf.folder, part, ROW_SCHEMA, list(KEPT)).with_columns(
                pl.lit(i, pl.Int32).alias("file"),
                pl.int_range(pl.len(), dtype=pl.Int32).alias("row"),
                pl.lit(shelf.own).alias("own"),
            )
            for i, (shelf, part) in enumerate(self._files)
        ]
        empty = {**{c: ROW_SCHEMA[c] for c in KEPT}, "file": pl.Int32, "row": pl.Int32}
        table = pl.concat([pl.DataFrame(schema={**empty, "own": pl.Boolean}), *frames])
        self._hashes = _index(table.filter(pl.col("sha256").is_not_null()), "sha256")
        self._ids = _index(table.filter("own"), "sample_id")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}

    def of_picture(self, sha256: str) -> Known | None:
        """Return what is known of a picture with these bytes; its row lacks who is on it."""
        return self._find(self._hashes, sha256)

    def of_row(self, sample_id: str) -> Known | None:
        """Return what the folder's own part knows of a row."""
        return self._find(self._ids, sample_id)

    def _find(self, index: _Index, key: str) -> Known | None:
        # The last of several: the newest.
        i = int(np.searchsorted(index.keys, key.encode(), side="right")) - 1
        if i < 0 or index.keys[i] != key.encode():
            return None
        row = index.rows.row(i, named=True)
        file = int(row["file"])
        if file not in self._open:
            shelf, part = self._files[file]
            # A damaged part must not live on in a new one, with a hash of its own.
            refuse_damaged(shelf.folder, part)
            self._open[file] = PartVectors(shelf.folder, part, shelf.dimension, shelf.dtype)
        vector = self._open[file].take(np.array([row["row"]]))[0]
        return Known({k: row[k] for k in KEPT if k != "sample_id"}, vector)


@dataclass(frozen=True)
class _Index:
    keys: NDArray[np.bytes_]
    rows: pl.DataFrame


def _index(table: pl.DataFrame, key: str) -> _Index:
    if not table.height:
        return _Index(np.empty(0, "S1"), table)
    table = table.sort(key, "file", "row")
    keys = table[key].cast(pl.Binary).to_numpy().astype(np.bytes_)
    return _Index(keys, table.select("file", "row", *(c for c in KEPT if c != "sample_id")))
