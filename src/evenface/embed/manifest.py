"""The manifest of an embedding folder: what it says, and whether that can be used."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from evenface.embed.embeddings import ROW_SCHEMA, VECTOR
from evenface.embed.files import (
    AGAIN,
    FAILURES,
    MANIFEST,
    PART,
    UNFINISHED,
    refuse_unreachable,
    write_whole,
)
from evenface.embed.parts import DTYPES
from evenface.embed.seal import is_sealed, sealed
from evenface.errors import StoreError
from evenface.faces.files import is_image_name, is_junk
from evenface.faces.table import Faces

SCHEMA_NAME, SCHEMA_VERSION = "evenface.embeddings", 2
SCHEMA = f"{SCHEMA_NAME}/{SCHEMA_VERSION}"
_OURS = re.compile(rf'"schema"\s*:\s*"{re.escape(SCHEMA_NAME)}/')

LARGEST_DIMENSION = 2**20
MOST_ROWS = 2**40
"""Larger numbers in a manifest are taken for damage."""

LEVELS, FEW, GLANCE = 4, 3, 1000
"""Folders within folders, folders of each and entries of each that are looked at for pictures."""

CONTRACT = ("model", "preprocessing", "dimension", "dtype")
"""Keys of the manifest that say what the vectors are; a folder holds one contract only."""


def describe_source(faces: Faces) -> dict[str, Any]:
    """Return the manifest's entry for a table of faces."""
    notes = [{**asdict(note), "examples": list(note.examples)} for note in faces.notes]
    order = hashlib.sha256("\n".join(faces.frame["sample_id"].to_list()).encode())
    return {
        "layout": faces.layout,
        "fingerprint": faces.fingerprint,
        "order": order.hexdigest()[:16],
        "synthetic": faces.synthetic,
        "attributes": list(faces.attributes),
        "notes": notes,
    }


def new_manifest(
    model: Mapping[str, Any],
    preprocessing: Mapping[str, Any],
    source: Mapping[str, Any],
    chunks: Mapping[str, int],
    pictures: int,
    runtime: Mapping[str, str] | None = None,
    dtype: str = "float32",
) -> dict[str, Any]:
    """Return the manifest that a folder starts with; nothing in it depends on the time."""
    return {
        "schema": SCHEMA,
        "model": dict(model),
        "preprocessing": dict(preprocessing),
        "dimension": model["dimension"],
        "dtype": dtype,
        "source": dict(source),
        "chunks": dict(chunks),
        "runtime": dict(runtime or {}),
        "counts": {"pictures": pictures, "rows": 0, "failures": 0},
        "parts": [],
        "failures": None,
        "first": 0,
    }


def write_manifest(folder: Path, manifest: Mapping[str, Any], name: str = MANIFEST) -> None:
    """Write a manifest whole."""
    text = json.dumps(sealed(manifest), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # A file name that isn't UTF-8 stays a valid JSON escape.
    write_whole(folder / name, text.encode("utf-8", "backslashreplace"))


def read_manifest(folder: Path, name: str = MANIFEST) -> dict[str, Any]:
    """Read the manifest of a finished folder, or what another is to become.

    Raises
    ------
    StoreError
        Where there is none, or one that this version doesn't know.
    """
    path = folder / name
    refuse_unreachable(folder)
    if name == MANIFEST and not path.exists() and (folder / UNFINISHED).exists():
        raise StoreError(f"{folder} is unfinished; {AGAIN}")
    if not folder.exists():
        raise StoreError(f"{folder} doesn't exist; make it with `evenface embed` or `import`")
    if not folder.is_dir():
        raise StoreError(f"{folder} is a file; an embedding folder was expected")
    if not path.is_file():
        raise StoreError(
            f"{folder} has no {MANIFEST}, so it is no embedding folder{_instead(folder)}"
        )
    try:
        found = json.loads(path.read_text("utf-8"))
    # Brackets within brackets, thousands deep, end in a RecursionError.
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path} can't be read as JSON: {error}; {_way_back(path)}") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    name, _, version = str(schema).partition("/")
    if schema is None or name != SCHEMA_NAME or not re.fullmatch(r"[0-9]{1,9}", version):
        raise StoreError(f"{path} has schema {_short(schema)}; {SCHEMA!r} was expected")
    if int(version) > SCHEMA_VERSION:
        raise StoreError(f"{path} was written by a newer evenface (schema {schema!r}); update it")
    if int(version) < SCHEMA_VERSION:
        raise StoreError(f"{path} has the old schema {schema!r}; embed again")
    faults = _manifest_faults(found)
    if faults:
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise StoreError(f"{path} is damaged: {'; '.join(faults[:5])}{more}; {_way_back(path)}")
    if not is_sealed(found):
        raise StoreError(
            f"{path} is damaged or was edited: its seal doesn't fit; {_way_back(path)}"
        )
    return dict(found)


