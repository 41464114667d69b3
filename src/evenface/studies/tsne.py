"""t-SNE: affinities, start, and which algorithm for how many rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.studies.tsne_descent import descend
from evenface.studies.tsne_fourier import Field

Placed = npt.NDArray[np.float64]

LIMITS = (
    (2, 2_000, "exact"),
    (2, 8_000, "sparing"),
    (3, 2_000, "exact"),
    (3, 24_000, "sparing"),
)
"""Dimensions, rows up to which, and how forces are computed; beyond, by a grid.

On two cores of an AMD EPYC with AVX-512 forces on 6 000 rows take 5 to 7 ms from all pairs of a
flat map and 3 ms with a grid; in three dimensions 8 to 10 and 22 to 35 ms, on 20 000 rows 67 and
70 to 84 ms (``benchmarks/maps.py --crossover``). openTSNE's tree on both cores takes ten times as
long as the better one. A flat map of 6 000 rows keeps 0.2801 of the neighbours with all pairs and
0.2786 with the grid: up to 8 000 rows that is worth a second.

Vectors are not cut to principal axes first: of 6 000 x 2048 with a spectrum like that of real
embeddings 50 axes keep 84 % of each row's 90 nearest and 100 axes 89 %, and exact neighbours take
1.5 of the 4 to 5 seconds of a map.
"""

START = 1e-4
"""Standard deviation of the start's first axis: so small that it sets order and no distance."""

WHOLE = 512
"""Rows or columns up to which all principal axes are computed to have a few."""

POWERS = 7
"""Passes of subspace iteration (scikit-learn's choice for few axes)."""

PAUSE = 2
"""Steps that one repulsion serves where there are many rows.

It changes slowly, as all rows have a part in it; maps keep as many neighbours, 0.3 % more or less
of the share. With 3 they keep fewer.
"""


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
    rng = np.random.RandomState(seed)
    some = min(dims, *space.shape)
    middle, axes = principal(space, some, seed)
    found = (space - middle) @ axes.T
    # Identical rows would stay on one spot for good.
    placed: Placed = rng.normal(0, 0.01 * START, (len(space), dims))
    placed[:, some:] *= 100
    placed[:, :some] += found * (START / np.std(found[:, 0]))
    return placed


def principal(space: npt.NDArray[Any], dims: int, seed: int) -> tuple[Placed, Placed]:
    """Return the rows' centre and the axes along which they vary most, widest first.

    Of wide and long tables by random subspace iteration in single precision (Halko et al. 2011).

    Parameters
    ----------
    space : ndarray, shape (n, d)
    dims : int
        At most n and d.
    seed : int

    Returns
    -------
    middle : ndarray of float64, shape (d,)
    axes : ndarray of float64, shape (dims, d)
        Of length 1; of each the largest part is positive.
    """
    from sklearn.utils.extmath import randomized_svd

    middle = space.mean(axis=0, dtype=np.float64)
    wide = min(space.shape) > WHOLE
    centred = np.empty(space.shape, dtype=np.float32 if wide else np.float64)
    np.subtract(space, middle, out=centred, casting="same_kind")
    if space.shape[1] <= WHOLE:
        axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :dims].T
    elif space.shape[0] <= WHOLE:
        axes = np.linalg.svd(centred, full_matrices=False)[2][:dims]
    else:
        found = randomized_svd(centred, dims, n_iter=POWERS, random_state=seed)[2]
        axes = found.astype(np.float64)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return middle, axes * np.where(largest < 0, -1, 1)


def tsne(
    joint: Any,
    begin: Placed,
    *,
    limits: tuple[tuple[int, int, str], ...] = LIMITS,
    on_step: Callable[[int, int], None] | None = None,
) -> Placed:
    """Place rows by t-SNE (van der Maaten and Hinton 2008).

    Parameters
    ----------
    joint : scipy.sparse.csr_array, shape (n, n)
        From `affinities`.
    begin : ndarray of float64, shape (n, dims)
        From `start`.
    limits : tuple of (int, int, str)
        Which algorithm for how many rows.
    on_step : callable, optional
        Called with (steps done, steps in all), now and then.

    Returns
    -------
    ndarray of float64, shape (n, dims)
        The same bytes on every run on one machine.
    """
    n, dims = begin.shape
    fitting = [way for d, rows, way in limits if d == dims and n <= rows]
    return ALGORITHMS[fitting[0] if fitting else "grid"](joint, begin, on_step=on_step)


ALGORITHMS: dict[str, Callable[..., Placed]] = {
    "exact": descend,
    "sparing": partial(descend, pause=PAUSE),
    "grid": partial(descend, way=Field, pause=PAUSE),
}


def _cut(n: int, perplexity: float) -> float:
    return min(perplexity, (n - 1) / 3)
