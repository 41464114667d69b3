"""What erasers by moments are made from: how many there are of each group, and where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evenface.erasers.eraser import Array, joint
from evenface.erasers.rows import NOT_FINITE, TOO_FEW, Block, one_hot
from evenface.errors import VectorError


@dataclass(frozen=True, eq=False)
class Groups:
    """Counts and moments of labelled vectors, by group: a combination of the attributes' classes.

    Groups are numbered as by `evenface.erasers.eraser.joint`; all is 0 for one that nobody is of.

    Attributes
    ----------
    sizes : tuple of int
        Classes of each attribute.
    counts : ndarray of float64, shape (g,)
        Rows of each group; g is the product of the sizes.
    means : ndarray of float64, shape (g, d)
    covariances : ndarray of float64, shape (g, d, d), or (0, d, d) where nobody asked for them
        They divide by the counts.
    """

    sizes: tuple[int, ...]
    counts: Array
    means: Array
    covariances: Array

    @cached_property
    def n(self) -> float:
        """Rows of all groups."""
        return float(self.counts.sum())

    @cached_property
    def middle(self) -> Array:
        """The mean of all rows, shape (d,)."""
        return np.asarray(self.counts @ self.means / self.n)

    @cached_property
    def marks(self) -> Array:
        """The classes that each group is of as 0 and 1, shape (sum of sizes, g)."""
        combined = np.unravel_index(np.arange(len(self.counts)), self.sizes)
        found: Array = one_hot(np.stack(combined, axis=1), self.sizes)
        return found

    @property
    def present(self) -> list[int]:
        """Groups that somebody is of."""
        return [int(c) for c in np.flatnonzero(self.counts)]


def groups_of(blocks: Iterable[Block], sizes: Sequence[int], *, spread: bool = False) -> Groups:
    """Return the groups of blocks of rows, each of which is looked at once.

    With s the sum and S the sum of products of n deviations of a group's rows from a pilot, its
    mean is the pilot and s / n, its covariance S / n - s s^T / n^2, all in float64. The pilot is
    the mean of the first of its rows that come, so groups may lie far from 0 and from each other.

    Parameters
    ----------
    blocks : iterable of (vectors, codes)
        Of shapes (m, d) and (m,) or (m, attributes); rows of which a label is unknown, -1, are
        not looked at.
    sizes : sequence of int
        Classes of each attribute.
    spread : bool
        Whether covariances are wanted.

    Raises
    ------
    VectorError
        If labels don't fit, a value is not finite, or there are fewer than two labelled rows.
    """
    g = int(np.prod(sizes))
    counts, pilots, sums = np.zeros(g), np.zeros((g, 0)), np.zeros((g, 0))
    products = np.zeros((0, 0, 0))
    # What is not finite is told once, of the sums.
    with np.errstate(over="ignore", invalid="ignore"):
        for vectors, codes in blocks:
            which, d = joint(codes, sizes, len(vectors)), vectors.shape[1]
            if not counts.any():
                pilots, sums = np.zeros((g, d)), np.zeros((g, d))
                products = np.zeros((g if spread else 0, d, d))
            for c in np.unique(which[which >= 0]):
                own = vectors[which == c].astype(np.float64)
                if not counts[c]:
                    pilots[c] = own.mean(axis=0)
                own -= pilots[c]
                counts[c] += len(own)
                sums[c] += own.sum(axis=0)
                if spread:
                    products[c] += own.T @ own
        if counts.sum() < 2:
            raise VectorError(TOO_FEW.format(int(counts.sum())))
        away = sums / np.maximum(counts, 1)[:, None]
        means = pilots + away
        for c in np.flatnonzero(counts) if spread else ():
            # In place: they may be most of what is in memory.
            products[c] /= counts[c]
            products[c] -= np.outer(away[c], away[c])
    if not (np.isfinite(means).all() and np.isfinite(products).all()):
        raise VectorError(NOT_FINITE)
    return Groups(tuple(sizes), counts, means, products)
