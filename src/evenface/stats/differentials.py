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

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Sides = Literal["both", "fmr", "fnmr"]
Spread = Callable[[Array, Array], Array]

MIN_GROUPS = 2


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
        one, other = _rates(fmr, "FMR"), _rates(fnmr, "FNMR")
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

    Parameters, return value and errors as in `fairness_discrepancy`.
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

    Raises
    ------
    ValueError
        As `inequity_rate`.
    """
    return DIFFERENTIALS["fmr_max_min"](rates, rates, fmr_ceilings=ceilings)


def max_geomean_ratio(rates: npt.ArrayLike, ceilings: npt.ArrayLike | None = None) -> Bounded:
    """Return the largest rate by the geometric mean of all: at least 1, which is equality.

    Parameters and errors as in `max_min_ratio`.
    """
    return DIFFERENTIALS["fmr_max_geomean"](rates, rates, fmr_ceilings=ceilings)


def filled(
    rates: Array, ceilings: npt.ArrayLike | None, kind: str = "rates", ratio: bool = True
) -> Array:
    """Return rates with ceilings in place of 0; as they are where no ratio is formed.

    Raises
    ------
    ValueError
        If a rate is 0 and its ceiling is missing or not in (0, 1].
    """
    zero = rates == 0
    if not ratio or not zero.any():
        return rates
    if ceilings is None:
        raise ValueError(f"a ratio to a rate of 0 has no end: give ceilings of the {kind}")
    limits = np.broadcast_to(np.asarray(ceilings, dtype=np.float64), rates.shape)
    if not ((limits[zero] > 0) & (limits[zero] <= 1)).all():
        raise ValueError(f"ceilings of the {kind} that are 0 must lie in (0, 1]")
    found: Array = np.where(zero, limits, rates)
    return found


def _rates(rates: npt.ArrayLike, kind: str) -> Array:
    x = np.asarray(rates, dtype=np.float64)
    if x.ndim == 0 or x.shape[-1] < MIN_GROUPS:
        raise ValueError(f"{kind}: there are no differences among fewer than {MIN_GROUPS} groups")
    if not ((x >= 0) & (x <= 1)).all():
        raise ValueError(f"{kind}: rates lie between 0 and 1")
    return x


def _range(x: Array, positive: Array) -> Array:  # noqa: ARG001
    found: Array = x.max(axis=-1) - x.min(axis=-1)
    return found


def _gini(x: Array, positive: Array) -> Array:  # noqa: ARG001
    # Sorted, x_(i) stands above i of the others and below n - 1 - i.
    n = x.shape[-1]
    apart = np.sort(x, axis=-1) @ (2.0 * np.arange(n) - n + 1)
    total = (n - 1) * x.sum(axis=-1)
    found = np.divide(apart, total, out=np.zeros(x.shape[:-1]), where=total > 0)
    inside: Array = np.clip(found, 0.0, 1.0)
    return inside


def _log_top(x: Array, positive: Array) -> Array:
    # A ceiling is no largest rate; where all rates are 0 nothing is known to be unequal.
    top, least = x.max(axis=-1), positive.min(axis=-1)
    found: Array = np.log(np.where(top > 0, top, least))
    return found


def _log_range(x: Array, positive: Array) -> Array:
    found: Array = np.maximum(_log_top(x, positive) - np.log(positive.min(axis=-1)), 0.0)
    return found


def _log_geomean(x: Array, positive: Array) -> Array:
    found: Array = np.maximum(_log_top(x, positive) - np.log(positive).mean(axis=-1), 0.0)
    return found


def _complement(s: Array) -> Array:
    return np.clip(1 - s, 0.0, 1.0)


def _ratio(title: str, sides: Sides, spread: Spread) -> Differential:
    return Differential(title, sides, spread, np.exp, 1.0, 1.0, None, True, True)


DIFFERENTIALS: dict[str, Differential] = {
    "fdr": Differential(
        "Fairness discrepancy rate", "both", _range, _complement, 1.0, 0.0, 1.0, False, False
    ),
    "inequity_rate": _ratio("Inequity rate", "both", _log_range),
    "garbe": Differential("GARBE", "both", _gini, np.asarray, 0.0, 0.0, 1.0, True, False),
    "fmr_max_min": _ratio("FMR, largest by smallest", "fmr", _log_range),
    "fmr_max_geomean": _ratio("FMR, largest by geometric mean", "fmr", _log_geomean),
    "fnmr_max_min": _ratio("FNMR, largest by smallest", "fnmr", _log_range),
    "fnmr_max_geomean": _ratio("FNMR, largest by geometric mean", "fnmr", _log_geomean),
}
"""What a study can loop over, by name."""
