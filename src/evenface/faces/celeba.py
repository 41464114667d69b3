"""CelebA: 40 yes-or-no attributes of celebrities' pictures (Liu et al. 2015).

``list_attr_celeba.txt`` (the number of pictures, the 40 names, then a line a picture with 1 or -1)
or Kaggle's ``list_attr_celeba.csv``, over ``img_align_celeba`` or ``img_celeba``; and, where they
are there, ``identity_CelebA.txt`` and ``list_eval_partition``. Gender is the attribute Male. No
ethnicity was recorded, and none is made up from Pale_Skin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from evenface.errors import SourceError
from evenface.faces.delimited import read_columns, read_lines
from evenface.faces.listed import root_of, with_missing
from evenface.faces.look import Look
from evenface.faces.noticed import Noticed
from evenface.faces.rows import Rows
from evenface.faces.table import Faces, build_faces

ATTRIBUTES = re.compile(r"list_attr_celeba\.(txt|csv)", re.IGNORECASE)
IDENTITIES = re.compile(r"identity_celeba\.(txt|csv)", re.IGNORECASE)
PARTITION = re.compile(r"list_eval_partition\.(txt|csv)", re.IGNORECASE)
FOLDERS = ("img_align_celeba", "img_align_celeba_png", "img_celeba")

GENDERS = {"1": "male", "-1": "female"}
KEPT = {"Young": "young", "Smiling": "smiling", "Eyeglasses": "eyeglasses"}
"""Attributes that are kept beside gender, and their names here; yes or no."""
ANSWERS = {"1": "yes", "-1": "no"}
PARTITIONS = {"0": "train", "1": "validation", "2": "test"}
DEPTH = 2
TRIED = 20


def find(look: Look) -> Path | None:
    """Return the list of attributes, also where it lies beside the folder of pictures."""
    return _list(look, ATTRIBUTES)


def _list(look: Look, name: re.Pattern[str]) -> Path | None:
    found = look.files(name, DEPTH) or (look.beside(name) if look.name in FOLDERS else [])
    return found[0] if found else None


def read(look: Look, listed: Path, images: Path | None = None) -> Faces:
    """Read CelebA.

    Raises
    ------
    SourceError
        If a line of a list is broken, or none of the pictures is there.
    """
    noticed = Noticed()
    rows = Rows("path", "gender", *KEPT.values())
    for name, answers in _answers(listed):
        rows.add(name, GENDERS[answers[0]], *[ANSWERS[answer] for answer in answers[1:]])
    frame = rows.frame()
    if not frame.height:
        raise SourceError(f"{listed}: lists no picture")
    partition, identities = _list(look, PARTITION), _list(look, IDENTITIES)
    if partition is not None:
        frame = _joined(frame, "partition", partition, PARTITIONS)
    if identities is not None:
        frame = _joined(frame, "identity", identities)
        nobody = frame.filter(pl.col("identity").is_null())["path"].sort()
        if nobody.len():
            raise SourceError(f"{identities}: lacks {nobody.len()} pictures, {nobody[0]} first")
    else:
        frame = frame.with_columns(identity=pl.col("path"))
        noticed.add("no identities", count=frame.height)
    # Some copies were saved anew as PNG; their lists still say .jpg.
    png = frame["path"].str.replace(r"\.jpg$", ".png")
    first = pl.concat([frame["path"].head(TRIED), png.head(TRIED)])
    root = images or root_of(first, _folders(look, listed))
    if (root / png[0]).is_file() and not (root / first[0]).is_file():
        frame = frame.with_columns(png)
    faces = build_faces(frame, root, "celeba", notes=noticed.notes(), where=listed)
    return with_missing(faces, listed)


def _folders(look: Look, listed: Path) -> list[Path]:
    """Return where pictures may be, aligned ones first; archives may repeat their folder."""
    asked = look.folder.absolute()
    below = [*look.below(DEPTH + 1), asked]
    named = [f for name in FOLDERS for f in below if f.name.casefold() == name]
    return [*named, look.folder, listed.parent]


def _answers(listed: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each picture's name and its answers for Male and for what is kept."""
    wanted = ("Male", *KEPT)
    if listed.suffix.lower() == ".csv":
        for name, *answers in read_columns(listed, ("image_id", *wanted)):
            yield name, _checked(answers, f"{listed}, {name}", GENDERS)
        return
    header: list[str] = []
    for number, line in read_lines(listed):
        fields = line.split()
        if not header:
            # Before the names stands the number of pictures.
            if not line.isdigit():
                header = ["", *fields]
                lacking = [name for name in wanted if name not in header]
                if lacking:
                    raise SourceError(f"{listed}, line {number}: no attribute {', '.join(lacking)}")
                places = [header.index(name) for name in wanted]
        elif len(fields) != len(header):
            raise SourceError(
                f"{listed}, line {number}: {len(fields)} fields; a picture and {len(header) - 1} "
                "answers were expected"
            )
        else:
            answers = [fields[k] for k in places]
            yield fields[0], _checked(answers, f"{listed}, line {number}", GENDERS)


def _checked(answers: list[str], where: str, known: Mapping[str, str]) -> list[str]:
    for answer in answers:
        if answer not in known:
            raise SourceError(f"{where}: {answer!r} is none of {', '.join(known)}")
    return answers


def _joined(
    frame: pl.DataFrame, column: str, file: Path, names: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Return rows with a column of another list, whose lines are a picture and a value."""
    rows = Rows("path", column)
    for number, line in read_lines(file):
        fields = line.replace(",", " ").split()
        if len(fields) != 2:
            raise SourceError(f"{file}, line {number}: a picture and a value were expected")
        if fields[0] == "image_id":
            continue
        if names is not None:
            _checked(fields[1:], f"{file}, line {number}", names)
            fields[1] = names[fields[1]]
        rows.add(*fields)
    values = rows.frame()
    twice = values.filter(values["path"].is_duplicated())
    if twice.height:
        raise SourceError(f"{file}: {twice['path'][0]} stands twice")
    return frame.join(values, on="path", how="left")
