"""Two runs on the same people: from two output folders to what changed between them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from evenface.errors import ConfigError, StoreError
from evenface.report.comparison import write_page
from evenface.report.results import load_results
from evenface.studies.compare import Compared, compare_results
from evenface.studies.compare_view import read_compared, read_overlap
from evenface.studies.outcomes import FIXED
from evenface.studies.result import OUTCOMES, Result
from evenface.studies.table import STUDIES

SCHEMA = "evenface.comparison/1"
FILES = ("comparison.json", "comparison.html")


@dataclass(frozen=True)
class Comparison:
    """What changed from one run to another.

    Attributes
    ----------
    studies : tuple of Compared
        Of each study that both runs have.
    first, second : mapping of str to Result
        What the runs found.
    alone : tuple of str
        Studies that one of the runs has alone.
    """

    studies: tuple[Compared, ...]
    first: Mapping[str, Result]
    second: Mapping[str, Result]
    alone: tuple[str, ...]

    @property
    def level(self) -> float:
        """Nominal coverage of the intervals."""
        return float(next(iter(self.second.values())).config["level"])

    @property
    def synthetic(self) -> bool:
        """Whether either run is about rendered faces."""
        return any(
            r.context.get("synthetic") for run in (self.first, self.second) for r in run.values()
        )

    def frame(self, study: str) -> pl.DataFrame:
        """Return the changes of one study's numbers, the second run's minus the first's."""
        return next(c.frame for c in self.studies if c.study == study)

    def about(self) -> list[str]:
        """Return who was compared, and in what the runs differ as a whole."""
        lines = [*_embedders(self.first, self.second), *read_overlap(self.studies)]
        if self.alone:
            lines.append(f"Not compared, since one run lacks it: {', '.join(self.alone)}.")
        return lines

    def reading(self) -> list[str]:
        """Return who was compared, then what is shown to have changed."""
        changed = ((c.study, said) for c in self.studies for said in read_compared(c, self.level))
        return [*self.about(), *(f"{study}: {said}" for study, said in changed)]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, JSON-ready."""
        return {
            "schema": SCHEMA,
            "level": self.level,
            "reading": self.reading(),
            "studies": {
                one.study: {
                    "differs": {c: list(v) for c, v in one.differs.items()},
                    "pictures": one.pictures,
                    "identities": one.identities,
                    "alone": list(one.alone),
                    "disagree": one.disagree,
                    "same_splits": one.same_splits,
                    "numbers": one.frame.rows(named=True),
                }
                for one in self.studies
            },
            "alone": list(self.alone),
        }


def compare(
    first: str | Path,
    second: str | Path,
    *,
    studies: Sequence[str] | None = None,
    out: str | Path | None = None,
) -> Comparison:
    """Compare two runs, such as of two embedders or two losses, on the people both have.

    Parameters
    ----------
    first, second : path
        Output folders.
    studies : sequence of str, optional
        Which studies; all that both have if not given.
    out : path, optional
        Folder for ``comparison.json``, ``comparison.html`` and, by study, Parquet files.

    Raises
    ------
    StoreError
        If a folder has no results, or they are damaged; if the runs have no study in common.
    ConfigError
        If there is no study of a given name.
    """
    runs = [load_run(Path(p)) for p in (first, second)]
    wanted = tuple(dict.fromkeys(studies)) if studies is not None else tuple(STUDIES)
    unknown = [n for n in wanted if n not in STUDIES]
    if unknown or not wanted:
        have = ", ".join(STUDIES)
        raise ConfigError(f"no study named {unknown[0] if unknown else ''!r}; there are {have}")
    both = [n for n in wanted if all(n in run for run in runs)]
    if not both:
        has = [", ".join(run) for run in runs]
        raise StoreError(
            f"{first} and {second} have no study in common to compare: the first has {has[0]}, "
            f"the second {has[1]}; run the same studies in both"
        )
    if out is not None:
        _usable(Path(out))
    one, other = ({n: run[n] for n in both} for run in runs)
    alone = tuple(n for n in wanted if n not in both and any(n in run for run in runs))
    found = Comparison(tuple(compare_results(one[n], other[n]) for n in both), one, other, alone)
    if out is not None:
        save(found, Path(out))
    return found


def load_run(folder: Path) -> dict[str, Result]:
    """Read the results of an output folder together with their outcomes.

    Raises
    ------
    StoreError
        If there are none, or they are damaged.
    """
    if not folder.is_dir():
        raise StoreError(f"{folder}: no such folder; an output folder of a run was expected")
    results = {}
    for name, result in load_results(folder).results.items():
        file = folder / "results" / f"{name}{OUTCOMES}"
        outcomes = None
        if file.is_file():
            try:
                outcomes = pl.read_parquet(file)
            except (OSError, pl.exceptions.PolarsError) as error:
                raise StoreError(f"{file}: can't be read ({error}); run {name} again") from None
            missing = [c for c in FIXED if c not in outcomes.columns]
            if missing:
                raise StoreError(f"{file}: has no column {missing[0]!r}; run {name} again")
        results[name] = replace(result, outcomes=outcomes)
    return results


def save(found: Comparison, folder: Path) -> None:
    """Write a comparison's files; each is whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    # What an earlier comparison of other studies left would stand beside a page that is not its.
    for name in STUDIES:
        old = [folder / f"{name}.parquet", *(folder / "figures").glob(f"{name}_changes.*")]
        for file in old:
            file.unlink(missing_ok=True)
    for one in found.studies:
        table = folder / f"{one.study}.parquet"
        one.frame.write_parquet(table.with_suffix(".tmp"))
        os.replace(table.with_suffix(".tmp"), table)
    file = folder / FILES[0]
    text = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False)
    file.with_suffix(".tmp").write_text(text, encoding="utf-8", errors="replace")
    os.replace(file.with_suffix(".tmp"), file)
    write_page(
        folder / FILES[1], found.about(), found.studies, found.level, synthetic=found.synthetic
    )


def _usable(folder: Path) -> None:
    """Refuse a folder that holds something else: nothing of anybody's is overwritten."""
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file; a folder for the comparison was expected")
    there = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    if there and FILES[0] not in there:
        raise StoreError(
            f"{folder} holds something else (such as {there[0]!r}); choose a new or empty folder "
            "for --out"
        )


def _embedders(first: Mapping[str, Result], second: Mapping[str, Result]) -> list[str]:
    """Say what the runs embedded with, and in which options they differ."""
    names = []
    for run in (first, second):
        context = next(iter(run.values())).context
        card = context["card"]
        names.append(f"{card.get('name', 'unknown embedder')} ({context['dimension']} numbers)")
    lines = [
        f"First run: {names[0]}; second run: {names[1]}. Changes are the second's minus the "
        "first's."
    ]
    for name, result in second.items():
        a, b = first[name].config, result.config
        other = [f"{k} {a.get(k)} and {b.get(k)}" for k in b if a.get(k) != b.get(k)]
        if other:
            lines.append(f"{name}: options differ: {'; '.join(other)}.")
    return lines
