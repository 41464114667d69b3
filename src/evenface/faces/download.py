"""Files from the network: resumed, compared with their hash, whole or absent."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenface.errors import EvenfaceError

TIMEOUT = 60.0
BLOCK = 2**20
Tell = Callable[[int, int], None]
"""Called with (bytes there, bytes in all; 0 where nobody says)."""

NETWORK = (
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
)
"""What a connection that fails or breaks raises; all but one are OSError, as a full disk is."""

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class DownloadError(EvenfaceError):
    """A file can't be had, or isn't the one that it should be."""


@dataclass(frozen=True)
class Download:
    """A file to fetch, and what is known of it.

    Attributes
    ----------
    name : str
        What it is called on disk.
    url : str
        Where it comes from.
    sha256, md5 : str
        What someone else says of it; empty where nobody does.
    size : int
        In bytes; 0 where nobody says.
    """

    name: str
    url: str
    sha256: str = ""
    md5: str = ""
    size: int = 0

    @property
    def hashes(self) -> dict[str, str]:
        """What it is compared with, by the name of the hash."""
        return {k: v for k, v in (("sha256", self.sha256), ("md5", self.md5)) if v}


def download(file: Download, folder: Path, on_progress: Tell | None = None) -> Path:
    """Fetch one file into a folder; go on where an earlier try was stopped.

    What has come so far lies beside the target as ``.NAME.part``; the name itself is only ever
    given to a whole file with the right size and hashes.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    DownloadError
        Where the network fails, the folder can't be written, or a size or hash is another one.
    """
    target, part = folder / file.name, folder / f".{file.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        total = _receive(file, part, on_progress or _silent) or file.size
        if part.stat().st_size < total:
            raise DownloadError(
                f"{file.url} ended after {part.stat().st_size} of {total} bytes; run the same "
                "command again to go on"
            )
        _refuse_wrong(file, part)
        part.replace(target)
    except NETWORK as error:
        raise _unreachable(file, folder, error) from error
    except OSError as error:
        raise DownloadError(
            f"{folder} can't be written: {error.strerror or error}; make room or get permission"
        ) from error
    _tag(part).unlink(missing_ok=True)
    return target


def digest(path: Path, name: str) -> str:
    """Return a file's hash by its name, ``sha256`` or ``md5``."""
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(name, usedforsecurity=False)
        ).hexdigest()


def _receive(file: Download, part: Path, tell: Tell) -> int:
    """Receive what is missing of `part`; return the length of the whole, 0 if nobody says."""
    there = part.stat().st_size if part.exists() else 0
    tag = _tag(part).read_text() if _tag(part).exists() else ""
    # Pieces of two versions must not meet: by its tag, or later by its hash.
    if there and not (tag or file.hashes):
        there = 0
    headers = {"User-Agent": "evenface"}
    if there:
        headers["Range"] = f"bytes={there}-"
        if tag:
            headers["If-Range"] = tag
    request = urllib.request.Request(file.url, headers=headers)
    try:
        response: Any = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        return there  # All of it is there; its hash will tell.
    with response:
        if "html" in (response.headers.get("Content-Type") or ""):
            raise DownloadError(
                f"{file.url} answers with a web page and no file; get {file.name} by hand"
            )
        found = _RANGE.fullmatch(response.headers.get("Content-Range") or "")
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT and found is not None
        if found and int(found[1]) != there:
            raise DownloadError(f"{file.url} sent another piece than was asked for; run it again")
        if not resumed:
            there = 0
            _tag(part).write_text(_strong(response.headers.get("ETag")))
        length = int(response.headers.get("Content-Length") or 0)
        total = there + length if length else 0
        with part.open("ab" if resumed else "wb") as out:
            while block := response.read(BLOCK):
                out.write(block)
                there += len(block)
                tell(there, total or file.size)
                if file.size and there > file.size:
                    break
            out.flush()
            os.fsync(out.fileno())
    return total


def _strong(tag: str | None) -> str:
    return "" if tag is None or tag.startswith("W/") else tag


def _refuse_wrong(file: Download, part: Path) -> None:
    size = part.stat().st_size
    wrong = [
        f"{size} bytes with {name} {found}; {stated} was expected"
        for name, stated in file.hashes.items()
        if (found := digest(part, name)) != stated
    ]
    if not wrong and file.size and size != file.size:
        wrong = [f"{size} bytes; {file.size} were expected"]
    if wrong:
        part.unlink()
        _tag(part).unlink(missing_ok=True)
        raise DownloadError(
            f"{file.url} gave {wrong[0]}. They were deleted. Try again; if it stays so, the file "
            "there is another one now"
        )


def _unreachable(file: Download, folder: Path, error: Exception) -> DownloadError:
    reason = getattr(error, "reason", None) or error
    return DownloadError(
        f"{file.url} can't be reached: {reason}. Run the same command again to go on, or put "
        f"{file.name} into {folder} yourself"
    )


def _tag(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _silent(there: int, total: int) -> None:
    del there, total
