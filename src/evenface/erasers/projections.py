"""Projections off directions that tell classes apart: mean projection, and INLP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.erasers.eraser import Array, Codes, Maps
from evenface.erasers.leace import RANK, one_hot, require_classes
from evenface.heads.logistic import Regression, fit_regressions
from evenface.heads.problem import balanced_accuracy

ROUNDS = 40
"""Most rounds of INLP; each takes a direction for each class but one."""

CLOSE = 0.01
"""Balanced accuracy above chance, on rows not fitted to, at which INLP ends."""

TINY = 1e-3
"""Share of the readers' weights below which what is left of them, off all earlier, is noise."""

PENALTY = 1e-2
"""Of the reader's weights, where vectors have unit variance."""


def mean_projection(vectors: npt.NDArray[Any], codes: Codes, sizes: Sequence[int]) -> Maps:
    """Project off what class means differ by (Bolukbasi et al. 2016, with means for pairs).

    ``r(x) = x - U U^T (x - E[x])``, U an orthonormal basis of the differences of class means.

    Parameters
    ----------
    vectors : ndarray, shape (n, d)
    codes : ndarray of intp, shape (n, attributes)
        All known.
    sizes : sequence of int
    """
    x = vectors.astype(np.float64)
    middle = x.mean(axis=0)
    marks = one_hot(codes, sizes)
    counts = marks.sum(axis=1)
    require_classes(counts, sizes)
    means = (marks[counts > 0] @ (x - middle)) / counts[counts > 0][:, None]
    basis = _basis(means)
    return Maps.projection(middle, basis.T, basis)


def inlp(
    vectors: npt.NDArray[Any],
    codes: Codes,
    sizes: Sequence[int],
    *,
    held: tuple[npt.NDArray[Any], Codes] | None = None,
) -> Maps:
    """Project off what one linear reader after another reads by (Ravfogel et al. 2020).

    Each round a logistic regression learns each attribute from what is left, and the span of its
    weights is taken off, until no reader is better than chance on rows it was not fitted to.
    ``r(x) = x - U U^T (x - E[x])``, U an orthonormal basis of all that was taken off.

    Parameters
    ----------
    vectors : ndarray, shape (n, d)
    codes : ndarray of intp, shape (n, attributes)
        All known.
    sizes : sequence of int
    held : (vectors, codes), optional
        Rows that say when to stop; those fitted to if not given.
    """
    x = vectors.astype(np.float64)
    middle, scale = x.mean(axis=0), max(float(x.std()), 1e-30)
    require_classes(one_hot(codes, sizes).sum(axis=1), sizes)
    left = ((x - middle) / scale).astype(np.float32)
    judged, truth = (left, codes)
    if held is not None and len(held[0]):
        judged, truth = ((held[0] - middle) / scale).astype(np.float32), held[1]
    taken = np.zeros((0, x.shape[1]))
    for _ in range(ROUNDS):
        new = [
            weights[:, :-1]
            for k, size in enumerate(sizes)
            if (weights := linear_reader(left, codes[:, k], size)) is not None
            and reads(weights, judged, truth[:, k])
        ]
        if not new:
            break
        own = np.concatenate(new).astype(np.float64)
        length = float(np.linalg.norm(own))
        # Twice: what rounding leaves of directions taken off before is no new direction.
        for _ in range(2):
            own -= (own @ taken.T) @ taken
        basis = _basis(own, least=length * TINY)
        if not len(basis):
            break
        taken = np.concatenate([taken, basis])
        off = basis.astype(np.float32)
        left, judged = (rows - (rows @ off.T) @ off for rows in (left, judged))
    return Maps.projection(middle, taken.T, taken)


def linear_reader(x: npt.NDArray[Any], codes: Codes, size: int) -> npt.NDArray[np.float32] | None:
    """Return weights and intercepts of a logistic regression, shape (size, d + 1).

    Classes weigh the same, and those of nobody are never said; None where there is one class.
    """
    counts = np.bincount(codes, minlength=size)
    present = np.flatnonzero(counts)
    if present.size < 2:
        return None
    truth = (codes == present[:, None]).astype(np.float32)
    importance = (len(codes) / (present.size * counts[codes])).astype(np.float32)
    found = fit_regressions(
        x.astype(np.float32, copy=False), [Regression(truth, importance, PENALTY)]
    )[0]
    weights = np.zeros((size, found.shape[1]), dtype=np.float32)
    weights[:, -1] = -np.inf
    # Weights of all classes may share a part that no decision depends on.
    weights[present] = found - found.mean(axis=0) * np.append(np.ones(x.shape[1]), 0)
    return weights


def reads(weights: npt.NDArray[np.float32], x: npt.NDArray[Any], codes: Codes) -> bool:
    """Tell whether a reader is better than chance on some rows."""
    known = codes >= 0
    said = (x[known] @ weights[:, :-1].T + weights[:, -1]).argmax(axis=1)
    classes = np.unique(codes[known]).size
    if classes < 2:
        return False
    return balanced_accuracy(codes[known], said) > 1 / classes + CLOSE


def _basis(rows: Array, least: float = 0.0) -> Array:
    """Return an orthonormal basis of the rows' span, but for what is next to nothing."""
    _, size, right = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(right[size > max(size.max(initial=0) * RANK, least)])
