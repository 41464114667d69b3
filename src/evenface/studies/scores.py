"""What every way of training said about people held out, split by split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.faces.split import Rows, Split
from evenface.studies.data import Labels
from evenface.studies.heldout import Tally
from evenface.studies.judged import Repeats
from evenface.studies.remedies import NONE

Values = npt.NDArray[np.float64]


class Cell(NamedTuple):
    """One way of training, whose test rows are scored on every split."""

    loss: str
    majority: str
    share: float
    remedy: str

    @property
    def column(self) -> str:
        """Name of a tally's column, in which the cell can be read."""
        return "\x1f".join((self.loss, self.majority, repr(self.share), self.remedy))

    @classmethod
    def of(cls, column: str) -> Cell:
        """Read a column's name."""
        loss, majority, share, remedy = column.split("\x1f")
        return cls(loss, majority, float(share), remedy)


class Scores:
    """What every cell said about test rows, and whom it learned from.

    Splits go by their position: those of one's own may have equal seeds.

    Parameters
    ----------
    codes : ndarray of intp, shape (N,)
        Recorded classes.
    groups : Labels
    person : ndarray of intp, shape (N,)
    cells : sequence of Cell
    splits : sequence of Split
    """

    def __init__(
        self,
        codes: Rows,
        groups: Labels,
        person: Rows,
        cells: Sequence[Cell],
        splits: Sequence[Split],
    ) -> None:
        self.tally = Tally(codes, [c.column for c in cells])
        self.groups, self.person, self.splits = groups, person, splits
        self.learned: dict[tuple[str, float], list[Split]] = defaultdict(list)
        """Splits with the rows that were learned from, by majority and share."""

    @property
    def keys(self) -> dict[str, dict[str, Any]]:
        """What each of the tally's columns is."""
        return {column: Cell.of(column)._asdict() for column in self.tally.place}

    def repeats(self, cell: Cell) -> Repeats:
        """Return how the trainings of a cell hang together."""
        return Repeats.of(self.learned[cell.majority, cell.share], self.person)

    @cached_property
    def _within(self) -> dict[int, Values]:
        """Accuracy on each split, shape (groups, cells), nan where nothing was predicted."""
        found = {}
        for split, rows, right in self.tally.by_split():
            of = [right[self.groups.codes[rows] == g] for g in range(len(self.groups.names))]
            nothing = np.full(right.shape[1], np.nan)
            found[split] = np.stack([o.mean(axis=0) if len(o) else nothing for o in of])
        return found

    def by_group(self, cell: Cell) -> dict[int, Values]:
        """Return each split's accuracy by group, nan where a group has no test row."""
        k = self.tally.place[cell.column]
        each = {split: accuracy[:, k] for split, accuracy in self._within.items()}
        return {split: values for split, values in each.items() if not np.isnan(values).all()}

    def frame(self) -> pl.DataFrame:
        """Return each split's accuracy by group, one row each."""
        rows = [
            (*Cell.of(column), self.splits[split].seed, name, float(value))
            for column in self.tally.place
            for split, values in self.by_group(Cell.of(column)).items()
            for name, value in zip(self.groups.names, values, strict=True)
            if not np.isnan(value)
        ]
        schema = {"loss": pl.String, "majority": pl.String, "share": pl.Float64,
                  "remedy": pl.String, "seed": pl.Int64, "group": pl.String,
                  "accuracy": pl.Float64}  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row")


def balanced_cell(cell: Cell, cells: Sequence[Cell]) -> Cell:
    """Return the cell of the same loss and majority that was trained on equal groups."""
    same = (c for c in cells if c.loss == cell.loss and c.majority == cell.majority)
    return min((c for c in same if c.remedy == NONE), key=lambda c: c.share)
