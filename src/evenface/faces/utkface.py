"""UTKFace: age, gender and ethnicity in the names of its files, and no identities (Zhang 2017).

``[age]_[gender]_[race]_[date&time].jpg``, also ``.jpg.chip.jpg`` for its aligned crops, in one
folder or in several parts. Labels were estimated by a network and checked by people.
"""

from __future__ import annotations

import re
from pathlib import Path

from evenface.errors import SourceError
from evenface.faces.look import Look
from evenface.faces.noticed import Noticed
from evenface.faces.rows import Rows
from evenface.faces.table import Faces, build_faces
from evenface.faces.trees import pictures_in, prefix

# What follows the date is left alone: of some files ".jpg" stands there twice or without its dot.
NAME = re.compile(r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<race>[0-4])_\d{8,20}(?![\d_])")
GENDERS = {"0": "male", "1": "female"}
ETHNICITIES = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian", "4": "Others"}


def find(look: Look) -> list[Path]:
    """Return the nearest folders in which most of the pictures bear such names."""
    for level in look.levels(2):
        found = [folder for folder in level if _is_one(look, folder)]
        if found:
            return found
    return []


def _is_one(look: Look, folder: Path) -> bool:
    names = look.at(folder).pictures
    return 2 * sum(NAME.match(name) is not None for name in names) > len(names)


def read(look: Look, folders: list[Path], images: Path | None = None) -> Faces:
    """Read UTKFace.

    Raises
    ------
    SourceError
        If no picture bears a name of its form.
    """
    del images
    noticed = Noticed()
    rows = Rows("path", "identity", "gender", "ethnicity", "age")
    for folder in folders:
        before = prefix(folder, look.folder)
        for name in pictures_in(folder, noticed):
            match = NAME.match(name)
            path = before + name
            if match is None:
                noticed.add("malformed name", path)
                continue
            labels = GENDERS[match["gender"]], ETHNICITIES[match["race"]]
            rows.add(path, path, *labels, str(int(match["age"])))
    frame = rows.frame()
    if not frame.height:
        raise SourceError(f"{look.folder}: no picture is named [age]_[gender]_[race]_[date].jpg")
    noticed.add("no identities", count=frame.height)
    return build_faces(frame, look.folder, "utkface", notes=noticed.notes())
