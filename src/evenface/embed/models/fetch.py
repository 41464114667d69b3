"""Weight files from the network: resumed, compared with their hash, whole or absent."""

from __future__ import annotations

import http.client
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evenface.embed.files import file_sha256, sync_folder
from evenface.embed.models.cards import ModelCard, WeightFile
from evenface.embed.models.place import checked, first_present, models_folder
from evenface.errors import ModelError

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


def fetch_model(card: ModelCard, on_progress: Tell | None = None) -> Path:
    """Fetch the first file of a network that can be had by its address.

    Parameters
    ----------
    card : ModelCard
    on_progress : callable, optional
        Called with (bytes there, bytes in all).

    Returns
    -------
    Path
        Of the file; where it was there already, nothing is fetched.

    Raises
    ------
    ModelError
        Where there is nothing to fetch, the network fails or the hash is another one.
    """
    if not card.files:
        raise ModelError(f"{card.name} has no weights; there is nothing to fetch")
    return fetch_any(card.files, on_progress)


def fetch_any(files: Sequence[WeightFile], on_progress: Tell | None = None) -> Path:
    """Return the first file that is there, or fetch the first that can be; as `fetch_model`."""
    found = first_present(files)
    if found is not None:
        checked(*found)
        return found[0]
    for file in files:
        if file.url:
            return fetch_file(file, models_folder(), on_progress)
    raise ModelError(
        f"{files[0].name} can't be fetched by a program; see {files[0].page}, and put it into "
        f"{models_folder()}"
    )


def fetch_file(file: WeightFile, folder: Path, on_progress: Tell | None = None) -> Path:
    """Fetch one file into a folder; go on where an earlier try was stopped.

    What has come so far lies beside the target as ``.NAME.part``; the name itself is only ever
    given to a whole file with the right hash.

    Raises
    ------
    ModelError
        As `fetch_model`.
    """
    target, part = folder / file.name, folder / f".{file.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        total = _receive(file, part, on_progress or _silent)
        if total and part.stat().st_size < total:
            raise ModelError(
                f"{file.url} ended after {part.stat().st_size} of {total} bytes; run the same "
                "command again to go on"
            )
        _refuse_wrong(file, part)
        part.replace(target)
        sync_folder(folder)
    except NETWORK as error:
        raise _unreachable(file, folder, error) from error
    except OSError as error:
        raise ModelError(
            f"{folder} can't be written: {error.strerror or error}; make room or get permission"
        ) from error
    _tag(part).unlink(missing_ok=True)
    return target


def _receive(file: WeightFile, part: Path, tell: Tell) -> int:
    """Receive what is missing of `part`; return the length of the whole, 0 if nobody says."""
    there = part.stat().st_size if part.exists() else 0
    tag = _tag(part).read_text() if _tag(part).exists() else ""
    # Pieces of two versions must not meet: by its tag, or later by its hash.
    if there and not (tag or file.sha256):
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
            raise ModelError(
                f"{file.url} answers with a web page and no file; get {file.name} by hand"
            )
        found = _RANGE.fullmatch(response.headers.get("Content-Range") or "")
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT and found is not None
        if found and int(found[1]) != there:
            raise ModelError(f"{file.url} sent another piece than was asked for; run it again")
        if not resumed:
            there = 0
            _tag(part).write_text(_strong(response.headers.get("ETag")))
        length = int(response.headers.get("Content-Length") or 0)
        total = there + length if length else 0
        with part.open("ab" if resumed else "wb") as out:
            while block := response.read(BLOCK):
                out.write(block)
                there += len(block)
                tell(there, total)
                if file.size and there > file.size:
                    break
            out.flush()
            os.fsync(out.fileno())
    return total


def _strong(tag: str | None) -> str:
    return "" if tag is None or tag.startswith("W/") else tag


def _refuse_wrong(file: WeightFile, part: Path) -> None:
    found = file_sha256(part) if file.sha256 else ""
    if found != file.sha256:
        size = part.stat().st_size
        part.unlink()
        _tag(part).unlink(missing_ok=True)
        raise ModelError(
            f"{file.url} gave {size} bytes with sha256 {found}; {file.sha256} was expected. They "
            "were deleted. Try again; if it stays so, the file there is another one now"
        )


def _unreachable(file: WeightFile, folder: Path, error: Exception) -> ModelError:
    reason = getattr(error, "reason", None) or error
    return ModelError(
        f"{file.url} can't be reached: {reason}. Run the same command again to go on, or put "
        f"{file.name} into {folder} yourself"
    )


def _tag(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _silent(there: int, total: int) -> None:
    del there, total
