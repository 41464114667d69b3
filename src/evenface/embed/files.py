"""Files of an embedding folder: their names, writes that are whole or absent, one writer."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import polars as pl

from evenface.errors import StoreError

SCHEMA_NAME, SCHEMA_VERSION = "evenface.embeddings", 1
SCHEMA = f"{SCHEMA_NAME}/{SCHEMA_VERSION}"
MANIFEST = "manifest.json"
FAILURES = "failures.parquet"

PART = re.compile(r"part-\d{5,}\.parquet")
CHUNK_FAILURES = re.compile(r"failures-\d{5,}\.parquet")
TEMPORARY = re.compile(r"\.(manifest\.json|(part|failures)(-\d{5,})?\.parquet)\.tmp")

FAILURE_SCHEMA = {
    "sample_id": pl.String,
    "path": pl.String,
    "identity": pl.String,
    "stage": pl.String,
    "reason": pl.String,
}


def part_name(k: int) -> str:
    """Name of chunk `k`'s vectors and rows."""
    return f"part-{k:05d}.parquet"


def chunk_failures_name(k: int) -> str:
    """Name of chunk `k`'s failures, until the folder is finished."""
    return f"failures-{k:05d}.parquet"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that under its name there is all of it or nothing, even after a power cut."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last; does nothing where a system can't."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame as one whole Parquet file; the same rows give the same bytes."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=3)
    write_whole(path, buffer.getvalue())


def read_parquet(path: Path, data: bytes | None = None) -> pl.DataFrame:
    """Read a Parquet file of an embedding folder.

    Raises
    ------
    StoreError
        Where it is missing or damaged.
    """
    try:
        return pl.read_parquet(io.BytesIO(path.read_bytes() if data is None else data))
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing; restore it, or embed again") from error
    # A damaged file can make the reader panic, which is no Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise StoreError(
            f"{path} can't be read as Parquet ({first_line(error)}); restore it, or embed again"
        ) from error


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest whole."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # A file name that isn't UTF-8 stays a valid JSON escape.
    write_whole(folder / MANIFEST, text.encode("utf-8", "backslashreplace"))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder, finished or not.

    Raises
    ------
    StoreError
        Where there is none, or one that this version doesn't know.
    """
    path = folder / MANIFEST
    if not folder.exists():
        raise StoreError(f"{folder} doesn't exist; make it with `evenface embed` or `import`")
    if not folder.is_dir():
        raise StoreError(f"{folder} is a file; an embedding folder was expected")
    if not path.is_file():
        raise StoreError(f"{folder} has no {MANIFEST}, so it is no embedding folder")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} can't be read as JSON: {error}") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    name, _, version = str(schema).partition("/")
    if schema is None or name != SCHEMA_NAME or not version.isdigit():
        raise StoreError(f"{path} has schema {schema!r}; {SCHEMA!r} was expected")
    if int(version) > SCHEMA_VERSION:
        raise StoreError(f"{path} was written by a newer evenface (schema {schema!r}); update it")
    if int(version) < SCHEMA_VERSION:
        raise StoreError(f"{path} has the old schema {schema!r}; embed again")
    faults = _manifest_faults(found)
    if faults:
        raise StoreError(f"{path} is damaged: {'; '.join(faults)}; embed again")
    return dict(found)


def _manifest_faults(manifest: dict[str, Any]) -> list[str]:
    wanted = {
        "model": dict,
        "preprocessing": dict,
        "source": dict,
        "counts": dict,
        "chunks": dict,
        "parts": list,
        "dimension": int,
        "finished": bool,
    }
    faults = [
        f"{key} is missing or no {kind.__name__}"
        for key, kind in wanted.items()
        if not isinstance(manifest.get(key), kind)
    ]
    if faults:
        return faults
    attributes = manifest["source"].get("attributes")
    if not isinstance(attributes, list) or not all(isinstance(a, str) for a in attributes):
        faults.append("source.attributes is no list of names")
    if manifest["dimension"] < 1:
        faults.append("dimension is below 1")
    counts = manifest["counts"]
    faults += [
        f"counts.{name} is no number"
        for name in ("rows", "failures")
        if not isinstance(counts.get(name), int)
    ]
    for part in manifest["parts"]:
        # A name with a folder in it could point anywhere.
        if not isinstance(part, dict) or not PART.fullmatch(str(part.get("name"))):
            faults.append(f"{part!r} is no part")
        elif not isinstance(part.get("rows"), int) or not isinstance(part.get("sha256"), str):
            faults.append(f"part {part['name']} has no row count or hash")
    return faults


def file_sha256(path: Path) -> str:
    """Hash a file without holding it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_ours(name: str) -> bool:
    """Say whether only evenface could have written a file of this name."""
    patterns = (PART, CHUNK_FAILURES, TEMPORARY)
    return name in (MANIFEST, FAILURES) or any(p.fullmatch(name) for p in patterns)


def remove(folder: Path, *patterns: re.Pattern[str]) -> None:
    """Delete the files in `folder` whose whole name matches."""
    for path in folder.iterdir():
        if any(p.fullmatch(path.name) for p in patterns):
            path.unlink(missing_ok=True)


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Hold a folder for writing; the system lets go of it however the process ends.

    Raises
    ------
    StoreError
        Where another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such lock, and none is better than one that outlives us.
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"another process is writing to {folder}; wait for it, or choose another folder"
            ) from error
        except OSError:
            pass  # Some network file systems know no locks.
        yield
    finally:
        os.close(handle)


def first_line(error: BaseException, limit: int = 200) -> str:
    """Return the first line of an error's message, shortened."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:limit]
