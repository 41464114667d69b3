"""A number with its uncertainty, and exact bounds for where resampling has nothing to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number, its interval, and what it rests on.

    Attributes
    ----------
    value : float or None
        The point estimate; None if it can't be computed, and `method` says why.
    low, high : float or None
        Ends of the interval; None where `value` is.
    level : float
        Nominal coverage, between 0 and 1.
    n : int
        Rows the number rests on.
    n_identities : int
        Persons they show: what the interval is about.
    method : str
        How the interval was made, or why there is no number.
    training_share : float or None
        Which part of the variance comes from training (who was learned from, and random starts),
        in [0, 1]; the rest from who was tested. None where the interval knows of no training.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    n_identities: int
    method: str
    training_share: float | None = None

    def __post_init__(self) -> None:
        parts = (self.value, self.low, self.high)
        if any(p is None for p in parts) and not all(p is None for p in parts):
            raise ValueError("an estimate has a value and both ends of its interval, or none")

    @classmethod
    def missing(cls, why: str, *, level: float, n: int = 0, n_identities: int = 0) -> Estimate:
        """Return the estimate that says why there is none.

        Parameters
        ----------
        why : str
        level : float
            Nominal coverage there would have been, between 0 and 1.
        n, n_identities : int
            Rows and persons there are.
        """
        return cls(None, None, None, level, n, n_identities, f"not computed: {why}")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, JSON-ready."""
        return dict(self.__dict__)

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return self.method
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def all_right_bound(n: int, level: float) -> float:
    """Lower Clopper-Pearson end of a proportion when all of `n` independent trials succeed.

    It is ``((1 - level) / 2) ** (1 / n)``, the two-sided form of the rule of three
    (Clopper and Pearson 1934; Hanley and Lippman-Hand 1983).

    Parameters
    ----------
    n : int
        Trials, at least 1.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    float
        In (0, 1).
    """
    return float(((1 - level) / 2) ** (1 / n))


def clopper_pearson(successes: float, n: float, level: float) -> tuple[float, float]:
    """Return the exact interval of a proportion of independent trials (Clopper, Pearson 1934).

    Numbers that are not whole are taken as they are: Korn and Graubard (1998) use it so, with an
    effective number of trials.

    Parameters
    ----------
    successes, n : float
        0 <= successes <= n, n above 0.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    low, high : float
        In [0, 1].
    """
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(stats.beta.ppf(tail, successes, n - successes + 1))
    high = 1.0 if successes == n else float(stats.beta.ppf(1 - tail, successes + 1, n - successes))
    return low, high


def rule_of_three(n: float, level: float) -> float:
    """Return the largest rate that zero errors in `n` independent trials are compatible with.

    One-sided: ``1 - (1 - level) ** (1 / n)``, which at 95 % is nearly ``3 / n`` (Hanley and
    Lippman-Hand 1983).

    Parameters
    ----------
    n : float
        Trials, above 0.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    float
        In (0, 1).
    """
    return float(-np.expm1(np.log1p(-level) / n))


def wilson(
    share: npt.ArrayLike, n: npt.ArrayLike, quantile: npt.ArrayLike
) -> tuple[Numbers, Numbers]:
    """Return the score interval of shares (Wilson 1927).

    The shares p for which ``|share - p| <= quantile * sqrt(p (1 - p) / n)``. With the effective
    number of trials, ``share (1 - share) / variance``, it holds where trials depend on each
    other (Fogliato, Patil and Perona 2024).

    Parameters
    ----------
    share : array_like, of any shape
        In [0, 1].
    n : array_like, of a shape that fits
        Trials, above 0; need not be whole.
    quantile : array_like, of a shape that fits
        Above 0: of the normal distribution, or of t where the variance is estimated: 1.96 for 95 %.

    Returns
    -------
    low, high : ndarray of float64, shape of the arguments together
        In [0, 1].
    """
    p, n, z = (np.asarray(x, dtype=np.float64) for x in (share, n, quantile))
    shrink = 1 + z**2 / n
    centre = (p + z**2 / (2 * n)) / shrink
    reach = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / shrink
    # At 0 and at 1 one end is the share itself; rounding must not put it beyond.
    return np.minimum(np.maximum(centre - reach, 0.0), p), np.maximum(
        np.minimum(centre + reach, 1.0), p
    )


def wilson_interval(successes: float, n: float, level: float) -> tuple[float, float]:
    """Return the score interval of a proportion of independent trials.

    Parameters
    ----------
    successes, n : float
        0 <= successes <= n, n above 0.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    low, high : float
        In [0, 1].
    """
    low, high = wilson(successes / n, n, stats.norm.ppf(0.5 + level / 2))
    return float(low), float(high)
