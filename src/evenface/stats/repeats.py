"""How much of a number's uncertainty comes from who was learned from.

A model learned from other people, or from another random start, would score otherwise. Splits
show that, but not plainly: each has other people to test too, and any two share people to learn
from. With y_s the number on split s, v_s its testing variance, S splits and rho the share of
people that two splits' training sets have in common, a model's score varies between splits by
``(1 - rho) tau^2 = var(y) - mean(v)``, and the mean over splits by
``tau^2 (1/S + (1 - 1/S) rho)``, if people's influences on a model add up. (They do at first
order; of influences that cancel at first order the shared part is nearer rho^2, and this is too
much.) `benchmarks/coverage_accuracy.py --training` shows how often the
resulting intervals hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenface.stats.bootstrap import Array

MIN_SPLITS = 3
"""Splits below which their spread says nothing."""


@dataclass(frozen=True)
class Noise:
    """What training adds to the variance of a number.

    Attributes
    ----------
    variance : float
        At least 0, in the number's unit squared.
    df : float
        Degrees of freedom it is known by.
    """

    variance: float
    df: float


def training_noise(
    values: Array,
    testing: Array,
    deals: Sequence[int] | npt.NDArray[np.intp],
    overlap: float,
    *,
    same_rows: bool = False,
) -> list[Noise | None]:
    """Estimate the training variance of the mean over splits, for alike numbers.

    Of few splits the estimate is rough, and cutting it off at 0 hides that it can be too low. So
    a number's own estimate is used, or that of all alike numbers together if that is larger.

    Parameters
    ----------
    values : ndarray, shape (S, m)
        Each number on each split.
    testing : ndarray, shape (S, m)
        Variance of each value for the people tested.
    deals : sequence of int, shape (S,)
        Splits of one deal test different people; only those are compared.
    overlap : float
        Share of the people learned from that two splits have in common, in [0, 1).
    same_rows : bool
        Whether all splits test the same people: then their spread is training alone.

    Returns
    -------
    list of Noise or None, length m
        None where there are too few splits to tell.
    """
    count, numbers = values.shape
    deal = np.asarray(deals)
    kinds = np.unique(deal)
    free = count - kinds.size
    if free < MIN_SPLITS - 1:
        return [None] * numbers
    own = values.copy()
    for one in kinds:
        own[deal == one] -= own[deal == one].mean(axis=0)
    excess = (own**2).sum(axis=0) / free
    alike = np.full(numbers, excess.mean())
    # The people learned from never change where all splits test the same: only the start does.
    carried = 1 / count
    if not same_rows:
        test = testing.mean(axis=0)
        excess = excess - test
        # Larger where the people tested vary more, as all that varies is.
        alike = (
            excess.mean() * test / test.mean() if test.any() else np.full(numbers, excess.mean())
        )
        rho = min(max(overlap, 0.0), 0.95)
        carried = (1 / count + (1 - 1 / count) * rho) / (1 - rho)
    # All alike numbers together are known by more than one, but they share people: not by many.
    return [
        Noise(carried * max(e, a, 0.0), float(free if e >= a else 2 * free))
        for e, a in zip(excess.tolist(), alike.tolist(), strict=True)
    ]


def overlap_of(people: Sequence[npt.NDArray[np.intp]]) -> float:
    """Return the mean share of people that two training sets have in common, in [0, 1].

    ``|A and B| / sqrt(|A| |B|)``, averaged over pairs of splits; 0 if there is one split.

    Parameters
    ----------
    people : sequence of ndarray of intp
        Distinct persons of each split's training rows.
    """
    if len(people) < 2:
        return 0.0
    count = max(int(p.max(initial=-1)) for p in people) + 1
    member = np.zeros((len(people), count), dtype=np.float32)
    for one, who in zip(member, people, strict=True):
        one[who] = 1.0
    common = (member @ member.T).astype(np.float64)
    sizes = np.sqrt(np.maximum(np.diag(common), 1.0))
    shares = (common / sizes[:, None] / sizes)[np.triu_indices(len(people), 1)]
    return float(shares.mean())
