"""Two runs on the same people: from two output folders to what changed between them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from evenface.errors import ConfigError, StoreError
from evenface.report.comparison import write_page
from evenface.report.results import load_results
from evenface.studies.compare import Compared, compare_results
from evenface.studies.compare_view import read_compared, read_overlap
from evenface.studies.contrasts import CONTRASTS
from evenface.studies.data import CommonOptions
from evenface.studies.described import made_up
from evenface.studies.drawing import short
from evenface.studies.judged import Repeats
from evenface.studies.outcomes import read_outcomes
from evenface.studies.result import DAMAGE, OUTCOMES, Result
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
    def synthetic(self) -> str:
        """What either run made up: ``faces``, ``vectors``, or nothing."""
        return made_up([r.context for run in (self.first, self.second) for r in run.values()])

    def frame(self, study: str) -> pl.DataFrame:
        """Return the changes of one study's numbers, the second run's minus the first's.

        Parameters
        ----------
        study : str
            One that both runs have.

        Returns
        -------
        polars.DataFrame
            One row a number.
        """
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

    Returns
    -------
    Comparison

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
        _usable(Path(out), both)
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
        _check(result, folder / "results" / f"{name}.json")
        outcomes = read_outcomes(file) if file.exists() else None
        results[name] = replace(result, outcomes=outcomes)
    return results


def _check(result: Result, file: Path) -> None:
    """Refuse a result in which somebody changed what a comparison stands on into what can't be."""
    try:
        own = {name: result.config[name] for name in ("level", "resamples", "seed")}
        CommonOptions.model_validate(own)
        if not isinstance(result.context["card"], Mapping):
            raise TypeError("card must be an object")
        int(result.context["dimension"])
        if result.study in CONTRASTS:
            Repeats.of_frame(result.tables["repeats"])
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{first['loc'][0]}: {first['msg']}"
        raise StoreError(f"{file}: damaged ({why}); run the study again") from None
    except DAMAGE as error:
        raise StoreError(f"{file}: damaged ({error!r}); run the study again") from None


def save(found: Comparison, folder: Path) -> None:
    """Write a comparison's files; each is whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    # What an earlier comparison of other studies left would stand beside a page that is not its.
    for old in _files_of(_earlier(folder) or ()):
        (folder / old).unlink(missing_ok=True)
    # First: it says whose the folder is, should the rest be cut short.
    file = folder / FILES[0]
    text = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False)
    file.with_suffix(".tmp").write_text(text, encoding="utf-8", errors="replace")
    os.replace(file.with_suffix(".tmp"), file)
    for one in found.studies:
        table = folder / f"{one.study}.parquet"
        one.frame.write_parquet(table.with_suffix(".tmp"))
        os.replace(table.with_suffix(".tmp"), table)
    write_page(
        folder / FILES[1], found.about(), found.studies, found.level, synthetic=found.synthetic
    )


def _usable(folder: Path, studies: Sequence[str]) -> None:
    """Make the folder; refuse one that holds something else: nobody's files are overwritten."""
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file; a folder for the comparison was expected")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = sorted(p.name for p in folder.iterdir())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise StoreError(f"{folder}: can't be used for --out: {why}") from None
    earlier = _earlier(folder)
    others = there
    if earlier is not None:
        new = sorted(set(_files_of(studies)) - set(_files_of(earlier)))
        others = [name for name in new if (folder / name).exists()]
    if others:
        raise StoreError(
            f"{folder} holds something else (such as {others[0]!r}); choose a new or empty folder "
            "for --out"
        )


def _earlier(folder: Path) -> list[str] | None:
    """Return the studies of the comparison that a folder holds; None if it holds none."""
    try:
        saved = json.loads((folder / FILES[0]).read_text(encoding="utf-8"))
        ours = str(saved["schema"]).startswith("evenface.comparison/")
        return [name for name in STUDIES if name in saved["studies"]] if ours else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _files_of(studies: Iterable[str]) -> list[str]:
    """Return what a comparison of some studies writes beside `FILES`."""
    endings = (f"{name}_changes.{kind}" for name in studies for kind in ("svg", "pdf"))
    return [*(f"{name}.parquet" for name in studies), *(f"figures/{e}" for e in endings)]


def _embedders(first: Mapping[str, Result], second: Mapping[str, Result]) -> list[str]:
    """Say what the runs embedded with, and in which options they differ."""
    names = []
    for run in (first, second):
        context = next(iter(run.values())).context
        name = short(str(context["card"].get("name", "unknown embedder")), 60)
        names.append(f"{name} ({context['dimension']} numbers)")
    lines = [
        f"First run: {names[0]}; second run: {names[1]}. Changes are the second's minus the "
        "first's."
    ]
    for name, result in second.items():
        a, b = first[name].config, result.config
        other = [f"{k} {_plain(a.get(k))} and {_plain(b.get(k))}" for k in b if a.get(k) != b[k]]
        if other:
            lines.append(f"{name}: options differ: {'; '.join(other)}.")
        chance, own = (
            {r["target"]: r["value"] for r in found.where(metric="chance").rows(named=True)}
            for found in (first[name], result)
        )
        harder = [f"{t} {chance[t]:.3f} and {own[t]:.3f}" for t in own
                  if t in chance and chance[t] != own[t]]  # fmt: skip
        if harder:
            lines.append(
                f"{name}: not equally hard, as the numbers of classes differ; chance is: "
                f"{'; '.join(harder)}."
            )
    return lines


def _plain(value: Any) -> str:
    if value is None:
        return "not given"
    return short(", ".join(map(str, value)) if isinstance(value, list) else str(value), 60)
