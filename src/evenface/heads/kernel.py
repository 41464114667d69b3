"""The RBF probe: a least-squares support vector machine with a Gaussian kernel.

Suykens and Vandewalle (1999), one class against the rest, with class weights w:
``(K + lambda W^-1) a = Y``, ``K_ij = exp(-|x_i - x_j|^2 / (2 s^2 m))`` with m the median squared
distance. Beyond `LANDMARKS` rows a random subset of them carries the kernel (subset of
regressors: ``(K_mn W K_nm + lambda K_mm) a = K_mn W Y``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

from evenface.heads.problem import Fitted, Labels, Problem, alike, balanced_accuracy
from evenface.heads.scaling import Vectors
from evenface.heads.threads import one_thread

LANDMARKS = 1500
BLOCK = 4096
"""Rows whose kernel with the landmarks is in memory at once."""

WIDTHS = (1.0, 0.5)
PENALTIES = (10.0, 1.0, 0.1, 0.01, 0.001)

Matrix = npt.NDArray[np.float64]
Rows = npt.NDArray[Any]


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
        return _decide(gaussian(squared_distances(x, self.points), self.gamma), self.weights)


def squared_distances(a: Rows, b: Rows) -> Rows:
    """Return the squared Euclidean distances of rows, shape (n, m), in the rows' precision."""
    distances: Rows = a @ b.T
    distances *= -2.0
    distances += np.einsum("ij,ij->i", a, a)[:, None]
    distances += np.einsum("ij,ij->i", b, b)
    np.maximum(distances, 0.0, out=distances)
    return distances


def gaussian(distances: Rows, gamma: float) -> Matrix:
    """Return the kernel of squared distances."""
    kernel = distances * distances.dtype.type(-gamma)
    np.exp(kernel, out=kernel)
    similar: Matrix = kernel.astype(np.float64, copy=False)
    return similar


def _decide(kernel: Matrix, weights: Matrix) -> Labels:
    classes: Labels = (kernel @ weights).argmax(axis=1).astype(np.intp)
    return classes


def fit_kernel(problems: Sequence[Problem]) -> list[Fitted]:
    """Fit machines of several widths and penalties; keep the best on the validation rows.

    Problems that share their inputs share landmarks, distances and kernels.
    """
    return alike(problems, _fit)


def _fit(problems: Sequence[Problem]) -> list[Fitted]:
    x, n = problems[0].x, len(problems[0].x)
    rng = np.random.default_rng(problems[0].seed)
    chosen = np.sort(rng.choice(n, LANDMARKS, replace=False)) if n > LANDMARKS else np.arange(n)
    points = x[chosen]
    # Among landmarks in double precision: near duplicates would else break the factors.
    precise = points.astype(np.float64)
    among = squared_distances(precise, precise)
    held_out = squared_distances(problems[0].x_validation, points)
    positive = among[among > 0]
    median = float(np.median(positive)) if positive.size else 1.0
    gammas = [1.0 / (2.0 * width**2 * median) for width in WIDTHS]
    kernels = [gaussian(among, gamma) for gamma in gammas]
    systems = (
        [_exact(kernel, problems) for kernel in kernels]
        if n <= LANDMARKS
        else _reduced(kernels, gammas, x, points, problems)
    )
    helds = [gaussian(held_out, gamma) for gamma in gammas]
    with one_thread():
        return [
            _best(problem, points, gammas, helds, [row[k] for row in systems])
            for k, problem in enumerate(problems)
        ]


def _best(
    problem: Problem,
    points: Vectors,
    gammas: Sequence[float],
    helds: Sequence[Matrix],
    systems: Sequence[System],
) -> FittedKernel:
    """Solve one problem for every width and penalty; return the best on its validation rows."""
    best: FittedKernel | None = None
    for gamma, held, system in zip(gammas, helds, systems, strict=True):
        for penalty in PENALTIES:
            weights = system.solve(penalty)
            score = balanced_accuracy(problem.y_validation, _decide(held, weights))
            if best is None or score > best.validation:
                best = FittedKernel(points, gamma, weights, score, penalty)
    assert best is not None
    return best


@dataclass(frozen=True)
class System:
    """Linear equations ``(fixed + penalty * ridge) a = right``, symmetric and positive.

    Attributes
    ----------
    fixed : ndarray, shape (m, m)
    ridge : ndarray, shape (m, m) or, for a diagonal, (m,)
    right : ndarray, shape (m, C)
    """

    fixed: Matrix
    ridge: Matrix
    right: Matrix

    def solve(self, penalty: float) -> Matrix:
        """Return a, shape (m, C)."""
        if self.ridge.ndim == 1:
            matrix, jitter = self.fixed.copy(), penalty * self.ridge
        else:
            matrix = penalty * self.ridge
            matrix += self.fixed
            jitter = 1e-8 * np.trace(matrix) / len(matrix)
        matrix[np.diag_indices_from(matrix)] += jitter
        # Transposed, a symmetric matrix is in the order that LAPACK overwrites without a copy.
        factor = linalg.cho_factor(matrix.T, lower=True, overwrite_a=True, check_finite=False)
        solution: Matrix = linalg.cho_solve(factor, self.right, check_finite=False)
        return solution


def _targets(problem: Problem, y: Labels) -> Matrix:
    return np.where(y[:, None] == np.arange(problem.n_classes), 1.0, -1.0)


def _exact(kernel: Matrix, problems: Sequence[Problem]) -> list[System]:
    """Return the equations on all rows, one system a problem."""
    return [System(kernel, 1.0 / p.class_weights[p.y], _targets(p, p.y)) for p in problems]


def _reduced(
    kernels: Sequence[Matrix],
    gammas: Sequence[float],
    x: Vectors,
    points: Vectors,
    problems: Sequence[Problem],
) -> list[list[System]]:
    """Return the equations on landmarks, for each width one system a problem.

    Rows that weigh the same in every problem, be their labels different, are taken together:
    their part of K_mn K_nm is worked out once and added to the systems of all.
    """
    m = len(points)
    systems = [
        [System(np.zeros((m, m)), kernel, np.zeros((m, p.n_classes))) for p in problems]
        for kernel in kernels
    ]
    importance = np.column_stack([p.class_weights[p.y] for p in problems])
    weights, cell = np.unique(importance, axis=0, return_inverse=True)
    part = np.empty((m, m))
    for k, own in enumerate(weights):
        members = np.flatnonzero(cell.ravel() == k)
        for rows in (members[i : i + BLOCK] for i in range(0, len(members), BLOCK)):
            distances = squared_distances(x[rows], points)
            for gamma, row in zip(gammas, systems, strict=True):
                wide = gaussian(distances, gamma)
                products = wide.T @ wide
                for p, weight, system in zip(problems, own, row, strict=True):
                    np.add(system.fixed, np.multiply(products, weight, out=part), out=system.fixed)
                    right = wide.T @ (weight * _targets(p, p.y[rows]))
                    np.add(system.right, right, out=system.right)
    return systems
