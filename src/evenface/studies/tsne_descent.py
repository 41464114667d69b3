"""t-SNE's descent, on processor cores, whoever computes how all rows push each other apart."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evenface.heads.threads import cores
from evenface.studies.tsne_exact import SHARDS, AllPairs, freedom, precision

Placed = npt.NDArray[np.float64]

EXAGGERATION, EARLY, LATE = 12.0, 150, 500
"""Attraction is multiplied for so many steps, and true for the others.

From principal components 150 steps part what 250 do (openTSNE's and scikit-learn's number): maps
keep as many neighbours, at the same divergence.
"""

MOMENTUM, MIN_GAIN, MAX_STEP = 0.8, 0.01, 5.0

TOLD = 25
"""Steps between two words to whoever watches."""


class Repulsion(Protocol):
    """How rows push each other apart: ``(sum_j w_ij^2 (y_i - y_j), Z)``."""

    def __call__(self, placed: Placed) -> tuple[Placed, float]:
        """Return the sums, shape (n, dims), and Z."""


class Forces:
    """The forces of t-SNE for given affinities.

    ``KL(P || Q) = sum_ij p_ij log(p_ij / q_ij)`` with ``q_ij = w_ij / Z``,
    ``w_ij = 1 / (1 + |y_i - y_j|^2)`` and ``Z = sum_{i != j} w_ij`` has the gradient
    ``4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)`` (van der Maaten and Hinton 2008).

    In three dimensions ``w_ij = (1 + |y_i - y_j|^2 / 2)^(-3 / 2)``, Student's t with two degrees
    of freedom (`freedom`), and forces are scikit-learn's, ``3 sum_j (p_ij - q_ij) w_ij
    (y_i - y_j)``. In the gradient of KL the last w would be w^(2/3): forces from farther away,
    with which a map of 6 000 rows keeps 0.30 of the neighbours where it keeps 0.32 with these.

    Parameters
    ----------
    joint : scipy.sparse.csr_array, shape (n, n)
        P, symmetric with sum 1.
    pool : Executor
    repulsion : callable, optional
        If not given, all pairs.
    """

    def __init__(self, joint: Any, pool: Executor, repulsion: Repulsion | None = None) -> None:
        from scipy import sparse

        half = sparse.csr_array(sparse.triu(joint, 1))
        self.n, self.pool, self.half = half.shape[0], pool, half
        self.repel: Repulsion = repulsion or AllPairs(self.n, pool)
        wanted = np.linspace(0, half.nnz, SHARDS + 1)
        edges = np.unique(np.searchsorted(half.indptr, wanted))
        self.shards = [_Shard(half, int(a), int(b)) for a, b in pairwise(edges)]

    def __call__(self, placed: Placed, exaggeration: float = 1.0) -> Placed:
        """Return a quarter of the forces, shape (n, dims); P is multiplied by `exaggeration`."""
        waiting = self.attracting(placed)
        pushed, z = self.repel(placed)
        return self.slope(exaggeration * waiting(), pushed / z)

    @staticmethod
    def slope(pulled: Placed, pushed: Placed) -> Placed:
        """Return a quarter of the forces from their two sums."""
        a = freedom(pulled.shape[1])
        return np.asarray((a + 1) / (2 * a) * (pulled - pushed))

    def attracting(self, placed: Placed) -> Callable[[], Placed]:
        """Begin with ``sum_j p_ij w_ij (y_i - y_j)``; what is returned waits for it."""
        axes = np.ascontiguousarray(placed.T.astype(precision(placed)))
        jobs = [self.pool.submit(shard, axes) for shard in self.shards]

        def total() -> Placed:
            found = np.zeros_like(placed)
            for shard, job in zip(self.shards, jobs, strict=True):
                own, others = job.result()
                found[shard.first : shard.last] += own.T
                found -= others.T
            return found

        return total

    def divergence(self, placed: Placed) -> float:
        """Return KL(P || Q)."""
        rows = np.repeat(np.arange(self.n), np.diff(self.half.indptr))
        p = self.half.data
        _, z = self.repel(placed)
        apart = ((placed[rows] - placed[self.half.indices]) ** 2).sum(axis=1)
        known = p > 0
        a = freedom(placed.shape[1])
        logs = np.log(p[known] * z) + (a + 1) / 2 * np.log1p(apart[known] / a)
        return float(2 * np.sum(p[known] * logs))


class _Shard:
    """Attraction in some rows of the upper half of P: a pair is met once and pulls on both."""

    def __init__(self, half: Any, first: int, last: int) -> None:
        part = slice(half.indptr[first], half.indptr[last])
        self.first, self.last, self.half = first, last, half
        self.columns = half.indices[part].astype(np.intp)
        counts = np.diff(half.indptr[first : last + 1])
        self.rows = np.repeat(np.arange(first, last), counts)
        self.made: dict[tuple[Any, int], _Scratch] = {}

    def __call__(self, axes: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the sums over a row's pairs for the shard's rows, and over a column's for all."""
        key = (axes.dtype.type, len(axes))
        if key not in self.made:
            self.made = {key: _Scratch(self, *key)}
        own = self.made[key]
        own.pull.fill(freedom(len(axes)))
        for axis, steps in zip(axes, own.steps, strict=True):
            # Said of indices that are in range; what is out of it is looked for otherwise.
            axis.take(self.rows, out=steps, mode="clip")
            axis.take(self.columns, out=own.spare, mode="clip")
            np.subtract(steps, own.spare, out=steps)
            np.multiply(steps, steps, out=own.spare)
            own.pull += own.spare
        if len(axes) > 2:
            np.sqrt(own.pull, out=own.spare)
            own.pull *= own.spare
        np.divide(own.p, own.pull, out=own.pull)
        own.steps *= own.pull
        ones = [np.ones(size, dtype=axes.dtype) for size in own.by_row[0].shape]
        return (
            np.stack([each @ ones[1] for each in own.by_row]),
            np.stack([each @ ones[0] for each in own.by_column]),
        )


