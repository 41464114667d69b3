"""The MLP probe: one hidden layer, ``2048-1000-C`` in the source report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from evenface.errors import TrainingError
from evenface.heads.fit import fit
from evenface.heads.jobs import Job, Outcome, Recipe
from evenface.heads.networks import Network
from evenface.heads.objectives import LOGITS
from evenface.heads.problem import Fitted, Labels, Problem, balanced_accuracy
from evenface.heads.scaling import Vectors

SMALL = Recipe(hidden=(1000,), epochs=40, batch=64, optimizer="sgd", decay=1e-3)
LARGE = Recipe(hidden=(1000,), epochs=40, batch=256, optimizer="sgd", decay=1e-3)
"""For `MANY` training rows and more: fewer, larger steps at a rate raised to match."""

MANY = 2500
RATES = {SMALL: 0.05, LARGE: 0.1}

INPUT_NORM = 4.0
"""Root mean squared norm that inputs are brought to, so that one rate fits every width."""


class FittedMlp(Fitted):
    """A trained network with its curves."""

    def __init__(self, network: Network, factor: float, outcome: Outcome, problem: Problem) -> None:
        self.network, self.factor = network, factor
        self.history = outcome.history
        self.settings = {"epochs": outcome.best + 1}
        predicted = self.predict(problem.x_validation)
        self.validation = balanced_accuracy(problem.y_validation, predicted)

    def predict(self, x: Vectors) -> Labels:
        """Return the likeliest class of each input."""
        logits = self.network(to_input(x, self.factor))
        classes: Labels = logits.argmax(dim=1).numpy().astype(np.intp)
        return classes


def to_input(x: Vectors, factor: float) -> Tensor:
    """Return vectors as a tensor of inputs."""
    return torch.from_numpy(np.ascontiguousarray(x * factor, dtype=np.float32))


def input_factor(x: Vectors) -> float:
    """Return what brings training inputs (n, r) to `INPUT_NORM`."""
    norm = float(np.sqrt(np.einsum("ij,ij->", x, x, dtype=np.float64) / max(len(x), 1)))
    return INPUT_NORM / norm if norm else 1.0


def fit_mlps(problems: Sequence[Problem]) -> list[Fitted]:
    """Train the MLP probe of every problem, by class-weighted cross-entropy, side by side.

    Raises
    ------
    TrainingError
        If a training loss is no longer finite.
    """
    found: dict[int, Fitted] = {}
    for recipe in (SMALL, LARGE):
        places = [k for k, p in enumerate(problems) if (len(p.y) >= MANY) == (recipe is LARGE)]
        factors = [input_factor(problems[k].x) for k in places]
        jobs = [
            _job(problems[k], factor, RATES[recipe])
            for k, factor in zip(places, factors, strict=True)
        ]
        outcomes = fit(jobs, recipe) if jobs else []
        for k, factor, outcome in zip(places, factors, outcomes, strict=True):
            if outcome.network is None or outcome.diverged:
                raise TrainingError(
                    f"the MLP's training diverged in epoch {outcome.diverged}: its loss is no "
                    "number; look for extreme values in the vectors"
                )
            found[k] = FittedMlp(outcome.network, factor, outcome, problems[k])
    return [found[k] for k in range(len(problems))]


def _job(problem: Problem, factor: float, rate: float) -> Job:
    n, m = len(problem.y), len(problem.y_validation)
    weights = problem.class_weights
    return Job(
        to_input(np.concatenate([problem.x, problem.x_validation]), factor),
        np.arange(n), problem.y, np.arange(n, n + m), problem.y_validation,
        problem.n_classes, problem.n_classes, LOGITS, problem.seed, rate,
        weights[problem.y], weights[problem.y_validation],
    )  # fmt: skip
