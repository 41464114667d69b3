"""Pictures out of a zip file from the network, which is trusted no further than it must be."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from evenface.errors import SourceError
from evenface.faces.files import is_image_name, is_junk

MOST_BYTES = 2**31
"""Unpacked in all; more is no set of pictures but a trap, or wants to be unpacked by hand."""

MOST_FILES = 100_000
MOST_RATIO = 200
"""Pictures are compressed already; what grows further is made to fill disks."""


def unpack_pictures(archive: Path, folder: Path) -> int:
    """Unpack a zip file's pictures into a new folder, whatever folders they lie in there.

    Returns
    -------
    int
        How many there were.

    Raises
    ------
    SourceError
        If it is damaged, holds no picture, or holds anything that should not be unpacked: names
        that lead elsewhere, links, or more than `MOST_BYTES`. Then nothing is unpacked.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            members = packed.infolist()
            _refuse_traps(archive, members)
            pictures = [m for m in members if _is_picture(m)]
            names = {_name(m) for m in pictures}
            if len(names) < len(pictures) or not names:
                said = "two pictures of one name" if names else "no picture"
                raise SourceError(f"{archive}: holds {said}")
            folder.mkdir(parents=True)
            for member in pictures:
                with packed.open(member) as source, (folder / _name(member)).open("xb") as target:
                    shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"{archive}: can't be unpacked: {error}") from None
    return len(names)


def _refuse_traps(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        path = PurePosixPath(member.filename)
        leads_out = path.is_absolute() or ".." in path.parts
        if leads_out or "\\" in member.filename or ":" in member.filename:
            raise SourceError(f"{archive}: the name {member.filename[:80]!r} leads out of it")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise SourceError(f"{archive}: {member.filename[:80]!r} is a link")
        if member.file_size > MOST_RATIO * max(member.compress_size, 1024):
            raise SourceError(
                f"{archive}: {member.filename[:80]!r} would grow to {member.file_size} bytes from "
                f"{member.compress_size}"
            )
    total = sum(member.file_size for member in members)
    if total > MOST_BYTES or len(members) > MOST_FILES:
        raise SourceError(
            f"{archive}: {len(members)} files of {total} bytes; {MOST_FILES} and {MOST_BYTES} are "
            "the most that are unpacked"
        )


def _is_picture(member: zipfile.ZipInfo) -> bool:
    junk = any(is_junk(part) for part in PurePosixPath(member.filename).parts)
    return not member.is_dir() and not junk and is_image_name(member.filename)


def _name(member: zipfile.ZipInfo) -> str:
    return PurePosixPath(member.filename).name
