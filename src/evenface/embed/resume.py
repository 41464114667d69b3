"""What is left to do in a folder: one that is new, was begun, or holds some of it already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from evenface.embed.bank import Shelf, VectorBank
from evenface.embed.chunks import Done, read_chunk
from evenface.embed.files import (
    CHUNK,
    MANIFEST,
    OURS,
    PART,
    TEMPORARY,
    UNFINISHED,
    cannot_write,
    entries,
    failure_schema,
    file_sha256,
    is_ours,
    number_of,
    remove,
)
from evenface.embed.loading import read_failures
from evenface.embed.manifest import read_manifest, write_manifest
from evenface.embed.parts import Part, read_rows, row_schema
from evenface.embed.same import (
    refuse_other,
    refuse_other_runtime,
    same_faces,
    short,
    source_differences,
)
from evenface.embed.store import open_store
from evenface.embed.survey import Survey, survey
from evenface.errors import StoreError
from evenface.faces.table import Faces


@dataclass(frozen=True)
class Held:
    """How to treat what a folder holds already.

    Attributes
    ----------
    extend : bool
        Whether a finished folder may take new pictures, changed ones and other labels.
    prune : bool
        Whether pictures that the faces lack leave the folder.
    recheck : bool
        Whether pictures are read again to see if they changed.
    repair : bool
        Whether parts are compared with their hashes, and damaged ones embedded again.
    reuse : tuple of path
        Other folders of the same contract whose vectors are taken for the same pictures.
    """

    extend: bool = True
    prune: bool = False
    recheck: bool = True
    repair: bool = False
    reuse: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class Work:
    """What is left to do.

    Attributes
    ----------
    manifest : dict
        What the folder is to become; its parts are those that stay.
    chunks : tuple of polars.DataFrame
        Rows of part ``manifest["first"] + k``.
    bank : VectorBank or None
    said : str
        What was found, for a person to read; empty for a new folder.
    """

    manifest: dict[str, Any]
    chunks: tuple[pl.DataFrame, ...]
    bank: VectorBank | None = None
    said: str = ""

    def number(self, k: int) -> int:
        """Return the number of chunk k's part."""
        return int(self.manifest["first"]) + k


def make_folder(out: Path) -> bool:
    """Make the folder where there is none; refuse one that holds something else."""
    if out.is_dir():
        strange = sorted(p.name for p in entries(out) if not is_ours(p.name))
        known = (out / MANIFEST).exists() or (out / UNFINISHED).exists()
        # A run killed before its first rename leaves a temporary manifest and nothing else.
        other = [p.name for p in entries(out) if not TEMPORARY.fullmatch(p.name)]
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


def begin(
    out: Path, manifest: dict[str, Any], faces: Faces, held: Held, workers: int
) -> Work | None:
    """Return what is left to do and write it down, or None where nothing is.

    Raises
    ------
    StoreError
        Where the folder holds another embedding, pictures that the faces lack, or damage.
    """
    begun = goes_on = (out / UNFINISHED).exists()
    if begun:
        present = read_manifest(out, UNFINISHED)
        refuse_other(out, present, manifest)
        goes_on = same_faces(present, manifest)
        if goes_on:
            refuse_other_runtime(out, present, manifest)
        old, failures = _what_was_done(out, present)
    elif (out / MANIFEST).exists():
        old = read_manifest(out)
        refuse_other(out, old, manifest)
        failures = _failures(out, old, held.repair)
    else:
        remove(out, TEMPORARY)
        write_manifest(out, {**manifest, "kept_failures": []}, UNFINISHED)
        return _work(out, manifest, faces, held)
    if not held.extend and not goes_on and not same_faces(old, manifest):
        raise StoreError(
            f"{out} holds another embedding: {short(source_differences(old, manifest))}. Choose "
            "another folder, or delete this one to start again"
        )
    whole = _is_whole(out) if held.repair else None
    found = survey(
        out, old, failures, faces, recheck=held.recheck, workers=workers, whole=whole
    )  # fmt: skip
    if goes_on and found.unchanged and len(found.failures) == failures.height:
        remove(out, TEMPORARY)
        return _work(out, present, faces, held)
    gone = _gone(out, found, begun=begun)
    if gone and not held.prune:
        raise StoreError(
            f"{out} holds {len(gone)} pictures that are not among these faces, such as "
            f"{gone[0]!r}; choose another folder, or say --prune to let them go"
        )
    left = len(faces) - sum(p.rows for p in found.kept) - len(found.failures)
    if not begun and not left and not found.released and not found.damaged:
        remove(out, TEMPORARY, CHUNK)
        return None
    if not held.extend and not goes_on:
        raise StoreError(
            f"{out} was made of other pictures: {_what(found, len(faces))}. Bring it up to date "
            f"with `evenface embed ... --out {out}`, or choose another folder and say "
            f"--reuse {out}"
        )
    first = 1 + max([-1, *(number_of(p.name) for p in entries(out) if PART.fullmatch(p.name))])
    fresh = {**manifest, "parts": [p.entry() for p in found.kept], "first": first}
    fresh["kept_failures"] = found.failures
    fresh["released"] = [*old.get("released", ()), *(p.entry() for p in found.released)]
    remove(out, TEMPORARY)
    write_manifest(out, fresh, UNFINISHED)
    # Their parts are listed now; a record left behind by a kill here has too low a number.
    remove(out, CHUNK)
    return replace(_work(out, fresh, faces, held), said=_what(found, len(faces)))


