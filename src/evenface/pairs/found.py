"""Single scores and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenface.pairs.people import Rows

Scores32 = npt.NDArray[np.float32]
Persons = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Found:
    """Single scores and whose they are.

    Attributes
    ----------
    scores : ndarray of float32, shape (m,)
    first, second : ndarray of int32, shape (m,)
        Persons.
    """

    scores: Scores32
    first: Persons
    second: Persons

    @classmethod
    def of(cls, scores: Scores32, first: Rows, second: Rows) -> Found:
        """Hold scores in little memory."""
        return Found(scores, first.astype(np.int32), second.astype(np.int32))

    @classmethod
    def together(cls, parts: Sequence[Found]) -> Found:
        """Return all of several, in their order."""
        none = Found(np.empty(0, np.float32), np.empty(0, np.int32), np.empty(0, np.int32))
        every = [none, *parts]
        return Found(
            np.concatenate([p.scores for p in every]),
            np.concatenate([p.first for p in every]),
            np.concatenate([p.second for p in every]),
        )

    def at(self, which: npt.NDArray[np.bool_] | Rows | slice) -> Found:
        """Return some of them."""
        return Found(self.scores[which], self.first[which], self.second[which])

    def above(self, cut: float) -> Found:
        """Return those of at least a score."""
        return self.at(self.scores >= np.float32(cut))

    def sorted(self) -> Found:
        """Return them from the smallest score on."""
        return self.at(np.argsort(self.scores, kind="stable"))


@dataclass(frozen=True)
class Kept(Found):
    """Single scores by pair of groups, those of each from the smallest on.

    Attributes
    ----------
    ends : ndarray of int64, shape (cells + 1,)
        Cell c has places ``ends[c]`` to ``ends[c + 1]``.
    """

    ends: npt.NDArray[np.int64]

    @classmethod
    def of_cells(cls, cells: Sequence[Found]) -> Kept:
        """Return all of several cells, each of them sorted."""
        every = Found.together(cells)
        ends = np.cumsum([0, *(c.scores.size for c in cells)], dtype=np.int64)
        return cls(every.scores, every.first, every.second, ends)

    @classmethod
    def of_pairs(cls, found: Found, cell: Rows, cells: int) -> Kept:
        """Put scores in the order of their cells."""
        own = found.at(np.lexsort((found.scores, cell)))
        ends = np.cumsum([0, *np.bincount(cell, minlength=cells)], dtype=np.int64)
        return cls(own.scores, own.first, own.second, ends)

    def cell(self, cell: int) -> slice:
        """Return the places of a cell."""
        return slice(int(self.ends[cell]), int(self.ends[cell + 1]))

    def reaching(self, threshold: float, cells: Rows) -> list[slice]:
        """Return the places of scores of at least a threshold, in some cells."""
        lowest = least(threshold)
        places = (self.cell(int(c)) for c in cells)
        return [slice(p.start + int(self.scores[p].searchsorted(lowest)), p.stop) for p in places]


def least(threshold: float) -> np.float32:
    """Return the smallest float32 of at least a number."""
    with np.errstate(over="ignore"):
        near = np.float32(threshold)
    return near if float(near) >= threshold else np.nextafter(near, np.float32(np.inf))
