"""Vectors and labels as other programs read them: one writer a format."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.columns import EXPORT_PREFIX
from evenface.embed.embeddings import Embeddings
from evenface.embed.files import write_whole
from evenface.embed.hub import INFO, STATE
from evenface.embed.parts import part_frame
from evenface.errors import VectorError

NPZ_VECTORS = "vectors"
SHARD = 20_000
"""Rows of a file of a dataset."""

_EXPORT_COLUMN = re.compile(rf"{EXPORT_PREFIX}\d+")
# ZIP's earliest date: the same embeddings give the same bytes.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def _write_npz(embeddings: Embeddings, stream: IO[bytes]) -> None:
    _refuse_names([a for a in embeddings.attributes if a == NPZ_VECTORS])
    arrays: dict[str, NDArray[Any]] = {NPZ_VECTORS: embeddings.vectors}
    for column in embeddings.rows.iter_columns():
        arrays[column.name] = np.array(column.cast(pl.String).fill_null("").to_list(), dtype=str)
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", _NO_DATE)
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _write_csv(embeddings: Embeddings, stream: IO[bytes]) -> None:
    _refuse_names([a for a in embeddings.attributes if _EXPORT_COLUMN.fullmatch(a)])
    # In float64's digits: those of float32 read back through float64 may round twice.
    names = [f"{EXPORT_PREFIX}{i}" for i in range(embeddings.dimension)]
    numbers = pl.DataFrame(embeddings.vectors.astype(np.float64), schema=names)
    embeddings.rows.hstack(numbers).write_csv(stream, quote_style="non_numeric")


def _write_parquet(embeddings: Embeddings, stream: IO[bytes]) -> None:
    part_frame(embeddings.rows, embeddings.vectors).write_parquet(stream)


def _refuse_names(names: list[str]) -> None:
    if names:
        raise VectorError(
            f"attributes named {', '.join(names)} would be taken for vectors; rename them, "
            "or export to parquet"
        )


def write_dataset(embeddings: Embeddings, folder: Path) -> None:
    """Write a folder that `datasets.load_from_disk` opens; the folder is there and empty.

    ``state.json`` comes last: without it nobody takes the folder for a dataset. No features are
    stated, so that `datasets` of any version infers them from the Arrow schema.
    """
    count = -(-len(embeddings) // SHARD)
    names = [f"data-{k:05d}-of-{count:05d}.arrow" for k in range(count)]
    for k, name in enumerate(names):
        some = slice(k * SHARD, (k + 1) * SHARD)
        frame = part_frame(embeddings.rows[some], embeddings.vectors[some])
        stream = frame.write_ipc_stream(None, compat_level=pl.CompatLevel.oldest())
        write_whole(folder / name, stream.getvalue())
    model = embeddings.card.get("name", "an unknown model")
    said = (
        f"Face embeddings by {model}, written by evenface. Labels are what a data set recorded, "
        "not truths about people."
    )
    info = {"citation": "", "description": said, "homepage": "", "license": ""}
    state: dict[str, Any] = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": embeddings.fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    for name, content in ((INFO, info), (STATE, state)):
        write_whole(folder / name, json.dumps(content, indent=2).encode())


WRITERS: dict[str, Callable[[Embeddings, IO[bytes]], None]] = {
    "npz": _write_npz,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
"""Formats of one file."""

FOLDERS: dict[str, Callable[[Embeddings, Path], None]] = {"datasets": write_dataset}
"""Formats of a folder."""
