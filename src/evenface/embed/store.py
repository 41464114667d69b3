"""The folder that keeps embeddings: write, finish, open, check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.embeddings import (
    ROW_SCHEMA,
    VECTOR,
    Embeddings,
    embeddings_from_arrays,
    refuse_not_finite,
)
from evenface.embed.files import (
    CHUNK_FAILURES,
    FAILURE_SCHEMA,
    FAILURES,
    MANIFEST,
    OURS,
    PART,
    TEMPORARY,
    cannot_write,
    chunk_failures_name,
    file_sha256,
    one_writer,
    part_name,
    read_parquet,
    remove,
    write_parquet,
)
from evenface.embed.manifest import new_manifest, read_manifest, write_manifest
from evenface.errors import EvenfaceError, StoreError

__all__ = [
    "Embeddings",
    "check_embeddings",
    "embeddings_from_arrays",
    "open_embeddings",
    "write_embeddings",
]

CONTRACT = ("model", "preprocessing", "dimension", "dtype", "source")
"""Keys of the manifest that say what the vectors are; a folder holds one contract only."""


def open_embeddings(folder: str | Path, *, verify: bool = True) -> Embeddings:
    """Open a finished embedding folder.

    Parameters
    ----------
    folder : path
        Where `embed_faces` or `import_vectors` wrote.
    verify : bool
        Compare every part with the hash in the manifest too.

    Raises
    ------
    StoreError
        Where the folder is something else, unfinished or damaged.
    VectorError
        Where vectors hold NaN or infinity.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if not manifest["finished"]:
        raise StoreError(f"{folder} is unfinished; run the same `evenface embed` again to finish")
    dimension = int(manifest["dimension"])
    promised = sum(part["rows"] for part in manifest["parts"])
    try:
        vectors = np.empty((promised, dimension), np.float32)
    except (MemoryError, ValueError) as error:
        raise StoreError(
            f"{folder / MANIFEST} promises {promised} rows (parts.rows) of {dimension} numbers "
            "(dimension), more than fit in memory; if that is wrong, embed again"
        ) from error
    frames, start = [], 0
    for part in manifest["parts"]:
        frame, block = read_part(folder, manifest, part, verify=verify)
        vectors[start : start + len(block)] = block
        frames.append(frame)
        start += len(block)
    if start != manifest["counts"]["rows"]:
        raise StoreError(
            f"{folder} has {start} rows; its manifest says {manifest['counts']['rows']}"
        )
    rows = pl.concat(frames) if frames else pl.DataFrame(schema=row_schema(manifest))
    twice = rows.filter(rows["sample_id"].is_duplicated())["sample_id"]
    if twice.len():
        raise StoreError(
            f"{folder}: {twice.len()} rows share a sample_id with another, such as {twice[0]!r}; "
            "embed again"
        )
    refuse_not_finite(vectors, rows["sample_id"], f"{folder}: ")
    return Embeddings(
        rows=rows,
        vectors=vectors,
        card=manifest["model"],
        source=manifest["source"],
        failures=read_failures(folder, manifest),
        preprocessing=manifest["preprocessing"],
        stored_fingerprint=_fingerprint(manifest),
    )


