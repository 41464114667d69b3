"""Beta calibration: from a score in (0, 1) to how likely it is that a pair is genuine.

With Beta densities of the scores of either kind, the probability is (Kull, Silva Filho and Flach
2017, equation 4)

    mu(x) = 1 / (1 + 1 / (exp(c) x^a / (1 - x)^b))

which is a logistic regression on log(x) and -log(1 - x), and grows with x if a, b >= 0.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from evenface.stats.bootstrap import Array

STEPS, HALVINGS = 60, 30
CLOSE = 1e-9
"""Relative fall of the loss at which it is at its least."""


def fit_beta(genuine: Array, impostor: Array, x: Array) -> Array:
    """Fit maps to counts of scores.

    Both kinds weigh the same, so that a probability is that at even odds and doesn't depend on
    how many pictures there are of a person. Their labels are softened as Platt (1999) does, to
    ``(n + 1) / (n + 2)`` and ``1 / (n + 2)``, so that kinds which no score mixes up have finite
    coefficients. Where a is below 0 it is left out, else where b is, as in the paper.

    Parameters
    ----------
    genuine, impostor : ndarray, shape (maps, m)
        How many pairs of either kind there are at each score.
    x : ndarray, shape (m,)
        Scores, in (0, 1).

    Returns
    -------
    ndarray, shape (maps, 3)
        a, b and c; nan where a kind has no pair, or where no map grows with the score.
    """
    g, i = genuine.sum(axis=1, keepdims=True), impostor.sum(axis=1, keepdims=True)
    found = np.full((len(genuine), 3), np.nan)
    both = np.flatnonzero((g > 0) & (i > 0))
    g, i = g[both], i[both]
    ones, others = genuine[both] / g, impostor[both] / i
    weight = ones + others
    wanted = (ones * (g + 1) / (g + 2) + others / (i + 2)) / np.where(weight > 0, weight, 1)
    about = np.stack([np.log(x), -np.log1p(-x), np.ones_like(x)], axis=1)
    fitted, less_a, less_b = (
        _logistic(weight, wanted, about, np.array(use)) for use in ((1, 1, 1), (0, 1, 1), (1, 0, 1))
    )
    chosen = np.where(fitted[:, :1] < 0, less_a, np.where(fitted[:, 1:2] < 0, less_b, fitted))
    slopes = chosen[:, :2]
    grows = (slopes >= 0).all(axis=1) & (slopes.sum(axis=1) > 0)
    found[both[grows]] = chosen[grows]
    return found


def _logistic(weight: Array, wanted: Array, about: Array, use: Array) -> Array:
    """Fit logistic regressions by Newton's method, all maps at once, with some coefficients."""
    about = about * use
    beta = np.zeros((len(weight), 3))
    ridge = np.diag(np.where(use > 0, 1e-10, 1.0))
    loss = _loss(weight, wanted, about, beta)
    for _ in range(STEPS):
        p = expit(beta @ about.T)
        slope = (weight * (p - wanted)) @ about
        curve = np.einsum("km,mi,mj->kij", weight * p * (1 - p), about, about, optimize=True)
        step = np.linalg.solve(curve + ridge, slope[..., None])[..., 0]
        before = loss
        for _ in range(HALVINGS):
            tried = _loss(weight, wanted, about, beta - step)
            worse = tried > before
            if not worse.any():
                break
            step[worse] /= 2
        beta, loss = beta - step, tried
        if (before - loss <= CLOSE * before).all():
            break
    return beta


def _loss(weight: Array, wanted: Array, about: Array, beta: Array) -> Array:
    z = beta @ about.T
    found: Array = (weight * (np.logaddexp(0, z) - wanted * z)).sum(axis=1)
    return found
