"""Racial Faces in the Wild: four test sets of one ethnicity each (Wang et al. 2019).

``data/{African,Asian,Caucasian,Indian}/<identity>/<identity>_0001.jpg``, aligned or not, with lists
``txts/<ethnicity>/<ethnicity>_people.txt`` beside ``data`` or without them.
"""

from __future__ import annotations

import re
from pathlib import Path

from evenface.faces import races
from evenface.faces.delimited import read_lines
from evenface.faces.look import Look
from evenface.faces.noticed import Noticed
from evenface.faces.table import Faces

NUMBERED = re.compile(r"_\d{4}\.\w+")


def find(look: Look) -> list[Path]:
    """Return the folders that hold the four ethnicities' folders."""
    return [tree for tree in races.trees(look) if is_rfw(look, tree)]


def is_rfw(look: Look, tree: Path) -> bool:
    """Tell whether pictures are numbered after their person, as RFW's are and BUPT's are not."""
    person, picture = races.first_picture(look, tree)
    return picture.startswith(person) and bool(NUMBERED.fullmatch(picture[len(person) :]))


def read(look: Look, found: list[Path], images: Path | None = None) -> Faces:
    """Read RFW; errors as `races.read`."""
    del images
    noticed = Noticed()
    for group in races.groups(look, found[0]):
        people = set(look.at(group).folders)
        # Beside `data`, or within it where someone moved it there.
        for txts in (found[0].parent / "txts", found[0] / "txts"):
            listed = txts / group.name / f"{group.name}_people.txt"
            if listed.is_file():
                named = [line.split()[0] for _, line in read_lines(listed)]
                for person in sorted(set(named) - people):
                    noticed.add("missing person", person)
    return races.read(look, found, "rfw", noticed)
