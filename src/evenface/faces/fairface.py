"""FairFace: seven categories of ethnicity, and no identities (Kärkkäinen and Joo 2021).

``fairface_label_train.csv`` and ``fairface_label_val.csv`` with columns ``file, age, gender, race,
service_test`` over ``train/`` and ``val/``. Labels were assigned by crowd workers; ``race`` is
kept as `ethnicity` in the dataset's spelling: White, Black, Indian, East Asian, Southeast Asian,
Middle Eastern, Latino_Hispanic.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from evenface.errors import SourceError
from evenface.faces.delimited import read_columns
from evenface.faces.listed import root_of, with_missing
from evenface.faces.look import Look
from evenface.faces.noticed import Noticed
from evenface.faces.rows import Rows
from evenface.faces.table import Faces, build_faces

LIST = re.compile(r"fairface_label_(train|val)\.csv", re.IGNORECASE)
COLUMNS = ("file", "age", "gender", "race")
PARTITIONS = {"train": "train", "val": "validation"}
GENDERS = {"Male": "male", "Female": "female"}

MONTHS = {"mar": 3, "mrz": 3, "sep": 9, "oct": 10, "okt": 10}
DATED = {
    frozenset((3, 9)): "3-9",
    frozenset((10, 19)): "10-19",
    # October 2019: the year is a number of four, and the day was made up.
    frozenset((10, 2019)): "10-19",
}
"""What the numbers of a date were before a spreadsheet saw a date in them."""


def find(look: Look) -> list[Path]:
    """Return FairFace's lists of labels, also where they lie beside ``train`` or ``val``."""
    return look.files(LIST) or (look.beside(LIST) if look.name in PARTITIONS else [])


def read(look: Look, lists: list[Path], images: Path | None = None) -> Faces:
    """Read FairFace.

    Raises
    ------
    SourceError
        If a list lacks a column or has a broken row, or if none of its pictures is there.
    """
    folder, asked = lists[0].parent, look.folder.absolute()
    only = f"{asked.name}/" if folder == asked.parent else ""
    noticed = Noticed()
    rows = Rows("path", "identity", "gender", "ethnicity", "age", "partition")
    for listed in lists:
        part = PARTITIONS[LIST.fullmatch(listed.name)[1].lower()]  # type: ignore[index]
        for path, age, gender, race in read_columns(listed, COLUMNS):
            if path.startswith(only):
                label = GENDERS.get(gender.capitalize(), gender)
                rows.add(path, path, label, race, _age(age, noticed), part)
    frame = rows.frame()
    if not frame.height:
        raise SourceError(f"{folder}: FairFace's lists have no rows")
    below = [folder / name for name in look.at(folder).folders]
    root = images or root_of(frame["path"], [folder, *below])
    frame = _in_folders(frame, root, noticed)
    noticed.add("no identities", count=frame.height)
    faces = build_faces(frame, root, "fairface", notes=noticed.notes(), where=folder)
    return with_missing(faces, folder)


def undated(age: str) -> str | None:
    """Return the age that a spreadsheet made a date of, None for what is no such date."""
    words = re.findall(r"[0-9]+|[A-Za-z]+", age.split(" 00:00", maxsplit=1)[0])
    numbers = [MONTHS.get(w[:3].lower(), 0) if w.isalpha() else int(w) for w in words]
    if len(numbers) == 2 and any(w.isalpha() for w in words):
        return DATED.get(frozenset(numbers))
    if len(numbers) == 3:  # with a year, first or last
        year = max(numbers)
        rest = frozenset(n for n in numbers if n != year)
        return DATED.get(rest) or (DATED.get(frozenset((10, year))) if rest == {1, 10} else None)
    return None


def _age(age: str, noticed: Noticed) -> str:
    was = undated(age)
    if was is None:
        return age
    noticed.add("spreadsheet dates", age)
    return was


def _in_folders(frame: pl.DataFrame, root: Path, noticed: Noticed) -> pl.DataFrame:
    """Leave out the rows of ``train`` or ``val`` where only the other was got."""
    top = frame["path"].str.split_exact("/", 1).struct.field("field_0")
    there = {name: (root / name).is_dir() for name in top.unique().to_list()}
    gone = sorted(name for name, here in there.items() if not here)
    if not gone or len(gone) == len(there):
        return frame
    kept = frame.filter(~top.is_in(gone))
    noticed.add("missing folder", *gone, count=frame.height - kept.height)
    return kept
