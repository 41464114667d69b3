"""Maps of each group's own, for rows whose labels are known when they are changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.erasers.eraser import Array, Codes, Maps, joint
from evenface.erasers.leace import RANK, independent, one_hot, require_classes


def oracle_leace(vectors: npt.NDArray[Any], codes: Codes, sizes: Sequence[int]) -> Maps:
    """Subtract what is linear in the labels (Belrose et al. 2023, theorem 4.3).

    ``r(x) = x - Cov[x, z] Cov[z]^+ (z - E[z])``: the least change at all after which x and z are
    uncorrelated, where z is known for each row.

    Parameters
    ----------
    vectors : ndarray, shape (n, d)
    codes : ndarray of intp, shape (n, attributes)
        All known.
    sizes : sequence of int
    """
    x = vectors.astype(np.float64)
    marks = one_hot(codes, sizes)
    require_classes(marks.sum(axis=1), sizes)
    own = independent(sizes)
    z = marks[own].T
    middle = z.mean(axis=0)
    cross = (x - x.mean(axis=0)).T @ (z - middle) / len(x)
    slopes = cross @ np.linalg.pinv(np.cov(z.T, bias=True).reshape(len(own), -1), rcond=RANK)
    combined = np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), sizes), axis=1)
    every = one_hot(combined, sizes)[own].T
    return Maps.moving(-(every - middle) @ slopes.T)


def recentre(vectors: npt.NDArray[Any], codes: Codes, sizes: Sequence[int]) -> Maps:
    """Move each group's mean to the mean of all: ``r(x) = x - E[x | c] + E[x]``.

    Groups are combinations of all attributes' classes; rows of one that nobody is of in training
    are left as they are. For one attribute that is `oracle_leace`.
    """
    x = vectors.astype(np.float64)
    require_classes(one_hot(codes, sizes).sum(axis=1), sizes)
    middle = x.mean(axis=0)
    own = joint(codes, sizes, len(x))
    moves = np.zeros((int(np.prod(sizes)), x.shape[1]))
    for c in np.unique(own):
        moves[c] = middle - x[own == c].mean(axis=0)
    return Maps.moving(moves)


def coral(vectors: npt.NDArray[Any], codes: Codes, sizes: Sequence[int]) -> Maps:
    """Give all groups one mean and one covariance (CORAL, Sun, Feng and Saenko 2016).

    ``r(x) = E[x] + C^(1/2) C_c^(-1/2) (x - E[x | c])``, C the mean of the groups' covariances. A
    group's covariance is taken for ``(1 - p) C_c + p C`` with ``p = d / (d + n_c)``: that of a
    group with few rows for its dimensions is mostly noise, and has no inverse.
    """
    x = vectors.astype(np.float64)
    require_classes(one_hot(codes, sizes).sum(axis=1), sizes)
    middle, d = x.mean(axis=0), x.shape[1]
    own = joint(codes, sizes, len(x))
    present, count = np.unique(own, return_counts=True)
    means = {int(c): x[own == c].mean(axis=0) for c in present}
    parts = [np.cov(x[own == c].T, bias=True).reshape(d, d) for c in present]
    shared = np.average(parts, axis=0, weights=count)
    # Axes on which no group varies are left alone.
    values, axes = np.linalg.eigh(shared)
    real = values > max(values[-1], 0) * RANK
    axes, roots = axes[:, real], np.sqrt(values[real])
    n_maps, r = int(np.prod(sizes)), int(real.sum())
    found = Maps(
        np.tile(middle, (n_maps, 1)),
        np.zeros((n_maps, d)),
        np.zeros((n_maps, d, r)),
        np.zeros((n_maps, r, d)),
    )
    for c, n, part in zip(present.tolist(), count, parts, strict=True):
        share = d / (d + n)
        white = (axes / roots).T @ part @ (axes / roots)
        mixed = (1 - share) * white + share * np.eye(r)
        turned = (axes * roots) @ _root(mixed, -0.5)
        # x + move - out into (x - centre) with out into = 1 - C^(1/2) C_c^(-1/2) on these axes.
        found.centres[c] = means[c]
        found.moves[c] = middle - means[c]
        found.into[c] = (axes / roots).T
        found.out[c] = axes * roots - turned
    return found


def _root(matrix: Array, power: float) -> Array:
    values, axes = np.linalg.eigh(matrix)
    return np.asarray((axes * np.maximum(values, RANK) ** power) @ axes.T)
