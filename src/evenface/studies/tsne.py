"""t-SNE: affinities, start, and which algorithm for how many rows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.studies.tsne_exact import descend

Placed = npt.NDArray[np.float64]

LIMITS = (
    (2, 12_000, "exact"),
    (2, 60_000, "tree"),
    (3, 60_000, "exact"),
)
"""Dimensions, rows up to which, and how forces are computed; beyond, as `BEYOND` has it.

From ``benchmarks/map.py --crossover``, on two cores of an AMD EPYC that others were using too: all
pairs and openTSNE's tree, which has one thread, take 6 and 11 ms a step at 3 000 rows in two
dimensions, 22 and 28 at 6 000 and as long at 12 000; in three dimensions the tree takes 2.5 to 4
times as long up to 18 000 rows. Interpolation (Linderman et al. 2019) pays for the map's area, and
overtakes the tree between 30 000 and 80 000.
"""

BEYOND = {2: "interpolation", 3: "tree"}

START = 1e-4
"""Standard deviation of the start's first axis: so small that it sets order and no distance."""


def graph_width(n: int, perplexity: float) -> int:
    """Return how many neighbours of each row the affinities of n rows want."""
    return min(n - 1, int(3 * _cut(n, perplexity)))


def affinities(around: npt.NDArray[np.intp], squared: npt.NDArray[Any], perplexity: float) -> Any:
    """Return the joint probabilities of rows that are neighbours (van der Maaten 2014).

    ``p_j|i ~ exp(-b_i d_ij^2)`` over row i's nearest, with b_i such that the entropy
    ``-sum_j p_j|i log p_j|i`` is the logarithm of the perplexity; ``p_ij = (p_j|i + p_i|j) / 2n``.
    They depend on the space alone: maps of two and three dimensions share them.

    Parameters
    ----------
    around : ndarray of intp, shape (n, k)
        Nearest other rows, nearest first; k of `graph_width`.
    squared : ndarray, shape (n, k)
        Their squared distances.
    perplexity : float
        At most (n - 1) / 3 is used.

    Returns
    -------
    scipy.sparse.csr_array of float64, shape (n, n)
        Symmetric, with sum 1.
    """
    from scipy import sparse

    n, k = around.shape
    given = conditional(squared, _cut(n, perplexity))
    one_way = sparse.csr_array((given.ravel(), around.ravel(), np.arange(n + 1) * k), shape=(n, n))
    joint = sparse.csr_array(one_way + one_way.T)
    joint.sort_indices()
    joint.data /= joint.data.sum()
    return joint


def conditional(squared: npt.NDArray[Any], perplexity: float) -> Placed:
    """Return p_j|i of `affinities`, shape (n, k).

    Where more neighbours than the perplexity are equally near, no b_i reaches it: they share
    the probability.
    """
    far = np.asarray(squared, dtype=np.float64)
    far = far - far.min(axis=1, keepdims=True)
    mean = far.mean(axis=1, keepdims=True)
    far /= np.where(mean > 0, mean, 1)
    # Entropy falls with b. In units of the mean distance the root lies well inside these.
    low, high = np.full((2, len(far), 1), [[[-20.0]], [[40.0]]])
    given: Placed = np.ones_like(far)
    for _ in range(50):
        middle = (low + high) / 2
        np.exp(-np.exp2(middle) * far, out=given)
        total = given.sum(axis=1, keepdims=True)
        given /= total
        entropy = np.log(total) + np.exp2(middle) * (given * far).sum(axis=1, keepdims=True)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return given


def start(space: npt.NDArray[Any], dims: int, seed: int) -> Placed:
    """Return the rows' first principal components, tiny, with a little noise.

    Parameters
    ----------
    space : ndarray, shape (n, d)
        Not all rows the same.
    dims : int
        Where d is less, the rest is noise.
    seed : int

    Returns
    -------
    ndarray of float64, shape (n, dims)
        A map of fewer dimensions starts from the first columns.
    """
    from sklearn.decomposition import PCA

    rng = np.random.RandomState(seed)
    some = min(dims, *space.shape)
    found = PCA(some, random_state=rng).fit_transform(space)
    # Identical rows would stay on one spot for good.
    placed: Placed = rng.normal(0, 0.01 * START, (len(space), dims))
    placed[:, some:] *= 100
    placed[:, :some] += found * (START / np.std(found[:, 0]))
    return placed


def tsne(joint: Any, begin: Placed, *, limits: tuple[tuple[int, int, str], ...] = LIMITS) -> Placed:
    """Place rows by t-SNE (van der Maaten and Hinton 2008).

    Parameters
    ----------
    joint : scipy.sparse.csr_array, shape (n, n)
        From `affinities`.
    begin : ndarray of float64, shape (n, dims)
        From `start`.
    limits : tuple of (int, int, str)
        Which algorithm for how many rows.

    Returns
    -------
    ndarray of float64, shape (n, dims)
        The same bytes on every run on one machine.
    """
    n, dims = begin.shape
    fitting = [way for d, rows, way in limits if d == dims and n <= rows]
    return ALGORITHMS[fitting[0] if fitting else BEYOND[dims]](joint, begin)


def _approximate(method: str, joint: Any, begin: Placed) -> Placed:
    import openTSNE
    from scipy import sparse

    logging.getLogger("openTSNE").setLevel(logging.ERROR)
    # It multiplies its affinities and divides them again, which rounds: they must be a copy.
    graph = openTSNE.affinity.PrecomputedAffinities(sparse.csr_matrix(joint, copy=True))
    fitted = openTSNE.TSNE(
        n_components=begin.shape[1],
        negative_gradient_method=method,
        # Threads add up in another order each time; one keeps a seed's map the same.
        n_jobs=1,
    ).fit(affinities=graph, initialization=np.ascontiguousarray(begin))
    return np.asarray(fitted, dtype=np.float64)


ALGORITHMS: dict[str, Callable[[Any, Placed], Placed]] = {
    "exact": descend,
    "tree": partial(_approximate, "bh"),
    "interpolation": partial(_approximate, "fft"),
}


def _cut(n: int, perplexity: float) -> float:
    return min(perplexity, (n - 1) / 3)
