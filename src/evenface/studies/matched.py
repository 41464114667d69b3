"""Outcomes of two runs on the pictures that both tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from evenface.faces.split import Rows
from evenface.studies.contrasts import Contrast

Values = npt.NDArray[np.float64]
LABELS = ("recorded", "group")


@dataclass(frozen=True)
class Side:
    """One run's outcomes of a topic.

    Attributes
    ----------
    splits : dict of int to ndarray of intp
        Which of the common pictures each split tested, by their numbers.
    right : dict of int to polars.DataFrame
        Who was right on these, in the same order.
    """

    splits: dict[int, Rows]
    right: dict[int, pl.DataFrame]

    @classmethod
    def of(cls, outcomes: pl.DataFrame, ids: pl.Series) -> Side:
        """Sort outcomes by split, pictures numbered by their place in `ids`."""
        number = pl.DataFrame({"sample_id": ids, "number": np.arange(len(ids))})
        own = outcomes.join(number, on="sample_id", how="inner").sort("split", "number")
        splits, right = {}, {}
        for (split,), part in own.group_by(["split"], maintain_order=True):
            splits[int(str(split))] = part["number"].to_numpy().astype(np.intp)
            right[int(str(split))] = part
        return cls(splits, right)

    def values(self, split: int, contrast: Contrast) -> tuple[Values, Values]:
        """Return shares of right answers of the two models of a contrast; the second may be 0."""
        part = self.right[split]

        def column(name: str) -> Values:
            return part[name].cast(pl.Float64).fill_null(np.nan).to_numpy()

        plus = column(contrast.plus)
        return plus, np.zeros(len(plus)) if contrast.minus is None else column(contrast.minus)


@dataclass(frozen=True)
class Matched:
    """Pictures that both runs tried, and what both say about them.

    Attributes
    ----------
    first, second : Side
    person : ndarray of intp, shape (n,)
        Who is on each common picture: one if either run says so.
    labels : polars.DataFrame
        ``recorded`` and ``group`` of each.
    alone : (int, int)
        Persons of each run of whom the other has no picture.
    disagree : int
        Pictures left out since the runs have other labels for them.
    """

    first: Side
    second: Side
    person: Rows
    labels: pl.DataFrame
    alone: tuple[int, int]
    disagree: int

    @property
    def same_splits(self) -> bool:
        """Whether every split of one run tests the same pictures as that of the other."""
        a, b = self.first.splits, self.second.splits
        return set(a) == set(b) and all(np.array_equal(a[s], b[s]) for s in a)

    @classmethod
    def of(cls, first: pl.DataFrame, second: pl.DataFrame) -> Matched:
        """Match two runs' outcomes of one topic by picture."""
        one, other = (
            o.unique("sample_id", keep="first", maintain_order=True).select(
                "sample_id", "person", *LABELS
            )
            for o in (first, second)
        )
        both = one.join(other, on="sample_id", how="inner", suffix="_other").sort("sample_id")
        same = both.filter(
            pl.all_horizontal(pl.col(c).eq_missing(pl.col(f"{c}_other")) for c in LABELS)
        )
        ids = same["sample_id"]
        person = _linked(same["person"].to_numpy(), same["person_other"].to_numpy())
        alone = (
            one["person"].n_unique() - both["person"].n_unique(),
            other["person"].n_unique() - both["person_other"].n_unique(),
        )
        return cls(
            Side.of(first, ids), Side.of(second, ids), person, same.select(LABELS), alone,
            both.height - same.height,
        )  # fmt: skip


def _linked(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> Rows:
    """Number persons so that what either run takes for one person is one."""
    if not len(one):
        return np.zeros(0, dtype=np.intp)
    a, b = (np.unique(x, return_inverse=True)[1] for x in (one, other))
    shift = int(a.max()) + 1
    size = shift + int(b.max()) + 1
    links = coo_array((np.ones(len(a)), (a, b + shift)), shape=(size, size))
    found: Rows = connected_components(links, directed=False)[1][a].astype(np.intp)
    return found


class Mixed:
    """Shares of right answers of two runs, as `evenface.studies.judged.Judged` reads them.

    Column 2 k is what the second run's k-th contrast stands on, column 2 k + 1 the first's. Their
    difference is the change of a share. Of a difference of two models it is half the change: the
    one run's better and the other's worse model are averaged, so that columns are shares.

    Parameters
    ----------
    matched : Matched
    contrasts : sequence of (Contrast, Contrast)
        Of the first run and of the second.
    """

    def __init__(self, matched: Matched, contrasts: Sequence[tuple[Contrast, Contrast]]) -> None:
        self.matched, self.contrasts = matched, contrasts
        self.scale = [1.0 if both[0].minus is None else 2.0 for both in contrasts]
        """What a difference of columns is to be multiplied by."""

    def share(self, rows: Rows) -> Values:
        """Return both runs' shares, shape (len(rows), 2 contrasts); nan where one is missing."""
        n = len(self.matched.person)
        sides = []
        for k, side in enumerate((self.matched.first, self.matched.second)):
            right, tries = np.zeros((2, n, 2 * len(self.contrasts)))
            for split, own in side.splits.items():
                said = self._side(side, split, k)
                right[own] += np.nan_to_num(said)
                tries[own] += np.isfinite(said)
            with np.errstate(invalid="ignore"):
                sides.append(right / np.where(tries > 0, tries, np.nan))
        return self._mix(*sides)[rows]

    def by_split(self) -> Iterator[tuple[int, Rows, Values]]:
        """Yield each split's number, pictures and shares, if the runs have the same splits."""
        if not self.matched.same_splits:
            return
        for split, rows in self.matched.first.splits.items():
            sides = (
                self._side(side, split, k)
                for k, side in enumerate((self.matched.first, self.matched.second))
            )
            yield split, rows, self._mix(*sides)

    def _side(self, side: Side, split: int, place: int) -> Values:
        pairs = [side.values(split, both[place]) for both in self.contrasts]
        return np.stack([v for pair in pairs for v in pair], axis=1)

    def _mix(self, first: Values, second: Values) -> Values:
        """Put plus and minus of both runs together: (plus_2 + minus_1) and (plus_1 + minus_2)."""
        mixed = np.empty((len(first), 2 * len(self.contrasts)))
        mixed[:, 0::2] = (second[:, 0::2] + first[:, 1::2]) / self.scale
        mixed[:, 1::2] = (first[:, 0::2] + second[:, 1::2]) / self.scale
        return mixed
