"""A chunk of pictures: embedded, written as one part, and recorded as done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.files import (
    chunk_name,
    failure_schema,
    file_sha256,
    part_name,
    write_whole,
)
from evenface.embed.models import Embedder
from evenface.embed.parts import DTYPES, Part, row_schema, write_part
from evenface.embed.prepare import Crop, Failure, Known
from evenface.embed.seal import is_sealed, sealed
from evenface.errors import ModelError

Item = Crop | Known | Failure


@dataclass(frozen=True, eq=False)
class Chunk:
    """What became of a chunk's pictures, in the table's order.

    Attributes
    ----------
    rows : list of dict
        Of the pictures that have a vector.
    vectors : array, shape (len(rows), d)
    failures : list of dict
        Of the others.
    """

    rows: list[dict[str, Any]]
    vectors: NDArray[Any]
    failures: list[dict[str, Any]]


@dataclass(frozen=True)
class Done:
    """A chunk that is on disk: its part, and its failures' rows."""

    part: Part
    failures: list[dict[str, Any]]


def embed_chunk(
    items: Iterator[Item],
    count: int,
    embedder: Embedder,
    manifest: Mapping[str, Any],
    tell: Callable[[int, int], None] | None = None,
) -> Chunk:
    """Embed the next `count` pictures, in batches that never reach beyond them.

    A vector is therefore the same to the bit however often a run was stopped, and whoever
    embeds the chunk.

    Parameters
    ----------
    items : iterator
        What a `Preparer` makes of pictures.
    count : int
    embedder : Embedder
    manifest : mapping
        With ``dimension``, ``dtype`` and ``chunks.batch``.
    tell : callable, optional
        Called with (pictures, failures) after each batch.
    """
    batch, dtype = int(manifest["chunks"]["batch"]), DTYPES[manifest["dtype"]][0]
    vectors = np.empty((count, int(manifest["dimension"])), dtype)
    found: list[Item] = []
    waiting: list[int] = []
    told = failed = 0
    for i in range(count):
        item = next(items)
        found.append(item)
        if isinstance(item, Known):
            with np.errstate(over="ignore"):
                vectors[i] = item.vector
            if not np.isfinite(vectors[i]).all():
                found[i] = _lost(item)
        elif isinstance(item, Crop):
            waiting.append(i)
        if len(waiting) == batch or (i == count - 1 and waiting):
            crops = [c for k in waiting if isinstance(c := found[k], Crop)]
            with np.errstate(over="ignore", invalid="ignore"):
                made = _embed(embedder, crops, vectors.shape[1]).astype(dtype)
            for k, crop, vector in zip(waiting, crops, made, strict=True):
                vectors[k] = vector
                # Without its pixels, which nobody needs any more.
                found[k] = Known(crop.row, vector) if np.isfinite(vector).all() else _lost(crop)
            waiting = []
        if i + 1 - told >= batch or i == count - 1:
            failures = sum(isinstance(f, Failure) for f in found)
            if tell is not None:
                tell(i + 1 - told, failures - failed)
            told, failed = i + 1, failures
    whole = [i for i, item in enumerate(found) if not isinstance(item, Failure)]
    return Chunk(
        [item.row for item in found if isinstance(item, Known)],
        vectors[whole],
        [item.row() for item in found if isinstance(item, Failure)],
    )


def _lost(crop: Crop | Known) -> Failure:
    row = {k: v for k, v in crop.row.items() if k not in ("sha256", "faces_found", "face_size")}
    reason = "the network returned NaN, infinity or more than the vectors' dtype can hold"
    return Failure(row, "embed", reason, crop.row["sha256"])


def _embed(embedder: Embedder, crops: list[Crop], dimension: int) -> NDArray[np.float32]:
    vectors = np.asarray(embedder(np.stack([crop.pixels for crop in crops])))
    wanted = (len(crops), dimension)
    if vectors.shape != wanted:
        raise ModelError(
            f"{embedder.card.name} returned shape {vectors.shape}; {wanted} was expected"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        return vectors.astype(np.float32)


def write_chunk(out: Path, number: int, chunk: Chunk, manifest: Mapping[str, Any]) -> Done:
    """Write a chunk's part, then the record that makes it done."""
    attributes = manifest["source"]["attributes"]
    rows = pl.DataFrame(chunk.rows, schema=row_schema(manifest))
    part = write_part(out, part_name(number), rows, chunk.vectors)
    wanted = list(failure_schema(attributes))
    failures = [{c: row[c] for c in wanted} for row in chunk.failures]
    ids = rows["sample_id"].to_list()
    record = {"part": part.entry(), "ids": ids, "failures": failures}
    write_whole(out / chunk_name(number), json.dumps(sealed(record)).encode())
    return Done(part, failures)


def read_chunk(out: Path, number: int, rows: pl.DataFrame | None = None) -> Done | None:
    """Return a chunk that is done: recorded, its part whole, each of its pictures in it once.

    Where `rows` are not given, a chunk of whatever pictures will do.
    """
    try:
        record = json.loads((out / chunk_name(number)).read_bytes())
        if not is_sealed(record):
            return None
        done = Done(Part.of(record["part"]), record["failures"])
        ids = [*record["ids"], *(row["sample_id"] for row in done.failures)]
        wanted = ids if rows is None else rows["sample_id"].to_list()
        if len(ids) != len(wanted) or set(ids) != set(wanted):
            return None
        whole = file_sha256(out / part_name(number)) == done.part.sha256
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return done if whole and done.part.name == part_name(number) else None
