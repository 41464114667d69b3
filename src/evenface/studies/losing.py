"""Who loses how much, and whether one loss loses less than another.

Numbers about one cell (a loss, a majority, a share, a remedy) resample the people tested. What
compares cells is tested over splits: each split has other people to test, other people to learn
from and another random start, so its difference carries all three; their spread is widened for
the training people that splits share (Nadeau and Bengio 2003).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.faces.split import Rows
from evenface.stats.accuracy import Recalls
from evenface.stats.comparisons import Comparison, corrected_t, holm
from evenface.stats.intervals import Estimate
from evenface.stats.worst import least, least_difference
from evenface.studies.data import CommonOptions, Labels
from evenface.studies.remedies import NONE
from evenface.studies.result import number

Values = npt.NDArray[np.float64]

MEAN, WORST = "all", "worst"
"""What is compared: the mean of the groups' accuracies, and the least of them."""


class Cell(NamedTuple):
    """One way of training, whose test rows are scored on every split."""

    loss: str
    majority: str
    share: float
    remedy: str


class Scores:
    """Which test rows every cell got right.

    Parameters
    ----------
    codes : ndarray of intp, shape (N,)
        Recorded classes.
    groups : Labels
    person : ndarray of intp, shape (N,)
    """

    def __init__(self, codes: Rows, groups: Labels, person: Rows) -> None:
        self.codes, self.groups, self.person = codes, groups, person
        self.cells: dict[Cell, dict[int, tuple[Rows, npt.NDArray[np.bool_]]]] = {}

    def add(self, cell: Cell, seed: int, rows: Rows, predicted: Rows) -> None:
        """Take in the predictions of one split's test rows."""
        self.cells.setdefault(cell, {})[seed] = (rows, predicted == self.codes[rows])

    def share(self, cell: Cell) -> Values:
        """Return the share of right predictions of every row, nan where it was not tested."""
        right, tries = np.zeros((2, len(self.codes)))
        for rows, correct in self.cells.get(cell, {}).values():
            np.add.at(right, rows, correct)
            np.add.at(tries, rows, 1)
        return np.where(tries > 0, right / np.maximum(tries, 1), np.nan)

    def by_group(self, cell: Cell) -> dict[int, Values]:
        """Return each split's accuracy by group, nan where a group has no test row."""
        found = {}
        for seed, (rows, correct) in self.cells.get(cell, {}).items():
            of = [self.groups.codes[rows] == g for g in range(len(self.groups.names))]
            found[seed] = np.array([correct[o].mean() if o.any() else np.nan for o in of])
        return found

    def frame(self) -> pl.DataFrame:
        """Return each split's accuracy by group, one row each."""
        rows = [
            (*cell, seed, name, float(value))
            for cell in self.cells
            for seed, values in self.by_group(cell).items()
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


def numbers(
    scores: Scores, cells: Sequence[Cell], common: CommonOptions
) -> Iterator[dict[str, Any]]:
    """Yield every row of the frame.

    Cells that were tested on the same rows share resamples, and are worked out together.
    """
    shares = {cell: scores.share(cell) for cell in cells}
    found: dict[Cell, list[dict[str, Any]]] = {cell: [] for cell in cells}
    alike: dict[bytes, list[tuple[Cell, Cell]]] = {}
    for cell in cells:
        first = balanced_cell(cell, cells)
        # On the same people, tested under both: a drop is paired.
        both = ~np.isnan(shares[first]) & ~np.isnan(shares[cell]) & (scores.groups.codes >= 0)
        if both.any():
            alike.setdefault(both.tobytes(), []).append((cell, first))
            continue
        lost = "its training diverged" if cell not in scores.cells else "the balanced one did"
        why = Estimate.missing(f"{lost} on every split", level=common.level)
        found[cell] = [
            number("bias", metric, why, group="all", **cell._asdict()) for metric in METRICS
        ]
    for tested, pairs in alike.items():
        rows = np.flatnonzero(np.frombuffer(tested, dtype=np.bool_))
        for cell, row in _of_cells(scores, shares, rows, pairs, common):
            found[cell].append(row)
    for own in found.values():
        yield from own


METRICS = ("knn_accuracy", "worst_group_accuracy", "drop_from_balanced")


def _of_cells(
    scores: Scores,
    shares: Mapping[Cell, Values],
    rows: Rows,
    pairs: Sequence[tuple[Cell, Cell]],
    common: CommonOptions,
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    codes, person = scores.groups.codes[rows], scores.person[rows]
    column = {cell: k for k, cell in enumerate(dict.fromkeys(c for pair in pairs for c in pair))}
    share = np.stack([shares[cell][rows] for cell in column], axis=1)
    recalls = Recalls(share, codes, person, common.asked)
    for cell, first in pairs:
        own, k, at = cell._asdict(), column[cell], column[first]
        yield cell, number("bias", "knn_accuracy", recalls.balanced(k), group="all", **own)
        yield cell, number("bias", "worst_group_accuracy", least(recalls, k), group="all", **own)
        if cell != first:
            lost = {"all": recalls.difference(at, k), "worst": least_difference(recalls, at, k)}
            for group, drop in lost.items():
                yield cell, number("bias", "drop_from_balanced", drop, group=group, **own)
    for g, name in enumerate(scores.groups.names):
        mask = codes == g
        one = Recalls(share[mask], np.zeros_like(codes[mask]), person[mask], common.asked)
        for cell, first in pairs:
            own, k, at = cell._asdict(), column[cell], column[first]
            accuracy = one.balanced(k, least_classes=1)
            yield cell, number("bias", "knn_accuracy", accuracy, group=name, **own)
            if cell != first:
                drop = one.difference(at, k, least_classes=1)
                yield cell, number("bias", "drop_from_balanced", drop, group=name, **own)


def _summary(values: Values, what: str) -> float:
    return float(np.nanmin(values) if what == WORST else np.nanmean(values))


def drops(scores: Scores, cells: Sequence[Cell], cell: Cell, what: str) -> dict[int, float]:
    """Return each split's drop from balanced."""
    first = scores.by_group(balanced_cell(cell, cells))
    return {
        seed: _summary(first[seed], what) - _summary(values, what)
        for seed, values in scores.by_group(cell).items()
        if seed in first
    }


TESTS = {
    "majority": pl.String, "what": pl.String, "a": pl.String, "b": pl.String, "value": pl.Float64,
    "low": pl.Float64, "high": pl.Float64, "p": pl.Float64, "p_holm": pl.Float64,
    "splits": pl.Int64, "method": pl.String,
}  # fmt: skip


def compare_losses(
    scores: Scores, cells: Sequence[Cell], *, level: float, test_share: float
) -> pl.DataFrame:
    """Test, for each two losses, whether one loses less: its mean drop over all biased shares.

    One family: every pair, majority and summary (mean over groups, worst group), by Holm.

    Returns
    -------
    polars.DataFrame
        ``value`` is a's drop minus b's: below zero where a loses less.
    """
    rows = []
    for majority in dict.fromkeys(c.majority for c in cells):
        own = [c for c in cells if c.majority == majority and c.remedy == NONE]
        losses = list(dict.fromkeys(c.loss for c in own))
        least = min(c.share for c in own)
        for what in (MEAN, WORST):
            swept = {
                loss: _mean_drop(
                    [
                        drops(scores, cells, c, what)
                        for c in own
                        if c.loss == loss and c.share > least
                    ]
                )
                for loss in losses
            }
            for a, b in combinations(losses, 2):
                both = sorted(set(swept[a]) & set(swept[b]))
                found = corrected_t(
                    np.array([swept[a][s] - swept[b][s] for s in both]),
                    test_share=test_share,
                    level=level,
                )
                rows.append(_row(majority, what, a, b, found, len(both)))
    return _adjusted(rows)


def _mean_drop(each: Sequence[dict[int, float]]) -> dict[int, float]:
    """Return each split's mean over shares, for splits on which no share is missing."""
    seeds = set.intersection(*(set(d) for d in each)) if each else set()
    return {s: float(np.mean([d[s] for d in each])) for s in seeds}


def compare_remedies(
    scores: Scores, cells: Sequence[Cell], *, level: float, test_share: float
) -> pl.DataFrame:
    """Test, at the largest share, what each remedy gives back over doing nothing.

    Returns
    -------
    polars.DataFrame
        ``a`` is ``loss + remedy``, ``b`` the loss alone; ``value`` is what accuracy gains.
    """
    rows = []
    for cell in cells:
        of_majority = [c for c in cells if c.majority == cell.majority]
        if cell.remedy == NONE or cell.share < max(c.share for c in of_majority):
            continue
        plain = scores.by_group(cell._replace(remedy=NONE))
        for what in (MEAN, WORST):
            gains = [
                _summary(values, what) - _summary(plain[seed], what)
                for seed, values in sorted(scores.by_group(cell).items())
                if seed in plain
            ]
            found = corrected_t(np.array(gains), test_share=test_share, level=level)
            name = f"{cell.loss} + {cell.remedy}"
            rows.append(_row(cell.majority, what, name, cell.loss, found, len(gains)))
    return _adjusted(rows)


def _row(
    majority: str, what: str, a: str, b: str, found: Comparison, splits: int
) -> dict[str, Any]:
    return {
        "majority": majority, "what": what, "a": a, "b": b, "value": found.value,
        "low": found.low, "high": found.high, "p": found.p, "p_holm": None, "splits": splits,
        "method": found.method,
    }  # fmt: skip


def _adjusted(rows: list[dict[str, Any]]) -> pl.DataFrame:
    tested = [r for r in rows if r["p"] is not None]
    for row, p in zip(tested, holm([r["p"] for r in tested]) if tested else (), strict=True):
        row["p_holm"] = float(p)
    return pl.DataFrame(rows, schema=TESTS, orient="row")
