"""Projections off directions that tell classes apart: mean projection, and INLP."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.erasers.eraser import Array, Codes, Maps
from evenface.erasers.groups import Groups
from evenface.erasers.leace import RANK
from evenface.erasers.rows import Rows
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


def mean_projection(groups: Groups) -> Maps:
    """Project off what class means differ by (Bolukbasi et al. 2016, with means for pairs).

    ``r(x) = x - U U^T (x - E[x])``, U an orthonormal basis of the differences of class means.
    """
    weights = groups.marks * groups.counts
    weights = weights[weights.any(axis=1)]
    sums = weights @ (groups.means - groups.middle)
    basis = _basis(sums / weights.sum(axis=1, keepdims=True))
    return Maps.projection(groups.middle, basis.T, basis)


def inlp(rows: Rows) -> Maps:
    """Project off what one linear reader after another reads by (Ravfogel et al. 2020).

    Each round a logistic regression learns each attribute from what is left, and the span of its
    weights is taken off, until no reader is better than chance on rows it was not fitted to.
    ``r(x) = x - U U^T (x - E[x])``, U an orthonormal basis of all that was taken off.
    """
    scale = max(float(rows.vectors.std()), 1e-30)
    held, truth = rows.judging
    left: npt.NDArray[Any]
    judged: npt.NDArray[Any]
    left, judged = (((x - rows.middle) / scale).astype(np.float32) for x in (rows.vectors, held))
    taken = np.zeros((0, rows.vectors.shape[1]))
    for _ in range(ROUNDS):
        new = [weights[:, :-1] for weights in new_readers(rows, left, judged, truth)]
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
        left = left - (left @ off.T) @ off
        judged = judged - (judged @ off.T) @ off
    return Maps.projection(rows.middle, taken.T, taken)


def new_readers(
    rows: Rows, left: npt.NDArray[Any], judged: npt.NDArray[Any], truth: Codes
) -> list[npt.NDArray[np.float32]]:
    """Return linear readers of what is left of each attribute, where they read it.

    Parameters
    ----------
    rows : Rows
    left : ndarray of float32, shape (n, d)
        What is left of its vectors.
    judged : ndarray of float32, shape (m, d)
        And of the rows that say when to stop.
    truth : ndarray of intp, shape (m, attributes)
    """
    fitted = [
        linear_reader(left, own, size) for own, size in zip(rows.codes.T, rows.sizes, strict=True)
    ]
    return [w for w, own in zip(fitted, truth.T, strict=True) if reads(w, judged, own)]


def linear_reader(x: npt.NDArray[Any], codes: Codes, size: int) -> npt.NDArray[np.float32]:
    """Return weights and intercepts of a logistic regression, shape (size, d + 1).

    Classes weigh the same, and those of nobody are never said.
    """
    counts = np.bincount(codes, minlength=size)
    present = np.flatnonzero(counts)
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


def reads(
    weights: npt.NDArray[np.float32], x: npt.NDArray[Any], codes: Codes, *, sure: float = 0.0
) -> bool:
    """Tell whether a reader is better than chance on some rows.

    Parameters
    ----------
    weights : ndarray of float32, shape (size, d + 1)
    x : ndarray of float32, shape (m, d)
    codes : ndarray of intp, shape (m,)
    sure : float
        By how many standard errors at least, each row taken for one of its own.
    """
    known = codes >= 0
    said = (x[known] @ weights[:, :-1].T + weights[:, -1]).argmax(axis=1)
    counts = np.unique(codes[known], return_counts=True)[1]
    if len(counts) < 2:
        return False
    chance = 1 / len(counts)
    error = np.sqrt(chance * (1 - chance) * (1 / counts).sum()) * chance
    above = balanced_accuracy(codes[known], said) - chance
    return bool(above > max(CLOSE, sure * error))


def _basis(rows: Array, least: float = 0.0) -> Array:
    """Return an orthonormal basis of the rows' span, but for what is next to nothing."""
    _, size, right = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(right[size > max(size.max(initial=0) * RANK, least)])
