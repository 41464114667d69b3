"""The Face Research Lab London Set: 102 adults, ten pictures each (DeBruine and Jones 2017).

``neutral_front/001_03.jpg``, ``smiling_front/001_08.jpg`` and the like: the number after the person
says expression and view. ``london_faces_info.csv`` has what the people said of themselves: columns
``face_id, face_age, face_gender`` (once ``face_sex``) and ``face_eth``.
"""

from __future__ import annotations

import re
from pathlib import Path

from evenface.errors import SourceError
from evenface.faces.delimited import read_rows
from evenface.faces.look import Look
from evenface.faces.noticed import Noticed
from evenface.faces.rows import Rows
from evenface.faces.table import Faces, build_faces
from evenface.faces.trees import pictures_in, prefix

INFO = re.compile(r"london_(faces_)?info\.csv", re.IGNORECASE)
FOLDER = re.compile(r"(neutral|smiling)_(front|(left|right)_(3quarter|profile))", re.IGNORECASE)
PICTURE = re.compile(r"(?P<person>\d{3})_(?P<shot>0[1-9]|10)\.\w+")
COLUMNS = {
    "id": ("face_id",),
    "age": ("face_age",),
    "gender": ("face_gender", "face_sex"),
    "ethnicity": ("face_eth",),
}
ETHNICITIES = {
    "white": "White",
    "black": "Black",
    "east_asian": "East Asian",
    "west_asian": "West Asian",
}
"""How single words are spelled here; who named two is kept as recorded (``east_asian/white``)."""

VIEWS = ("left profile", "left three-quarter", "front", "right three-quarter", "right profile")
SHOTS = {
    f"{5 * k + j + 1:02d}": (expression, view)
    for k, expression in enumerate(("neutral", "smiling"))
    for j, view in enumerate(VIEWS)
}
"""Expression and view by a picture's number: 03 is neutral from the front, 08 smiling."""
TRIED = 20


def find(look: Look) -> list[Path]:
    """Return the nearest folders whose pictures bear the set's names.

    Three digits and two are no rare names: the table of people or the folders' names must agree.
    """
    for level in look.levels(2):
        found = [folder for folder in level if _is_one(look, folder)]
        if found:
            known = _info(look) or any(FOLDER.fullmatch(f.absolute().name) for f in found)
            return found if known else []
    return []


def _info(look: Look) -> list[Path]:
    return look.files(INFO, 2) or look.beside(INFO)


def _is_one(look: Look, folder: Path) -> bool:
    names = look.at(folder).pictures
    return bool(names) and all(PICTURE.fullmatch(name) for name in names[:TRIED])


def read(look: Look, folders: list[Path], images: Path | None = None) -> Faces:
    """Read the London Set.

    Raises
    ------
    SourceError
        If its table of people is missing or broken.
    """
    del images
    files = _info(look)
    if not files:
        raise SourceError(
            f"{look.folder}: pictures of the Face Research Lab London Set, but no "
            "london_faces_info.csv with what is known of the people; put it beside their folders"
        )
    people = _people(files[0])
    noticed = Noticed()
    rows = Rows("path", "identity", "gender", "ethnicity", "age", "expression", "view")
    for folder in folders:
        before = prefix(folder, look.folder)
        for name in pictures_in(folder, noticed):
            match = PICTURE.fullmatch(name)
            if match is None:
                noticed.add("malformed name", before + name)
                continue
            person = match["person"]
            if person not in people:
                noticed.add("no labels", before + name)
            labels = people.get(person, (None, None, None))
            rows.add(before + name, person, *labels, *SHOTS[match["shot"]])
    return build_faces(rows.frame(), look.folder, "london", notes=noticed.notes())


def _people(file: Path) -> dict[str, tuple[str, str, str]]:
    """Return gender, ethnicity and age by person."""
    read = read_rows(file)
    header = [name.casefold() for name in next(read)]
    places = {}
    for what, names in COLUMNS.items():
        found = [header.index(name) for name in names if name in header]
        if not found:
            raise SourceError(f"{file}: no column {names[0]!r}; it has {', '.join(header)}")
        places[what] = found[0]
    people: dict[str, tuple[str, str, str]] = {}
    for row in read:
        said = {what: row[k].strip() for what, k in places.items()}
        # The table's first version had X001 for 001.
        person = said["id"].removeprefix("X").zfill(3)
        if person in people:
            raise SourceError(f"{file}: {person} stands twice")
        ethnicity = ETHNICITIES.get(said["ethnicity"].casefold(), said["ethnicity"])
        people[person] = said["gender"].lower(), ethnicity, said["age"]
    return people
