"""The streamed probe is scikit-learn's, found in few passes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from evenface.errors import TrainingError
from evenface.heads.streamed import fit_streamed

N, D = 3000, 12


def population(classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, N)
    mix = rng.standard_normal((D, D)) * np.geomspace(1e-2, 10, D)
    x = (rng.standard_normal((N, D)) + 0.7 * np.eye(classes, D)[y]) @ mix + 50
    return x.astype(np.float32), y


@pytest.mark.parametrize("classes", [2, 5])
def test_it_is_scikit_learns_and_needs_few_passes(classes: int) -> None:
    x, y = population(classes)
    labels = np.where(np.arange(N) % 10 == 0, -1, y)
    known = labels >= 0

    def passes() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, N, 700):
            yield x[start : start + 700], labels[start : start + 700]

    mean, covariance = x[known].mean(0, dtype=float), np.cov(x[known].T.astype(float))
    found = fit_streamed(passes, classes, mean, covariance, penalty=1e-2)
    assert found.rows == known.sum()
    assert found.passes <= 40
    z = (x - mean) / np.sqrt(np.diag(covariance))
    # Two classes have two vectors of weights here and one there: half the penalty.
    c = 1 / (1e-2 * known.sum()) * (2 if classes == 2 else 1)
    oracle = LogisticRegression(C=c, tol=1e-8, max_iter=2000).fit(z[known], y[known])
    ours = x @ found.weights.T + found.intercepts
    theirs = oracle.decision_function(z)
    if classes == 2:
        assert np.abs((ours[:, 1] - ours[:, 0]) - theirs).max() < 0.02
    else:
        assert np.abs((ours - ours.mean(1, keepdims=True)) - theirs).max() < 0.02
    assert (found.predict(x) == oracle.predict(z)).mean() > 0.998


def test_a_class_without_rows_and_rows_without_a_class_are_refused() -> None:
    x, y = population(2)
    moments = x.mean(0, dtype=float), np.cov(x.T.astype(float))
    with pytest.raises(TrainingError, match="class 2 has no row"):
        fit_streamed(lambda: [(x, y)], 3, *moments)
    with pytest.raises(TrainingError, match="no row has a class"):
        fit_streamed(lambda: [(x, np.full(N, -1))], 2, *moments)