def _work(out: Path, manifest: dict[str, Any], faces: Faces, held: Held) -> Work:
    """Deal the rows that neither a kept part nor a kept failure holds."""
    schema = row_schema(manifest)
    there = [row["sample_id"] for row in manifest.get("kept_failures", ())]
    for entry in manifest["parts"]:
        there += read_rows(out, Part.of(entry), schema, ["sample_id"])["sample_id"].to_list()
    rows = faces.frame
    if there:
        rows = rows.filter(~rows["sample_id"].is_in(there))
    size = int(manifest["chunks"]["part_rows"])
    chunks = tuple(rows[start : start + size] for start in range(0, rows.height, size))
    return Work(manifest, chunks, _bank(out, manifest, held))


def _bank(out: Path, manifest: dict[str, Any], held: Held) -> VectorBank | None:
    shape = int(manifest["dimension"]), str(manifest["dtype"])
    released = [Part.of(entry) for entry in manifest.get("released", ())]
    # A part may be gone where a run was killed while it tidied up.
    usable = _is_whole(out) if held.repair else lambda part: (out / part.name).exists()
    shelves = [Shelf(out, tuple(filter(usable, released)), *shape, own=True)]
    for place in held.reuse:
        store = open_store(place)
        shelves.append(Shelf(store.folder, store.parts, store.dimension, store.dtype))
    return VectorBank(shelves) if released or held.reuse else None


def _is_whole(out: Path) -> Callable[[Part], bool]:
    def whole(part: Part) -> bool:
        try:
            return file_sha256(out / part.name) == part.sha256
        except OSError:
            return False

    return whole


def _failures(out: Path, manifest: dict[str, Any], repair: bool) -> pl.DataFrame:
    try:
        return read_failures(out, manifest)
    except StoreError:
        if not repair:
            raise
        # Whatever failed is tried again.
        return pl.DataFrame(schema=failure_schema(manifest["source"]["attributes"]))


def _what_was_done(out: Path, begun: dict[str, Any]) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return a begun folder as if it had been finished with what is done."""
    done = _records(out, int(begun["first"]))
    parts = [*begun["parts"], *(d.part.entry() for d in done)]
    rows = [*begun.get("kept_failures", ()), *(row for d in done for row in d.failures)]
    schema = failure_schema(begun["source"]["attributes"])
    return {**begun, "parts": parts}, pl.DataFrame(rows, schema=schema)


def _records(out: Path, first: int) -> list[Done]:
    """Return the chunks of this work that are done; older ones stand among the parts."""
    numbers = sorted(number_of(p.name) for p in entries(out) if CHUNK.fullmatch(p.name))
    found = (read_chunk(out, number) for number in numbers if number >= first)
    return [done for done in found if done is not None]


def _gone(out: Path, found: Survey, *, begun: bool) -> list[str]:
    """Return pictures that would leave the folder: of work that was begun, nobody's yet."""
    if not found.gone or not begun or not (out / MANIFEST).exists():
        return list(found.gone)
    finished = read_manifest(out)
    paths: set[str] = set()
    for entry in finished["parts"]:
        rows = read_rows(out, Part.of(entry), row_schema(finished), ["path"])
        paths.update(rows["path"].to_list())
    return [path for path in found.gone if path in paths]


def _what(found: Survey, wanted: int) -> str:
    new = wanted - (found.held - len(found.gone))
    counts = (
        (new, "new pictures"),
        (found.changed, "changed pictures"),
        (found.relabelled, "rows with other labels"),
        (len(found.gone), "pictures that left"),
        (len(found.damaged), "damaged parts"),
    )
    return (
        ", ".join(f"{what}: {n}" for n, what in counts if n > 0)
        or "pictures that failed before are tried again"
    )


def begun_runtime(out: Path) -> dict[str, str]:
    """Return what runs the network of a folder of ours that was begun and not finished.

    Networks that are always run in one way say nothing, as a new folder does.
    """
    try:
        manifest = read_manifest(out, UNFINISHED)
    except StoreError:
        return {}
    # ONNX files and HOG take no engine, so none may be asked of them.
    own = manifest["model"].get("architecture") not in (None, "", "onnx")
    return dict(manifest.get("runtime") or {}) if own else {}


def discard(out: Path, made: bool) -> None:
    """Delete what evenface wrote to a folder, and the folder if it was made for that."""
    remove(out, OURS)
    if made and not any(entries(out)):
        try:
            out.rmdir()
        except OSError as error:
            raise cannot_write(out, error) from error
