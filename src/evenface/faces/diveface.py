"""DiveFace: six groups of three ethnicities and two genders (Morales et al. 2021).

Three layouts are read:

- ``4K_120/{HA,HB,HN,MA,MB,MN}4K_120/<identity>/<image>``: H is *hombre*, a man, and M is
  *mujer*, a woman; A is Asian, B (*blanco*) Caucasian, N (*negro*) Black;
- ``Group{1,2,3}_{Male,Female}/<identity>/<image>``: Group1 East Asian, Group2 Sub-Saharan and
  South Indian, Group3 Caucasian;
- the annotation lists ``Group1_Male.txt`` ..., whose lines are ``identity/file``, over a folder
  of MegaFace pictures.

Labels were assigned by the dataset's authors, half automatically; they are records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from evenface.errors import SourceError
from evenface.faces.delimited import read_lines
from evenface.faces.listed import root_of, with_missing
from evenface.faces.look import Look
from evenface.faces.marker import is_synthetic
from evenface.faces.noticed import Noticed
from evenface.faces.rows import Rows
from evenface.faces.table import Faces, build_faces
from evenface.faces.trees import people_in, prefix

GENDERS = {"H": "male", "M": "female", "Male": "male", "Female": "female"}
ETHNICITIES = {
    "A": "Asian",
    "B": "Caucasian",
    "N": "Black",
    "Group1": "East Asian",
    "Group2": "Sub-Saharan and South Indian",
    "Group3": "Caucasian",
}
CODED = re.compile(r"(?P<gender>[HM])(?P<ethnicity>[ABN])4K_120$")
NAMED = re.compile(r"(?P<ethnicity>Group[123])_(?P<gender>Male|Female)$")
DEPTH = 2


def group_folder(name: str) -> tuple[str, str] | None:
    """Return ``(gender, ethnicity)`` for a group folder's name, None for any other name."""
    match = CODED.match(name) or NAMED.match(name)
    if match is None:
        return None
    return GENDERS[match["gender"]], ETHNICITIES[match["ethnicity"]]


def find_groups(look: Look) -> list[Path]:
    """Return the group folders of a tree, up to two levels down, sorted."""
    for level in look.levels(DEPTH + 1):
        found = [p for p in level if p != look.folder and group_folder(p.name)]
        if found:
            return sorted(found)
    return []


def find_lists(look: Look) -> list[Path]:
    """Return the annotation lists (``Group1_Male.txt`` ...) of a folder, sorted."""
    names = look.at(look.folder).files
    return [
        look.folder / n for n in names if n.endswith(".txt") and NAMED.match(n.removesuffix(".txt"))
    ]


def read_tree(folder: Path, groups: list[Path]) -> Faces:
    """Read a DiveFace tree of either naming.

    Parameters
    ----------
    folder : Path
        What paths are relative to.
    groups : list of Path
        The group folders in it.

    Raises
    ------
    SourceError
        If there is no picture in any group folder.
    """
    rows = Rows("path", "identity", "gender", "ethnicity")
    noticed = Noticed()
    for group in groups:
        labels = group_folder(group.name)
        assert labels is not None
        before = prefix(group, folder)
        for person, picture in people_in(group, noticed):
            # The same folder name in two groups is two identities: numbering starts anew.
            rows.add(f"{before}{person}/{picture}", f"{group.name}/{person}", *labels)
    frame = rows.frame()
    if not frame.height:
        raise SourceError(
            f"{folder}: the group folders {', '.join(g.name for g in groups)} hold no picture; "
            "pictures are expected as <group>/<identity>/<image>"
        )
    naming = "4K_120" if CODED.match(groups[0].name) else "Group"
    return build_faces(
        frame,
        folder,
        f"diveface-{naming}",
        synthetic=is_synthetic(folder),
        notes=noticed.notes(),
    )


def read_lists(folder: Path, lists: list[Path], images: Path | None = None) -> Faces:
    """Read DiveFace's annotation lists over a folder of MegaFace pictures.

    Parameters
    ----------
    folder : Path
        Holds the lists.
    lists : list of Path
        ``Group1_Male.txt`` and the like.
    images : Path, optional
        What the lists' lines are relative to. If not given, `folder` itself or the one folder
        in it where listed pictures are found.

    Raises
    ------
    SourceError
        If a line isn't ``identity/file``, or no listed picture is found.
    """
    rows = Rows("path", "identity", "gender", "ethnicity")
    noticed = Noticed()
    seen: set[str] = set()
    for listed in lists:
        labels = group_folder(listed.stem)
        assert labels is not None
        for path in _paths(listed):
            if path in seen:
                noticed.add("listed twice", path)
                continue
            seen.add(path)
            rows.add(path, path.rsplit("/", 1)[0], *labels)
    frame = rows.frame()
    if not frame.height:
        raise SourceError(f"{folder}: the annotation lists are empty")
    below = [folder / name for name in Look(folder).at(folder).folders]
    root = images or root_of(frame["path"], [folder, *below])
    faces = build_faces(frame, root, "diveface-lists", notes=noticed.notes())
    return with_missing(faces, folder, "lists")


def _paths(listed: Path) -> Iterator[str]:
    for number, line in read_lines(listed):
        path = line.replace("\\", "/").removeprefix("./")
        if "/" not in path or path.startswith("/") or ".." in path.split("/"):
            raise SourceError(
                f"{listed}, line {number}: {line[:80]!r} is not of the form identity/file"
            )
        yield path
