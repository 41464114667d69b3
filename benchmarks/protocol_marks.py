"""Who was right, run by run, and how far runs are apart: on the same people, with an interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import stats

from evenface.faces.split import Rows
from evenface.stats.asked import Asked
from evenface.stats.intervals import Estimate
from evenface.studies.judged import Judged, Repeats

Floats = npt.NDArray[np.float64]
Column = Mapping[str, float]
"""Runs, and what each counts in a mean."""


@dataclass
class Marks:
    """Who was right in which run, on the rows that a split tests.

    Attributes
    ----------
    classes : ndarray of intp, shape (N,)
        Whose recalls are averaged; zeros for plain accuracy.
    person : ndarray of intp, shape (N,)
    said : dict of int to (rows, dict of run to right)
    """

    classes: Rows
    person: Rows
    said: dict[int, tuple[Rows, dict[str, Floats]]] = field(default_factory=dict)

    def add(self, split: int, run: str, rows: Rows, right: npt.ArrayLike) -> None:
        """Take in whether a run was right about a split's test rows."""
        kept, runs = self.said.setdefault(split, (rows, {}))
        if not np.array_equal(kept, rows):
            raise ValueError(f"{run} was tried on other rows of split {split} than runs before it")
        runs[run] = np.asarray(right, dtype=np.float64)

    def has(self, run: str) -> bool:
        """Tell whether a run took place."""
        return any(run in runs for _, runs in self.said.values())

    def single(self, run: str) -> Floats:
        """Return a run's mean of recalls on every split by itself, shape (S,)."""
        return np.array([
            np.mean([runs[run][self.classes[rows] == k].mean()
                     for k in np.unique(self.classes[rows])])
            for rows, runs in self.said.values()
        ])  # fmt: skip

    def judged(self, columns: Sequence[Column], asked: Asked, repeats: Repeats) -> Judged:
        """Return means of runs, to be compared person by person."""
        rows = np.unique(np.concatenate([rows for rows, _ in self.said.values()]))
        view = View(self, columns)
        return Judged(view, rows, self.classes, self.person, self.classes, asked, repeats)

    def moved(self, run: str, asked: Asked, repeats: Repeats, by: str = "careful") -> Moved:
        """Return how far one run is from another."""
        judged = self.judged([{run: 1.0}, {by: 1.0}], asked, repeats)
        (apart,) = judged.differences([(0, 1)], least_classes=1)
        flawed, careful = judged.recalls.point.mean(axis=0)
        changed = not np.array_equal(judged.recalls.correct[:, 0], judged.recalls.correct[:, 1])
        return Moved(float(careful), float(flawed), apart, changed)

    def gap_moved(
        self, runs: tuple[str, str], careful: tuple[str, str], asked: Asked, repeats: Repeats
    ) -> Moved:
        """Return how far the gap between two runs is from that between two others.

        ``(a - b) - (c - d) = 2 ((a + d) / 2 - (c + b) / 2)``: twice a difference of two means.
        """
        (a, b), (c, d) = runs, careful
        half = [{a: 0.5, d: 0.5}, {c: 0.5, b: 0.5}]
        judged = self.judged([*half, *({x: 1.0} for x in (a, b, c, d))], asked, repeats)
        (apart,) = judged.differences([(0, 1)], least_classes=1)
        assert apart.value is not None
        assert apart.low is not None
        assert apart.high is not None
        twice = Estimate(
            2 * apart.value, 2 * apart.low, 2 * apart.high, apart.level, apart.n,
            apart.n_identities, apart.method, apart.training_share,
        )  # fmt: skip
        point = judged.recalls.point.mean(axis=0)[2:]
        return Moved(float(point[2] - point[3]), float(point[0] - point[1]), twice)


@dataclass(frozen=True)
class View:
    """Means of runs as columns, as `Judged` wants them."""

    marks: Marks
    columns: Sequence[Column]

    def _right(self, runs: Mapping[str, Floats]) -> Floats:
        return np.column_stack(
            [sum((w * runs[run] for run, w in c.items()), np.zeros(())) for c in self.columns]
        )

    def share(self, rows: Rows) -> Floats:
        """Return shares of right predictions, shape (len(rows), columns)."""
        right = np.zeros((len(self.marks.classes), len(self.columns)))
        tries = np.zeros(len(right))
        for own, runs in self.marks.said.values():
            right[own] += self._right(runs)
            tries[own] += 1
        found: Floats = right[rows] / np.maximum(tries[rows], 1)[:, None]
        return found

    def by_split(self) -> Iterator[tuple[int, Rows, Floats]]:
        """Yield a split's number, its rows, and who was right on them."""
        for split, (rows, runs) in self.marks.said.items():
            yield split, rows, self._right(runs)


@dataclass(frozen=True)
class Moved:
    """A number of the careful protocol, and what a flaw makes of it.

    Attributes
    ----------
    careful, flawed : float
    apart : Estimate
        The second less the first.
    changed : bool
        Whether anything is another at all.
    """

    careful: float
    flawed: float
    apart: Estimate
    changed: bool = True

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out 0."""
        low, high = self.apart.low, self.apart.high
        return low is not None and high is not None and not low <= 0 <= high


def spread(values: Floats, deals: int, level: float) -> tuple[float, float, float]:
    """Return the standard deviation of splits' numbers within deals, and its interval.

    From the chi-square distribution, as if the splits of a deal were independent and their
    numbers normal.

    Parameters
    ----------
    values : ndarray, shape (S,)
        Deal by deal.
    deals : int
    """
    apart = values.reshape(deals, -1)
    free = apart.size - deals
    squares = float(((apart - apart.mean(axis=1, keepdims=True)) ** 2).sum())
    ends = stats.chi2.ppf([0.5 + level / 2, 0.5 - level / 2], free)
    low, high = np.sqrt(squares / ends)
    return float(np.sqrt(squares / free)), float(low), float(high)
