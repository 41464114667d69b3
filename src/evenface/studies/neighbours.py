"""How a space, or a map of it, places groups: nearest neighbours and what they share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evenface.errors import SelectionError
from evenface.faces.split import Rows

Points = npt.NDArray[np.floating]
PerRow = npt.NDArray[np.float64]

BLOCK = 1024


def comparable(vectors: Points, *, cosine: bool) -> Points:
    """Return vectors whose distances can be computed: no overflow, of length 1 for cosine.

    Raises
    ------
    SelectionError
        If all are the same: then nothing lies anywhere.
    """
    points: Points = np.asarray(vectors, dtype=np.float64)
    largest = float(np.abs(points).max(initial=0.0))
    # Beyond this squares lose all precision or overflow; a map has no unit anyway.
    if largest > 1e6 or 0 < largest < 1e-6:
        points = points / largest
    points = unit_rows(points) if cosine else points
    if not (points != points[:1]).any():
        raise SelectionError("all vectors are the same: there is nothing to map")
    return points


def unit_rows(vectors: Points) -> Points:
    """Divide each vector by its length, so that Euclidean order is cosine order; 0 stays 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1))


def _distances(points: Points, start: int) -> PerRow:
    """Squared distances of a block of rows to all rows; a row to itself is infinite."""
    block = points[start : start + BLOCK]
    norms = np.einsum("ij,ij->i", points, points)
    found = norms[start : start + BLOCK, None] + norms[None, :] - 2 * block @ points.T
    found = np.asarray(found, dtype=np.float64)
    found[np.arange(len(block)), start + np.arange(len(block))] = np.inf
    return found


def nearest(points: Points, k: int, person: Rows | None = None) -> Rows:
    """Return each row's k nearest other rows, nearest first.

    Parameters
    ----------
    points : ndarray, shape (n, d)
    k : int
        At most n - 1.
    person : ndarray of intp, shape (n,), optional
        If given, rows of the same person are never neighbours.

    Returns
    -------
    ndarray of intp, shape (n, k)
        -1 where a row has fewer than k rows of other persons.
    """
    found = np.empty((len(points), k), dtype=np.intp)
    for start in range(0, len(points), BLOCK):
        distances = _distances(points, start)
        rows = slice(start, start + len(distances))
        if person is not None:
            distances[person[rows, None] == person[None, :]] = np.inf
        part = np.argpartition(distances, k - 1, axis=1)[:, :k]
        reach = np.take_along_axis(distances, part, axis=1)
        order = np.argsort(reach, axis=1, kind="stable")
        part = np.take_along_axis(part, order, axis=1)
        part[np.isinf(np.take_along_axis(reach, order, axis=1))] = -1
        found[rows] = part
    return found


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
        self.k, self.person = k, person
        # Leaving a thirtieth out takes few of these; the first k of the rest are exact.
        self.around = nearest(points, min(3 * k + 20, len(points) - 1), person)

    def purity(self, codes: Rows, keep: npt.NDArray[np.bool_]) -> float:
        """Return the mean share of the k nearest kept rows with a row's label, over kept rows."""
        around = self.around[keep]
        counts = (around >= 0) & keep[around]
        counts &= np.cumsum(counts, axis=1) <= self.k
        same = codes[around] == codes[keep][:, None]
        return float(np.mean((same & counts).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)))

    def corrected(self, codes: Rows, keep: npt.NDArray[np.bool_]) -> float:
        """Return (purity - chance) / (1 - chance) among kept rows."""
        chance = chance_purity(codes[keep], self.person[keep])
        return (self.purity(codes, keep) - chance) / (1 - chance) if chance < 1 else 0.0


class Silhouettes:
    """Silhouettes of labels (Rousseeuw 1987), ready to be computed without some of the people.

    Parameters
    ----------
    points : ndarray, shape (n, d)
        Distances are Euclidean.
    codes : ndarray of intp, shape (n,)
        Labels 0 ... C-1.
    group : ndarray of intp, shape (n,)
        Groups that are left out whole.
    """

    def __init__(self, points: Points, codes: Rows, group: Rows) -> None:
        self.codes, self.group = codes, group
        self.labels, self.groups = int(codes.max()) + 1, int(group.max()) + 1
        cell = group * self.labels + codes
        belongs = np.zeros((len(codes), self.groups * self.labels))
        belongs[np.arange(len(codes)), cell] = 1
        self.sums = np.empty((len(codes), self.groups, self.labels))
        for start in range(0, len(codes), BLOCK):
            far = _distances(points, start)
            far[np.isinf(far)] = 0.0
            block = np.sqrt(np.maximum(far, 0.0)) @ belongs
            self.sums[start : start + len(far)] = block.reshape(-1, self.groups, self.labels)

    def mean(self, keep: npt.NDArray[np.bool_]) -> float:
        """Return the mean silhouette of kept rows among kept rows, in [-1, 1]."""
        kept_groups = np.zeros(self.groups, dtype=bool)
        kept_groups[self.group[keep]] = True
        sums = self.sums[keep][:, kept_groups].sum(axis=1)
        codes = self.codes[keep]
        sizes = np.bincount(codes, minlength=self.labels)
        own = sizes[codes]
        rows = np.arange(len(codes))
        inside = sums[rows, codes] / np.maximum(own - 1, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            outside = np.where(sizes > 0, sums / sizes, np.inf)
        outside[rows, codes] = np.inf
        nearest_other = outside.min(axis=1)
        widest = np.maximum(inside, nearest_other)
        apart = np.where(widest > 0, (nearest_other - inside) / np.where(widest > 0, widest, 1), 0)
        # A label alone in its class has silhouette 0.
        return float(np.mean(np.where((own > 1) & np.isfinite(nearest_other), apart, 0.0)))


def chance_purity(codes: Rows, person: Rows) -> float:
    """Return the purity of randomly placed rows: their label's share among other persons."""
    totals = np.bincount(codes)
    keys, inverse = np.unique(np.stack([person, codes]), axis=1, return_inverse=True)
    own_same = np.bincount(inverse.ravel(), minlength=keys.shape[1])[inverse.ravel()]
    own_all = np.bincount(person)[person]
    others = len(codes) - own_all
    share = (totals[codes] - own_same) / np.maximum(others, 1)
    return float(share.mean())


def preservation(original: Rows, mapped: Rows) -> PerRow:
    """Return the share of each row's neighbours in the space that stay neighbours in the map."""
    k = original.shape[1]
    kept = [np.intersect1d(a, b).size / k for a, b in zip(original, mapped, strict=True)]
    return np.array(kept)


def trustworthiness(points: Points, mapped: Rows) -> PerRow:
    """Return each row's part of the trustworthiness of a map (Venna and Kaski 2001).

    ``T = 1 - 2 / (n k (2n - 3k - 1)) sum_i sum_{j in map neighbours of i} max(0, r(i, j) - k)``
    with r the rank of j among the neighbours of i in the space. The mean over rows is T.

    Parameters
    ----------
    points : ndarray, shape (n, d)
        The space.
    mapped : ndarray of intp, shape (n, k)
        Neighbours in the map; k < n / 2.
    """
    n, k = mapped.shape
    penalty = np.empty(n)
    for start in range(0, n, BLOCK):
        order = np.argsort(_distances(points, start), axis=1, kind="stable")
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(1, n + 1)[None, :], axis=1)
        rows = slice(start, start + len(order))
        reached = np.take_along_axis(ranks, mapped[rows], axis=1)
        penalty[rows] = np.maximum(reached - k, 0).sum(axis=1)
    trust: PerRow = 1 - penalty * 2 / (k * (2 * n - 3 * k - 1))
    return trust
