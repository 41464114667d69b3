"""Comparing trained models over repeated splits, and many p-values at once.

Repetitions on one sample share most of their training rows, so their results are no independent
draws and the usual t-test finds differences where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from evenface.stats.bootstrap import Array

CORRECTED = "corrected resampled t-test"
MIN_REPETITIONS = 3
"""With 2 the interval reaches 12.7 standard errors to each side, which says nothing."""

ROUNDING = 1e-12
"""Differences nearer to each other than this share of 1, or of the largest, are the same."""

Numbers = Sequence[float] | npt.NDArray[Any]


@dataclass(frozen=True)
class Comparison:
    """A mean difference between two models, and how sure it is.

    Attributes
    ----------
    value : float or None
        The mean difference; None if there are too few repetitions, and `method` says so.
    low, high : float or None
        Ends of the interval; None where no spread could be estimated.
    p : float or None
        Two-sided p-value, in [0, 1], of the mean difference being 0; None where it can't be told.
    df : int or None
        Degrees of freedom; None where `low` is.
    n : int
        Repetitions.
    level : float
        Nominal coverage, between 0 and 1.
    method : str
        How it was computed, or why not.
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    df: int | None
    n: int
    level: float
    method: str

    def __post_init__(self) -> None:
        ends = [x is None for x in (self.low, self.high, self.df)]
        if any(ends) and not all(ends):
            raise ValueError("a comparison has both ends of its interval and its df, or none")
        if self.value is None and not (all(ends) and self.p is None):
            raise ValueError("a comparison without a value has no interval and no p either")
        if self.p is None and not all(ends):
            raise ValueError("a comparison with an interval has a p")

    @classmethod
    def missing(cls, why: str, *, level: float, n: int = 0) -> Comparison:
        """Return the comparison that says why there is none.

        Parameters
        ----------
        why : str
        level : float
            Nominal coverage there would have been, between 0 and 1.
        n : int
            Splits there are.
        """
        return cls(None, None, None, None, None, n, level, f"not computed: {why}")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, JSON-ready."""
        return dict(self.__dict__)

    def __str__(self) -> str:
        if self.value is None:
            return self.method
        if self.low is None or self.high is None or self.p is None:
            return f"{self.value:+.3f} ({self.method})"
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}], p = {self.p:.3g}"


def corrected_t(differences: Numbers, *, test_share: float, level: float = 0.95) -> Comparison:
    """Test whether one model is better than another over S repetitions.

    The corrected resampled t-test (Nadeau and Bengio 2003), as Bouckaert and Frank (2004) use it
    for repeated cross-validation: ``t = mean / sqrt((1/S + n_test / n_train) var)`` with S - 1
    degrees of freedom and ``var = sum (d - mean)^2 / (S - 1)``. The interval is ``mean`` plus and
    minus the quantile of t times the same root.

    Parameters
    ----------
    differences : sequence, shape (S,)
        Result of one model minus that of the other, on the same test rows of each repetition.
    test_share : float
        ``n_test / n_train``, at least 0: 1/3 if of five folds one tests and three train. With 0
        this is the usual t-test of independent differences.
    level : float
        Nominal coverage of the interval, between 0 and 1.

    Returns
    -------
    Comparison
        Without anything for fewer than 3 repetitions. If all differences are the same, no spread
        can be estimated and there is no interval: one of no width would claim to know. Where all
        are 0, nothing speaks against equality and p is 1. Where all are another number, `value`
        is that number and p is None: the formula's 0 would be certainty out of a few repetitions.

    Raises
    ------
    ValueError
        If differences are not finite numbers in one row, `test_share` is below 0 or not finite,
        or `level` is not between 0 and 1.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or not np.isfinite(d).all():
        raise ValueError("differences must be finite numbers, one a repetition")
    if not 0 <= test_share < np.inf:
        raise ValueError(f"test_share is {test_share}; it must be n_test / n_train, at least 0")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must be between 0 and 1")
    n = int(d.size)
    if n < MIN_REPETITIONS:
        why = f"{n} of at least {MIN_REPETITIONS} repetitions"
        return Comparison.missing(why, level=level, n=n)
    value = float(d.mean())
    # Equal differences of results rarely are equal to the last bit: 0.9 - 0.8 isn't 0.7 - 0.6.
    same = ROUNDING * max(1.0, float(np.abs(d).max()))
    if np.ptp(d) <= same:
        equal = abs(value) <= same
        why = f"all {n} differences are the same, so no interval" + ("" if equal else " and no p")
        return Comparison(value, None, None, 1.0 if equal else None, None, n, level, why)
    error = float(np.sqrt((1 / n + test_share) * d.var(ddof=1)))
    reach = float(stats.t.ppf(0.5 + level / 2, n - 1)) * error
    p = float(2 * stats.t.sf(abs(value) / error, n - 1))
    return Comparison(value, value - reach, value + reach, p, n - 1, n, level, CORRECTED)


def _checked(p: Numbers) -> Array:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values must be numbers from 0 to 1, in one row; leave missing ones out")
    return values


def holm(p: Numbers) -> Array:
    """Adjust p-values so that any false finding among them is rare (Holm 1979).

    The i-th smallest of m becomes ``max over j <= i of min(1, (m - j + 1) p_(j))``, i from 1.
    However the tests depend on each other, rejecting at adjusted p <= a makes a single false
    rejection no likelier than a.

    Parameters
    ----------
    p : sequence, shape (m,)
        In [0, 1]; m may be 0.

    Returns
    -------
    ndarray of float64, shape (m,)
        In the order given; never below `p`.

    Raises
    ------
    ValueError
        If p is not one row of numbers in [0, 1]; NaN isn't.
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def benjamini_hochberg(p: Numbers) -> Array:
    """Adjust p-values so that few of the findings are false (Benjamini and Hochberg 1995).

    The i-th smallest of m becomes ``min over j >= i of p_(j) m / j``, i from 1. Rejecting at
    adjusted p <= a keeps the share of rejections that are false, none counted as 0, at a on
    average if tests are independent or depend on each other positively, as tests on the same
    persons mostly do.

    Parameters
    ----------
    p : sequence, shape (m,)
        In [0, 1]; m may be 0.

    Returns
    -------
    ndarray of float64, shape (m,)
        In the order given; never below `p` and never above what `holm` makes of it.

    Raises
    ------
    ValueError
        If p is not one row of numbers in [0, 1]; NaN isn't.
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    # Divided first, so that the largest stays what it is to the last bit.
    steps = values[order] * (len(values) / np.arange(1, len(values) + 1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum.accumulate(steps[::-1])[::-1]
    return adjusted
