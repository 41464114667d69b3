"""From whatever somebody has to a table of faces: the layout is found by looking."""

from __future__ import annotations

import json
from pathlib import Path

from evenface.errors import SourceError
from evenface.faces import diveface, manifest
from evenface.faces.files import is_image_name, listing
from evenface.faces.table import Faces

SYNTHETIC_MARKER = "SYNTHETIC.json"

LAYOUTS = """\
  a DiveFace tree       4K_120/HA4K_120/<identity>/<image> or Group1_Male/<identity>/<image>
  DiveFace's lists      Group1_Male.txt ... with lines identity/file, and the pictures
  a manifest            a .csv, .tsv or .parquet with columns path, identity and attributes
  an embedding folder   made by evenface embed or evenface import"""


def read_faces(source: Path | str, *, images_root: Path | None = None) -> Faces:
    """Read faces from a folder or a manifest, whichever layout it has.

    Parameters
    ----------
    source : path
        A DiveFace tree, a folder of DiveFace's annotation lists, a manifest, or a folder that
        holds a single ``manifest.csv`` or ``manifest.parquet``.
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
    path = Path(source)
    if images_root is not None and not images_root.is_dir():
        raise SourceError(f"{images_root}: no such folder (--images-root)")
    if path.is_file():
        return manifest.read_manifest(path, images_root, synthetic=is_synthetic(path.parent))
    if not path.is_dir():
        raise SourceError(f"{path}: no such file or folder")
    entries = list(listing(path))
    if not entries:
        raise SourceError(f"{path}: the folder is empty; expected one of\n{LAYOUTS}")
    if diveface.find_lists(path):
        return diveface.read_lists(path, images_root)
    tables = [e.name for e in entries if e.name in ("manifest.csv", "manifest.parquet")]
    if len(tables) == 1:
        return manifest.read_manifest(path / tables[0], images_root, synthetic=is_synthetic(path))
    if diveface.find_groups(path):
        return diveface.read_tree(path, synthetic=is_synthetic(path))
    loose = sum(is_image_name(e.name) for e in entries)
    hint = (
        f"; it holds {loose} pictures but nothing says who is on them: write a manifest beside them"
        if loose
        else ""
    )
    raise SourceError(f"{path}: no known layout{hint}; expected one of\n{LAYOUTS}")


def is_synthetic(folder: Path) -> bool:
    """Tell whether a folder, or the one above, is marked as holding rendered faces."""
    for place in (folder, folder.parent):
        marker = place / SYNTHETIC_MARKER
        if marker.is_file():
            try:
                schema = json.loads(marker.read_text(encoding="utf-8")).get("schema", "")
            except (ValueError, OSError, AttributeError):
                continue
            if str(schema).startswith("evenface.synthetic/"):
                return True
    return False
