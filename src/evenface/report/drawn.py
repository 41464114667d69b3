"""Which figures need not be drawn again: those of the same numbers, by the same code.

Drawing takes most of the time of a report. A note beside the figures holds, for each study, a
hash of what was drawn and the hashes of its files; a file that somebody changed is drawn again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from evenface.errors import StoreError
from evenface.studies.result import Result

NOTE = ".drawn.json"
KINDS = (".svg", ".pdf")


class Drawn:
    """What was drawn into a folder before.

    Parameters
    ----------
    folder : Path
        Where the figures are; need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = _read(folder / NOTE)
        self._now: dict[str, dict[str, object]] = {}

    def names(self, study: str, key: str) -> list[str] | None:
        """Return the names of a study's figures if they are there as drawn for that key."""
        known = self._before.get(study)
        if not isinstance(known, dict) or known.get("key") != key:
            return None
        files = known.get("files")
        if not isinstance(files, dict) or not files:
            return None
        for name, digest in files.items():
            if not isinstance(name, str) or "/" in name or _digest(self.folder / name) != digest:
                return None
        self._now[study] = known
        return list(dict.fromkeys(name.rsplit(".", 1)[0] for name in files))

    def add(self, study: str, key: str, names: Sequence[str]) -> None:
        """Note what has just been drawn."""
        files = [name + kind for name in names for kind in KINDS]
        self._now[study] = {"key": key, "files": {f: _digest(self.folder / f) for f in files}}

    def keep(self) -> set[str]:
        """Return the names of files that are as they should be."""
        found: set[str] = set()
        for note in self._now.values():
            files = note["files"]
            found |= set(files) if isinstance(files, dict) else set()
        return found

    def save(self) -> None:
        """Write the note for the next time.

        Raises
        ------
        StoreError
            If it can't be written.
        """
        if not self._now:
            return
        file = self.folder / NOTE
        try:
            file.with_suffix(".tmp").write_text(json.dumps(self._now, indent=1), encoding="utf-8")
            os.replace(file.with_suffix(".tmp"), file)
        except OSError as error:
            raise StoreError(f"{file}: can't be written ({error})") from error


def drawing_key(result: Result) -> str:
    """Return a hash of all that a result's figures are made from."""
    digest = hashlib.sha256(_code().encode())
    saved = json.dumps(result.to_dict(), ensure_ascii=False, sort_keys=True)
    digest.update(saved.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@cache
def _code() -> str:
    """Return a hash of the code that draws, and the version of what it draws with."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256(importlib.metadata.version("matplotlib").encode())
    for file in sorted([*(package / "studies").glob("*.py"), *(package / "report").glob("*.py")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _digest(file: Path) -> str | None:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


def _read(file: Path) -> dict[str, object]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
