"""A linear probe on more rows than memory holds: each step is one pass over them.

Multinomial logistic regression as in `logistic`, with all rows weighted alike:

    ``f(W, b) = 1/n sum_i -log softmax(W x_i + b)[y_i] + penalty/2 |W S|^2``

where S holds the features' spreads, so that the penalty doesn't depend on their scale. L-BFGS
(Liu and Nocedal 1989) sees the weights in the rows' principal axes and on their scale, in which
the Hessian is close to a multiple of the identity; rows are never turned, so a pass costs two
thin products. Some 20 passes are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize

from evenface.errors import TrainingError
from evenface.heads.problem import Labels
from evenface.heads.scaling import Vectors

Passes = Callable[[], Iterable[tuple[Vectors, Labels]]]
"""Starts a pass: blocks of vectors (m, d) and classes (m,), -1 where a row is left out."""

TOLERANCE = 1e-5
NARROW = 1e-5
"""Axes narrower than this share of the widest are moved along no faster than it."""


@dataclass(frozen=True, eq=False)
class Streamed:
    """A linear probe.

    Attributes
    ----------
    weights : float32 array, shape (C, d)
    intercepts : float32 array, shape (C,)
    loss : float
        f at its end.
    rows, passes : int
        Rows learned from, and how often each was looked at.
    """

    weights: Vectors
    intercepts: Vectors
    loss: float
    rows: int
    passes: int

    def predict(self, vectors: Vectors) -> Labels:
        """Return the likeliest class of each vector, shape (m,).

        Parameters
        ----------
        vectors : ndarray, shape (m, d)

        Returns
        -------
        ndarray of int, shape (m,)
            From 0 to C - 1.
        """
        decided: Labels = (vectors @ self.weights.T + self.intercepts).argmax(axis=1)
        return decided


def fit_streamed(
    passes: Passes,
    classes: int,
    mean: npt.NDArray[np.float64],
    covariance: npt.NDArray[np.float64],
    *,
    penalty: float = 1e-4,
    max_passes: int = 100,
) -> Streamed:
    """Fit a linear probe to rows that are streamed.

    Parameters
    ----------
    passes : callable
        Returns an iterator over blocks of (vectors, classes), the same rows each time.
    classes : int
        C, 2 or more.
    mean, covariance : float64 arrays, shapes (d,) and (d, d)
        Of about these rows, as `Store.moments` has them; they set the scale, no more.
    penalty : float
    max_passes : int

    Returns
    -------
    Streamed

    Raises
    ------
    TrainingError
        Where no row has a class, a class has no row, or a loss isn't finite.
    """
    spread = np.sqrt(np.diag(covariance))
    inverse = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    correlation = covariance * np.outer(inverse, inverse)
    widths, axes = linalg.eigh(correlation)
    # The Hessian along an axis, where all classes are as likely: the loss's, and the penalty's.
    even = (1.0 - 1.0 / classes) / classes
    pace = 1.0 / np.sqrt(even * np.maximum(widths, NARROW * widths.max(initial=1.0)) + penalty)
    # From weights along axes, on their scale, to weights of standardised features.
    turn = axes * pace
    d, centre = len(mean), mean.astype(np.float32)
    looked = _Looked()

    def value(u: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        table = u.reshape(classes, d + 1)
        standard = table[:, :-1] @ turn.T
        weights = standard * inverse
        loss, slopes, counts = _one_pass(passes, centre, weights, table[:, -1])
        looked.passes += 1
        looked.counts = counts
        n = counts.sum()
        if not n:
            raise TrainingError("no row has a class to learn")
        inner = slopes[:, :-1] * (inverse / n)
        gradient = np.empty_like(table)
        gradient[:, :-1] = (inner + penalty * standard) @ turn
        gradient[:, -1] = slopes[:, -1] / n
        total = loss / n + 0.5 * penalty * float((standard**2).sum())
        if not np.isfinite(total):
            raise TrainingError("the loss isn't finite; some vectors are far too large")
        return total, gradient.ravel()

    found = optimize.minimize(
        value,
        np.zeros(classes * (d + 1)),
        jac=True,
        method="L-BFGS-B",
        options={"maxfun": max_passes, "maxiter": max_passes, "gtol": TOLERANCE, "ftol": 1e-9},
    )
    if (looked.counts == 0).any():
        raise TrainingError(f"class {int(looked.counts.argmin())} has no row to learn from")
    table = found.x.reshape(classes, d + 1)
    weights = (table[:, :-1] @ turn.T) * inverse
    intercepts = table[:, -1] - weights @ centre.astype(np.float64)
    return Streamed(
        weights.astype(np.float32),
        intercepts.astype(np.float32),
        float(found.fun),
        int(looked.counts.sum()),
        looked.passes,
    )


class _Looked:
    passes = 0
    counts: npt.NDArray[np.int64] = np.zeros(0, np.int64)


def _one_pass(
    passes: Passes,
    centre: Vectors,
    weights: npt.NDArray[np.float64],
    offsets: npt.NDArray[np.float64],
) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the summed loss, its slopes by weights and offsets (C, d+1), and rows a class."""
    narrow, shift = weights.astype(np.float32), offsets.astype(np.float32)
    classes, d = weights.shape
    slopes = np.zeros((classes, d + 1))
    counts = np.zeros(classes, np.int64)
    loss = 0.0
    for vectors, labels in passes():
        known = labels >= 0
        x, y = (vectors, labels) if known.all() else (vectors[known], labels[known])
        if not len(y):
            continue
        # Far from 0 a product loses the digits that classes differ in.
        x = x - centre
        logits = x @ narrow.T + shift
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        total = odds.sum(axis=1, keepdims=True)
        at = np.arange(len(y))
        loss += float((np.log(total[:, 0]) - logits[at, y]).sum(dtype=np.float64))
        odds /= total
        odds[at, y] -= 1.0
        slopes[:, :-1] += odds.T @ x
        slopes[:, -1] += odds.sum(axis=0, dtype=np.float64)
        counts += np.bincount(y, minlength=classes)
    return loss, slopes, counts
