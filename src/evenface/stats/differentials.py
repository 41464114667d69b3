"""How far error rates of groups lie apart, as one number: four published ones, by formula.

Each is a weighted sum of what the false match rates and the false non-match rates are apart,
``a S(FMR) + (1 - a) S(FNMR)``, shown on a scale of its own:

    FDR     1 - s     S the range                       de Freitas Pereira and Marcel (2021)
    IR      exp(s)    S the log of largest to smallest  Grother (2021), NISTIR 8429
    GARBE   s         S the Gini coefficient            Howard et al. (2022)
    max/geomean       S the log of largest to mean      Grother (2022), NISTIR 8429

A ratio to a rate of 0 has no upper end. What is known then is what the ratio is at least: a rate
of 0 is replaced by the largest that its comparisons allow (`ceilings`), and the value is marked
as a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from evenface.stats.spreads import (
    Array,
    checked_rates,
    extent,
    filled,
    gini,
    log_geomean,
    log_range,
)

Flags = npt.NDArray[np.bool_]
Sides = Literal["both", "fmr", "fnmr"]
Spread = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Bounded:
    """Values, some of which are only known to be at least so large.

    Attributes
    ----------
    value : ndarray of float64, shape (...)
        Finite.
    bound : ndarray of bool, shape (...)
        Whether the value is a lower bound, since a rate was 0.
    """

    value: Array
    bound: Flags


@dataclass(frozen=True)
class Differential:
    """One number for how unequal groups are; call it with rates.

    Attributes
    ----------
    title : str
    sides : {"both", "fmr", "fnmr"}
        Which rates it looks at.
    spread : callable
        How far rates are apart: 0 when equal. Takes the rates, and the same with a positive
        number in place of 0, both of shape (..., G).
    shown : callable
        From the weighted sum of spreads to the value.
    equal : float
        Value when all groups have the same rates.
    low : float
        Least value.
    high : float or None
        Largest value, None if there is no end.
    larger_is_worse : bool
    ratio : bool
        Whether rates of 0 leave a bound.
    """

    title: str
    sides: Sides
    spread: Spread
    shown: Callable[[Array], Array]
    equal: float
    low: float
    high: float | None
    larger_is_worse: bool
    ratio: bool

    def weights(self, alpha: float) -> tuple[float, float]:
        """Return the weights of the spreads of FMR and FNMR."""
        return {"both": (alpha, 1 - alpha), "fmr": (1.0, 0.0), "fnmr": (0.0, 1.0)}[self.sides]

    def __call__(
        self,
        fmr: npt.ArrayLike,
        fnmr: npt.ArrayLike,
        alpha: float = 0.5,
        *,
        fmr_ceilings: npt.ArrayLike | None = None,
        fnmr_ceilings: npt.ArrayLike | None = None,
    ) -> Bounded:
        """Compute it; parameters and errors as in `inequity_rate`."""
        one, other = checked_rates(fmr, "FMR"), checked_rates(fnmr, "FNMR")
        if one.shape[-1] != other.shape[-1]:
            raise ValueError(f"FMR of {one.shape[-1]} groups, FNMR of {other.shape[-1]}")
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha, the weight of FMR, lies between 0 and 1, not at {alpha}")
        shape = np.broadcast_shapes(one.shape[:-1], other.shape[:-1])
        total, bound = np.zeros(shape), np.zeros(shape, dtype=bool)
        sides = ((one, fmr_ceilings, "FMR"), (other, fnmr_ceilings, "FNMR"))
        for weight, (x, ceilings, kind) in zip(self.weights(alpha), sides, strict=True):
            # What has no weight may have rates of 0, too.
            if weight:
                total = total + weight * self.spread(x, filled(x, ceilings, kind, self.ratio))
                bound = bound | (self.ratio & (x == 0).any(axis=-1))
        return Bounded(self.shown(total), bound)


def fairness_discrepancy(fmr: npt.ArrayLike, fnmr: npt.ArrayLike, alpha: float = 0.5) -> Array:
    """Return the fairness discrepancy rate: in [0, 1], 1 if the groups' rates are equal.

    ``FDR = 1 - (a A + (1 - a) B)`` with A the largest difference of two groups' FMR and B that of
    their FNMR, at one threshold (de Freitas Pereira and Marcel 2021).

    Parameters
    ----------
    fmr, fnmr : array_like, shape (..., G)
        In [0, 1], of at least 2 groups.
    alpha : float
        Weight a of FMR, in [0, 1].

    Returns
    -------
    ndarray, shape (...)

    Raises
    ------
    ValueError
        If there are fewer than 2 groups, or other numbers of them for FMR and FNMR; if a rate or
        alpha is outside [0, 1] or not a number.
    """
    return DIFFERENTIALS["fdr"](fmr, fnmr, alpha).value


def inequity_rate(
    fmr: npt.ArrayLike,
    fnmr: npt.ArrayLike,
    alpha: float = 0.5,
    *,
    fmr_ceilings: npt.ArrayLike | None = None,
    fnmr_ceilings: npt.ArrayLike | None = None,
) -> Bounded:
    """Return the inequity rate: at least 1, which is equality.

    ``IR = (max FMR / min FMR)^a (max FNMR / min FNMR)^(1 - a)`` (Grother 2021).

    Parameters
    ----------
    fmr, fnmr : array_like, shape (..., G)
        In [0, 1], of at least 2 groups.
    alpha : float
        Weight a of FMR, in [0, 1]; a rate without weight isn't looked at.
    fmr_ceilings, fnmr_ceilings : array_like, shape (..., G), optional
        In (0, 1], used where a rate is 0: the largest rate that no error is compatible with.
        They are no candidates for the largest rate.

    Returns
    -------
    Bounded
        Values and flags, shape (...).

    Raises
    ------
    ValueError
        As `fairness_discrepancy`; if a rate is 0 and has no ceiling.
    """
    return DIFFERENTIALS["inequity_rate"](
        fmr, fnmr, alpha, fmr_ceilings=fmr_ceilings, fnmr_ceilings=fnmr_ceilings
    )


def garbe(fmr: npt.ArrayLike, fnmr: npt.ArrayLike, alpha: float = 0.5) -> Array:
    """Return the Gini aggregation rate for biometric equitability: in [0, 1], 0 if equal.

    ``GARBE = a G(FMR) + (1 - a) G(FNMR)`` with the Gini coefficient of n groups
    ``G(x) = n / (n - 1) sum_ij |x_i - x_j| / (2 n^2 mean(x))``, 0 where all rates are 0
    (Howard et al. 2022).

    Parameters
    ----------
    fmr, fnmr : array_like, shape (..., G)
        In [0, 1], of at least 2 groups.
    alpha : float
        Weight a of FMR, in [0, 1].

    Returns
    -------
    ndarray, shape (...)

    Raises
    ------
    ValueError
        As `fairness_discrepancy`.
    """
    return DIFFERENTIALS["garbe"](fmr, fnmr, alpha).value


def max_min_ratio(rates: npt.ArrayLike, ceilings: npt.ArrayLike | None = None) -> Bounded:
    """Return the largest rate by the smallest: at least 1, which is equality.

    Parameters
    ----------
    rates : array_like, shape (..., G)
        In [0, 1], of at least 2 groups.
    ceilings : array_like, shape (..., G), optional
        As in `inequity_rate`.

    Returns
    -------
    Bounded
        Values at least 1, shape (...).

    Raises
    ------
    ValueError
        As `inequity_rate`.
    """
    return DIFFERENTIALS["fmr_max_min"](rates, rates, fmr_ceilings=ceilings)


def max_geomean_ratio(rates: npt.ArrayLike, ceilings: npt.ArrayLike | None = None) -> Bounded:
    """Return the largest rate by the geometric mean of all: at least 1, which is equality.

    Parameters
    ----------
    rates : array_like, shape (..., G)
        In [0, 1], of at least 2 groups.
    ceilings : array_like, shape (..., G), optional
        As in `inequity_rate`.

    Returns
    -------
    Bounded
        Values at least 1, shape (...).

    Raises
    ------
    ValueError
        As `inequity_rate`.
    """
    return DIFFERENTIALS["fmr_max_geomean"](rates, rates, fmr_ceilings=ceilings)


def _complement(s: Array) -> Array:
    return np.clip(1 - s, 0.0, 1.0)


def _ratio(title: str, sides: Sides, spread: Spread) -> Differential:
    return Differential(title, sides, spread, np.exp, 1.0, 1.0, None, True, True)


DIFFERENTIALS: dict[str, Differential] = {
    "fdr": Differential(
        "Fairness discrepancy rate", "both", extent, _complement, 1.0, 0.0, 1.0, False, False
    ),
    "inequity_rate": _ratio("Inequity rate", "both", log_range),
    "garbe": Differential("GARBE", "both", gini, np.asarray, 0.0, 0.0, 1.0, True, False),
    "fmr_max_min": _ratio("FMR, largest by smallest", "fmr", log_range),
    "fmr_max_geomean": _ratio("FMR, largest by geometric mean", "fmr", log_geomean),
    "fnmr_max_min": _ratio("FNMR, largest by smallest", "fnmr", log_range),
    "fnmr_max_geomean": _ratio("FNMR, largest by geometric mean", "fnmr", log_geomean),
}
"""What a study can loop over, by name."""
