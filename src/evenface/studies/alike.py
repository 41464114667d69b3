"""How alike the spaces are that two losses learn, over splits, with intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.faces.split import Rows
from evenface.stats.jackknife import from_replicates
from evenface.studies.likeness import linear_cka, procrustes, shared_neighbours
from evenface.studies.neighbours import nearest

Points = npt.NDArray[Any]
Replicates = npt.NDArray[np.float64]

NEIGHBOURS = 10

MEASURES: dict[str, Callable[[Points, Points], float]] = {
    "cka": linear_cka,
    "procrustes": procrustes,
}
OVERLAP = "neighbour_overlap"


class Likeness:
    """Pairs of spaces of the same test rows, split by split.

    Parameters
    ----------
    person, dealt : ndarray of intp, shape (N,)
        Person of each row of the study, and the group of people that is left out with it.
    """

    def __init__(self, person: Rows, dealt: Rows) -> None:
        self.person, self.dealt = person, dealt
        self.found: dict[tuple[Any, ...], list[dict[str, Replicates]]] = defaultdict(list)
        self.rows: list[Rows] = []

    def add(self, key: tuple[Any, ...], a: Points, b: Points, rows: Rows) -> None:
        """Compare two spaces (n, p) and (n, q) of the same rows, whole and without some people."""
        dealt = self.dealt[rows]
        keeps = [np.ones(len(rows), dtype=bool)]
        keeps += [dealt != g for g in range(int(self.dealt.max()) + 1)]
        overlap = _Overlap(a, b, self.person[rows])
        measures = {
            **{n: np.array([f(a[k], b[k]) for k in keeps]) for n, f in MEASURES.items()},
            OVERLAP: np.array([overlap(k) for k in keeps]),
        }
        self.found[key].append(measures)
        self.rows.append(rows)

    def frame(self, level: float) -> pl.DataFrame:
        """Return one row a pair of losses and measure: its mean over splits."""
        rows = np.unique(np.concatenate(self.rows)) if self.rows else np.zeros(0, dtype=np.intp)
        people = int(np.unique(self.person[rows]).size)
        table = []
        for (balance, dims, a, b), splits in self.found.items():
            for name in (*MEASURES, OVERLAP):
                values = np.mean([s[name] for s in splits], axis=0)
                estimate = from_replicates(
                    float(values[0]), values[1:], n=len(rows), people=people, level=level
                )
                table.append({"balance": balance, "dims": dims, "loss_a": a, "loss_b": b,
                              "measure": name, **estimate.to_dict()})  # fmt: skip
        schema = {
            "balance": pl.String, "dims": pl.Int64, "loss_a": pl.String, "loss_b": pl.String,
            "measure": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
            "level": pl.Float64, "n": pl.Int64, "n_identities": pl.Int64, "method": pl.String,
        }  # fmt: skip
        return pl.DataFrame(table, schema=schema, orient="row")


class _Overlap:
    """Share of each row's nearest rows in one space that are so in the other."""

    def __init__(self, a: Points, b: Points, person: Rows) -> None:
        self.k = min(NEIGHBOURS, max((len(a) - 1) // 3, 1))
        # Leaving a thirtieth out takes few of these; the first k of the rest are exact.
        reach = min(3 * self.k + 20, len(a) - 1)
        self.near = [nearest(np.asarray(z, dtype=np.float64), reach, person) for z in (a, b)]

    def __call__(self, keep: npt.NDArray[np.bool_]) -> float:
        return shared_neighbours(*(_first(near[keep], keep, self.k) for near in self.near))


def _first(near: Rows, keep: npt.NDArray[np.bool_], k: int) -> Rows:
    """Return each row's first k neighbours that are kept; -1 where there are fewer."""
    there = (near >= 0) & keep[near]
    # A stable sort brings what is kept to the front, in order.
    order = np.argsort(~there, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(near, order, axis=1)
    return np.where(np.take_along_axis(there, order, axis=1), found, -1)
