"""The kNN probe: the label that most of the nearest training rows carry."""

from __future__ import annotations

import numpy as np

from evenface.heads.kernel import squared_distances
from evenface.heads.problem import Fitted, Labels, Problem, balanced_accuracy
from evenface.heads.scaling import Vectors

NEIGHBOURS = (25, 10, 5, 1)
BLOCK = 1024


class FittedNeighbours(Fitted):
    """Training rows that vote, each class with the same weight in all."""

    def __init__(self, problem: Problem, k: int, validation: float) -> None:
        self.problem, self.k, self.validation = problem, k, validation
        self.settings = {"k": k}
        self.history = []

    def predict(self, x: Vectors) -> Labels:
        """Return the class with the most weight among the k nearest training rows."""
        return _vote(_nearest(x, self.problem.x, self.k), self.problem)


def _nearest(x: Vectors, train: Vectors, k: int) -> Labels:
    found = [
        _sorted_nearest(squared_distances(x[i : i + BLOCK], train), k)
        for i in range(0, len(x), BLOCK)
    ]
    return np.concatenate(found) if found else np.zeros((0, k), dtype=np.intp)


def _sorted_nearest(distances: np.ndarray, k: int) -> Labels:
    part = np.argpartition(distances, k - 1, axis=1)[:, :k]
    order = np.argsort(np.take_along_axis(distances, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)


def _vote(nearest: Labels, problem: Problem) -> Labels:
    votes = np.zeros((len(nearest), problem.n_classes))
    for column in problem.y[nearest].T:
        votes[np.arange(len(nearest)), column] += problem.class_weights[column]
    classes: Labels = votes.argmax(axis=1).astype(np.intp)
    return classes


def fit_neighbours(problem: Problem) -> FittedNeighbours:
    """Choose the number of neighbours on the validation rows."""
    allowed = [k for k in NEIGHBOURS if k <= len(problem.y)]
    nearest = _nearest(problem.x_validation, problem.x, allowed[0])
    best: FittedNeighbours | None = None
    for k in allowed:
        score = balanced_accuracy(problem.y_validation, _vote(nearest[:, :k], problem))
        if best is None or score > best.validation:
            best = FittedNeighbours(problem, k, score)
    assert best is not None
    return best
