"""What a probe is given and what it gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.heads.scaling import Scaling, Vectors, fit_scaling

Labels = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Problem:
    """One classification task: training and validation rows, scaled alike.

    Problems about the same rows hold the same arrays, so that what does not depend on the labels
    can be worked out once: see `alike`.

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
    def present(self) -> Labels:
        """The classes that occur among the training rows, sorted."""
        return np.unique(self.y)

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
    scaling: Scaling = field(repr=False)

    def predict(self, vectors: Vectors) -> Labels:
        """Return the class of each raw vector, shape (n,)."""
        return self.fitted.predict(self.scaling(vectors))


def balanced_accuracy(truth: Labels, predicted: Labels) -> float:
    """Return the mean of the recalls of the classes that occur in `truth`."""
    return float(np.mean([(predicted[truth == k] == k).mean() for k in np.unique(truth)]))


def alike(
    problems: Sequence[Problem], fit: Callable[[Sequence[Problem]], Sequence[Fitted]]
) -> list[Fitted]:
    """Fit problems, those with the same inputs in one call; return the fits in their order."""
    groups: dict[tuple[int, int], list[int]] = {}
    for k, problem in enumerate(problems):
        groups.setdefault((id(problem.x), id(problem.x_validation)), []).append(k)
    fitted = {
        k: one
        for places in groups.values()
        for k, one in zip(places, fit([problems[k] for k in places]), strict=True)
    }
    return [fitted[k] for k in range(len(problems))]


def pose(
    train: Vectors,
    y: Labels,
    validation: Vectors,
    y_validation: Labels,
    *,
    n_classes: int,
    seed: int,
    components: int | None = None,
) -> tuple[Problem, Scaling]:
    """Scale training and validation rows; return the problem and the scaling."""
    scaling = fit_scaling(train, components)
    problem = Problem(scaling(train), y, scaling(validation), y_validation, n_classes, seed)
    return problem, scaling
