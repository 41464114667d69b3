"""The linear probe: logistic regression, its penalty chosen on validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from evenface.heads.logistic import Floats, Regression, fit_regressions
from evenface.heads.problem import Fitted, Labels, Problem, alike, balanced_accuracy
from evenface.heads.scaling import Vectors

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2)
"""Values of C, from strong to weak penalty; ties go to the stronger.

The weakest is what tells a direction that was made smaller from one that was taken away: made a
hundredth it is read with 1e2 as it was with 1e-2.
"""


class FittedLinear(Fitted):
    """A trained linear probe: weights (C, r+1), intercepts last, of the classes it knows."""

    def __init__(
        self, weights: Floats, classes: Labels, strength: float, validation: float
    ) -> None:
        self.weights, self.classes = weights, classes
        self.validation = validation
        self.settings = {"C": strength}
        self.history = []

    def predict(self, x: Vectors) -> Labels:
        """Return the likeliest class of each input."""
        return _decide(self.weights, self.classes, x)


def _decide(weights: Floats, classes: Labels, x: Vectors) -> Labels:
    logits = x @ weights[:, :-1].T + weights[:, -1]
    decided: Labels = classes[logits.argmax(axis=1)]
    return decided


def fit_linear(problems: Sequence[Problem]) -> list[Fitted]:
    """Fit logistic regressions of several penalties; keep the best on the validation rows.

    Penalties, and problems that share their inputs, are solved together.
    """
    return alike(problems, _fit)


def _fit(problems: Sequence[Problem]) -> list[Fitted]:
    x = problems[0].x
    pairs = list(product(problems, STRENGTHS))
    fitted = fit_regressions(x, [r for p in problems for r in _regressions(p)])
    best: dict[int, FittedLinear] = {}
    for (problem, strength), weights in zip(pairs, fitted, strict=True):
        classes = problem.present
        predicted = _decide(weights, classes, problem.x_validation)
        score = balanced_accuracy(problem.y_validation, predicted)
        if id(problem) not in best or score > best[id(problem)].validation:
            best[id(problem)] = FittedLinear(weights, classes, strength, score)
    return [best[id(problem)] for problem in problems]


def _regressions(problem: Problem) -> list[Regression]:
    """Return one regression for every penalty.

    ``C sum_i v_i loss_i + 1/2 |W|^2``, as scikit-learn has it, is n C times what we minimise.
    For two classes it has one vector of weights, w. Our two are then w/2 and -w/2, with half its
    squared norm, so that the same penalty takes twice the factor.
    """
    classes = problem.present
    truth = (problem.y == classes[:, None]).astype(np.float32)
    importance = problem.class_weights[problem.y].astype(np.float32)
    doubled = 2.0 if len(classes) == 2 else 1.0
    return [
        Regression(truth, importance, doubled / (strength * len(problem.y)))
        for strength in STRENGTHS
    ]
