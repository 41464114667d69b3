"""Reading back what the studies of an output folder found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from evenface.errors import StoreError
from evenface.studies.drawing import short
from evenface.studies.outcomes import model_column, read_outcomes
from evenface.studies.result import OUTCOMES, Result
from evenface.studies.table import STUDIES, load_result

SKIPPED = "skipped.json"
"""Beside the results: which studies the data could not answer, and why."""

WAITING = "not answered yet"
"""Why a study that a run has not come to has no result."""


@dataclass(frozen=True)
class Loaded:
    """The results of an output folder.

    Attributes
    ----------
    results : mapping of str to Result
        By study, in the order of `STUDIES`.
    skipped : tuple of str
        A sentence for each study that could not be answered, and for each file that is no
        result of a known study.
    waiting : tuple of str
        Studies that a run was asked for and had not answered when it stopped.
    """

    results: Mapping[str, Result]
    skipped: tuple[str, ...]
    waiting: tuple[str, ...] = ()

    @property
    def contexts(self) -> list[Mapping[str, Any]]:
        """What each study measured."""
        return [result.context for result in self.results.values()]


def load_results(folder: Path) -> Loaded:
    """Read every ``results/*.json`` of an output folder.

    Raises
    ------
    StoreError
        If there is no result, or the file of a known study is damaged or newer.
    """
    place = folder / "results"
    files = sorted(f for f in place.glob("*.json") if f.name != SKIPPED)
    found: dict[str, Result] = {}
    reasons = _not_answered(place / SKIPPED)
    skipped = [
        f"The study {short(name, 40)!r} was left out: {why}."
        for name, why in reasons.items()
        if why != WAITING
    ]
    for file in files:
        study = STUDIES.get(file.stem)
        if study is None:
            skipped.append(
                f"results/{short(file.name, 60)} is of no study that this version can show."
            )
            continue
        found[file.stem] = load_result(file)
    if not found:
        there = f"it holds {len(files)} files of unknown studies" if files else "it holds none"
        raise StoreError(
            f"{folder / 'results'}: no result to report ({there}); run a study first, such as "
            "`evenface run SOURCE --out DIR`, and give its output folder"
        )
    waiting = [name for name in STUDIES if reasons.get(name) == WAITING and name not in found]
    ordered = {name: found[name] for name in STUDIES if name in found}
    return Loaded(ordered, tuple(skipped), tuple(waiting))


def judged_pictures(folder: Path) -> pl.DataFrame | None:
    """Return who the linear probe was right about, where the study `probe` kept it.

    Returns
    -------
    polars.DataFrame or None
        ``sample_id``, ``topic`` (the attribute), ``right`` (share of the splits on which the
        picture was held out, in [0, 1]).
    """
    file = folder / "results" / f"probe{OUTCOMES}"
    column = model_column(probe="linear")
    if not file.is_file():
        return None
    kept = read_outcomes(file)
    if column not in kept.columns:
        return None
    found = kept.drop_nulls(column).group_by("sample_id", "topic", maintain_order=True)
    return found.agg(pl.col(column).mean().alias("right"))


def _not_answered(file: Path) -> dict[str, str]:
    try:
        reasons = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(reasons, dict):
        return {}
    return {str(name): str(why) for name, why in reasons.items()}


def load_names(folder: Path) -> dict[str, dict[str, str]]:
    """Return ``path`` and ``identity`` by sample_id from an output folder's embeddings.

    Empty where the embeddings are not kept beside the results.
    """
    names: dict[str, dict[str, str]] = {}
    for part in sorted((folder / "embeddings").glob("part-*.parquet")):
        try:
            have = pl.read_parquet_schema(part)
            wanted = [c for c in ("path", "identity") if c in have]
            table = pl.read_parquet(part, columns=["sample_id", *wanted])
        except (OSError, pl.exceptions.PolarsError) as error:
            raise StoreError(
                f"{part}: can't be read for names ({error}); run `evenface check`, or build the "
                "report without names"
            ) from error
        for row in table.rows(named=True):
            names[row["sample_id"]] = {c: str(row[c]) for c in wanted if row[c] is not None}
    return names
