"""Labeled Faces in the Wild, with Kumar's attribute scores where they are there (Huang 2007).

``lfw/<Name>/<Name>_0001.jpg``, and ``lfw_attributes.txt`` of Kumar et al. (2009) in a folder
above, beside or below. The scores are outputs of classifiers, one a picture, and nobody checked
them. `labels_of` makes labels of an identity's mean scores, since gender and ethnicity don't
change from picture to picture while scores do; a mean that says little is no label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from statistics import fmean

import polars as pl

from evenface.errors import SourceError
from evenface.faces.delimited import read_lines
from evenface.faces.look import Look
from evenface.faces.noticed import Noticed
from evenface.faces.rows import Rows
from evenface.faces.table import Faces, build_faces
from evenface.faces.trees import people_in, prefix

FILE = re.compile(r"lfw_attributes\.(txt|tsv)", re.IGNORECASE)
ETHNICITIES = ("White", "Black", "Asian", "Indian")
NEEDED = ("Male", "White", "Black", "Asian")
SCORES = ("Male", *ETHNICITIES)
"""The file's first version, of 65 scores, had none for Indian."""

GENDER_MARGIN = 0.25
"""A mean score for Male from -0.25 to 0.25 is no gender."""

ETHNICITY_MARGIN = 0.25
"""The largest mean score must be above 0 and lead the next by more than this."""

TRIED = 20


def find(look: Look) -> Path | None:
    """Return the folder whose folders are people and hold pictures that bear their names."""
    for folder in look.below(2):
        people = look.at(folder).folders[:TRIED]
        named = sum(_is_person(look, folder / name) for name in people)
        if people and 2 * named > len(people):
            return folder
    return None


def _is_person(look: Look, folder: Path) -> bool:
    names = look.at(folder).pictures
    # Freebase's ids are RFW's people.
    own = re.compile(re.escape(folder.name) + r"_\d{4}\.\w+")
    return (
        bool(names)
        and not folder.name.startswith("m.")
        and all(own.fullmatch(name) for name in names[:3])
    )


def read(look: Look, folder: Path, images: Path | None = None) -> Faces:
    """Read LFW.

    Raises
    ------
    SourceError
        If there is no picture, or a row of scores is broken.
    """
    del images
    before = prefix(folder, look.folder)
    noticed = Noticed()
    rows = Rows("path", "identity")
    for person, picture in people_in(folder, noticed):
        rows.add(f"{before}{person}/{picture}", person)
    frame = rows.frame()
    files = look.files(FILE, 2) or look.beside(FILE)
    if files:
        labels = _labels(files[0], noticed)
        frame = frame.join(labels, on="identity", how="left")
        unscored = frame["identity"].is_in(labels["identity"].to_list())
        noticed.add("no labels", count=int((~unscored).sum()))
    return build_faces(frame, look.folder, "lfw", notes=noticed.notes())


def labels_of(scores: Mapping[str, float]) -> tuple[str | None, str | None]:
    """Return the gender and ethnicity that mean scores speak for.

    Parameters
    ----------
    scores : mapping
        ``Male``, and two or more of `ETHNICITIES`.

    Returns
    -------
    gender, ethnicity : str or None
        None where the scores are too close to call.
    """
    male = scores["Male"]
    gender = None if abs(male) <= GENDER_MARGIN else "male" if male > 0 else "female"
    known = [name for name in ETHNICITIES if name in scores]
    first, second = sorted(known, key=lambda name: -scores[name])[:2]
    clear = scores[first] > 0 and scores[first] - scores[second] > ETHNICITY_MARGIN
    return gender, first if clear else None


def _labels(file: Path, noticed: Noticed) -> pl.DataFrame:
    """Return identity, gender and ethnicity, from the means of an identity's scores."""
    people: dict[str, list[dict[str, float]]] = {}
    for person, scores in _scores(file):
        people.setdefault(person, []).append(scores)
    rows = Rows("identity", "gender", "ethnicity")
    for person, pictures in people.items():
        means = {name: fmean(scores[name] for scores in pictures) for name in pictures[0]}
        rows.add(person, *labels_of(means))
        if len({scores["Male"] > 0 for scores in pictures}) > 1:
            noticed.add("scores disagree", person)
    return rows.frame()


def _scores(file: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each picture's person and the scores that labels are made of."""
    header: list[str] = []
    for number, line in read_lines(file):
        # The header is a comment too: "# person, imagenum, Male, ...", between tabs.
        fields = [field.strip() for field in line.removeprefix("#").strip().split("\t")]
        if not header and fields[0].casefold() == "person":
            header = fields
            lacking = [name for name in NEEDED if name not in header]
            if lacking:
                raise SourceError(f"{file}, line {number}: no column {', '.join(lacking)}")
        elif not line.startswith("#"):
            if len(fields) != len(header):
                said = f"the header has {len(header)}" if header else "there was no header"
                raise SourceError(f"{file}, line {number}: {len(fields)} fields, but {said}")
            named = dict(zip(header, fields, strict=True))
            try:
                scores = {name: float(named[name]) for name in SCORES if name in named}
            except ValueError as error:
                raise SourceError(f"{file}, line {number}: {error}") from None
            if not all(isfinite(score) for score in scores.values()):
                raise SourceError(f"{file}, line {number}: a score is no number")
            yield fields[0].replace(" ", "_"), scores