class _Scratch:
    """What a shard writes over at each step: fresh memory would cost as much as the sums."""

    def __init__(self, shard: _Shard, kind: type[np.floating[Any]], dims: int) -> None:
        from scipy import sparse

        half, shape = shard.half, (shard.last - shard.first, shard.half.shape[0])
        starts = half.indptr[shard.first : shard.last + 1]
        part = slice(starts[0], starts[-1])
        # p w is p (a / (a + |y_i - y_j|^2))^((a + 1) / 2).
        a = freedom(dims)
        self.p = (a ** ((a + 1) / 2) * half.data[part]).astype(kind)
        self.pull, self.spare = np.empty_like(self.p), np.empty_like(self.p)
        self.steps = np.empty((dims, len(self.p)), dtype=kind)
        within = half.indices[part], starts - starts[0]
        self.by_row = [sparse.csr_array((s, *within), shape=shape) for s in self.steps]
        self.by_column = [sparse.csc_array((s, *within), shape=shape[::-1]) for s in self.steps]
        for k, steps in enumerate(self.steps):
            # SciPy may have copied them.
            self.by_row[k].data = self.by_column[k].data = steps


def descend(
    joint: Any,
    begin: Placed,
    *,
    way: Callable[[int, Executor], Repulsion] = AllPairs,
    pause: int = 1,
    early: int = EARLY,
    late: int = LATE,
    on_step: Callable[[int, int], None] | None = None,
) -> Placed:
    """Lower KL(P || Q) by gradient descent with momentum and gains (Jacobs 1988).

    Steps, rates and limits are those of openTSNE (Policar et al. 2024): a rate of n over the
    exaggeration (Belkina et al. 2019) and steps of at most 5.

    Parameters
    ----------
    joint : scipy.sparse.csr_array, shape (n, n)
    begin : ndarray of float64, shape (n, dims)
    way : callable
        ``way(n, pool)`` makes what computes the repulsion.
    pause : int
        Steps that one repulsion serves.
    early, late : int
        Steps with and without exaggeration.
    on_step : callable, optional
        Called with (steps done, steps in all), now and then.

    Returns
    -------
    ndarray of float64, shape (n, dims)
        The same bytes on every run on one machine, however busy it is.
    """
    from threadpoolctl import threadpool_limits

    placed: Placed = begin - begin.mean(axis=0)
    step, gains = np.zeros_like(placed), np.ones_like(placed)
    # The pool's threads are the parallel ones; products are too small to be shared out.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(min(cores(), SHARDS)) as pool:
        forces = Forces(joint, pool, way(len(placed), pool))
        for i in range(early + late):
            exaggeration = EXAGGERATION if i < early else 1.0
            waiting = forces.attracting(placed)
            if i % pause == 0:
                pushed, z = forces.repel(placed)
            slope = forces.slope(exaggeration * waiting(), pushed / z)
            turned = np.sign(step) != np.sign(slope)
            gains = np.where(turned, gains + 0.2, gains * 0.8 + MIN_GAIN)
            step = MOMENTUM * step - len(placed) / exaggeration * gains * slope
            length = np.linalg.norm(step, axis=1, keepdims=True)
            step *= MAX_STEP / np.maximum(length, MAX_STEP)
            placed = placed + step
            placed -= placed.mean(axis=0)
            if on_step and (i + 1) % TOLD == 0:
                on_step(i + 1, early + late)
    return placed
