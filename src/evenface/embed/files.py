"""Files of an embedding folder: their names, writes that are whole or absent, one writer."""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import polars as pl

from evenface.errors import StoreError
from evenface.faces.places import is_local

MANIFEST = "manifest.json"
"""What a finished folder holds; only ever replaced as a whole."""

UNFINISHED = "unfinished.json"
"""What a folder that is being written will hold; gone once the manifest says so."""

AGAIN = "run the same command again, such as `evenface embed`, to finish"
"""What to do about a folder that is unfinished."""

PART = re.compile(r"part-[0-9]{5,9}\.parquet")
FAILURES = re.compile(r"failures(-[0-9]{5,9})?\.parquet")
CHUNK = re.compile(r"chunk-[0-9]{5,9}\.json")
_NAMES = rf"({MANIFEST}|{UNFINISHED}|{PART.pattern}|{FAILURES.pattern}|{CHUNK.pattern})"
TEMPORARY = re.compile(rf"\.{_NAMES}(\.[0-9a-f]+)?\.tmp")
OURS = re.compile(rf"{_NAMES}|{TEMPORARY.pattern}")
"""Names of files that only evenface could have written."""

FAILURE_SCHEMA = {
    "sample_id": pl.String,
    "path": pl.String,
    "sha256": pl.String,
    "identity": pl.String,
    "stage": pl.String,
    "reason": pl.String,
}
"""Columns that every failure has; all others are attributes, which are strings."""


LOST = (
    "open the folder again if it was brought up to date meanwhile; else restore it, or embed "
    "again with --repair"
)
"""What to do about a part that isn't there or isn't what it was."""


def failure_schema(attributes: Iterable[str]) -> dict[str, Any]:
    """Return the columns of failures of faces with these attributes."""
    return {**FAILURE_SCHEMA, **dict.fromkeys(attributes, pl.String)}


def part_name(number: int) -> str:
    """Name of a part: vectors and rows."""
    return f"part-{number:05d}.parquet"


def failures_name(number: int) -> str:
    """Name of the failures of a folder whose newest parts begin with this number."""
    return f"failures-{number:05d}.parquet" if number else "failures.parquet"


def chunk_name(number: int) -> str:
    """Name of the record that says that a part is done, until the folder is finished."""
    return f"chunk-{number:05d}.json"


def number_of(name: str) -> int:
    """Return the number in a part's name."""
    return int(name.split("-")[1].split(".", maxsplit=1)[0])


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that under its name there is all of it or nothing, even after a power cut."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` that takes its place once it is written to the end.

    Raises
    ------
    StoreError
        Where it can't be written, as on a full disk; what was there before stays.
    """
    if not is_local(path):
        with _putting(path) as file:
            yield file
        return
    # Of its own for each writer: a worker thought dead may still be writing.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise cannot_write(path, error) from error
    finally:
        # Not there after the rename, and half a file is of no use to anybody.
        with suppress(OSError):
            temporary.unlink()
    sync_folder(path.parent)


@contextmanager
def _putting(path: Path) -> Iterator[IO[bytes]]:
    """Collect what is written and put it into an object store at once, which is whole or absent."""
    buffer = io.BytesIO()
    yield buffer
    try:
        path.write_bytes(buffer.getvalue())
    # What stores raise has no common base below Exception.
    except Exception as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: Exception) -> StoreError:
    """Return the error for a file or folder that can't be written."""
    reason = getattr(error, "strerror", None) or first_line(error)
    return StoreError(
        f"{path} can't be written: {reason}; make room or get permission there, or choose "
        "another place, and run the same command again"
    )


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
    write_whole(path, parquet_bytes(frame))


def parquet_bytes(frame: pl.DataFrame, **options: Any) -> bytes:
    """Return a frame as Parquet; the same rows give the same bytes."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(
        buffer, **{"compression": "zstd", "compression_level": 3, **options}
    )
    return buffer.getvalue()


def read_parquet(
    path: Path, data: bytes | None = None, columns: list[str] | None = None
) -> pl.DataFrame:
    """Read a Parquet file of an embedding folder; of a file on disk, `columns` only.

    Raises
    ------
    StoreError
        Where it is missing or damaged.
    """
    try:
        if data is None and is_local(path):
            return pl.read_parquet(path, columns=columns, glob=False)
        found = path.read_bytes() if data is None else data
        return pl.read_parquet(io.BytesIO(found), columns=columns)
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing; {LOST}") from error
    # A damaged file can make the reader panic, which is no Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise StoreError(
            f"{path} can't be read as Parquet ({first_line(error)}); {LOST}"
        ) from error


def file_sha256(path: Path) -> str:
    """Hash a file without holding it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_ours(name: str) -> bool:
    """Say whether only evenface could have written a file of this name."""
    return OURS.fullmatch(name) is not None


def refuse_unreachable(place: Path) -> None:
    """Raise `StoreError` where an object store doesn't answer, for want of a network or a key."""
    if is_local(place):
        return
    try:
        place.exists()
    # What stores raise has no common base below Exception.
    except Exception as error:
        raise StoreError(
            f"{place} can't be reached: {first_line(error)}; check the address, the network and "
            "your credentials for it"
        ) from error


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder; an object store knows no empty ones."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        if is_local(folder):
            raise
        return []


def remove(folder: Path, *patterns: re.Pattern[str]) -> None:
    """Delete the files in `folder` whose whole name matches."""
    for path in entries(folder):
        if any(p.fullmatch(path.name) for p in patterns):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise cannot_write(path, error) from error


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Hold a folder for writing; the system lets go of it however the process ends.

    An object store has no locks. There two writers of one job write the same bytes to the same
    names, which harms nothing.

    Raises
    ------
    StoreError
        Where another process holds it.
    """
    if not is_local(folder):
        yield
        return
    try:
        import fcntl
    except ImportError:  # Windows has no such lock, and none is better than one that outlives us.
        yield
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise cannot_write(folder, error) from error
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
