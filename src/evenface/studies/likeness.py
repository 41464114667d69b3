"""How alike two spaces of the same rows are: by inner products, by shape, by neighbours.

None of these minds that two trainings of one network turn, mirror, shift or scale their space.
All are 1 for the same space. What they are for unrelated ones depends on the number of rows:
``k / (n - 1)`` for neighbours, and well above 0 for the other two where spaces are nearly as wide
as there are rows. So compare held-out rows, and spaces of the same width.

A space whose rows all lie in one place is like nothing, itself included: 0, never NaN. Nothing
lies anywhere in it, so there is no arrangement that the other could share; and a training that
collapsed must not pass as one that repeats.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evenface.errors import VectorError
from evenface.faces.split import Rows
from evenface.studies.neighbours import Points, nearest

Shape = npt.NDArray[np.float64]


def _shape(points: Points) -> Shape | None:
    """Return the points about their mean with a sum of squares of 1; None if all are the same."""
    if points.ndim != 2 or not points.size or not np.isfinite(points).all():
        raise VectorError(
            f"a space of shape {points.shape}: expected finite numbers, one row a picture"
        )
    rounding = np.finfo(np.result_type(points.dtype, np.float32)).eps
    points = points.astype(np.float64)
    largest = np.abs(points).max()
    # Scaled first, so that squares neither overflow nor vanish. Taking a row away before the mean
    # makes equal rows exactly 0, which the mean's rounding alone wouldn't.
    points = points / largest if largest > 0 else points
    points = points - points[:1]
    spread = np.abs(points).max()
    if spread <= 8 * rounding:
        return None
    points = points / spread
    centred = points - points.mean(axis=0)
    shape: Shape = centred / np.linalg.norm(centred)
    return shape


def _shapes(a: Points, b: Points) -> tuple[Shape, Shape] | None:
    """Return both shapes; None if either has none."""
    a, b = np.asarray(a), np.asarray(b)
    if len(a) != len(b):
        raise VectorError(f"spaces of {len(a)} and {len(b)} rows: they must show the same rows")
    one, other = _shape(a), _shape(b)
    return None if one is None or other is None else (one, other)


def _narrow(shape: Shape) -> Shape:
    """Turn points so that n columns hold them, if they have more: their products stay."""
    n, width = shape.shape
    if width <= n:
        return shape
    triangle: Shape = np.linalg.qr(shape.T).R.T
    return triangle


def linear_cka(a: Points, b: Points) -> float:
    """Return the linear centred kernel alignment of two spaces (Kornblith et al. 2019).

    ``||A^T B||_F^2 / (||A^T A||_F ||B^T B||_F)`` for A, B with their column means taken away: how
    alike the rows' inner products are. Unchanged by rotation, reflection, translation and scaling
    of either space. With few rows in wide spaces it is high by chance: unrelated Gaussian spaces
    of p columns have about ``p / (n + p)``.

    Parameters
    ----------
    a, b : ndarray, shapes (n, p) and (n, q)
        The same rows, in the same order; n may be below p or q.

    Returns
    -------
    float
        In [0, 1]. 1 if one space is the other, rotated and scaled; 0 if no column of one is
        correlated with any of the other, or if all rows of either are the same.

    Raises
    ------
    VectorError
        If the rows don't match, or a space is empty, not two-dimensional or not finite.
    """
    shapes = _shapes(a, b)
    if shapes is None:
        return 0.0
    one, other = (_narrow(s) for s in shapes)
    shared = np.linalg.norm(one.T @ other) ** 2
    return min(float(shared / np.linalg.norm(one.T @ one) / np.linalg.norm(other.T @ other)), 1.0)


def procrustes(a: Points, b: Points) -> float:
    """Return how well one space can be laid on the other (Gower 1975).

    1 minus the sum of squares that is left after the best translation, scaling and rotation or
    reflection, where each space has a sum of squares of 1 about its mean. That is
    ``(sum of the singular values of A^T B)^2``, the same in both directions; columns of zeros,
    which would make the narrower space as wide as the other, leave it as it is.

    Parameters
    ----------
    a, b : ndarray, shapes (n, p) and (n, q)
        The same rows, in the same order.

    Returns
    -------
    float
        In [0, 1]. 1 if one space is the other, rotated and scaled; 0 if no column of one is
        correlated with any of the other, or if all rows of either are the same.

    Raises
    ------
    VectorError
        If the rows don't match, or a space is empty, not two-dimensional or not finite.
    """
    shapes = _shapes(a, b)
    if shapes is None:
        return 0.0
    one, other = (_narrow(s) for s in shapes)
    return min(float(np.linalg.svd(one.T @ other, compute_uv=False).sum() ** 2), 1.0)


def neighbour_overlap(a: Points, b: Points, k: int, person: Rows | None = None) -> float:
    """Return the mean share of a row's k nearest rows in one space that are so in the other.

    Distances are Euclidean; for the order of cosines give rows of length 1. Among n rows placed
    at random it is ``k / (n - 1)``.

    Parameters
    ----------
    a, b : ndarray, shapes (n, p) and (n, q)
        The same rows, in the same order.
    k : int
        From 1 to n - 1.
    person : ndarray of intp, shape (n,), optional
        If given, rows of the same person are never neighbours. A row with fewer than k rows of
        other persons is judged by those there are; without any it doesn't count.

    Returns
    -------
    float
        In [0, 1]. 0 if all rows of either space are the same, where the order of neighbours would
        be that of the rows; or if no row has a row of another person.

    Raises
    ------
    VectorError
        If the rows don't match, a space is empty, not two-dimensional or not finite, or k is
        out of range.
    """
    shapes = _shapes(a, b)
    n = len(a)
    if not 1 <= k < n:
        raise VectorError(f"k is {k}: {n} rows have from 1 to {n - 1} neighbours")
    if person is not None and np.shape(person) != (n,):
        raise VectorError(f"persons of shape {np.shape(person)} for {n} rows")
    if shapes is None:
        return 0.0
    one, other = (nearest(s, k, person) for s in shapes)
    return shared_neighbours(one, other)


def shared_neighbours(one: Rows, other: Rows) -> float:
    """Return the mean share of neighbours that two lists have in common.

    Parameters
    ----------
    one, other : ndarray of intp, shape (n, k)
        Each row's neighbours, all different, -1 where it has fewer. A row without any doesn't
        count.
    """
    met = np.sort(np.concatenate([one, other], axis=1), axis=1)
    # No row is twice among the neighbours in one space: a number that comes twice is shared.
    shared = ((met[:, 1:] == met[:, :-1]) & (met[:, 1:] >= 0)).sum(axis=1)
    there = np.minimum((one >= 0).sum(axis=1), (other >= 0).sum(axis=1))
    return float((shared[there > 0] / there[there > 0]).mean()) if there.any() else 0.0
