"""Datasets that a program may fetch: the London Set, under its open licence.

Its files come from figshare, whose API states their names, sizes and MD5 hashes; what comes is
compared with these. No public source states a SHA-256, so that of what came is written down beside
it and compared with nothing.
"""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evenface.errors import SourceError
from evenface.faces.download import (
    NETWORK,
    TIMEOUT,
    Download,
    DownloadError,
    digest,
    download,
)
from evenface.faces.files import is_junk
from evenface.faces.unpack import unpack_pictures

# A version of an article never changes.
ARTICLE = "https://api.figshare.com/v2/articles/5047666/versions/5"
PAGE = "https://doi.org/10.6084/m9.figshare.5047666"
LICENCE = "CC BY 4.0"
CITATION = (
    "DeBruine, Lisa and Jones, Benedict (2017). Face Research Lab London Set. figshare. "
    "https://doi.org/10.6084/m9.figshare.5047666.v5"
)
PICTURES = ("neutral_front", "smiling_front")
PEOPLE = "london_faces_info.csv"

WORK = ".fetching"
"""Where files are until they are whole; readers pass over names with a dot."""

RECORD = "fetched.json"
"""Written last: a folder that has it is whole."""

MOST = 2**22  # bytes of an answer that lists files

Tell = Callable[[str, int, int], None]
"""Called with (name of a file, bytes there, bytes in all)."""


def fetch_london(out: Path, on_progress: Tell | None = None, *, article: str = "") -> Path:
    """Fetch the London Set's pictures from the front, and what their people said of themselves.

    Parameters
    ----------
    out : Path
        Absent, empty, or a folder in which an earlier try was stopped: it goes on there.
    on_progress : callable, optional
        Called as `Tell` says.
    article : str
        Address of figshare's description, if not `ARTICLE`.

    Returns
    -------
    Path
        `out`, which `read_faces` reads.

    Raises
    ------
    SourceError
        If `out` holds something else, the network fails, or a file isn't what figshare says.
    """
    if (out / RECORD).is_file():
        return out
    work, article = out / WORK, article or ARTICLE
    if out.exists() and not work.is_dir() and any(not is_junk(p.name) for p in out.iterdir()):
        raise SourceError(f"{out}: isn't empty; the London Set goes into a folder of its own")
    files = _described(article)
    work.mkdir(parents=True, exist_ok=True)
    known = []
    for file in files:
        path = _whole(file, work, on_progress)
        known.append(
            {"name": file.name, "url": file.url, "size": file.size, "md5": file.md5,
             "sha256": digest(path, "sha256")}
        )  # fmt: skip
    for name in PICTURES:
        if not (out / name).is_dir():
            shutil.rmtree(work / name, ignore_errors=True)
            unpack_pictures(work / f"{name}.zip", work / name)
            (work / name).rename(out / name)
    # Without this table the pictures are no source: half a set is never taken for a whole one.
    shutil.copyfile(work / PEOPLE, work / f"{PEOPLE}.copy")
    (work / f"{PEOPLE}.copy").replace(out / PEOPLE)
    record = {"dataset": "london", "article": article, "licence": LICENCE, "citation": CITATION,
              "files": known}  # fmt: skip
    (work / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
    (work / RECORD).replace(out / RECORD)
    shutil.rmtree(work, ignore_errors=True)
    return out


def _whole(file: Download, work: Path, on_progress: Tell | None) -> Path:
    """Return a file that is there and right, fetched where it wasn't."""
    path = work / file.name
    if path.is_file() and digest(path, "md5") == file.md5:
        return path

    def tell(there: int, total: int) -> None:
        if on_progress is not None:
            on_progress(file.name, there, total)

    try:
        return download(file, work, tell)
    except DownloadError as error:
        raise SourceError(f"{error} (see {PAGE})") from error


def _described(article: str) -> list[Download]:
    """Return the files that are needed, as figshare describes them."""
    request = urllib.request.Request(article, headers={"User-Agent": "evenface"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            said = json.loads(response.read(MOST))
        listed = {str(file["name"]): file for file in said["files"]}
        licence = str(said["license"]["name"])
    except NETWORK as error:
        reason = getattr(error, "reason", None) or error
        raise SourceError(
            f"{article} can't be reached: {reason}. Run the same command again, or get the files "
            f"by hand from {PAGE}"
        ) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SourceError(
            f"{article} gives another answer than figshare did ({type(error).__name__}); get the "
            f"files by hand from {PAGE}"
        ) from error
    if licence != LICENCE:
        raise SourceError(f"{article} states the licence {licence!r}, not {LICENCE}; see {PAGE}")
    return [_file(listed.get(n), n, article) for n in (*(f"{p}.zip" for p in PICTURES), PEOPLE)]


def _file(said: Any, name: str, article: str) -> Download:
    if not isinstance(said, dict):
        raise SourceError(f"{article} lists no {name}; see {PAGE}")
    url, size = said.get("download_url"), said.get("size")
    md5 = said.get("computed_md5") or said.get("supplied_md5")
    # An address of another kind, such as file:, would be opened as well.
    safe = isinstance(url, str) and url.startswith(article.partition("://")[0] + "://")
    hashed = isinstance(md5, str) and re.fullmatch("[0-9a-f]{32}", md5)
    if not (safe and hashed and isinstance(size, int) and size > 0):
        raise SourceError(f"{article} states no address, size and MD5 of {name}; see {PAGE}")
    return Download(name, str(url), md5=str(md5), size=size)


FETCHED = {"london": fetch_london}
"""Datasets that can be fetched, and what fetches them."""
