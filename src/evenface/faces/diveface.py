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
from evenface.faces.files import is_image_name, is_junk, is_text, listing
from evenface.faces.table import Faces, Note, build_faces

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


def find_groups(folder: Path) -> list[Path]:
    """Return the group folders of a tree, up to two levels down, sorted."""
    level = [folder]
    for _ in range(DEPTH + 1):
        below = [
            Path(e.path) for f in level for e in listing(f) if e.is_dir() and not is_junk(e.name)
        ]
        found = [p for p in below if group_folder(p.name)]
        if found:
            return sorted(found)
        level = below[:1000]
    return []


def find_lists(folder: Path) -> list[Path]:
    """Return the annotation lists (``Group1_Male.txt`` ...) of a folder, sorted."""
    return sorted(
        Path(e.path)
        for e in listing(folder)
        if e.is_file() and e.name.endswith(".txt") and NAMED.match(e.name.removesuffix(".txt"))
    )


def read_tree(folder: Path, *, synthetic: bool = False) -> Faces:
    """Read a DiveFace tree of either naming.

    Parameters
    ----------
    folder : Path
        The folder that holds the group folders, or one up to two levels above it.
    synthetic : bool
        Whether its pictures are rendered.

    Raises
    ------
    SourceError
        If there is no group folder, or no picture in any.
    """
    groups = find_groups(folder)
    if not groups:
        raise SourceError(f"{folder}: no DiveFace group folder such as HA4K_120 or Group1_Male")
    columns: dict[str, list[str | None]] = {
        c: [] for c in ("path", "identity", "gender", "ethnicity")
    }
    junk: list[str] = []
    stray: list[str] = []
    for group in groups:
        labels = group_folder(group.name)
        assert labels is not None
        for person, picture in _pictures(group, junk, stray):
            columns["path"].append(picture.relative_to(folder).as_posix())
            # The same folder name in two groups is two identities: numbering starts anew.
            columns["identity"].append(f"{group.name}/{person}")
            columns["gender"].append(labels[0])
            columns["ethnicity"].append(labels[1])
    if not columns["path"]:
        raise SourceError(
            f"{folder}: the group folders {', '.join(g.name for g in groups)} hold no picture; "
            "pictures are expected as <group>/<identity>/<image>"
        )
    naming = "4K_120" if CODED.match(groups[0].name) else "Group"
    return build_faces(
        columns, folder, f"diveface-{naming}", synthetic=synthetic, notes=_notes(junk, stray)
    )


def _pictures(group: Path, junk: list[str], stray: list[str]) -> Iterator[tuple[str, Path]]:
    for person in listing(group):
        if is_junk(person.name):
            junk.append(person.path)
        elif not is_text(person.name):
            stray.append(repr(person.path))
        elif not person.is_dir():
            stray.append(person.path)
        else:
            for picture in listing(Path(person.path)):
                if is_junk(picture.name):
                    junk.append(picture.path)
                elif not is_text(picture.name):
                    stray.append(repr(picture.path))
                elif picture.is_dir() or not is_image_name(picture.name):
                    stray.append(picture.path)
                else:
                    yield person.name, Path(picture.path)


def _notes(junk: list[str], stray: list[str]) -> tuple[Note, ...]:
    notes = []
    if junk:
        notes.append(Note.of("junk", junk, "System files (._*, Thumbs.db) left out: {n}."))
    if stray:
        text = "Files left out, no picture in an identity's folder or of unreadable name: {n}."
        notes.append(Note.of("not a picture", stray, text))
    return tuple(notes)


def read_lists(folder: Path, images: Path | None = None) -> Faces:
    """Read DiveFace's annotation lists over a folder of MegaFace pictures.

    Parameters
    ----------
    folder : Path
        Holds ``Group1_Male.txt`` and the like.
    images : Path, optional
        What the lists' lines are relative to. If not given, `folder` itself or the one folder
        in it where a listed picture is found.

    Raises
    ------
    SourceError
        If a line isn't ``identity/file``, or no listed picture is found.
    """
    columns: dict[str, list[str | None]] = {
        c: [] for c in ("path", "identity", "gender", "ethnicity")
    }
    seen: set[str] = set()
    repeated: list[str] = []
    for listed in find_lists(folder):
        labels = group_folder(listed.stem)
        assert labels is not None
        for path in _lines(listed):
            if path in seen:
                repeated.append(path)
                continue
            seen.add(path)
            columns["path"].append(path)
            columns["identity"].append(path.rsplit("/", 1)[0])
            columns["gender"].append(labels[0])
            columns["ethnicity"].append(labels[1])
    paths = [p for p in columns["path"] if p is not None]
    if not paths:
        raise SourceError(f"{folder}: the annotation lists are empty")
    root = images or _image_root(folder, paths)
    if not any((root / p).is_file() for p in paths):
        raise SourceError(
            f"{folder}: none of the {len(paths)} listed pictures is in {root}; say where the "
            "MegaFace pictures are with --images-root DIR"
        )
    notes: tuple[Note, ...] = ()
    if repeated:
        text = "Lines that list a picture a second time (the first counts): {n}."
        notes = (Note.of("listed twice", repeated, text),)
    return build_faces(columns, root, "diveface-lists", notes=notes)


def _lines(listed: Path) -> Iterator[str]:
    try:
        text = listed.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{listed}: not UTF-8 text ({error.reason} at byte {error.start})"
        ) from None
    for number, line in enumerate(text.splitlines(), 1):
        path = line.strip().replace("\\", "/").removeprefix("./")
        if not path:
            continue
        if "/" not in path or path.startswith("/") or ".." in path.split("/"):
            raise SourceError(
                f"{listed}, line {number}: {line.strip()[:80]!r} is not of the form identity/file"
            )
        yield path


def _image_root(folder: Path, paths: list[str]) -> Path:
    roots = [folder, *(Path(e.path) for e in listing(folder) if e.is_dir())]
    sample = paths[:: max(len(paths) // 50, 1)]
    return max(roots, key=lambda r: sum((r / p).is_file() for p in sample))
