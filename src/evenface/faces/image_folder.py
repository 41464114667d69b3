"""A folder for each class: what many datasets are made into, recognised after all other layouts.

``<class>/<image>``, each picture a person of its own, or ``<class>/<identity>/<image>``. Where all
classes are named by genders, ethnicities or both (``male``, ``asian_females``), they are read as
such; other names become the attribute ``class``. Folders such as ``train`` over named ones
(``train/male/<image>``) become ``class``, the named ones labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evenface.errors import SourceError
from evenface.faces.look import Look
from evenface.faces.noticed import Noticed
from evenface.faces.rows import Rows
from evenface.faces.table import UNKNOWN, Faces, build_faces
from evenface.faces.trees import people_in, pictures_in, prefix

_MALE, _FEMALE = ("male", "males", "man", "men"), ("female", "females", "woman", "women")
GENDERS = dict.fromkeys(_MALE, "male") | dict.fromkeys(_FEMALE, "female")
ETHNICITIES = {
    name.casefold(): name
    for name in (
        "African", "Asian", "Black", "Caucasian", "East Asian", "Hispanic", "Indian",
        "Latino", "Latino Hispanic", "Middle Eastern", "South Asian", "Southeast Asian",
        "West Asian", "White",
    )
}  # fmt: skip
PARTS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing", "dev"})
"""Names that say how pictures are used and nothing of who is on them."""

MOST = 100
"""More folders than this are people rather than classes."""

TRIED = 20


class Labels(NamedTuple):
    """What a folder's name says of who is in it; all None where it says nothing."""

    gender: str | None = None
    ethnicity: str | None = None
    group: str | None = None  # the attribute `class`, whose name Python keeps for itself


class Classes(NamedTuple):
    """Where classes are: a folder, and the names of those in it."""

    folder: Path
    names: tuple[str, ...]


def find(look: Look) -> Classes | None:
    """Return where the classes are; None where pictures lie as in no such layout.

    Every folder that holds anything must hold pictures, all on the same level.
    """
    for folder in _lone(look):
        # Of people's folders there may be a hundred thousand.
        some = look.at(folder).folders[: MOST + 1]
        depths = {name: _depth(look, folder / name) for name in some}
        names = tuple(name for name, depth in depths.items() if depth)
        alike = len({depths[name] for name in names}) == 1 and None not in depths.values()
        if alike and (len(names) > 1 or _are_labels(names)):
            return Classes(folder, names)
    return None


def _lone(look: Look) -> Iterator[Path]:
    """Yield the folder, and the one that is all there is in it: archives bring such a one."""
    for level in look.levels(2):
        here = look.at(level[0]) if len(level) == 1 else None
        if here is None or here.count:
            return
        yield level[0]


def _depth(look: Look, folder: Path) -> int | None:
    """Return how far below a folder its pictures lie, 0 if it is empty, None if it has none."""
    here = look.at(folder)
    if here.count:
        return 1
    if any(look.at(folder / name).count for name in here.folders[:TRIED]):
        return 2
    return None if here.folders or here.files else 0


def read(look: Look, classes: Classes, images: Path | None = None) -> Faces:
    """Read a folder of classes.

    Raises
    ------
    SourceError
        If the folders are too many for classes, or named as ``train`` and ``test`` alone.
    """
    del images
    folder, names = classes
    deep = _depth(look, folder / names[0]) == 2
    _refuse(look, classes, deep)
    inner = sorted({n for name in names for n in look.at(folder / name).folders}) if deep else []
    labelled, inner_labelled = _are_labels(names), _are_labels(inner)
    noticed, before = Noticed(), prefix(folder, look.folder)
    rows = Rows("path", "identity", *Labels._fields)
    for name in look.at(folder).folders:
        place, path = folder / name, f"{before}{name}"
        outer = labels_in(name) if labelled else None
        labels = outer or Labels(group=name)
        if not deep:
            for picture in pictures_in(place, noticed):
                rows.add(f"{path}/{picture}", f"{path}/{picture}", *labels)
            continue
        for person, picture in people_in(place, noticed):
            own = f"{path}/{person}/{picture}"
            if inner_labelled:
                rows.add(own, own, *_both(labels, labels_in(person) or Labels()))
            else:
                # Nobody is in two groups: there, numbering starts anew. But a person may be in
                # two classes, and must not be on two sides of a split.
                rows.add(own, f"{name}/{person}" if labelled else person, *labels)
    frame = rows.frame().rename({"group": "class"})
    said = [c for c in ("gender", "ethnicity", "class") if frame[c].null_count() < frame.height]
    if inner_labelled or not deep:
        noticed.add("no identities", count=frame.height)
    if not deep and not labelled:
        noticed.add("classes", *names, count=len(names))
    return build_faces(
        frame.select("path", "identity", *said),
        look.folder,
        "image-folder",
        notes=noticed.notes(),
    )


def _refuse(look: Look, classes: Classes, deep: bool) -> None:
    folder, names = classes
    if len(names) > MOST:
        raise SourceError(
            f"{folder}: {len(look.at(folder).folders)} folders of pictures; are they people? "
            f"Classes would be {MOST} or fewer. Write a manifest with columns path and identity"
        )
    if not deep and all(name.casefold() in PARTS for name in names):
        raise SourceError(
            f"{folder}: the folders {', '.join(names)} say what pictures are for and not who is "
            "on them; the dataset's list of labels is missing, or write a manifest"
        )


def labels_in(name: str) -> Labels | None:
    """Return what a folder's name says of gender and ethnicity, None if it says anything else."""
    words = [word for word in re.split(r"[\W_]+", name.casefold()) if word]
    if " ".join(words) in UNKNOWN:
        return Labels()
    genders = {GENDERS[word] for word in words if word in GENDERS}
    rest = " ".join(word for word in words if word not in GENDERS)
    ethnicity = ETHNICITIES.get(rest) or ETHNICITIES.get(rest.removesuffix("s"))
    if len(genders) > 1 or (rest and ethnicity is None):
        return None
    return Labels(genders.pop() if genders else None, ethnicity)


def _are_labels(names: Sequence[str]) -> bool:
    """Tell whether all names say gender or ethnicity, or that they are unknown."""
    found = [labels_in(name) for name in names]
    return all(found) and any(label != Labels() for label in found)


def _both(outer: Labels, inner: Labels) -> Labels:
    return Labels(*(a or b for a, b in zip(outer, inner, strict=True)))
