"""t-SNE with the forces of all pairs, on processor cores.

Pairs are taken in square blocks that fit a core's cache, where one product of narrow matrices gives
``1 + |y_i - y_j|^2`` and another adds the forces up. Each block serves both of its sides. That is
quadratic, but for thousands of rows it is several times as fast as a tree, and has no error.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
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

EXAGGERATION, EARLY, LATE = 12.0, 250, 500
"""Attraction is multiplied for so many steps, and true for as many again (openTSNE's schedule)."""

MOMENTUM, MIN_GAIN, MAX_STEP = 0.8, 0.01, 5.0


class Forces:
    """The gradient of t-SNE for given affinities.

    ``KL(P || Q) = sum_ij p_ij log(p_ij / q_ij)`` with ``q_ij = w_ij / Z``,
    ``w_ij = 1 / (1 + |y_i - y_j|^2)`` and ``Z = sum_{i != j} w_ij`` has the gradient
    ``4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)`` (van der Maaten and Hinton 2008).

    Parameters
    ----------
    joint : scipy.sparse.csr_array, shape (n, n)
        P, symmetric with sum 1.
    pool : Executor
    """

    def __init__(self, joint: Any, pool: Executor) -> None:
        from scipy import sparse

        half = sparse.csr_array(sparse.triu(joint, 1))
        self.n, self.pool, self.half = half.shape[0], pool, half
        self.p = {kind: half.data.astype(kind) for kind in (np.float32, np.float64)}
        self.rows = np.repeat(np.arange(self.n), np.diff(half.indptr))
        self.columns = half.indices.astype(np.intp)
        count = -(-self.n // BLOCK)
        edges = np.linspace(0, self.n, count + 1).astype(int)
        parts = [slice(a, b) for a, b in pairwise(edges)]
        pairs = [(parts[i], parts[j]) for i in range(count) for j in range(i, count)]
        self.shards = [pairs[s::SHARDS] for s in range(min(SHARDS, len(pairs)))]
        widest = int(np.diff(edges).max())
        self.scratch = [np.empty(widest * widest * 8, dtype=np.uint8) for _ in self.shards]

    def __call__(self, placed: Placed, exaggeration: float = 1.0) -> Placed:
        """Return a quarter of the gradient, shape (n, dims); P is multiplied by `exaggeration`."""
        pulled = self.pool.submit(self._attract, placed)
        pushed, z = self._repel(placed)
        return np.asarray(exaggeration * pulled.result() - pushed / z)

    def divergence(self, placed: Placed) -> float:
        """Return KL(P || Q)."""
        p = self.half.data
        _, z = self._repel(placed)
        apart = ((placed[self.rows] - placed[self.columns]) ** 2).sum(axis=1)
        known = p > 0
        return float(2 * np.sum(p[known] * np.log(p[known] * z * (1 + apart[known]))))

    def _attract(self, placed: Placed) -> Placed:
        """Return ``sum_j p_ij w_ij (y_i - y_j)``: a pair is met once and pulls on both."""
        from scipy import sparse

        n, dims = placed.shape
        kind = precision(placed)
        ends = placed.astype(kind)
        apart = np.ones(len(self.rows), dtype=kind)
        for axis in np.ascontiguousarray(ends.T):
            step = axis.take(self.rows)
            step -= axis.take(self.columns)
            step *= step
            apart += step
        np.divide(self.p[kind], apart, out=apart)
        pull = sparse.csr_array((apart, self.half.indices, self.half.indptr), shape=(n, n))
        ends = np.concatenate([ends, np.ones((n, 1), dtype=kind)], axis=1)
        total = np.asarray(pull @ ends + pull.T @ ends, dtype=np.float64)
        return placed * total[:, dims:] - total[:, :dims]

    def _repel(self, placed: Placed) -> tuple[Placed, float]:
        """Return ``sum_j w_ij^2 (y_i - y_j)``, shape (n, dims), and Z."""
        n, dims = placed.shape
        kind = precision(placed)
        near: Floats = placed.astype(kind)
        squares = (near * near).sum(axis=1, keepdims=True)
        ones = np.ones((n, 1), dtype=kind)
        left = np.concatenate([-2 * near, squares + 1, ones], axis=1)
        right = np.ascontiguousarray(np.concatenate([near, ones, squares], axis=1).T)
        # Products with four columns are quicker than with three.
        ends = np.concatenate([near, *[ones] * (4 - dims)], axis=1)
        jobs = [
            self.pool.submit(_repel, left, right, ends, pairs, scratch.view(kind))
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
    left: Floats, right: Floats, ends: Floats, pairs: Sequence[tuple[slice, slice]], scratch: Floats
) -> tuple[Floats, float]:
    """Return the sums of a share of the pairs, ``sum_j w_ij^2 [y_j, 1]``, and their part of Z."""
    total, z = np.zeros_like(ends), 0.0
    one = left.dtype.type(1)
    for rows, columns in pairs:
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        w = scratch[: shape[0] * shape[1]].reshape(shape)
        np.matmul(left[rows], right[:, columns], out=w)
        np.divide(one, w, out=w)
        own = rows == columns
        if own:
            np.fill_diagonal(w, 0)
        # As a product, a sum takes a third of the time.
        z += float((w @ np.ones(shape[1], dtype=w.dtype)).sum(dtype=np.float64)) * (2 - own)
        np.multiply(w, w, out=w)
        total[rows] += w @ ends[columns]
        if not own:
            total[columns] += w.T @ ends[rows]
    return total, z


def descend(joint: Any, begin: Placed, *, early: int = EARLY, late: int = LATE) -> Placed:
    """Lower KL(P || Q) by gradient descent with momentum and gains (Jacobs 1988).

    Steps, rates and limits are those of openTSNE (Policar et al. 2024): a rate of n over the
    exaggeration (Belkina et al. 2019) and steps of at most 5.

    Parameters
    ----------
    joint : scipy.sparse.csr_array, shape (n, n)
    begin : ndarray of float64, shape (n, dims)
    early, late : int
        Steps with and without exaggeration.

    Returns
    -------
    ndarray of float64, shape (n, dims)
        The same bytes on every run on one machine, however busy it is.
    """
    from threadpoolctl import threadpool_limits

    placed: Placed = begin - begin.mean(axis=0)
    step, gains = np.zeros_like(placed), np.ones_like(placed)
    # The pool's threads are the parallel ones; products are too small to be shared out.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(_cores()) as pool:
        forces = Forces(joint, pool)
        for i in range(early + late):
            exaggeration = EXAGGERATION if i < early else 1.0
            slope = forces(placed, exaggeration)
            turned = np.sign(step) != np.sign(slope)
            gains = np.where(turned, gains + 0.2, gains * 0.8 + MIN_GAIN)
            step = MOMENTUM * step - len(placed) / exaggeration * gains * slope
            length = np.linalg.norm(step, axis=1, keepdims=True)
            step *= MAX_STEP / np.maximum(length, MAX_STEP)
            placed = placed + step
            placed -= placed.mean(axis=0)
    return placed


def _cores() -> int:
    have = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(have or 1, SHARDS)
