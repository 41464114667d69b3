"""Whether a folder may be gone on with: the same contract, faces and engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenface.embed.files import UNFINISHED
from evenface.embed.manifest import CONTRACT
from evenface.errors import StoreError


def refuse_other(out: Path, present: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Raise `StoreError` where a folder's contract is another."""
    differs = _changes({k: present.get(k) for k in CONTRACT}, manifest)
    if differs:
        raise StoreError(
            f"{out} holds another embedding: {short(differs)}. "
            "Choose another folder, or delete this one to start again"
        )
    if not {"batch", "part_rows"} <= present["chunks"].keys():
        if (out / UNFINISHED).exists():
            raise StoreError(
                f"{out / UNFINISHED} is damaged: chunks lacks batch or part_rows. "
                "Delete the folder to start again"
            )
        present["chunks"] = manifest["chunks"]


def same_faces(present: dict[str, Any], manifest: dict[str, Any]) -> bool:
    """Say whether two manifests are about the same faces in the same order."""
    return not source_differences(present, manifest)


def source_differences(present: dict[str, Any], manifest: dict[str, Any]) -> list[str]:
    """Return what differs between the faces that two manifests are about."""
    # Notes are for readers; they say nothing about the vectors.
    old, new = ({**m["source"], "notes": None} for m in (present, manifest))
    return _changes(old, new, "source.")


def refuse_other_runtime(out: Path, present: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Raise `StoreError` where another engine would go on than the one that began."""
    begun, now = present.get("runtime", {}), manifest["runtime"]
    if begun != now:
        raise StoreError(
            f"{out} was begun by {_runtime(begun)} and would go on by {_runtime(now)}. Say "
            f"`--runtime {begun.get('engine', 'auto')} --dtype {begun.get('dtype', 'auto')}`, "
            "choose another folder, or delete this one to start again"
        )


def _runtime(runtime: dict[str, str]) -> str:
    return " ".join(runtime.values()) or "another version"


def short(differs: list[str], most: int = 3) -> str:
    """Return the first few differences as text, and how many more there are."""
    more = len(differs) - most
    return "; ".join(differs[:most]) + (f"; and {more} more differences" if more > 0 else "")


def _changes(old: Any, new: Any, path: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [k for k in (CONTRACT if not path else {**old, **new}) if path or k in new]
        return [
            text for key in keys for text in _changes(old.get(key), new.get(key), f"{path}{key}.")
        ]
    return [] if old == new else [f"{path.rstrip('.')} is {old!r} there and {new!r} now"]