def _instead(folder: Path) -> str:
    """Say what to give in place of a folder that holds no vectors, if that can be seen."""
    inside = folder / "embeddings"
    if (inside / MANIFEST).is_file():
        return f"; take {inside}, where this run keeps its vectors"
    if (folder / "results").is_dir():
        return "; it is the output of a run: take the embedding folder that the run was given"
    if _has_picture(folder, LEVELS):
        return f"; make vectors of its pictures first: evenface embed {folder} --out EMB"
    return ""


def _has_picture(folder: Path, levels: int) -> bool:
    # A glance: a folder of a dataset has its pictures in the first folders or nowhere near.
    try:
        names = list(islice(folder.iterdir(), GLANCE))
        if any(is_image_name(p.name) for p in names):
            return True
        within = [p for p in names if levels and not is_junk(p.name) and p.is_dir()]
    except OSError:
        return False
    return any(_has_picture(p, levels - 1) for p in within[:FEW])


def _way_back(path: Path) -> str:
    if path.name == UNFINISHED and (path.parent / MANIFEST).exists():
        return "delete it: the folder is whole without it, and the change begins anew"
    if path.name == UNFINISHED:
        return "delete the folder to start again"
    return "restore it, or embed again into another folder"


def _manifest_faults(manifest: dict[str, Any]) -> list[str]:
    wanted = {
        "model": dict,
        "preprocessing": dict,
        "source": dict,
        "counts": dict,
        "chunks": dict,
        "parts": list,
        "dimension": int,
        "first": int,
    }
    faults = [
        f"{key} is missing or no {kind.__name__}"
        for key, kind in wanted.items()
        if not isinstance(manifest.get(key), kind)
    ]
    if faults:
        return faults
    source, counts, chunks = manifest["source"], manifest["counts"], manifest["chunks"]
    attributes = source.get("attributes")
    if not isinstance(attributes, list) or not all(isinstance(a, str) for a in attributes):
        faults.append("source.attributes is no list of names")
    else:
        taken = [a for a in attributes if a in ROW_SCHEMA or a == VECTOR]
        faults += [f"source.attributes has {a!r}, which is evenface's own" for a in taken]
    faults += _note_faults(source.get("notes", []))
    faults += _number_fault("dimension", manifest["dimension"], 1, LARGEST_DIMENSION)
    faults += _number_fault("first", manifest["first"], 0, MOST_ROWS)
    if manifest.get("dtype") not in DTYPES:
        faults.append(f"dtype is {_short(manifest.get('dtype'))}, not {' or '.join(DTYPES)}")
    name = manifest.get("failures")
    if "kept_failures" not in manifest and not (isinstance(name, str) and FAILURES.fullmatch(name)):
        faults.append(f"failures is no file of failures: {_short(name)}")
    for name in ("rows", "failures"):
        faults += _number_fault(f"counts.{name}", counts.get(name), 0, MOST_ROWS)
    for name in chunks.keys() & {"batch", "part_rows"}:
        faults += _number_fault(f"chunks.{name}", chunks[name], 1, MOST_ROWS)
    return faults + _part_faults(manifest["parts"])


def _part_faults(parts: list[Any]) -> list[str]:
    faults = []
    for i, part in enumerate(parts):
        name = part.get("name") if isinstance(part, dict) else None
        # A name with a folder in it could point anywhere.
        if not isinstance(name, str) or not PART.fullmatch(name):
            faults.append(f"parts[{i}] is no part: {_short(part)}")
            continue
        faults += _number_fault(f"parts[{i}].rows", part.get("rows"), 0, MOST_ROWS)
        faults += _number_fault(f"parts[{i}].size", part.get("size"), 0, MOST_ROWS)
        if part.get("vectors_at") is not None:
            faults += _number_fault(f"parts[{i}].vectors_at", part["vectors_at"], 0, MOST_ROWS)
        if not isinstance(part.get("sha256"), str):
            faults.append(f"parts[{i}].sha256 is no text")
    if not faults:
        names = Counter(part["name"] for part in parts)
        faults += [f"parts lists {name} {n} times" for name, n in names.items() if n > 1]
    return faults


def _note_faults(notes: Any) -> list[str]:
    if not isinstance(notes, list):
        return ["source.notes is no list"]
    return [
        f"source.notes[{i}] is no note with kind, count, text and examples"
        for i, note in enumerate(notes)
        if not isinstance(note, dict)
        or not isinstance(note.get("kind"), str)
        or not isinstance(note.get("text"), str)
        or _number_fault("count", note.get("count"), 0, MOST_ROWS)
        or not isinstance(note.get("examples"), list)
        or not all(isinstance(example, str) for example in note["examples"])
    ]


def _number_fault(field: str, value: Any, least: int, most: int) -> list[str]:
    # True is an int to Python.
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return []
    return [f"{field} is {_short(value)}, not a whole number from {least} to {most}"]


def _short(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


def is_embedding_folder(folder: Path) -> bool:
    """Say whether a folder has a manifest of ours, finished or not, damaged or whole."""
    for name in (MANIFEST, UNFINISHED):
        try:
            with (folder / name).open(encoding="utf-8", errors="replace") as file:
                if _OURS.search(file.read(2**16)) is not None:
                    return True
        except OSError:
            continue
    return False
