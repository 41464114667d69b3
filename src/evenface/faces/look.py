"""A look at a folder and what lies below it, by which a layout is recognised.

Each folder is opened once, whatever the number of readers that look into it, and a folder of
200 000 pictures is remembered by the names of a hundred.
"""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evenface.faces.files import is_folder, is_image_name, is_junk, is_text

SAMPLE = 100
WIDE = 200
"""How many folders of one level are looked into; pictures of many people lie in more."""


@dataclass(frozen=True)
class Contents:
    """What is in a folder, junk and unreadable names aside.

    Attributes
    ----------
    folders, files : tuple of str
        Names in order; `files` are those that are no pictures.
    pictures : tuple of str
        The first names in order, `SAMPLE` at most.
    count : int
        How many pictures there are.
    """

    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    count: int = 0


class Look:
    """A source that is looked at.

    Parameters
    ----------
    folder : Path
        It must be there; a folder below it that can't be opened is taken for an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: dict[Path, Contents] = {folder: _contents(folder)}

    def at(self, folder: Path) -> Contents:
        """Return what is in a folder."""
        if folder not in self._seen:
            try:
                self._seen[folder] = _contents(folder)
            except OSError:
                self._seen[folder] = Contents()
        return self._seen[folder]

    def levels(self, depth: int) -> Iterator[list[Path]]:
        """Yield the folder itself, the folders in it, those in these and so on, in order."""
        level = [self.folder]
        for _ in range(depth):
            yield level
            level = [f / name for f in level for name in self.at(f).folders][:WIDE]
        yield level

    def below(self, depth: int) -> Iterator[Path]:
        """Yield the folder itself and those up to `depth` levels below it, the nearest first."""
        for level in self.levels(depth):
            yield from level

    def files(self, pattern: re.Pattern[str], depth: int = 1) -> list[Path]:
        """Return the files of the nearest folder that has any whose whole name fits `pattern`."""
        for folder in self.below(depth):
            found = [folder / n for n in self.at(folder).files if pattern.fullmatch(n)]
            if found:
                return found
        return []

    def beside(self, pattern: re.Pattern[str]) -> list[Path]:
        """Return the files that lie beside the folder and fit, as lists beside their pictures."""
        above = self.folder.absolute().parent
        return [above / n for n in self.at(above).files if pattern.fullmatch(n)]

    @property
    def name(self) -> str:
        """The folder's own name in small letters, even where it was called ``.``."""
        return self.folder.absolute().name.casefold()


def _contents(folder: Path) -> Contents:
    folders: list[str] = []
    files: list[str] = []
    count = 0

    def pictures() -> Iterator[str]:
        nonlocal count
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if is_junk(name) or not is_text(name):
                    continue
                if is_folder(entry):
                    folders.append(name)
                elif is_image_name(name):
                    count += 1
                    yield name
                else:
                    files.append(name)

    first = heapq.nsmallest(SAMPLE, pictures())
    return Contents(tuple(sorted(folders)), tuple(sorted(files)), tuple(first), count)