def row_schema(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a part without its vectors."""
    return {**ROW_SCHEMA, **dict.fromkeys(manifest["source"]["attributes"], pl.String)}


def read_failures(folder: Path, manifest: Mapping[str, Any]) -> pl.DataFrame:
    """Read the failures of a finished folder, or raise `StoreError`."""
    failures = read_parquet(folder / FAILURES)
    wanted = manifest["counts"]["failures"]
    if dict(failures.schema) != FAILURE_SCHEMA or failures.height != wanted:
        raise StoreError(f"{folder / FAILURES} doesn't hold the {wanted} failures expected")
    return failures


def read_part(
    folder: Path, manifest: Mapping[str, Any], part: Mapping[str, Any], *, verify: bool
) -> tuple[pl.DataFrame, NDArray[np.float32]]:
    """Read one part as rows and vectors, or raise `StoreError`."""
    path = folder / str(part["name"])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} can't be read ({error}); restore it, or embed again") from error
    frame = read_parquet(path, data)
    schema = row_schema(manifest)
    wanted = {**schema, VECTOR: pl.Array(pl.Float32, int(manifest["dimension"]))}
    found = dict(frame.schema)
    if found != wanted:
        wrong = [f"{c} is {found.get(c)}, not {t}" for c, t in wanted.items() if found.get(c) != t]
        wrong += [f"{c} is unexpected" for c in found if c not in wanted]
        raise StoreError(
            f"{path} doesn't fit the manifest: {'; '.join(wrong) or 'its columns are in disorder'}"
        )
    if frame.height != part["rows"]:
        raise StoreError(f"{path} has {frame.height} rows; the manifest says {part['rows']}")
    if verify and hashlib.sha256(data).hexdigest() != part["sha256"]:
        raise StoreError(f"{path} was changed since it was written; restore it, or embed again")
    if frame[VECTOR].null_count():
        raise StoreError(f"{path} has rows without a vector")
    # A null inside a vector would read as NaN, which `refuse_not_finite` names.
    return frame.select(list(schema)), frame[VECTOR].to_numpy()


def part_frame(rows: pl.DataFrame, vectors: NDArray[np.float32]) -> pl.DataFrame:
    """Return rows and vectors as a part keeps them."""
    kind = pl.Array(pl.Float32, vectors.shape[1])
    return rows.with_columns(pl.Series(VECTOR, vectors, dtype=kind))


def finish_folder(folder: Path, manifest: Mapping[str, Any], chunks: int) -> None:
    """Merge the chunks' failures, count and hash the parts, and call the folder finished."""
    failures = pl.concat(
        [
            pl.DataFrame(schema=FAILURE_SCHEMA),
            *(read_parquet(folder / chunk_failures_name(k)) for k in range(chunks)),
        ]
    )
    write_parquet(folder / FAILURES, failures)
    parts: list[dict[str, Any]] = []
    for k in range(chunks):
        path = folder / part_name(k)
        rows = read_parquet(path).height
        parts.append({"name": path.name, "rows": rows, "sha256": file_sha256(path)})
    rows = sum(part["rows"] for part in parts)
    counts = {**manifest["counts"], "rows": rows, "failures": failures.height}
    write_manifest(folder, {**manifest, "finished": True, "counts": counts, "parts": parts})
    remove(folder, CHUNK_FAILURES, TEMPORARY)


def refuse_used(out: Path) -> None:
    """Raise `StoreError` unless `out` is absent or an empty folder."""
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        what = "isn't empty" if out.is_dir() else "is a file"
        raise StoreError(f"{out} {what}; choose a folder that doesn't exist yet")


def write_embeddings(
    embeddings: Embeddings, out: str | Path, *, part_rows: int = 1024
) -> Embeddings:
    """Write embeddings to a new folder and open it.

    Raises
    ------
    StoreError
        Where `out` exists and isn't an empty folder, or can't be written to; a sample_id
        stands twice.
    """
    out = Path(out)
    refuse_used(out)
    twice = embeddings.rows["sample_id"].is_duplicated().sum()
    if twice:
        raise StoreError(f"{twice} rows share a sample_id with another; write each row once")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from error
    with one_writer(out):
        # Another process may have written between the first look and the lock.
        refuse_used(out)
        try:
            _write_new(embeddings, out, part_rows)
        except StoreError:
            # Half a folder would be in the way of the next attempt, and can't be gone on with.
            with suppress(StoreError):
                remove(out, OURS)
            raise
    return open_embeddings(out)


def _write_new(embeddings: Embeddings, out: Path, part_rows: int) -> None:
    n = len(embeddings)
    pictures = n + embeddings.failures.height
    chunks = {"part_rows": part_rows}
    manifest = new_manifest(
        embeddings.card, embeddings.preprocessing, embeddings.source, chunks, pictures
    )
    write_manifest(out, manifest)
    starts = range(0, max(n, 1), part_rows)
    for k, start in enumerate(starts):
        rows = embeddings.rows[start : start + part_rows]
        vectors = embeddings.vectors[start : start + part_rows]
        none = embeddings.failures.clear()
        failures = embeddings.failures if k == 0 else none
        write_parquet(out / chunk_failures_name(k), failures)
        write_parquet(out / part_name(k), part_frame(rows, vectors))
    finish_folder(out, manifest, len(starts))


def check_embeddings(folder: str | Path) -> tuple[str, ...]:
    """Look at every file of an embedding folder and return all that is wrong with it.

    Returns
    -------
    tuple of str
        One sentence a fault; empty where hashes, counts and vectors are as they should be.

    Raises
    ------
    StoreError
        Where the folder is no embedding folder or its manifest can't be used.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if not manifest["finished"]:
        return (f"{folder} is unfinished; run the same `evenface embed` again to finish",)
    faults: list[str] = []
    ids: list[pl.Series] = []
    for part in manifest["parts"]:
        try:
            rows, vectors = read_part(folder, manifest, part, verify=True)
            ids.append(rows["sample_id"])
            refuse_not_finite(vectors, rows["sample_id"], f"{folder / part['name']}: ")
        except EvenfaceError as error:
            faults.append(str(error))
    try:
        read_failures(folder, manifest)
    except StoreError as error:
        faults.append(str(error))
    listed = {part["name"] for part in manifest["parts"]}
    faults += [
        f"{path} is a part that the manifest doesn't list"
        for path in sorted(folder.iterdir())
        if PART.fullmatch(path.name) and path.name not in listed
    ]
    total = sum(part["rows"] for part in manifest["parts"])
    if total != manifest["counts"]["rows"]:
        faults.append(f"the parts list {total} rows; counts.rows is {manifest['counts']['rows']}")
    twice = pl.concat(ids).is_duplicated().sum() if ids else 0
    if twice:
        faults.append(f"{twice} rows share a sample_id with another")
    return tuple(faults)


def _fingerprint(manifest: Mapping[str, Any]) -> str:
    parts = [part["sha256"] for part in manifest["parts"]]
    content = json.dumps([{key: manifest.get(key) for key in CONTRACT}, parts], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
