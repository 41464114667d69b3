"""What is so in Gaussian groups: accuracies of rules, and rates of errors, as tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.special import ndtr

from evenface.embed.quadratic import share_shorter
from evenface.embed.vector_geometry import Floats

ALL = "all"
"""What stands for everybody, as in `transfer`."""


def read_rightly(
    means: Floats, covariances: Floats, weights: Floats, threshold: float
) -> tuple[Floats, Floats]:
    """Return the shares of women and men, each of shape (k,), that a linear rule reads rightly.

    Parameters
    ----------
    means : ndarray of float, shape (2 k, d)
        Women and men of k groups in turns.
    covariances : ndarray of float, shape (k, d, d)
    weights : ndarray of float, shape (d,)
        The rule says ``male`` where ``x · weights > threshold``.
    threshold : float
    """
    sides = (means @ weights - threshold).reshape(-1, 2)
    sides /= np.sqrt(np.einsum("i,eij,j->e", weights, covariances, weights))[:, None]
    return ndtr(-sides[:, 0]), ndtr(sides[:, 1])


def fisher_rule(means: Floats, covariances: Floats) -> tuple[Floats, float]:
    """Return weights and threshold of Fisher's discriminant of the genders of all groups.

    ``w = S⁻¹ (m_men - m_women)`` with S the covariance within a gender, groups pooled.
    """
    women, men = means[0::2], means[1::2]
    scatter = (np.cov(women.T, bias=True) + np.cov(men.T, bias=True)) / 2
    within = covariances.mean(axis=0) + scatter
    weights = np.linalg.solve(within, men.mean(axis=0) - women.mean(axis=0))
    return weights, float(means.mean(axis=0) @ weights)


def carried_frame(
    carried: tuple[Floats, Floats], pooled: tuple[Floats, Floats], names: Sequence[str]
) -> pl.DataFrame:
    """Return accuracies of gender with the columns of `VectorPopulation.truth`.

    Parameters
    ----------
    carried : (women, men), each of shape (k, k)
        Shares of group j that the rule of i reads rightly.
    pooled : (women, men), each of shape (k,)
        Those of a rule for all.
    names : sequence of k str
    """
    women, men = (np.vstack(pair) for pair in zip(carried, pooled, strict=True))
    balanced = (women + men) / 2
    return pl.DataFrame(
        [
            {
                "target": "gender",
                "across": "ethnicity",
                "train_on": train_on,
                "test_on": test_on,
                "balanced_accuracy": float(balanced[i, j]),
                "female": float(women[i, j]),
                "male": float(men[i, j]),
                "transfer_gap": float(balanced[j, j] - balanced[i, j]),
            }
            for i, train_on in enumerate((*names, ALL))
            for j, test_on in enumerate(names)
        ]
    )


def rates_frame(
    means: Floats,
    variances: Floats,
    picture_share: float,
    groups: Sequence[tuple[str, str]],
    threshold: float,
) -> pl.DataFrame:
    """Return error rates by Euclidean distance with the columns of `VectorPopulation.rates`.

    Parameters
    ----------
    means, variances : ndarray of float, shape (g, d)
        Along axes on which noise is independent.
    picture_share : float
        Share of the variances that differs between a person's pictures.
    groups : sequence of g (gender, ethnicity)
    threshold : float
        Minus the largest distance at which two pictures match.
    """
    squared = threshold**2 if threshold < 0 else 0.0
    rows = []
    for a, one in enumerate(groups):
        for b in range(a, len(groups)):
            spread = variances[a] + variances[b]
            shift = means[b] - means[a]
            fmr = share_shorter(spread, shift, squared)
            fnmr = 1 - share_shorter(picture_share * spread, shift, squared) if a == b else None
            rows.append((*one, *groups[b], fmr, fnmr))
    names = ("gender_a", "ethnicity_a", "gender_b", "ethnicity_b")
    schema = {**dict.fromkeys(names, pl.String), "fmr": pl.Float64, "fnmr": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")
