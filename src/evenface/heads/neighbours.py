"""The kNN probe: the label that most of the nearest training rows carry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from evenface.heads.problem import Fitted, Labels, Problem, alike, balanced_accuracy
from evenface.heads.scaling import Vectors

NEIGHBOURS = (25, 10, 5, 1)
BLOCK = 1024


class Neighbourhood:
    """Training rows, and who is nearest to the rows that were last asked about.

    Probes of several targets share one: they ask about the same rows, one after the other.
    """

    def __init__(self, train: Vectors, k: int) -> None:
        self.train, self.k = train, k
        self.half_norms = np.einsum("ij,ij->i", train, train) / np.float32(2.0)
        self.asked: Vectors | None = None
        self.found: Labels = np.zeros((0, k), dtype=np.intp)

    def nearest(self, x: Vectors) -> Labels:
        """Return the k nearest training rows of each row, nearest first, shape (n, k)."""
        if x is not self.asked:
            blocks = [self._nearest(x[i : i + BLOCK]) for i in range(0, len(x), BLOCK)]
            self.found = np.concatenate(blocks) if blocks else self.found[:0]
            self.asked = x
        return self.found

    def _nearest(self, x: Vectors) -> Labels:
        # Half the squared distance, less what all distances of a row have in common.
        distances = torch.from_numpy(self.half_norms - x @ self.train.T)
        # Nine times as fast as NumPy's partition.
        found: Labels = distances.topk(self.k, dim=1, largest=False).indices.numpy()
        return found


class FittedNeighbours(Fitted):
    """Training rows that vote, each class with the same weight in all."""

    def __init__(
        self, problem: Problem, around: Neighbourhood, k: int, validation: float = 0.0
    ) -> None:
        self.y, self.class_weights = problem.y, problem.class_weights
        self.around, self.k, self.validation = around, k, validation
        self.settings = {"k": k}
        self.history = []

    def predict(self, x: Vectors) -> Labels:
        """Return the class with the most weight among the k nearest training rows."""
        return _vote(self.y[self.around.nearest(x)[:, : self.k]], self.class_weights)


def _vote(labels: Labels, class_weights: np.ndarray) -> Labels:
    votes = np.zeros((len(labels), len(class_weights)))
    for column in labels.T:
        votes[np.arange(len(labels)), column] += class_weights[column]
    classes: Labels = votes.argmax(axis=1).astype(np.intp)
    return classes


def fit_neighbours(problems: Sequence[Problem]) -> list[Fitted]:
    """Choose the number of neighbours on the validation rows."""
    return alike(problems, _fit)


def _fit(problems: Sequence[Problem]) -> list[Fitted]:
    x, validation = problems[0].x, problems[0].x_validation
    allowed = [k for k in NEIGHBOURS if k <= len(x)]
    around = Neighbourhood(x, allowed[0])
    return [_best(problem, around, allowed, validation) for problem in problems]


def _best(
    problem: Problem, around: Neighbourhood, allowed: Sequence[int], validation: Vectors
) -> Fitted:
    best: FittedNeighbours | None = None
    for k in allowed:
        probe = FittedNeighbours(problem, around, k)
        probe.validation = balanced_accuracy(problem.y_validation, probe.predict(validation))
        if best is None or probe.validation > best.validation:
            best = probe
    assert best is not None
    return best
