"""Writing an embedding folder: new from memory, finished after a run, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenface.embed.chunks import Done
from evenface.embed.embeddings import Embeddings, refuse_not_finite
from evenface.embed.files import (
    AGAIN,
    CHUNK,
    FAILURES,
    MANIFEST,
    OURS,
    PART,
    TEMPORARY,
    UNFINISHED,
    cannot_write,
    entries,
    failure_schema,
    failures_name,
    one_writer,
    part_name,
    refuse_unreachable,
    remove,
    write_parquet,
)
from evenface.embed.loading import read_failures
from evenface.embed.manifest import new_manifest, read_manifest, write_manifest
from evenface.embed.parts import DTYPES, Part, read_whole, row_schema, write_part
from evenface.embed.store import open_embeddings
from evenface.errors import EvenfaceError, StoreError, VectorError
from evenface.faces.places import as_place

AT_ONCE = "at_once"
"""Key of what a folder will hold, where nothing can go on with half of it."""

_WORK = ("kept_failures", "released", AT_ONCE)
"""Keys of a manifest that only a folder being written has."""


def finish_folder(out: Path, manifest: Mapping[str, Any], done: list[Done]) -> None:
    """Write the failures, then the manifest that makes the folder what it is now; tidy up.

    Readers see the folder as it was until the manifest is replaced, and as it is from then on.
    """
    parts = [*manifest["parts"], *(d.part.entry() for d in done if d.part.rows)]
    # A folder without any row would have no part to say what its columns are.
    parts = parts or [d.part.entry() for d in done[:1]]
    rows = [*manifest.get("kept_failures", ()), *(row for d in done for row in d.failures)]
    failures = pl.DataFrame(rows, schema=failure_schema(manifest["source"]["attributes"]))
    name = failures_name(int(manifest["first"]))
    write_parquet(out / name, failures)
    total = sum(part["rows"] for part in parts)
    counts = {"pictures": total + failures.height, "rows": total, "failures": failures.height}
    kept = {k: v for k, v in manifest.items() if k not in _WORK}
    names = [part["name"] for part in parts]
    if len(set(names)) != len(names):
        raise StoreError(f"{out} can't be finished: a part stands twice; this is evenface's fault")
    write_manifest(out, {**kept, "counts": counts, "parts": parts, "failures": name})
    tidy(out)


def tidy(out: Path) -> None:
    """Delete what a finished folder needs no more: records, and parts that were replaced."""
    manifest = read_manifest(out)
    # First: a run killed further on must not go on with work whose records are half gone.
    with suppress(FileNotFoundError):
        (out / UNFINISHED).unlink()
    listed = {part["name"] for part in manifest["parts"]} | {manifest["failures"]}
    for path in entries(out):
        if (PART.fullmatch(path.name) or FAILURES.fullmatch(path.name)) and (
            path.name not in listed
        ):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise cannot_write(path, error) from error
    remove(out, CHUNK, TEMPORARY)


def refuse_used(out: Path) -> None:
    """Raise `StoreError` unless `out` is absent, empty, or what `write_pieces` left when killed."""
    if out.is_dir() and _is_leftover(out):
        return
    if out.exists() or out.is_symlink():
        what = "isn't empty" if out.is_dir() else "is a file"
        raise StoreError(f"{out} {what}; choose a folder that doesn't exist yet")


def _is_leftover(out: Path) -> bool:
    """Say whether nothing in a folder is worth keeping; work of `evenface embed` always is."""
    names = [p.name for p in entries(out) if not TEMPORARY.fullmatch(p.name)]
    if UNFINISHED not in names:
        return not names
    if MANIFEST in names or not all(OURS.fullmatch(name) for name in names):
        return False
    try:
        return bool(read_manifest(out, UNFINISHED).get(AT_ONCE))
    except StoreError:
        return False


def write_embeddings(
    embeddings: Embeddings,
    out: str | Path,
    *,
    part_rows: int = 1024,
    dtype: str = "float32",
) -> Embeddings:
    """Write embeddings to a new folder and open it.

    Parameters
    ----------
    embeddings : Embeddings
    out : path
        Absent, an empty folder, or one that such a call left half written when it was killed.
    part_rows : int
        Rows a part.
    dtype : {"float32", "float16"}
        What vectors are kept as.

    Raises
    ------
    StoreError
        Where `out` holds anything else, or can't be written to; a sample_id stands twice.
    VectorError
        Where `dtype` is unknown, or can't hold a vector.
    """
    twice = embeddings.rows["sample_id"].is_duplicated().sum()
    if twice:
        raise StoreError(f"{twice} rows share a sample_id with another; write each row once")
    pieces = (
        replace(
            embeddings,
            rows=embeddings.rows[start : start + part_rows],
            vectors=embeddings.vectors[start : start + part_rows],
        )
        for start in range(0, max(len(embeddings), 1), part_rows)
    )
    write_pieces(pieces, out, len(embeddings), part_rows=part_rows, dtype=dtype)
    return open_embeddings(out)


def write_pieces(
    pieces: Iterator[Embeddings], out: str | Path, rows: int, *, part_rows: int, dtype: str
) -> None:
    """Write embeddings that come a part at a time, of which one is held in memory.

    Parameters
    ----------
    pieces : iterator of Embeddings
        One or more; the first says what is known about all.
    out : path
        As of `write_embeddings`.
    rows : int
        Of all pieces.
    part_rows : int
        Rows of a piece, at most.
    dtype : {"float32", "float16"}
        What vectors are kept as.

    Raises
    ------
    StoreError, VectorError
        As of `write_embeddings`; nothing of a new folder is left.
    """
    out = as_place(out)
    refuse_used(out)
    if dtype not in DTYPES:
        raise VectorError(f"vectors can be kept as {' or '.join(DTYPES)}, not as {dtype!r}")
    # What is wrong with the first of them is told before anything is written.
    first = next(pieces)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from error
    with one_writer(out):
        # Another process may have written between the first look and the lock.
        refuse_used(out)
        try:
            # What says that it is half a folder goes last, when it is replaced.
            remove(out, PART, FAILURES, TEMPORARY)
            _write_new(first, chain([first], pieces), out, rows, part_rows, dtype)
        except BaseException:
            # Whatever stops it: half a folder would be in the way of the next attempt, which
            # can't go on with it.
            with suppress(StoreError):
                remove(out, OURS)
            raise


def _write_new(
    about: Embeddings,
    pieces: Iterable[Embeddings],
    out: Path,
    rows: int,
    part_rows: int,
    dtype: str,
) -> None:
    manifest = new_manifest(
        about.card,
        about.preprocessing,
        about.source,
        {"part_rows": part_rows},
        rows + about.failures.height,
        dtype=dtype,
    )
    write_manifest(out, {**manifest, "kept_failures": [], AT_ONCE: True}, UNFINISHED)
    done = []
    for k, piece in enumerate(pieces):
        largest = np.abs(piece.vectors).max(initial=0)
        if largest > np.finfo(DTYPES[dtype][0]).max:
            raise VectorError(f"{dtype} can't hold {largest:g}; keep these vectors as float32")
        own = piece.rows.select(list(row_schema(manifest)))
        part = write_part(out, part_name(k), own, piece.vectors.astype(DTYPES[dtype][0]))
        done.append(Done(part, []))
    done[0] = replace(done[0], failures=about.failures.to_dicts())
    finish_folder(out, manifest, done)


def check_embeddings(folder: str | Path) -> tuple[str, ...]:
    """Look at every file of an embedding folder and return all that is wrong with it.

    Parameters
    ----------
    folder : path or address

    Returns
    -------
    tuple of str
        One sentence a fault; empty where hashes, counts and vectors are as they should be. A
        part that is at fault is named.

    Raises
    ------
    StoreError
        Where the folder is no embedding folder or its manifest can't be used.
    """
    folder = as_place(folder)
    refuse_unreachable(folder)
    if not (folder / MANIFEST).exists() and (folder / UNFINISHED).exists():
        return (f"it is unfinished; {AGAIN}",)
    manifest = read_manifest(folder)
    schema, dimension = row_schema(manifest), int(manifest["dimension"])
    faults: list[str] = []
    ids: list[pl.Series] = []
    for entry in manifest["parts"]:
        part = Part.of(entry)
        try:
            rows, vectors = read_whole(
                folder, part, schema, dimension, manifest["dtype"], decode=True
            )
            ids.append(rows["sample_id"])
            refuse_not_finite(vectors, rows["sample_id"], f"{folder / part.name}: ")
        except EvenfaceError as error:
            faults.append(str(error))
    try:
        read_failures(folder, manifest)
    except StoreError as error:
        faults.append(str(error))
    total = sum(part["rows"] for part in manifest["parts"])
    if total != manifest["counts"]["rows"]:
        faults.append(f"the parts list {total} rows; counts.rows is {manifest['counts']['rows']}")
    twice = pl.concat(ids).is_duplicated().sum() if ids else 0
    if twice:
        faults.append(f"{twice} rows share a sample_id with another")
    if (folder / UNFINISHED).exists():
        faults.append(
            "it was being extended and is not finished; run the same `evenface embed` again"
        )
        return tuple(faults)
    listed = {part["name"] for part in manifest["parts"]}
    faults += [
        f"{path} is a part that the manifest doesn't list"
        for path in sorted(entries(folder))
        if PART.fullmatch(path.name) and path.name not in listed
    ]
    return tuple(faults)
