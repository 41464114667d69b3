"""What of a folder still stands for a table of faces: which parts, and what became of the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from evenface.embed.decode import located, read_image
from evenface.embed.files import failure_schema
from evenface.embed.parts import Part, read_rows, row_schema
from evenface.embed.threads import in_order
from evenface.errors import ImageError, StoreError
from evenface.faces.table import Faces

AHEAD = 64
OWN = ("sha256", "faces_found", "face_size")
"""Columns of a part that a table of faces has not."""


@dataclass(frozen=True)
class Survey:
    """What of a folder still stands.

    Attributes
    ----------
    kept : tuple of Part
        All their rows are wanted just as they are.
    released : tuple of Part
        Some of their rows are not; the others' vectors are used again.
    failures : list of dict
        Failures that still stand: their pictures are the same.
    held : int
        Pictures that the folder has.
    changed, relabelled : int
        Pictures with other bytes; rows with other labels.
    gone : tuple of str
        Paths that the folder has and the faces lack.
    damaged : tuple of str
        Names of parts that can't be read or are not what the manifest says.
    """

    kept: tuple[Part, ...] = ()
    released: tuple[Part, ...] = ()
    failures: list[dict[str, Any]] = field(default_factory=list)
    held: int = 0
    changed: int = 0
    relabelled: int = 0
    gone: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether every part stays as it is."""
        return not self.released and not self.gone and not self.damaged


def digests(root: Path, paths: Sequence[str], pool: ThreadPoolExecutor) -> list[str | None]:
    """Hash pictures' bytes; None where one can't be read."""

    def one(path: str) -> str | None:
        try:
            return hashlib.sha256(read_image(located(root, path))).hexdigest()
        except ImageError:
            return None

    return list(in_order(pool, one, paths, AHEAD))


def survey(
    folder: Path,
    manifest: Mapping[str, Any],
    failures: pl.DataFrame,
    faces: Faces,
    *,
    recheck: bool,
    workers: int,
    whole: Callable[[Part], bool] | None = None,
) -> Survey:
    """Compare a folder's rows with the faces that are wanted now.

    Parameters
    ----------
    folder, manifest
        With the parts that are held.
    failures : polars.DataFrame
        Its failures.
    faces : Faces
        The rows that are wanted.
    recheck : bool
        Whether pictures are read to see if they changed. One that can't be read any more is
        taken for unchanged: its vector is all that is left of it.
    workers : int
        Threads that read.
    whole : callable, optional
        Says whether a part is whole; one that isn't is left out. By default a part that can't be
        read is an error.
    """
    wanted, schema = faces.frame, row_schema(manifest)
    same_columns = list(manifest["source"]["attributes"]) == list(faces.attributes)
    kept: list[Part] = []
    released: list[Part] = []
    damaged: list[str] = []
    gone: list[str] = []
    held = changed = relabelled = 0
    with ThreadPoolExecutor(workers, thread_name_prefix="evenface-hash") as pool:
        for entry in manifest["parts"]:
            part = Part.of(entry)
            try:
                if whole is not None and not whole(part):
                    raise StoreError(f"{folder / part.name} is damaged")
                rows = read_rows(folder, part, schema)
            except StoreError:
                if whole is None:
                    raise
                damaged.append(part.name)
                continue
            held += rows.height
            there = rows.join(
                wanted.select("sample_id"), on="sample_id", how="semi", maintain_order="left"
            )
            missing = rows.height - there.height
            gone += rows.join(there, on="sample_id", how="anti")["path"].to_list()
            labels = there.drop(*OWN)
            equal = 0
            if same_columns:
                equal = labels.join(wanted, on=labels.columns, how="semi", nulls_equal=True).height
            relabelled += there.height - equal
            differing = 0
            if recheck:
                now = digests(faces.root, there["path"].to_list(), pool)
                before = there["sha256"].to_list()
                differing = sum(n is not None and n != b for n, b in zip(now, before, strict=True))
                changed += differing
            stands = not missing and equal == rows.height and not differing
            (kept if stands else released).append(part)
        still, tried = _failures_that_stand(failures, faces, recheck, pool)
        gone += tried
    return Survey(
        tuple(kept), tuple(released), still, held + failures.height, changed, relabelled,
        tuple(gone), tuple(damaged),
    )  # fmt: skip


def _failures_that_stand(
    failures: pl.DataFrame, faces: Faces, recheck: bool, pool: ThreadPoolExecutor
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return failures whose picture is the same as it was, and paths that are not wanted now."""
    wanted = faces.frame
    there = failures.join(wanted, on="sample_id", how="semi", maintain_order="left")
    gone = failures.join(there, on="sample_id", how="anti")["path"].to_list()
    if recheck:
        now = pl.Series(digests(faces.root, there["path"].to_list(), pool), dtype=pl.String)
        # A picture that could not be read is tried again once it can.
        there = there.filter(there["sha256"].eq_missing(now))
    fresh = there.select("sample_id", "sha256", "stage", "reason").join(
        wanted, on="sample_id", how="left", maintain_order="left"
    )
    return fresh.select(list(failure_schema(faces.attributes))).to_dicts(), gone
