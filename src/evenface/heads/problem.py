"""What a probe is given and what it gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.heads.scaling import Vectors, fit_scaling

Labels = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Problem:
    """One classification task: training and validation rows, scaled alike.

    Attributes
    ----------
    x, y : ndarray, shapes (n, r) and (n,)
        Training inputs and classes 0 ... n_classes-1.
    x_validation, y_validation : ndarray
        The rows that settings and the number of epochs are chosen on.
    n_classes : int
    seed : int
    """

    x: Vectors
    y: Labels
    x_validation: Vectors
    y_validation: Labels
    n_classes: int
    seed: int

    @property
    def class_weights(self) -> npt.NDArray[np.float64]:
        """Weight of each class, shape (n_classes,): a class counts the same whatever its size."""
        counts = np.bincount(self.y, minlength=self.n_classes)
        present = counts > 0
        weights = np.zeros(self.n_classes)
        weights[present] = len(self.y) / (present.sum() * counts[present])
        return weights


class Fitted(ABC):
    """A trained probe."""

    validation: float
    """Balanced accuracy on the validation rows."""

    settings: dict[str, Any]
    """What was chosen on the validation rows."""

    history: list[dict[str, float]]
    """Loss and accuracy per epoch, for probes that have epochs."""

    @abstractmethod
    def predict(self, x: Vectors) -> Labels:
        """Return the class of each input, shape (n,), for inputs of shape (n, r)."""


@dataclass(frozen=True)
class Trained:
    """A fitted probe together with the scaling its inputs need: raw vectors to classes."""

    fitted: Fitted
    scaling: Any = field(repr=False)

    def predict(self, vectors: Vectors) -> Labels:
        """Return the class of each raw vector, shape (n,)."""
        return self.fitted.predict(self.scaling(vectors))


def balanced_accuracy(truth: Labels, predicted: Labels) -> float:
    """Return the mean of the recalls of the classes that occur in `truth`."""
    return float(np.mean([(predicted[truth == k] == k).mean() for k in np.unique(truth)]))


def pose(
    train: Vectors,
    y: Labels,
    validation: Vectors,
    y_validation: Labels,
    *,
    n_classes: int,
    seed: int,
) -> tuple[Problem, Any]:
    """Scale training and validation rows; return the problem and the scaling."""
    scaling = fit_scaling(train)
    problem = Problem(scaling(train), y, scaling(validation), y_validation, n_classes, seed)
    return problem, scaling
