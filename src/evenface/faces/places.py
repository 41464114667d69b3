"""Where files lie: on a disk, or in an object store that fsspec knows (``s3://``, ``gs://``)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from evenface.errors import SourceError, install_extra

# `Path` makes one slash of two; two letters at least, as C: is a disk.
_URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.DOTALL)

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""The extra of evenface that reads a protocol."""


def is_url(text: str | Path) -> bool:
    """Tell whether a place has a protocol, such as ``s3://bucket/faces``."""
    return _URL.fullmatch(str(text)) is not None


def as_place(text: str | Path) -> Path:
    """Return a path on disk, or what behaves like one for an address.

    Raises
    ------
    SourceError
        Where nothing installed knows the protocol.
    """
    if not isinstance(text, str) and hasattr(text, "fs"):
        return text
    match = _URL.fullmatch(str(text))
    if match is None:
        return Path(text)
    from fsspec import get_filesystem_class
    from upath import UPath

    protocol, rest = match.groups()
    slashes = ":///" if protocol in ("file", "local") else "://"
    try:
        # A path alone would notice only when it is first read.
        get_filesystem_class(protocol)
        return cast(Path, UPath(f"{protocol}{slashes}{rest}"))
    except (ImportError, ValueError) as error:
        raise SourceError(
            f"{text}: nothing installed can read {protocol}:// ({error}); {_getting(protocol)}"
        ) from error


def _getting(protocol: str) -> str:
    extra = EXTRAS.get(protocol)
    return f"to do so, {install_extra(extra)}" if extra else "install fsspec's package for it"


def joined(root: Path, path: str) -> Path:
    """Return `path` below `root`; an absolute path or an address stays what it is."""
    return as_place(path) if "://" in path else root / path


def is_local(place: Path) -> bool:
    """Tell whether a place is on a disk, where files can be mapped, locked and renamed."""
    return isinstance(place, Path) and not hasattr(place, "fs")
