"""What a study returns: numbers with their uncertainty, and the tables its figures stand on."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from evenface.embed.files import file_sha256
from evenface.embed.seal import SEAL, is_sealed_text, sealed_text
from evenface.errors import StoreError
from evenface.stats.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEADING = {
    "study": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "n": pl.Int64,
    "n_identities": pl.Int64,
    "method": pl.String,
    "training_share": pl.Float64,
}
"""Columns that every study's frame has first."""

VERSION = 3

OUTCOMES = ".outcomes.parquet"
"""How the file ends that holds which pictures models were right about."""

DAMAGE = (
    AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError,
    pl.exceptions.PolarsError,
)  # fmt: skip
"""What reading a file that somebody changed can raise."""


@dataclass(frozen=True, repr=False)
class Result(ABC):
    """The outcome of one study.

    Attributes
    ----------
    numbers : polars.DataFrame
        One row a number: the columns of `LEADING`, then the study's own.
    tables : mapping of str to polars.DataFrame
        What figures are drawn from: points, curves, predictions.
    config : mapping
        Every option the study ran with.
    context : mapping
        What was measured: rows, identities, groups, embedder, splits, what was left out.
    outcomes : polars.DataFrame, optional
        Which pictures held-out models were right about (`evenface.studies.outcomes`), which
        comparing two runs stands on. Kept in a file of its own; not read back with a result.
    """

    numbers: pl.DataFrame
    tables: Mapping[str, pl.DataFrame]
    config: Mapping[str, Any]
    context: Mapping[str, Any]
    outcomes: pl.DataFrame | None = None

    study: ClassVar[str]
    columns: ClassVar[dict[str, Any]]

    def frame(self) -> pl.DataFrame:
        """Return the numbers, one row each."""
        return self.numbers

    @abstractmethod
    def reading(self) -> list[str]:
        """Return what was found, in sentences that the intervals support."""

    @abstractmethod
    def figures(self) -> dict[str, Figure]:
        """Return every figure of the study, by name."""

    def plot(self) -> Figure:
        """Return the study's main figure."""
        return next(iter(self.figures().values()))

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from evenface.studies.shown import as_html

        return as_html(self)

    def where(self, **own: Any) -> pl.DataFrame:
        """Return the numbers whose columns have the given values.

        Parameters
        ----------
        **own
            A value for each of some columns of `frame`, such as ``metric="fmr"``.

        Returns
        -------
        polars.DataFrame
            No row where nothing has them.
        """
        return self.numbers.filter(**own)

    def estimate(self, **own: Any) -> Estimate:
        """Return the one number whose columns have the given values.

        Parameters
        ----------
        **own
            As in `where`.

        Returns
        -------
        Estimate

        Raises
        ------
        KeyError
            If there is none, or more than one.
        """
        found = self.where(**own)
        if found.height != 1:
            open_ = [c for c in found.columns if c not in own and c not in list(LEADING)[1:]]
            several = {c: found[c].n_unique() for c in open_ if found[c].n_unique() > 1}
            more = f"; they differ in {', '.join(several)}" if several else ""
            raise KeyError(f"{found.height} numbers of {self.study} have {own}{more}")
        row = found.select(list(LEADING)[2:]).row(0, named=True)
        return Estimate(**row)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, JSON-ready, with the schema's name and version."""
        return {
            "schema": f"evenface.{self.study}/{VERSION}",
            "config": dict(self.config),
            "context": dict(self.context),
            "numbers": self.numbers.rows(named=True),
            "tables": {
                name: {
                    "schema": {c: _TYPES[t.base_type()] for c, t in table.schema.items()},
                    "columns": table.to_dict(as_series=False),
                }
                for name, table in self.tables.items()
            },
            "reading": self.reading(),
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Result:
        """Make the result again from what `to_dict` returned.

        Parameters
        ----------
        saved : mapping
            Of the same study.
        """
        tables = {
            name: pl.DataFrame(
                table["columns"], schema={c: _NAMES[t] for c, t in table["schema"].items()}
            )
            for name, table in saved["tables"].items()
        }
        numbers = make_frame(saved["numbers"], cls.columns)
        return cls(numbers, tables, saved["config"], saved["context"])

    def save(self, folder: Path, *, key: str = "") -> Path:
        """Write ``<study>.json``, ``<study>.parquet``, outcomes; return the JSON file's path.

        Each file is written under another name and renamed: what is there is whole.

        Parameters
        ----------
        folder : Path
            Made where it is not there.
        key : str
            What the result follows from: kept in the file, to know whether it still holds.

        Returns
        -------
        Path
            Of the JSON file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        tables = {".parquet": self.numbers, OUTCOMES: self.outcomes}
        files = {}
        for ending, frame in tables.items():
            if frame is not None:
                table = folder / f"{self.study}{ending}"
                frame.write_parquet(table.with_suffix(".tmp"))
                files[ending] = file_sha256(table.with_suffix(".tmp"))
                os.replace(table.with_suffix(".tmp"), table)
        file = folder / f"{self.study}.json"
        told = {**self.to_dict(), "key": key, "files": files}
        text = json.dumps(told, ensure_ascii=False, allow_nan=False)
        file.with_suffix(".tmp").write_text(sealed_text(text), encoding="utf-8")
        os.replace(file.with_suffix(".tmp"), file)
        return file

    def __repr__(self) -> str:
        said = self.reading() or ["nothing could be said"]
        people = self.context.get("identities", "?")
        title = f"{type(self).__name__}: {self.numbers.height} numbers from {people} identities"
        return f"{title}\n{said[0]}"


_TYPES = {pl.String: "text", pl.Float64: "float", pl.Int64: "int", pl.Boolean: "bool"}
_NAMES: dict[str, Any] = {name: kind for kind, name in _TYPES.items()}


def number(study: str, metric: str, estimate: Estimate, **own: Any) -> dict[str, Any]:
    """Return one row of a study's frame."""
    return {"study": study, "metric": metric, **estimate.to_dict(), **own}


def make_frame(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]) -> pl.DataFrame:
    """Make a frame with the leading columns first, then the study's own."""
    return pl.DataFrame(list(rows), schema={**LEADING, **columns}, orient="row")


def read_saved(file: Path) -> dict[str, Any]:
    """Read a study's JSON file.

    Raises
    ------
    StoreError
        If it is not one, of a newer version, or no longer what was written. Older versions wrote
        no seal.
    """
    try:
        text = file.read_text(encoding="utf-8")
        saved = json.loads(text)
        schema, version = str(saved["schema"]).rsplit("/", 1)
        newer = int(version) > VERSION
        config, context = saved["config"], saved["context"]
        if not isinstance(config, dict) or not isinstance(context, dict):
            raise TypeError("config and context must be objects")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{file}: not a study's result ({error}); run the study again") from None
    if not schema.startswith("evenface.") or newer:
        raise StoreError(
            f"{file}: has schema {saved['schema']!r}, this version reads up to /{VERSION}; "
            "run the study again or update evenface"
        )
    if SEAL in saved and not is_sealed_text(text):
        raise StoreError(f"{file}: damaged or edited, as its seal doesn't fit; run the study again")
    return dict(saved)
