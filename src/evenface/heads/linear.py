"""The linear probe: logistic regression, its penalty chosen on validation rows."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from evenface.heads.problem import Fitted, Labels, Problem, balanced_accuracy
from evenface.heads.scaling import Vectors

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Values of C, from strong to weak penalty; ties go to the stronger."""


class FittedLinear(Fitted):
    """A trained linear probe."""

    def __init__(self, model: LogisticRegression, validation: float) -> None:
        self.model = model
        self.validation = validation
        self.settings = {"C": float(model.C)}
        self.history = []

    def predict(self, x: Vectors) -> Labels:
        """Return the likeliest class of each input."""
        classes: Labels = self.model.predict(x).astype(np.intp)
        return classes


def fit_linear(problem: Problem) -> FittedLinear:
    """Fit logistic regressions of several penalties; keep the best on the validation rows."""
    best: FittedLinear | None = None
    # From strong to weak, each starts where the last one ended.
    start = None
    for strength in STRENGTHS:
        model = LogisticRegression(
            C=strength, class_weight="balanced", max_iter=2000, tol=1e-3, warm_start=True
        )
        if start is not None:
            model.coef_, model.intercept_, model.classes_ = start
        model.fit(problem.x, problem.y)
        start = model.coef_.copy(), model.intercept_.copy(), model.classes_
        score = balanced_accuracy(problem.y_validation, model.predict(problem.x_validation))
        if best is None or score > best.validation:
            best = FittedLinear(model, score)
    assert best is not None
    return best
