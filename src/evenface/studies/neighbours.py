"""How a space, or a map of it, places groups: nearest neighbours and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from evenface.errors import SelectionError
from evenface.faces.split import Rows
from evenface.studies.cores import on_cores

Points = npt.NDArray[np.floating]
PerRow = npt.NDArray[np.float64]
Keep = npt.NDArray[np.bool_]

BLOCK = 1024
AT_ONCE = 2**24
"""Distances that a core computes at a time: 128 MB."""

KEPT_ROWS = 10_000
"""Rows up to which all distances are kept, in 400 MB; beyond, they are computed when asked for."""

SPARE = 20
"""Neighbours at hand beyond 3k, so that enough are left when a thirtieth of the people is."""


def comparable(vectors: Points, *, cosine: bool) -> Points:
    """Return vectors whose distances can be computed: no overflow, of length 1 for cosine.

    Raises
    ------
    SelectionError
        If all are the same: then nothing lies anywhere.
    """
    points: Points = np.asarray(vectors, dtype=np.float64)
    largest = float(max(points.max(initial=0.0), -points.min(initial=0.0)))
    # Beyond this squares lose all precision or overflow; a map has no unit anyway.
    if largest > 1e6 or 0 < largest < 1e-6:
        points = points / largest
    points = unit_rows(points) if cosine else points
    if not any(
        (part != points[0]).any() for part in np.array_split(points, 1 + len(points) // BLOCK)
    ):
        raise SelectionError("all vectors are the same: there is nothing to map")
    return points


def unit_rows(vectors: Points) -> Points:
    """Divide each vector by its length, so that Euclidean order is cosine order; 0 stays 0."""
    # Without a table of squares, which takes longer than their sum.
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1))


class Distances:
    """Squared Euclidean distances between all rows, computed once and asked for many times.

    They are differences of squared lengths, so they are computed in double precision about the
    rows' centre, and kept in single, which rounds each by a part in 10^7.

    Parameters
    ----------
    points : ndarray, shape (n, d)
    """

    def __init__(self, points: Points) -> None:
        self.n = len(points)
        self._points = np.asarray(points - points.mean(axis=0), dtype=np.float64)
        self._norms = np.einsum("ij,ij->i", self._points, self._points)
        self._kept: npt.NDArray[np.float32] | None = None
        if self.n <= KEPT_ROWS:
            self._kept = kept = np.empty((self.n, self.n), dtype=np.float32)

            def fill(part: tuple[slice, slice]) -> None:
                kept[part] = self._between(*part)
                kept[part[::-1]] = kept[part].T

            on_cores(fill, [(r, c) for r in self._slices() for c in self._slices(r.start)])
            np.fill_diagonal(kept, np.inf)
            del self._points

    def blocks(self) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        """Give slices of rows and their distances to all rows; a row to itself is infinite."""
        for rows in self._slices():
            yield rows, self._block(rows)

    def each(self, work: Callable[[slice, npt.NDArray[np.float32]], None]) -> None:
        """Do the same with all blocks, several at a time."""
        on_cores(lambda rows: work(rows, self._block(rows)), list(self._slices()))

    def _block(self, rows: slice) -> npt.NDArray[np.float32]:
        if self._kept is not None:
            return self._kept[rows]
        found = self._between(rows, slice(0, self.n)).astype(np.float32)
        found[np.arange(len(found)), np.arange(rows.start, rows.stop)] = np.inf
        return found

    def nearest(self, k: int) -> tuple[Rows, npt.NDArray[np.float32]]:
        """Return each row's k nearest other rows, nearest first, and their squared distances.

        Parameters
        ----------
        k : int
            At most n - 1.

        Returns
        -------
        around : ndarray of intp, shape (n, k)
        squared : ndarray of float32, shape (n, k)
        """
        around = np.empty((self.n, k), dtype=np.intp)
        squared = np.empty((self.n, k), dtype=np.float32)

        def choose(rows: slice, far: npt.NDArray[np.float32]) -> None:
            part = np.argpartition(far, k - 1, axis=1)[:, :k]
            reach = np.take_along_axis(far, part, axis=1)
            order = np.argsort(reach, axis=1, kind="stable")
            around[rows] = np.take_along_axis(part, order, axis=1)
            squared[rows] = np.take_along_axis(reach, order, axis=1)

        self.each(choose)
        return around, squared

    def _slices(self, start: int = 0) -> Iterator[slice]:
        size = BLOCK if self.n <= KEPT_ROWS else min(BLOCK, max(AT_ONCE // self.n, 16))
        for first in range(start, self.n, size):
            yield slice(first, min(first + size, self.n))

    def _between(self, rows: slice, columns: slice) -> PerRow:
        found: PerRow = self._points[rows] @ self._points[columns].T
        found *= -2
        found += self._norms[rows, None]
        found += self._norms[columns]
        return np.maximum(found, 0, out=found)


def spare(person: Rows) -> int:
    """Return how many neighbours of a row can be of its own person."""
    return int(np.unique(person, return_counts=True)[1].max()) - 1


def others(around: Rows, person: Rows, k: int) -> Rows:
    """Return the first k neighbours of other persons, nearest first.

    Parameters
    ----------
    around : ndarray of intp, shape (n, m)
        Nearest first; to find k, m must be at least k + `spare`, or n - 1.
    person : ndarray of intp, shape (n,)
    k : int

    Returns
    -------
    ndarray of intp, shape (n, k)
        -1 where a row has fewer than k rows of other persons.
    """
    other = person[around] != person[:, None]
    order = np.argsort(~other, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(around, order, axis=1)
    found[~np.take_along_axis(other, order, axis=1)] = -1
    return found


def nearest(points: Points, k: int, person: Rows | None = None) -> Rows:
    """Return each row's k nearest other rows, of other persons if those are given.

    Parameters
    ----------
    points : ndarray, shape (n, d)
    k : int
        At most n - 1.
    person : ndarray of intp, shape (n,), optional

    Returns
    -------
    ndarray of intp, shape (n, k)
        Nearest first; -1 where a row has fewer than k rows of other persons.
    """
    more = 0 if person is None else spare(person)
    around, _ = Distances(points).nearest(min(k + more, len(points) - 1))
    return around if person is None else others(around, person, k)


class Neighbourhoods:
    """Neighbours in a space, ready to be counted without some of the people.

    Parameters
    ----------
    points : ndarray, shape (n, d)
    person : ndarray of intp, shape (n,)
        Rows of the same person are never neighbours.
    k : int
        Neighbours that count.
    """

    def __init__(self, points: Points, person: Rows, k: int) -> None:
        self._set(nearest(points, self.width(len(points), k), person), person, k)

    @classmethod
    def of(cls, around: Rows, person: Rows, k: int) -> Neighbourhoods:
        """Return the same from neighbours known already, `width` and `spare` of them, or n - 1."""
        made = cls.__new__(cls)
        made._set(others(around, person, cls.width(len(around), k)), person, k)
        return made

    @staticmethod
    def width(n: int, k: int) -> int:
        """Return how many neighbours of other persons are wanted.

        Leaving a thirtieth of the people out takes few of these; the first k of the rest are exact.
        """
        return min(3 * k + SPARE, n - 1)

    def _set(self, around: Rows, person: Rows, k: int) -> None:
        self.around, self.person, self.k = around, person, k
        self._counted: dict[bytes, tuple[Rows, Keep]] = {}

    def purity(self, codes: Rows, keep: Keep) -> float:
        """Return the mean share of the k nearest kept rows with a row's label, over kept rows."""
        around, counts = self.first(keep)
        same = codes[around] == codes[keep][:, None]
        if counts.all():
            # Quicker, and many labellings are asked about.
            return float(np.count_nonzero(same) / same.size)
        same &= counts
        return float(np.mean(same.sum(axis=1) / np.maximum(counts.sum(axis=1), 1)))

    def corrected(self, codes: Rows, keep: Keep) -> float:
        """Return (purity - chance) / (1 - chance) among kept rows."""
        chance = chance_purity(codes[keep], self.person[keep])
        return (self.purity(codes, keep) - chance) / (1 - chance) if chance < 1 else 0.0

    def first(self, keep: Keep) -> tuple[Rows, Keep]:
        """Return kept rows' first k kept neighbours, and which of these there are."""
        key = np.packbits(keep).tobytes()
        # Every labelling leaves the same people out.
        if key not in self._counted:
            around = self.around[keep]
            counts = (around >= 0) & keep[around]
            order = np.argsort(~counts, axis=1, kind="stable")[:, : self.k]
            self._counted[key] = (
                np.take_along_axis(around, order, axis=1),
                np.take_along_axis(counts, order, axis=1),
            )
        return self._counted[key]


