"""From whatever somebody has to a table of faces: the layout is found by looking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from evenface.errors import SourceError
from evenface.faces import (
    bupt,
    celeba,
    diveface,
    fairface,
    image_folder,
    lfw,
    london,
    manifest,
    rfw,
    utkface,
)
from evenface.faces.look import Look
from evenface.faces.places import as_place, is_local
from evenface.faces.table import Faces


class Reader(NamedTuple):
    """A layout, how it is recognised and how it is read.

    Attributes
    ----------
    name, looks : str
        What it is called, and what it looks like on disk.
    find : callable
        Called with a `Look`; what it returns is falsy where a folder isn't of the layout.
    read : callable
        Called with the `Look`, what `find` returned and the folder of ``--images-root``.
    """

    name: str
    looks: str
    find: Callable[[Look], Any]
    read: Callable[[Look, Any, Path | None], Faces]


READERS = (
    Reader(
        "DiveFace's lists",
        "Group1_Male.txt ... with lines identity/file, and the pictures",
        diveface.find_lists,
        lambda look, lists, images: diveface.read_lists(look.folder, lists, images),
    ),
    Reader(
        "a manifest",
        "a .csv, .tsv or .parquet with columns path, identity and attributes",
        manifest.find,
        lambda _, file, images: manifest.read_manifest(file, images),
    ),
    Reader(
        "a DiveFace tree",
        "4K_120/HA4K_120/<identity>/<image> or Group1_Male/<identity>/<image>",
        diveface.find_groups,
        lambda look, groups, _: diveface.read_tree(look.folder, groups),
    ),
    Reader(
        "FairFace",
        "fairface_label_train.csv, fairface_label_val.csv, train/ and val/",
        fairface.find,
        fairface.read,
    ),
    Reader(
        "CelebA",
        "list_attr_celeba.txt or .csv, identity_CelebA.txt, img_align_celeba/",
        celeba.find,
        celeba.read,
    ),
    Reader(
        "the London Set",
        "london_faces_info.csv, neutral_front/001_03.jpg, smiling_front/ ...",
        london.find,
        london.read,
    ),
    Reader("UTKFace", "[age]_[gender]_[race]_[date].jpg", utkface.find, utkface.read),
    Reader(
        "LFW",
        "lfw/<Name>/<Name>_0001.jpg, with lfw_attributes.txt or without",
        lfw.find,
        lfw.read,
    ),
    Reader("RFW", "data/{African,Asian,Caucasian,Indian}/m.0x/m.0x_0001.jpg", rfw.find, rfw.read),
    Reader(
        "BUPT-Balancedface",
        "{African,Asian,Caucasian,Indian}/m.0x/<image>",
        bupt.find,
        bupt.read,
    ),
    Reader(
        "a folder a class",
        "<class>/<image> or <class>/<identity>/<image>; male/ and the like are labels",
        image_folder.find,
        image_folder.read,
    ),
)
"""Tried in this order: the last takes what has no other's marks."""

LAYOUTS = "\n".join(
    [
        *(f"  {r.name:<22}{r.looks}" for r in READERS),
        f"  {'an embedding folder':<22}made by evenface embed or evenface import",
    ]
)


EMBEDDED = "manifest.json"
"""What an embedding folder is known by."""


def _start(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(1000)


def read_faces(source: Path | str, *, images_root: Path | None = None) -> Faces:
    """Read faces from a folder or a manifest, whichever layout it has.

    Parameters
    ----------
    source : path or address
        A manifest, on a disk or as ``s3://bucket/manifest.csv``, or a folder of one of the layouts
        in `READERS`.
    images_root : Path, optional
        For manifests and lists: what their paths are relative to.

    Returns
    -------
    Faces

    Raises
    ------
    SourceError
        With the layouts that are known, if none fits.
    """
    path = as_place(source)
    root = None if images_root is None else as_place(images_root)
    try:
        if root is not None and not root.is_dir():
            raise SourceError(f"{root}: no such folder (--images-root)")
        if path.is_file():
            return manifest.read_manifest(path, root)
        if not path.is_dir():
            raise SourceError(f"{path}: no such file or folder")
    except SourceError:
        raise
    # What object stores raise has no common base below Exception.
    except Exception as error:
        if is_local(path) and (root is None or is_local(root)):
            raise
        raise SourceError(f"{path}: can't be read: {error}") from error
    if (path / EMBEDDED).is_file() and b'"evenface.embeddings/' in _start(path / EMBEDDED):
        raise SourceError(
            f"{path} is an embedding folder, in which nothing is left to embed; give it to "
            "`evenface run`, `evenface probe` and the like"
        )
    if not is_local(path):
        raise SourceError(f"{path}: in an object store a manifest is needed, not a folder")
    try:
        look = Look(path)
        for reader in READERS:
            found = reader.find(look)
            if found:
                return reader.read(look, found, root)
    except OSError as error:
        raise SourceError(
            f"{error.filename or path}: can't be read: {error.strerror or error}"
        ) from None
    raise SourceError(_nothing_fits(look))


def _nothing_fits(look: Look) -> str:
    here = look.at(look.folder)
    if not (here.folders or here.files or here.count):
        return f"{look.folder}: the folder is empty; expected one of\n{LAYOUTS}"
    hint = (
        f"; it holds {here.count} pictures but nothing says who is on them: write a manifest "
        "beside them"
        if here.count
        else ""
    )
    return f"{look.folder}: no known layout{hint}; expected one of\n{LAYOUTS}"
