"""Rendered faces of made-up identities: something to try everything on that shows nobody.

A population has six groups with DiveFace's codes, and every identity is drawn from its
group's distribution of latent traits (see `evenface.faces.traits`). **The groups are
rendered factors under a dataset's names; nothing about real people follows from them.**

`overlap` says how alike the groups are. The distance d' of two groups' means, in
within-group standard deviations, is ``(1 - overlap)`` times its value at 0 (`separation`),
and no classifier of latent traits beats Φ(d'/2) on two groups (`best_accuracy`): at 1 all
groups are one distribution and every task is at chance, at 0 they are far apart. Pictures
say less than latent traits do. With the default, 60 identities a group and 3 pictures
each, a logistic regression on HOG features tells the gender-like factor of unseen
identities in about 0.88 of pictures, the ethnicity-like one in 0.86, and the gender-like
factor learned on one ethnicity-like factor in 0.77 of pictures of another.

Identity `i` of a group is the same whatever the counts: asking for more adds to the set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from evenface.errors import ConfigError, StoreError
from evenface.faces.files import is_junk, listing
from evenface.faces.marker import MARKER
from evenface.faces.rendering import render_face
from evenface.faces.traits import (
    GROUPS,
    TRAITS,
    Capture,
    best_accuracy,
    draw_capture,
    draw_identity,
    group_mean,
    separation,
)

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
SMALLEST, LARGEST = 32, 2048


@dataclass(frozen=True)
class SyntheticPopulation:
    """Made-up identities in six groups, and everything needed to draw them again.

    Attributes
    ----------
    identities_per_group : int
        At least 1.
    images_per_identity : int
        At least 1.
    overlap : float
        In [0, 1]: 0 sets the groups far apart, 1 makes them one distribution.
    seed : int
        At least 0.
    size : int
        Width and height of a picture in pixels, 32 to 2048.

    Raises
    ------
    ConfigError
        Where a parameter is out of range; all faults are listed.
    """

    identities_per_group: int = 60
    images_per_identity: int = 3
    overlap: float = 0.5
    seed: int = 0
    size: int = 112

    def __post_init__(self) -> None:
        faults = [
            f"{name} must be a whole number of at least {low}, not {value!r}"
            for name, low in (
                ("identities_per_group", 1),
                ("images_per_identity", 1),
                ("seed", 0),
                ("size", SMALLEST),
            )
            if not _whole(value := getattr(self, name)) or value < low
        ]
        if _whole(self.size) and self.size > LARGEST:
            faults.append(f"size must be at most {LARGEST}, not {self.size}")
        number = isinstance(self.overlap, int | float) and not isinstance(self.overlap, bool)
        if not number or not 0 <= self.overlap <= 1:
            faults.append(f"overlap must be a number from 0 to 1, not {self.overlap!r}")
        if faults:
            raise ConfigError("synthetic population: " + "; ".join(faults))

    def traits(self, group: str, identity: int) -> NDArray[np.float64]:
        """Return the latent traits of one identity, shape (len(TRAITS),)."""
        key = (0, GROUPS.index(group), identity)
        return draw_identity(group, self.overlap, self._generator(key))

    def capture(self, group: str, identity: int, image: int) -> Capture:
        """Return pose, light, expression and camera of one picture."""
        return draw_capture(self._generator((1, GROUPS.index(group), identity, image)))

    def picture(self, group: str, identity: int, image: int) -> NDArray[np.uint8]:
        """Render one picture, shape (size, size, 3), RGB."""
        traits = self.traits(group, identity)
        return render_face(traits, self.capture(group, identity, image), self.size)

    def members(self) -> Iterator[tuple[str, int]]:
        """Yield every ``(group, identity)``, group by group."""
        for group in GROUPS:
            for identity in range(self.identities_per_group):
                yield group, identity

    def _generator(self, key: tuple[int, ...]) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


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
