"""Pictures in folders, and in folders of people: in order, and what is left out is noticed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from evenface.faces.files import is_folder, is_image_name, is_junk, is_text
from evenface.faces.noticed import Noticed


def pictures_in(folder: Path | str, noticed: Noticed) -> list[str]:
    """Return the names of a folder's pictures, in order; all else is noticed.

    A link that leads to itself counts as what its name says: whether a picture can be read is
    seen when it is.
    """
    folders, files = _entries(folder, noticed)
    others = [*folders, *(name for name in files if not is_image_name(name))]
    for name in others:
        noticed.add("not a picture", os.path.join(folder, name))
    return [name for name in files if is_image_name(name)] if others else files


def people_in(folder: Path | str, noticed: Noticed) -> Iterator[tuple[str, str]]:
    """Yield ``(identity, picture)``, names of folders and of pictures in them, in order."""
    people, strays = _entries(folder, noticed)
    for name in strays:
        noticed.add("not a picture", os.path.join(folder, name))
    for person in people:
        for picture in pictures_in(os.path.join(folder, person), noticed):
            yield person, picture


def prefix(folder: Path, root: Path) -> str:
    """Return what stands before a picture's name in its path from `root`."""
    return "" if folder == root else f"{folder.relative_to(root).as_posix()}/"


def _entries(folder: Path | str, noticed: Noticed) -> tuple[list[str], list[str]]:
    """Return names of folders and of files, in order, without junk and names that are no text."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_junk(entry.name):
                    noticed.add("junk", entry.path)
                elif not is_text(entry.name):
                    noticed.add("not a picture", repr(entry.path))
                else:
                    (folders if is_folder(entry) else files).append(entry.name)
    except OSError:
        noticed.add("closed folder", str(folder))
    return sorted(folders), sorted(files)
