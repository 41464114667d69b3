"""Who loses how much, and whether one loss loses less than another.

Numbers about one cell (a loss, a majority, a share, a remedy) cover the people tested and, by how
they vary between splits, those learned from. What compares cells is tested over splits: each split
has other people to test, other people to learn from and another random start, so its difference
carries all three; their spread is widened for the training people that splits share (Nadeau and
Bengio 2003).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.stats.comparisons import Comparison, corrected_t, holm
from evenface.stats.intervals import Estimate
from evenface.studies.data import CommonOptions
from evenface.studies.grouped import Grouped, restricted
from evenface.studies.remedies import NONE
from evenface.studies.result import number
from evenface.studies.scores import Cell, Scores, balanced_cell

Values = npt.NDArray[np.float64]

MEAN, WORST = "all", "worst"
"""What is compared: the mean of the groups' accuracies, and the least of them."""


def numbers(
    scores: Scores, cells: Sequence[Cell], common: CommonOptions
) -> Iterator[dict[str, Any]]:
    """Yield every row of the frame.

    Cells that learned from the same people, and were tested on the same splits, are judged
    together.
    """
    found: dict[Cell, list[dict[str, Any]]] = {cell: [] for cell in cells}
    alike: dict[tuple[Any, ...], list[tuple[Cell, Cell]]] = defaultdict(list)
    for cell in cells:
        first = balanced_cell(cell, cells)
        own, other = scores.by_group(cell), scores.by_group(first)
        # On the same people, tested under both: a drop is paired.
        both = tuple(s for s in own if s in other)
        if both:
            alike[cell.majority, cell.share, both].append((cell, first))
            continue
        lost = "its training" if not own else "its training or the balanced one's"
        why = Estimate.missing(f"{lost} diverged on every split", level=common.level)
        found[cell] = [
            number("bias", metric, why, group="all", **cell._asdict()) for metric in METRICS
        ]
    for (*_, splits), pairs in alike.items():
        for cell, row in _of_cells(scores, splits, pairs, common):
            found[cell].append(row)
    for rows in found.values():
        yield from rows


METRICS = ("knn_accuracy", "worst_group_accuracy", "drop_from_balanced")


def _of_cells(
    scores: Scores,
    splits: Sequence[int],
    pairs: Sequence[tuple[Cell, Cell]],
    common: CommonOptions,
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    place = {c: k for k, c in enumerate(dict.fromkeys(c for pair in pairs for c in pair))}
    # Where two training sets are drawn from a split's people, the one that shares more counts.
    repeats = max((scores.repeats(c) for c in pairs[0]), key=lambda r: r.overlap)
    part = restricted(scores.tally, [c.column for c in place], splits)
    judged = Grouped(part, scores.groups, scores.person, common.asked, repeats)
    groups = scores.groups.names
    accuracies = judged.accuracies([place[cell] for cell, _ in pairs])
    for (cell, _), (mean, worst, *each) in zip(pairs, accuracies, strict=True):
        own = cell._asdict()
        yield cell, number("bias", "knn_accuracy", mean, group="all", **own)
        yield cell, number("bias", "worst_group_accuracy", worst, group="all", **own)
        for group, accuracy in zip(groups, each, strict=True):
            yield cell, number("bias", "knn_accuracy", accuracy, group=group, **own)
    biased = [(cell, first) for cell, first in pairs if cell != first]
    if not biased:
        return
    drops = judged.differences([(place[first], place[cell]) for cell, first in biased])
    for (cell, _), lost in zip(biased, drops, strict=True):
        for group, drop in zip((MEAN, WORST, *groups), lost, strict=True):
            yield cell, number("bias", "drop_from_balanced", drop, group=group, **cell._asdict())


def _summary(values: Values, what: str) -> float:
    return float(np.nanmin(values) if what == WORST else np.nanmean(values))


def drops(scores: Scores, cells: Sequence[Cell], cell: Cell, what: str) -> dict[int, float]:
    """Return each split's drop from balanced."""
    first = scores.by_group(balanced_cell(cell, cells))
    return {
        split: _summary(first[split], what) - _summary(values, what)
        for split, values in scores.by_group(cell).items()
        if split in first
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
    splits = set.intersection(*(set(d) for d in each)) if each else set()
    return {s: float(np.mean([d[s] for d in each])) for s in splits}


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
                _summary(values, what) - _summary(plain[split], what)
                for split, values in scores.by_group(cell).items()
                if split in plain
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
