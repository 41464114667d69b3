"""Multinomial logistic regressions that share their rows, fitted at once.

For weights W (C, r) and intercepts b, rows x_i of class y_i and importance v_i,

    ``f(W, b) = 1/n sum_i v_i (-log p_i[y_i]) + penalty/2 |W|^2,  p_i = softmax(W x_i + b)``.

L-BFGS (Liu and Nocedal 1989) with a diagonal start: in the rows' principal axes ``X^T X`` is
diagonal, and so is the bound ``1/2 (I - 11^T/C) x X^T X`` on the Hessian of f (Boehning 1992),
here with the present mean of p(1-p) in the place of the bound. Each model descends on its own,
but the products with X, which cost nearly everything, are made for all models together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenface.heads.scaling import Vectors

TOLERANCE = 5e-5
"""Norm of the gradient, in the metric of the Hessian, at which descent ends; 1 at its start."""

MAX_STEPS = 500
MEMORY = 8
"""Steps that the curvature is learned from."""

FLAT = 0.3
"""A step along a line is accepted where the slope has fallen to this share."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Regression:
    """One model to be fitted.

    Attributes
    ----------
    truth : ndarray of float32, shape (C, n)
        1 where a row is of a class, 0 elsewhere.
    importance : ndarray of float32, shape (n,)
        Weight of each row; their mean is 1.
    penalty : float
    """

    truth: Floats
    importance: Floats
    penalty: float


def fit_regressions(x: Vectors, models: Sequence[Regression]) -> list[Floats]:
    """Fit models to the same rows.

    Parameters
    ----------
    x : ndarray of float32, shape (n, r)
        Any rows; fastest if their columns are orthogonal.
    models : sequence of Regression

    Returns
    -------
    list of ndarray of float32, shape (C, r+1)
        Weights of each model, its intercepts in the last column.
    """
    widths = np.append(np.einsum("ij,ij->j", x, x) / np.float32(len(x)), np.float32(1.0))
    descents = [_Descent(model, widths) for model in models]
    going = descents
    for _ in range(MAX_STEPS):
        gradients = np.concatenate([d.residual for d in going]) @ x
        for descent, rows in _places(going):
            descent.look(gradients[rows])
        going = [d for d in going if not d.arrived]
        if not going:
            break
        moves = np.concatenate([d.direction() for d in going])
        logits = moves[:, :-1] @ x.T + moves[:, -1:]
        for descent, rows in _places(going):
            descent.step(moves[rows], logits[rows])
    return [d.weights for d in descents]


def _places(descents: Sequence[_Descent]) -> Iterator[tuple[_Descent, slice]]:
    """Yield descents and their rows in what is stacked for all of them."""
    start = 0
    for descent in descents:
        stop = start + len(descent.weights)
        yield descent, slice(start, stop)
        start = stop


class _Descent:
    """Where one model is on its way down.

    Its residual, shape (C, n), is the derivative of the loss by the logits.
    """

    def __init__(self, model: Regression, widths: Floats) -> None:
        classes, n = model.truth.shape
        self.model, self.widths = model, widths
        self.importance = model.importance / np.float32(n)
        self.penalty = np.full(len(widths), model.penalty, dtype=np.float32)
        self.penalty[-1] = 0.0
        self.weights = np.zeros((classes, len(widths)), dtype=np.float32)
        self.logits = np.zeros((classes, n), dtype=np.float32)
        self.residual, self.curvature = self._residual(self.logits)
        self.gradient: Floats | None = None
        self.move = self.weights
        self.pairs: deque[tuple[Floats, Floats, float]] = deque(maxlen=MEMORY)
        self.first = 0.0
        self.arrived = self.stuck = False

    def _residual(self, logits: Floats) -> tuple[Floats, float]:
        """Return the residual and the mean curvature of the loss by the logits."""
        p = logits - logits.max(axis=0)
        np.exp(p, out=p)
        p /= p.sum(axis=0)
        classes = len(p)
        spread = 1.0 - float(np.einsum("cn,cn,n->", p, p, self.importance))
        p -= self.model.truth
        p *= self.importance
        return p, max(spread / (classes - 1), 1e-6)

    def look(self, product: Floats) -> None:
        """Take in the residual's product with the rows, (C, r): the gradient but its penalty."""
        gradient = np.column_stack([product, self.residual.sum(axis=1)])
        gradient += self.penalty * self.weights
        if self.gradient is not None:
            change = gradient - self.gradient
            bend = float(np.vdot(self.move, change))
            # Convex, so it bends upwards; where rounding says otherwise nothing was learned.
            if bend > 0:
                self.pairs.append((self.move, change, bend))
        self.gradient = gradient
        self.metric = self.curvature * self.widths + self.penalty
        # A column that is 0 throughout has no curvature, and no gradient either.
        self.metric += np.float32(1e-12)
        norm = float(np.sqrt(np.vdot(gradient, gradient / self.metric)))
        self.first = self.first or norm
        self.arrived = norm <= TOLERANCE * self.first or self.stuck

    def direction(self) -> Floats:
        """Return where to go: minus the gradient, seen through the learned curvature."""
        assert self.gradient is not None
        q = -self.gradient
        shares = []
        for move, change, bend in reversed(self.pairs):
            share = np.float32(np.vdot(move, q) / bend)
            q -= share * change
            shares.append(share)
        q /= self.metric
        for (move, change, bend), share in zip(self.pairs, reversed(shares), strict=True):
            q += (share - np.float32(np.vdot(change, q) / bend)) * move
        return q

    def step(self, move: Floats, logits: Floats) -> None:
        """Go along a line, on which logits are linear, to where it is nearly flat."""
        steep = float(np.vdot(self.residual, logits)) + self._pull(0.0, move)
        # Uphill or level: what is left to gain is lost in rounding.
        self.stuck = steep >= 0
        if self.stuck:
            return
        length, low, high = 1.0, (0.0, steep), None
        for _ in range(20):
            ahead = self.logits + np.float32(length) * logits
            self.residual, self.curvature = self._residual(ahead)
            slope = float(np.vdot(self.residual, logits)) + self._pull(length, move)
            if abs(slope) <= FLAT * abs(steep):
                break
            if slope < 0:
                low = (length, slope)
            else:
                high = (length, slope)
            length = _next(low, high, steep)
        self.move = np.float32(length) * move
        self.weights = self.weights + self.move
        self.logits = ahead

    def _pull(self, length: float, move: Floats) -> float:
        return float(np.vdot(self.penalty * (self.weights + np.float32(length) * move), move))


def _next(low: tuple[float, float], high: tuple[float, float] | None, steep: float) -> float:
    """Return where a secant sees the slope vanish, kept within or a little beyond what is known."""
    if high is None:
        gained = 1.0 - low[1] / steep
        return low[0] * (min(max(1.0 / gained, 1.5), 8.0) if gained > 0 else 8.0)
    share = low[1] / (low[1] - high[1])
    return low[0] + (high[0] - low[0]) * min(max(share, 0.1), 0.9)
