"""New points in a map that exists, whose own rows stay where they are."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from evenface.errors import ConfigError, VectorError
from evenface.studies import neighbours as nb
from evenface.studies.map_methods import project
from evenface.studies.tsne import conditional
from evenface.studies.tsne_exact import freedom

Placed = npt.NDArray[np.float64]

PERPLEXITY = 5.0
"""Of new points: they take their place from few rows (openTSNE's choice)."""

STEPS = 100
AT_ONCE = 2**22
"""Pairs of a new point and a row that are computed at a time: 32 MB each time they are held."""

GROW, SHRINK = 1.3, 0.3


def place(
    vectors: npt.NDArray[Any],
    placed: npt.NDArray[Any],
    new: npt.NDArray[Any],
    *,
    method: Literal["tsne", "pca"] = "tsne",
    metric: Literal["cosine", "euclidean"] = "cosine",
    perplexity: float = PERPLEXITY,
    seed: int = 0,
) -> Placed:
    """Place new points in a map without moving what it shows.

    In a map by t-SNE each new point i starts from the mean of its nearest rows' places, weighted
    by ``p_j|i``, or from its nearest row's place if that fits better, and descends

    ``KL(P_i || Q_i) = sum_j p_j|i log(p_j|i / q_j|i)``, ``w_ij = 1 / (1 + |y_i - y_j|^2 / a)``,
    ``q_j|i = w_ij^((a + 1) / 2) / sum_l w_il^((a + 1) / 2)``

    over the map's rows j, with the slope ``(a + 1) / a sum_j (p_j|i - q_j|i) w_ij (y_i - y_j)``;
    a is 1 in two dimensions and 2 in three. New points do not push each other: each is placed as
    it would be alone. In a map by principal components they are projected.

    Parameters
    ----------
    vectors : ndarray, shape (n, d)
        Vectors of the map's rows.
    placed : ndarray, shape (n, 2) or (n, 3)
        Where these lie.
    new : ndarray, shape (m, d)
        Vectors to place.
    method : {"tsne", "pca"}
        How the map was made.
    metric : {"cosine", "euclidean"}
        Distance with which the map was made.
    perplexity : float
        Of new points; at most n / 3 is used.
    seed : int
        With which the map was made; axes of principal components depend on it.

    Returns
    -------
    ndarray of float64, shape (m, 2) or (m, 3)
        The same bytes on every run on one machine.

    Raises
    ------
    VectorError
        If shapes do not fit each other, or a value is not finite.
    ConfigError
        If the map is said to be of principal components and is not of these rows', or if the
        method can't place new points.
    """
    vectors, placed, new = (np.asarray(a, dtype=np.float64) for a in (vectors, placed, new))
    _check(vectors, placed, new)
    together = np.concatenate([vectors, new])
    both: Placed = np.asarray(nb.comparable(together, cosine=metric == "cosine"), dtype=np.float64)
    space, points = both[: len(vectors)], both[len(vectors) :]
    if method == "pca":
        return _project(space, placed, points, seed)
    if method != "tsne":
        raise ConfigError(f"new points can be placed in maps by tsne and pca, not by {method!r}")
    found = np.empty((len(points), placed.shape[1]))
    size = max(AT_ONCE // len(space), 1)
    for first in range(0, len(points), size):
        part = slice(first, first + size)
        found[part] = _descend(space, placed, points[part], perplexity)
    return found


def _check(vectors: Placed, placed: Placed, new: Placed) -> None:
    if vectors.ndim != 2 or new.ndim != 2 or vectors.shape[1] != new.shape[1]:
        raise VectorError(
            f"vectors of shape {vectors.shape} and new ones of shape {new.shape}: expected two "
            "tables with a vector a row, of the same dimension"
        )
    if placed.ndim != 2 or len(placed) != len(vectors):
        raise VectorError(
            f"a map of shape {placed.shape} for {len(vectors)} vectors: expected a place a row"
        )
    if len(vectors) < 4:
        raise VectorError(f"a map of {len(vectors)} rows: expected 4 or more")
    if not all(np.isfinite(a).all() for a in (vectors, placed, new)):
        raise VectorError("vectors and places must be finite numbers: some are NaN or infinite")


def _project(space: Placed, placed: Placed, points: Placed, seed: int) -> Placed:
    dims = placed.shape[1]
    known = project(space, space, dims, seed=seed)
    # A map's unit is lost where its vectors were scaled: it was the largest value among them.
    scale = float(np.abs(placed).max() / max(np.abs(known).max(), 1e-300))
    if not np.allclose(known * scale, placed, atol=1e-6 * np.abs(placed).max()):
        raise ConfigError(
            "this is no map of these vectors by principal components: give the vectors, the "
            "metric and the seed that it was made with"
        )
    return project(space, points, dims, seed=seed) * scale


def _descend(space: Placed, placed: Placed, points: Placed, perplexity: float) -> Placed:
    """Return where points lie among rows that stay."""
    n = len(space)
    cut = min(perplexity, n / 3)
    k = min(int(3 * cut) + 1, n)
    far = (points**2).sum(axis=1)[:, None] + (space**2).sum(axis=1) - 2 * points @ space.T
    around = np.argpartition(far, k - 1, axis=1)[:, :k]
    order = np.argsort(np.take_along_axis(far, around, axis=1), axis=1, kind="stable")
    around = np.take_along_axis(around, order, axis=1)
    # Differences of squared lengths would not tell a copy from a neighbour.
    close = ((points[:, None] - space[around]) ** 2).sum(axis=2)
    given = conditional(close, cut)
    starts = [
        np.einsum("ij,ijk->ik", given, placed[around]),
        placed[np.take_along_axis(around, close.argmin(axis=1)[:, None], axis=1)[:, 0]],
    ]
    costs = [_slope(s, placed, around, given)[0] for s in starts]
    found = np.where((costs[0] <= costs[1])[:, None], *starts)
    length = np.ones((len(points), 1))
    cost, slope = _slope(found, placed, around, given)
    for _ in range(STEPS):
        tried = found - length * slope
        new_cost, new_slope = _slope(tried, placed, around, given)
        better = new_cost < cost
        found, slope = (
            np.where(better[:, None], a, b) for a, b in ((tried, found), (new_slope, slope))
        )
        cost = np.minimum(cost, new_cost)
        length *= np.where(better[:, None], GROW, SHRINK)
    return np.asarray(found)


def _slope(
    found: Placed, placed: Placed, around: npt.NDArray[np.intp], given: Placed
) -> tuple[Placed, Placed]:
    """Return each point's KL(P_i || Q_i), but for what no place changes, and its slope."""
    apart = found[:, None] - placed
    a = freedom(placed.shape[1])
    w = 1 / (1 + np.einsum("ijk,ijk->ij", apart, apart) / a)
    near = np.take_along_axis(w, around, axis=1)
    q = w ** ((a + 1) / 2)
    total = q.sum(axis=1)
    cost = np.log(total) - (a + 1) / 2 * (given * np.log(near)).sum(axis=1)
    pulled = np.einsum("ij,ijk->ik", given * near, found[:, None] - placed[around])
    pushed = np.einsum("ij,ijk->ik", q * w, apart) / total[:, None]
    return cost, (a + 1) / a * (pulled - pushed)
