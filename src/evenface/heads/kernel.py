"""The RBF probe: a least-squares support vector machine with a Gaussian kernel.

Suykens and Vandewalle (1999), one class against the rest, with class weights w:
``(K + lambda W^-1) a = Y``, ``K_ij = exp(-|x_i - x_j|^2 / (2 s^2 m))`` with m the median squared
distance. Beyond `LANDMARKS` rows a random subset of them carries the kernel (subset of
regressors: ``(K_mn W K_nm + lambda K_mm) a = K_mn W Y``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import linalg

from evenface.heads.problem import Fitted, Labels, Problem, balanced_accuracy
from evenface.heads.scaling import Vectors

LANDMARKS = 1500
WIDTHS = (1.0, 0.5)
PENALTIES = (10.0, 1.0, 0.1, 0.01, 0.001)

Matrix = npt.NDArray[np.float64]


class FittedKernel(Fitted):
    """A trained kernel probe."""

    def __init__(
        self, points: Vectors, gamma: float, weights: Matrix, validation: float, penalty: float
    ) -> None:
        self.points, self.gamma, self.weights = points, gamma, weights
        self.validation = validation
        self.settings = {"gamma": gamma, "penalty": penalty}
        self.history = []

    def predict(self, x: Vectors) -> Labels:
        """Return the class with the highest output."""
        return _decide(squared_distances(x, self.points), self.gamma, self.weights)


def squared_distances(a: Vectors, b: Vectors) -> Matrix:
    """Return the squared Euclidean distances of rows, shape (n, m)."""
    norms = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None, :]
    distances: Matrix = np.maximum(norms - 2.0 * (a @ b.T), 0.0).astype(np.float64)
    return distances


def _decide(distances: Matrix, gamma: float, weights: Matrix) -> Labels:
    classes: Labels = (np.exp(-gamma * distances) @ weights).argmax(axis=1).astype(np.intp)
    return classes


def fit_kernel(problem: Problem) -> FittedKernel:
    """Fit machines of several widths and penalties; keep the best on the validation rows."""
    rng = np.random.default_rng(problem.seed)
    n = len(problem.y)
    chosen = np.sort(rng.choice(n, LANDMARKS, replace=False)) if n > LANDMARKS else np.arange(n)
    points = problem.x[chosen]
    among = squared_distances(points, points)
    across = squared_distances(problem.x, points) if n > LANDMARKS else among
    held_out = squared_distances(problem.x_validation, points)
    positive = among[among > 0]
    median = float(np.median(positive)) if positive.size else 1.0
    targets = np.where(problem.y[:, None] == np.arange(problem.n_classes), 1.0, -1.0)
    importance = problem.class_weights[problem.y]
    best: FittedKernel | None = None
    for width in WIDTHS:
        gamma = 1.0 / (2.0 * width**2 * median)
        kernel = np.exp(-gamma * among)
        wide = np.exp(-gamma * across) if across is not among else kernel
        parts = None if wide is kernel else _reduced(wide, targets, importance)
        for penalty in PENALTIES:
            weights = _solve(kernel, parts, targets, importance, penalty)
            score = balanced_accuracy(problem.y_validation, _decide(held_out, gamma, weights))
            if best is None or score > best.validation:
                best = FittedKernel(points, gamma, weights, score, penalty)
    assert best is not None
    return best


def _reduced(wide: Matrix, targets: Matrix, importance: Matrix) -> tuple[Matrix, Matrix]:
    """Return the parts of the system that no penalty changes: K_mn W K_nm and K_mn W Y."""
    weighted = wide * importance[:, None]
    return wide.T @ weighted, weighted.T @ targets


def _solve(
    kernel: Matrix,
    parts: tuple[Matrix, Matrix] | None,
    targets: Matrix,
    importance: Matrix,
    penalty: float,
) -> Matrix:
    if parts is None:
        system, right = kernel.copy(), targets
        system[np.diag_indices_from(system)] += penalty / importance
    else:
        system, right = parts[0] + penalty * kernel, parts[1]
        system[np.diag_indices_from(system)] += 1e-8 * np.trace(system) / len(system)
    factor = linalg.cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
    solution: Matrix = linalg.cho_solve(factor, right, check_finite=False)
    return solution