def chance_purity(codes: Rows, person: Rows) -> float:
    """Return the purity of randomly placed rows: their label's share among other persons."""
    totals = np.bincount(codes)
    cell = person * len(totals) + codes
    own_same = np.bincount(cell)[cell]
    others_all = len(codes) - np.bincount(person)[person]
    share = (totals[codes] - own_same) / np.maximum(others_all, 1)
    return float(share.mean())


def preservation(original: Rows, mapped: Rows) -> PerRow:
    """Return the share of each row's neighbours in the space that stay neighbours in the map."""
    return np.asarray((original[:, :, None] == mapped[:, None, :]).any(axis=2).mean(axis=1))


def trustworthiness(points: Points | Distances, mapped: Rows) -> PerRow:
    """Return each row's part of the trustworthiness of a map (Venna and Kaski 2001).

    ``T = 1 - 2 / (n k (2n - 3k - 1)) sum_i sum_{j in map neighbours of i} max(0, r(i, j) - k)``
    with r the rank of j among the neighbours of i in the space, 1 and the number of rows that are
    nearer. The mean over rows is T.

    Parameters
    ----------
    points : ndarray, shape (n, d), or Distances
        The space.
    mapped : ndarray of intp, shape (n, k)
        Neighbours in the map; k < n / 2.
    """
    n, k = mapped.shape
    penalty = np.zeros(n)

    def judge(rows: slice, far: npt.NDArray[np.float32]) -> None:
        reached = np.take_along_axis(far, mapped[rows], axis=1)
        for column in reached.T:
            rank = 1 + np.count_nonzero(far < column[:, None], axis=1)
            penalty[rows] += np.maximum(rank - k, 0)

    (points if isinstance(points, Distances) else Distances(points)).each(judge)
    trust: PerRow = 1 - penalty * 2 / (k * (2 * n - 3 * k - 1))
    return trust
