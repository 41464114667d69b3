"""Trees of four folders by ethnicity over people of MS-Celeb: what RFW and BUPT share.

``{African,Asian,Caucasian,Indian}/<identity>/<image>``, identities named by Freebase's ids
(``m.0c7mh2``). The folder is kept as `ethnicity`; no gender was recorded.
"""

from __future__ import annotations

from pathlib import Path

from evenface.errors import SourceError
from evenface.faces.look import Look
from evenface.faces.noticed import Noticed
from evenface.faces.rows import Rows
from evenface.faces.table import Faces, build_faces
from evenface.faces.trees import people_in, prefix

ETHNICITIES = {name.casefold(): name for name in ("African", "Asian", "Caucasian", "Indian")}
TRIED = 20


def trees(look: Look) -> list[Path]:
    """Return the nearest folders in which two or more of the four hold such people."""
    for level in look.levels(3):
        found = [folder for folder in level if len(groups(look, folder)) > 1]
        if found:
            return found
    return []


def first_picture(look: Look, tree: Path) -> tuple[str, str]:
    """Return the first person who has pictures, and the first of these; empty for none."""
    for group in groups(look, tree):
        for person in look.at(group).folders[:TRIED]:
            names = look.at(group / person).pictures
            if names:
                return person, names[0]
    return "", ""


def read(look: Look, found: list[Path], layout: str, noticed: Noticed) -> Faces:
    """Read a tree.

    Raises
    ------
    SourceError
        If there are several, as of one dataset's aligned and unaligned pictures, or no picture.
    """
    if len(found) > 1:
        raise SourceError(
            f"{look.folder}: holds {', '.join(str(f.relative_to(look.folder)) for f in found)} "
            "with the same layout; name one of them, for both would count each person twice"
        )
    rows = Rows("path", "identity", "ethnicity")
    for group in groups(look, found[0]):
        before = prefix(group, look.folder)
        for person, picture in people_in(group, noticed):
            rows.add(f"{before}{person}/{picture}", person, ETHNICITIES[group.name.casefold()])
    frame = rows.frame()
    if not frame.height:
        raise SourceError(
            f"{found[0]}: no picture; they are expected as <ethnicity>/<identity>/<image>"
        )
    return build_faces(frame, look.folder, layout, notes=noticed.notes())


def groups(look: Look, folder: Path) -> list[Path]:
    """Return the folders named by an ethnicity that hold people with Freebase's ids."""
    named = [folder / n for n in look.at(folder).folders if n.casefold() in ETHNICITIES]
    return [g for g in named if any(p.startswith("m.") for p in look.at(g).folders[:TRIED])]
