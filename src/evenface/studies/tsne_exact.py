"""t-SNE's repulsion from all pairs, on processor cores.

That is quadratic, but for thousands of rows it is several times as fast as a tree, and has no
error.
"""

from __future__ import annotations

from concurrent.futures import Executor
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from evenface.heads.threads import cores

Placed = npt.NDArray[np.float64]

SHARES = 4
"""Shares of the rows for each core: one that is busy with something else is given fewer."""


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
        # A row's sum is its own, whoever makes it; parts of Z are added up row by row below.
        self.edges = np.linspace(0, n, SHARES * cores() + 1).astype(int)

    def __call__(self, placed: Placed) -> tuple[Placed, float]:
        """Return the sums, shape (n, dims), and Z."""
        from evenface.studies.tsne_kernels import repel_deep, repel_flat

        at = np.ascontiguousarray(placed.T, dtype=np.float32)
        pushed, near = np.empty_like(at), np.empty(at.shape[1], dtype=np.float32)
        repel = repel_flat if len(at) == 2 else repel_deep
        jobs = [self.pool.submit(repel, at, a, b, pushed, near) for a, b in pairwise(self.edges)]
        for job in jobs:
            job.result()
        return pushed.T.astype(np.float64), float(near.sum(dtype=np.float64))
