"""Pictures that a list names: where they are, and which of them are missing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from evenface.errors import SourceError
from evenface.faces.places import is_local
from evenface.faces.rows import BLOCK
from evenface.faces.table import EXAMPLES, Faces, Note

TRIED = 50


def root_of(paths: pl.Series, folders: Iterable[Path]) -> Path:
    """Return the folder in which most of some listed pictures are; the first where none is."""
    tried = paths.gather_every(max(paths.len() // TRIED, 1)).to_list()
    return max(folders, key=lambda f: sum(os.path.isfile(os.path.join(f, p)) for p in tried))


def with_missing(faces: Faces, file: Path, what: str = "list") -> Faces:
    """Return faces with a note of how many pictures are missing.

    Parameters
    ----------
    faces : Faces
    file : Path
        What lists them; errors name it.
    what : str
        What the note calls it.

    Raises
    ------
    SourceError
        If not one of them is there.
    """
    if not is_local(faces.root):
        # A question for every picture would take an object store hours.
        return faces
    missing: list[str] = []
    count = 0
    for path in _each(faces.frame["path"]):
        # An address is tried when it is embedded. A path that no disk can hold is no file.
        if "://" not in path and not os.path.isfile(os.path.join(faces.root, path)):
            count += 1
            missing += [path] if len(missing) < EXAMPLES else []
    if count == len(faces):
        raise SourceError(
            f"{file}: none of its {count} pictures is there; the first would be "
            f"{faces.root / missing[0]}; paths are relative to {faces.root} (or say "
            "--images-root DIR)"
        )
    if not count:
        return faces
    text = f"Pictures of the {what} that are missing, recorded as failures: {count}."
    return faces.with_frame(faces.frame, Note("missing file", count, text, tuple(missing)))


def _each(values: pl.Series) -> Iterator[str]:
    for start in range(0, values.len(), BLOCK):
        yield from values[start : start + BLOCK].to_list()
