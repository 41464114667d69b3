"""Where weight files lie, and whether they are the ones they should be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenface.embed.files import file_sha256, write_whole
from evenface.embed.models.cards import ModelCard, WeightFile
from evenface.errors import ModelError, StoreError

VARIABLE = "EVENFACE_MODELS"
"""Names a folder of weight files that are already there; nothing is written to it."""

PINS = "pins.json"


def cache_folder() -> Path:
    """Return evenface's own folder for what can be fetched or measured again."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "evenface"


def models_folder() -> Path:
    """Return the folder that ``evenface models fetch`` writes to."""
    return cache_folder() / "models"


def folders() -> list[Path]:
    """Return where weight files are looked for, first to last."""
    named = os.environ.get(VARIABLE)
    return [*([Path(named)] if named else []), models_folder()]


def present(file: WeightFile) -> Path | None:
    """Return where a weight file lies, or None."""
    return next((f / file.name for f in folders() if (f / file.name).is_file()), None)


def first_present(files: Iterable[WeightFile]) -> tuple[Path, WeightFile] | None:
    """Return the first of several files that is there, and where; None where there is none."""
    found = ((present(file), file) for file in files)
    return next(((path, file) for path, file in found if path is not None), None)


def find(card: ModelCard) -> tuple[Path, WeightFile]:
    """Return the first of a card's files that is there.

    Raises
    ------
    ModelError
        Where there is none: with the file, where it comes from and where to put it.
    """
    found = first_present(card.files)
    if found is None:
        raise ModelError(missing(card))
    return found


def missing(card: ModelCard) -> str:
    """Say which file a network needs, where it comes from and where to put it."""
    first, *others = card.files
    what = f" ({first.size / 1e6:.0f} MB)" if first.size else ""
    source = f"from {first.url}" if first.url else f"as {first.page} says"
    fetch = f"run `evenface models fetch {card.name}`, or " if first.url else ""
    names = [f.name if f.top else f"{f.name} (without the last layers)" for f in others]
    also = f" {', '.join(names)} will do too." if others else ""
    return (
        f"{card.name} needs its weights, {first.name}{what}, {source}. To get them, {fetch}put "
        f"the file into {models_folder()} or into a folder that {VARIABLE} names, or say where it "
        f"is with --weights FILE.{also} Licence: {card.licence}. Looked in "
        f"{', '.join(map(str, folders()))}"
    )


@dataclass(frozen=True)
class Weights:
    """A file of weights that may be opened.

    Attributes
    ----------
    path : Path
    sha256 : str
    note : str
        What a reader should know of how far it was checked; may be empty.
    file : WeightFile or None
        None for a file of one's own.
    """

    path: Path
    sha256: str
    note: str
    file: WeightFile | None


def weights_of(card: ModelCard, own: Path | None) -> Weights:
    """Return a network's weights, `own` or else its card's; nothing is opened yet.

    Raises
    ------
    ModelError
        Where they are missing or fail their hash.
    """
    if own is None:
        path, file = find(card)
        return Weights(path, *checked(path, file), file)
    if not own.is_file():
        what = "is a folder" if own.is_dir() else "doesn't exist"
        raise ModelError(f"{own} {what}; a file of weights was expected")
    digest = file_sha256(own)
    note = f"weights of your own ({own.name}, sha256 {digest}), compared with no hash"
    return Weights(own, digest, note, None)


def checked(path: Path, file: WeightFile) -> tuple[str, str]:
    """Compare a file with the hash it should have, before it is opened.

    Returns
    -------
    sha256 : str
        What the file has.
    note : str
        What a reader should know of how far that was checked; empty where a public source states
        the hash.

    Raises
    ------
    ModelError
        Where the hash is another one.
    """
    found = file_sha256(path)
    if file.sha256:
        if found != file.sha256:
            raise ModelError(
                f"{path} has sha256 {found}; {file.sha256} was expected. It was not opened: it "
                "is damaged, cut short or something else. Delete it and get it again; for weights "
                "of your own use --weights FILE"
            )
        return found, ""
    pinned = _pins().get(file.name)
    if pinned and pinned != found:
        raise ModelError(
            f"{path} has sha256 {found}; when it was first used it had {pinned}. It was not "
            f"opened. If the new file is right, delete the line {file.name!r} from "
            f"{cache_folder() / PINS}"
        )
    state = "as at its first use here" if pinned else "pinned by this first use"
    return found, f"no public source states the hash of {file.name}; sha256 {found} is {state}"


def pin(file: WeightFile, sha256: str) -> None:
    """Keep the hash of a file whose hash nobody states, once it has proved to work."""
    pins = _pins()
    if not file.sha256 and file.name not in pins:
        keep(PINS, {**pins, file.name: sha256})


def keep(name: str, values: dict[str, Any]) -> None:
    """Write a JSON file of the cache; one that can't be written to keeps nobody from working."""
    target = cache_folder() / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, json.dumps(values, indent=1, sort_keys=True).encode())
    except (OSError, StoreError):
        return


def pinned(file: WeightFile) -> str:
    """Return the hash that a file had when it was first used here; empty where it never was."""
    return _pins().get(file.name, "")


def _pins() -> dict[str, str]:
    path = cache_folder() / PINS
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} can't be read ({error}); delete it") from error
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise ModelError(f"{path} holds no hashes by file name; delete it")
    return found
