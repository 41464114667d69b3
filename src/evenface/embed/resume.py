"""Whether a folder may be written to: new, or begun under the same contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenface.embed.files import (
    CHUNK_FAILURES,
    MANIFEST,
    OURS,
    TEMPORARY,
    is_ours,
    remove,
)
from evenface.embed.manifest import read_manifest, write_manifest
from evenface.embed.store import CONTRACT
from evenface.errors import StoreError


def make_folder(out: Path) -> bool:
    """Make the folder where there is none; refuse one that holds something else."""
    if out.is_dir():
        strange = sorted(p.name for p in out.iterdir() if not is_ours(p.name))
        known = (out / MANIFEST).exists()
        # A run killed before its first rename leaves a temporary manifest and nothing else.
        other = [p.name for p in out.iterdir() if not TEMPORARY.fullmatch(p.name)]
        if not known and other:
            raise StoreError(
                f"{out} holds something else (such as {(strange or other)[0]!r}); "
                "choose a folder that doesn't exist yet"
            )
        return False
    if out.exists():
        raise StoreError(f"{out} is a file; an embedding folder was expected")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{out} can't be made: {error.strerror}") from error
    return True


def adopt(out: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest to work under: the folder's own if it fits, or `manifest`, written."""
    if (out / MANIFEST).exists():
        present = read_manifest(out)
        differs = _differences({k: present.get(k) for k in CONTRACT}, manifest)
        if differs:
            raise StoreError(
                f"{out} holds another embedding: {_some(differs)}. "
                "Choose another folder, or delete this one to start again"
            )
        if not present["finished"] and not {"batch", "part_rows"} <= present["chunks"].keys():
            raise StoreError(
                f"{out / MANIFEST} is damaged: chunks lacks batch or part_rows. "
                "Delete the folder to start again"
            )
        begun, now = present.get("runtime", {}), manifest["runtime"]
        if not present["finished"] and begun != now:
            raise StoreError(
                f"{out} was begun by {_runtime(begun)} and would go on by {_runtime(now)}. Say "
                f"`--runtime {begun.get('engine', 'auto')} --dtype {begun.get('dtype', 'auto')}`, "
                "choose another folder, or delete this one to start again"
            )
        # Chunks and batches must go on as they began, for the same parts to the byte.
        manifest = present
    remove(out, TEMPORARY)
    if manifest["finished"]:
        remove(out, CHUNK_FAILURES)
    elif not (out / MANIFEST).exists():
        write_manifest(out, manifest)
    return manifest


def begun_runtime(out: Path) -> dict[str, str]:
    """Return what runs the network of a folder of ours that was begun and not finished.

    Networks that are always run in one way say nothing, as a new folder does.
    """
    try:
        manifest = read_manifest(out)
    except StoreError:
        return {}
    # ONNX files and HOG take no engine, so none may be asked of them.
    own = manifest["model"].get("architecture") not in (None, "", "onnx")
    return {} if manifest["finished"] or not own else dict(manifest.get("runtime") or {})


def _runtime(runtime: dict[str, str]) -> str:
    return " ".join(runtime.values()) or "another version"


def _some(differs: list[str], most: int = 3) -> str:
    more = len(differs) - most
    return "; ".join(differs[:most]) + (f"; and {more} more differences" if more > 0 else "")


def _differences(old: Any, new: Any, path: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [k for k in (CONTRACT if not path else {**old, **new}) if path or k in new]
        # Notes are for readers; they say nothing about the vectors.
        return [
            text
            for key in keys
            if f"{path}{key}" != "source.notes"
            for text in _differences(old.get(key), new.get(key), f"{path}{key}.")
        ]
    return [] if old == new else [f"{path.rstrip('.')} is {old!r} there and {new!r} now"]


def discard(out: Path, made: bool) -> None:
    """Delete what evenface wrote to a folder, and the folder if it was made for that."""
    remove(out, OURS)
    if made and not any(out.iterdir()):
        out.rmdir()
