"""Files in a folder: which are pictures, which are junk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm",
     ".pgm", ".jp2"}
)  # fmt: skip

JUNK_NAMES = frozenset({"thumbs.db", "desktop.ini", ".ds_store", "__macosx"})


def is_junk(name: str) -> bool:
    """Tell whether a name is something an operating system left behind (``._*``, Thumbs.db)."""
    return name.startswith(".") or name.lower() in JUNK_NAMES


def is_image_name(name: str) -> bool:
    """Tell whether a name ends like a picture's; what is inside is seen when it is decoded."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def is_text(name: str) -> bool:
    """Tell whether a name is text: a disk may hold names of bytes that are no UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder; a link that leads to itself or nowhere is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def listing(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield a folder's entries in order of name."""
    with os.scandir(folder) as entries:
        yield from sorted(entries, key=lambda e: e.name)
