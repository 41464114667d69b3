"""Rendered faces in files: a population (`evenface.faces.population`) as a DiveFace tree."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from evenface.errors import StoreError
from evenface.faces.files import is_junk, listing
from evenface.faces.marker import MARKER
from evenface.faces.population import SyntheticPopulation
from evenface.faces.rendering import render_face
from evenface.faces.traits import GROUPS, TRAITS, Capture, best_accuracy, group_mean, separation

__all__ = ["GROUPS", "TRAITS", "Capture", "SyntheticPopulation", "best_accuracy", "group_mean"]
__all__ += ["render_face", "separation", "write_faces"]

SCHEMA = "evenface.synthetic/1"
GENERATOR = 1
"""Raised whenever the same parameters would give other pictures."""

TREE = "4K_120"
UNFINISHED = ".4K_120.partial"
"""Where pictures are gathered until all are there; readers skip names with a dot."""

NOTICE = (
    "These pictures are rendered from made-up parameters and show nobody; the groups are "
    "invented factors under DiveFace's codes, and nothing about real populations follows from them."
)
QUALITY = 95


def write_faces(
    population: SyntheticPopulation,
    folder: str | os.PathLike[str],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Render a population into a DiveFace tree with a marker beside it.

    The folder gets ``4K_120/<group>4K_120/<identity>/<image>.jpg`` and ``SYNTHETIC.json``.
    Both appear when all pictures are there, the marker first, so that no reader ever takes
    rendered faces for photographs. A rendering that was stopped is finished by the next
    call, as are pictures that have gone missing; a finished folder is left as it is.

    Parameters
    ----------
    population : SyntheticPopulation
        What to render.
    folder : path
        A new or empty folder, or one that this function wrote with the same parameters.
    progress : callable, optional
        Called with ``(pictures there, pictures in all)`` at the start and after each.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StoreError
        Where the folder holds anything else, or another population.
    """
    root = Path(folder)
    tree, work, marker = root / TREE, root / UNFINISHED, root / MARKER
    wanted = {
        "schema": SCHEMA,
        "generator": GENERATOR,
        "parameters": {**asdict(population), "overlap": float(population.overlap)},
        "notice": NOTICE,
    }
    _check_top(root)
    known = [p for p in (marker, work / MARKER) if p.exists()]
    gathered = work.exists() and any(not is_junk(e.name) for e in listing(work))
    if (tree.exists() and not marker.exists()) or (gathered and not known):
        raise StoreError(
            f"{root} holds pictures but no {MARKER}, so they may not be rendered ones; "
            "choose a new or empty folder"
        )
    for path in known:
        _check_marker(path, wanted)

    place = tree if tree.exists() else work
    if not known:
        place.mkdir(parents=True, exist_ok=True)
        _write(place / MARKER, (json.dumps(wanted, indent=2) + "\n").encode())
    _render_missing(population, place, progress)
    if place is work:
        if not marker.exists():
            os.replace(work / MARKER, marker)
        os.replace(work, tree)
    return root


def _check_top(root: Path) -> None:
    if not root.exists():
        return
    if not root.is_dir():
        raise StoreError(f"{root} is not a folder; choose a new or empty folder")
    foreign = [
        e.name
        for e in listing(root)
        if not is_junk(e.name) and (e.name, e.is_dir()) not in ((TREE, True), (MARKER, False))
    ]
    if foreign:
        raise StoreError(
            f"{root} holds something else ({', '.join(foreign[:3])}); choose a new or empty folder"
        )


def _check_marker(path: Path, wanted: dict[str, Any]) -> None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} can't be read ({error}); choose another folder") from error
    if found == wanted:
        return
    before = _flat(found)
    differing = [
        f"{name} is {before.get(name)!r} there, {value!r} here"
        for name, value in _flat(wanted).items()
        if before.get(name) != value
    ]
    raise StoreError(
        f"{path} is of another population: {'; '.join(differing) or 'it has further entries'}; "
        "choose another folder"
    )


def _flat(marker: object) -> dict[str, object]:
    entries = marker if isinstance(marker, dict) else {}
    inner = entries.get("parameters")
    parameters = inner if isinstance(inner, dict) else {}
    return {k: v for k, v in entries.items() if k != "parameters"} | parameters


def _render_missing(
    population: SyntheticPopulation, place: Path, progress: Callable[[int, int], None] | None
) -> None:
    wanted = {
        f"{group}4K_120/{group}{identity:05d}/{image}.jpg": (group, identity, image)
        for group, identity in population.members()
        for image in range(population.images_per_identity)
    }
    there = _pictures(place)
    foreign = sorted(there.keys() - wanted.keys() - {MARKER})
    if foreign:
        raise StoreError(
            f"{place} holds {len(foreign)} files that were not rendered here, the first is "
            f"{foreign[0]}; choose a new or empty folder"
        )
    missing = [name for name in wanted if not there.get(name)]
    done = len(wanted) - len(missing)
    if progress is not None:
        progress(done, len(wanted))
    for name in missing:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, _encoded(population.picture(*wanted[name])))
        done += 1
        if progress is not None:
            progress(done, len(wanted))


def _pictures(place: Path) -> dict[str, int]:
    """Return the size in bytes of every file below a folder, junk aside, by relative name."""
    sizes = {}
    for folder, _, names in os.walk(place):
        for name in names:
            if not is_junk(name):
                path = Path(folder, name)
                sizes[path.relative_to(place).as_posix()] = path.stat().st_size
    return sizes


def _encoded(picture: NDArray[np.uint8]) -> bytes:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise StoreError("this build of OpenCV can't write JPEG files; install a standard wheel")
    return data.tobytes()


def _write(path: Path, data: bytes) -> None:
    """Write a file under another name, then rename it: it is whole or absent."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    os.replace(partial, path)
