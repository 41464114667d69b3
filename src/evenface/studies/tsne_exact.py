"""t-SNE's repulsion from all pairs, on processor cores.

Pairs are taken in square blocks that fit a core's cache, where one product of narrow matrices gives
``1 + |y_i - y_j|^2`` and another adds the forces up. Each block serves both of its sides. That is
quadratic, but for thousands of rows it is several times as fast as a tree, and has no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]
Placed = npt.NDArray[np.float64]

BLOCK = 360
"""Rows of a square block: half a megabyte, half of the second-level cache of most processors."""

SHARDS = 4
"""Parts of the pairs, each with a sum of its own: whoever computes them, the total is the same."""

REACH = 300.0
"""Distance from the centre above which single precision can't tell neighbours apart."""


def freedom(dims: int) -> float:
    """Return Student's degrees of freedom in a map: one less than it has dimensions.

    Room around a point grows with the power of the dimensions, so tails must fall more steeply
    where there are more (van der Maaten 2009, whose choice this is, as it is scikit-learn's).
    """
    return float(max(dims - 1, 1))


class AllPairs:
    """``sum_j w_ij^2 (y_i - y_j)`` and ``Z = sum_{i != j} w_ij``.

    ``w_ij = (1 + |y_i - y_j|^2 / a)^(-(a + 1) / 2)``, a of `freedom`.

    Parameters
    ----------
    n : int
    pool : Executor
    """

    def __init__(self, n: int, pool: Executor) -> None:
        self.pool = pool
        count = -(-n // BLOCK)
        edges = np.linspace(0, n, count + 1).astype(int)
        parts = [slice(a, b) for a, b in pairwise(edges)]
        pairs = [(parts[i], parts[j]) for i in range(count) for j in range(i, count)]
        self.shards = [pairs[s::SHARDS] for s in range(min(SHARDS, len(pairs)))]
        widest = int(np.diff(edges).max())
        self.scratch = [np.empty((2, widest * widest), dtype=np.float64) for _ in self.shards]

    def __call__(self, placed: Placed) -> tuple[Placed, float]:
        """Return the sums, shape (n, dims), and Z."""
        n, dims = placed.shape
        kind = precision(placed)
        near: Floats = placed.astype(kind)
        a = kind(freedom(dims))
        squares = (near * near).sum(axis=1, keepdims=True) / a
        ones = np.ones((n, 1), dtype=kind)
        left = np.concatenate([near * (-2 / a), squares + 1, ones], axis=1)
        right = np.ascontiguousarray(np.concatenate([near, ones, squares], axis=1).T)
        # Products with four columns are quicker than with three.
        ends = np.concatenate([near, *[ones] * (4 - dims)], axis=1)
        jobs = [
            self.pool.submit(_repel, left, right, ends, pairs, scratch.view(kind), dims > 2)
            for pairs, scratch in zip(self.shards, self.scratch, strict=True)
        ]
        found = [job.result() for job in jobs]
        total: Placed = np.stack([forces for forces, _ in found]).sum(axis=0, dtype=np.float64)
        return placed * total[:, 3:] - total[:, :dims], float(sum(z for _, z in found))


def precision(placed: Placed) -> type[np.float32] | type[np.float64]:
    """Return the precision in which this map's forces are computed: single, unless it is vast.

    Squared distances are differences of squared lengths, so they lose what these are longer.
    """
    vast = placed.shape[0] < BLOCK or np.abs(placed).max() > REACH
    return np.float64 if vast else np.float32


def _repel(
    left: Floats,
    right: Floats,
    ends: Floats,
    pairs: Sequence[tuple[slice, slice]],
    scratch: Floats,
    steep: bool,
) -> tuple[Floats, float]:
    """Return the sums of a share of the pairs, ``sum_j w_ij^2 [y_j, 1]``, and their part of Z.

    If `steep`, with two degrees of freedom, or else with one.
    """
    total, z = np.zeros_like(ends), 0.0
    one = left.dtype.type(1)
    for rows, columns in pairs:
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        w, root = (part[: shape[0] * shape[1]].reshape(shape) for part in scratch)
        np.matmul(left[rows], right[:, columns], out=w)
        np.divide(one, w, out=w)
        own = rows == columns
        if own:
            np.fill_diagonal(w, 0)
        if steep:
            np.sqrt(w, out=root)
            np.multiply(w, root, out=w)
        # As a product, a sum takes a third of the time.
        z += float((w @ np.ones(shape[1], dtype=w.dtype)).sum(dtype=np.float64)) * (2 - own)
        np.multiply(w, w, out=w)
        total[rows] += w @ ends[columns]
        if not own:
            total[columns] += w.T @ ends[rows]
    return total, z
