"""BUPT-Balancedface: 7000 people of each of four ethnicities (Wang and Deng 2020).

``race_per_7000/{African,Asian,Caucasian,Indian}/m.0x/<image>``. It has RFW's folders; its pictures
bear other names.
"""

from __future__ import annotations

from pathlib import Path

from evenface.faces import races
from evenface.faces.look import Look
from evenface.faces.noticed import Noticed
from evenface.faces.rfw import is_rfw
from evenface.faces.table import Faces


def find(look: Look) -> list[Path]:
    """Return the folders that hold the four ethnicities' folders, where they aren't RFW's."""
    return [tree for tree in races.trees(look) if not is_rfw(look, tree)]


def read(look: Look, found: list[Path], images: Path | None = None) -> Faces:
    """Read BUPT-Balancedface; errors as `races.read`."""
    del images
    return races.read(look, found, "bupt-balancedface", Noticed())
