"""t-SNE's descent, on processor cores, whoever computes how all rows push each other apart."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evenface.heads.threads import cores
from evenface.studies.tsne_exact import AllPairs, freedom

Placed = npt.NDArray[np.float64]

EXAGGERATION, EARLY, LATE = 12.0, 150, {2: 500, 3: 400}
"""Attraction is multiplied for so many steps, and true for the others, by dimensions.

From principal components 150 steps part what 250 do (openTSNE's and scikit-learn's number): maps
keep as many neighbours, at the same divergence. With more room 400 steps do what 500 do: of 6 000
rows 0.3227 and 0.3230 of the neighbours are kept.
"""

MOMENTUM, MIN_GAIN, MAX_STEP = 0.8, 0.01, 5.0

TOLD = 25
"""Steps between two words to whoever watches."""

SHARDS = 4
"""Parts of the pairs that attract, each with a sum of its own: whoever makes them, the total is the
same."""


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
        self.p = half.data.astype(np.float32)
        wanted = np.linspace(0, half.nnz, SHARDS + 1)
        self.edges = np.unique(np.searchsorted(half.indptr, wanted)).tolist()

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
        from evenface.studies.tsne_kernels import pull_deep, pull_flat

        at = placed.astype(np.float32)
        pull = pull_flat if at.shape[1] == 2 else pull_deep
        pair = self.half.indptr, self.half.indices, self.p

        def share(first: int, last: int) -> npt.NDArray[np.float32]:
            pulled = np.zeros_like(at)
            pull(*pair, at, first, last, pulled)
            return pulled

        jobs = [self.pool.submit(share, a, b) for a, b in pairwise(self.edges)]

        def total() -> Placed:
            found = np.zeros_like(placed)
            for job in jobs:
                found += job.result()
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


def descend(
    joint: Any,
    begin: Placed,
    *,
    way: Callable[[int, Executor], Repulsion] = AllPairs,
    pause: int = 1,
    early: int = EARLY,
    late: int | None = None,
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
        Steps with and without exaggeration; `LATE` if not given.
    on_step : callable, optional
        Called with (steps done, steps in all), now and then.

    Returns
    -------
    ndarray of float64, shape (n, dims)
        The same bytes on every run on one machine, however busy it is.
    """
    from threadpoolctl import threadpool_limits

    placed: Placed = begin - begin.mean(axis=0)
    late = LATE[placed.shape[1]] if late is None else late
    step, gains = np.zeros_like(placed), np.ones_like(placed)
    # The pool's threads are the parallel ones; products are too small to be shared out.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores()) as pool:
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
