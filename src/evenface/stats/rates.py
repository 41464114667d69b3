"""Error rates of verification at every threshold: FMR, FNMR, EER, DET.

A pair matches if its score s is at least the threshold T (ISO/IEC 19795-1):

    FMR(T)  = share of impostor pairs with s >= T
    FNMR(T) = share of genuine pairs with s < T

Scores are similarities: larger is more alike. Hundreds of millions of them are held as counts
at values, some of which are the lower edges of bins: at those values counts are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """How many scores there are at each value.

    Attributes
    ----------
    values : ndarray of float64, shape (m,)
        Strictly growing.
    counts : ndarray of int64, shape (m,)
        Scores at each value, at least 1; between it and the next where values are edges of bins.
    """

    values: Array
    counts: Counts

    @classmethod
    def of(cls, scores: npt.ArrayLike, counts: npt.ArrayLike | None = None) -> Scores:
        """Sort scores, each of which stands for one pair or for as many as `counts` says.

        Parameters
        ----------
        scores : array_like, of any shape
            Finite; larger is more alike.
        counts : array_like of int, of a shape that fits that of `scores`, optional
            At least 0; one each if not given.

        Raises
        ------
        ValueError
            If a score is not finite, or a count is negative.
        """
        flat = np.asarray(scores).ravel()
        if flat.dtype != np.float32:
            flat = flat.astype(np.float64)
        if not np.isfinite(flat).all():
            raise ValueError("a score is not a finite number")
        if counts is None:
            values, found = np.unique(flat, return_counts=True)
            return cls(values.astype(np.float64), found.astype(np.int64))
        weights = np.broadcast_to(np.asarray(counts, dtype=np.int64), flat.shape)
        if (weights < 0).any():
            raise ValueError("a count is below 0")
        some = weights > 0
        values, where = np.unique(flat[some], return_inverse=True)
        summed = np.zeros(values.size, dtype=np.int64)
        np.add.at(summed, where, weights[some])
        return cls(values.astype(np.float64), summed)

    @property
    def total(self) -> int:
        """Pairs in all."""
        return int(self.counts.sum())

    def at_least(self, threshold: npt.ArrayLike) -> Counts:
        """Count scores of at least each threshold.

        Parameters
        ----------
        threshold : array_like of float, of any shape, or a scalar

        Returns
        -------
        ndarray of int64, shape of `threshold`
        """
        above = np.append(np.cumsum(self.counts[::-1])[::-1], 0)
        found: Counts = above[np.searchsorted(self.values, threshold, side="left")]
        return found

    def below(self, threshold: npt.ArrayLike) -> Counts:
        """Count scores below each threshold.

        Parameters
        ----------
        threshold : array_like of float, of any shape, or a scalar

        Returns
        -------
        ndarray of int64, shape of `threshold`
        """
        return self.total - self.at_least(threshold)


@dataclass(frozen=True)
class EqualError:
    """Where FMR and FNMR meet.

    Attributes
    ----------
    value : float
        Mean of the two rates at `threshold`, in [0, 1].
    low, high : float
        The two rates, the smaller first: no threshold brings them nearer to each other.
    threshold : float
        The lowest that does.
    """

    value: float
    low: float
    high: float
    threshold: float


def fmr(impostors: Scores, threshold: npt.ArrayLike) -> Array:
    """Return the share of impostor pairs with a score of at least each threshold.

    Parameters
    ----------
    impostors : Scores
    threshold : array_like of float, of any shape, or a scalar

    Returns
    -------
    ndarray of float64, shape of `threshold`
        In [0, 1].

    Raises
    ------
    ValueError
        If there is no impostor pair.
    """
    return _share(impostors.at_least(threshold), impostors.total, "impostor")


def fnmr(genuine: Scores, threshold: npt.ArrayLike) -> Array:
    """Return the share of genuine pairs with a score below each threshold.

    Parameters
    ----------
    genuine : Scores
    threshold : array_like of float, of any shape, or a scalar

    Returns
    -------
    ndarray of float64, shape of `threshold`
        In [0, 1].

    Raises
    ------
    ValueError
        If there is no genuine pair.
    """
    return _share(genuine.below(threshold), genuine.total, "genuine")


def equal_error(genuine: Scores, impostors: Scores) -> EqualError:
    """Return the equal error rate: the mean of FMR and FNMR where they differ least.

    Parameters
    ----------
    genuine, impostors : Scores

    Returns
    -------
    EqualError

    Raises
    ------
    ValueError
        If there is no genuine, or no impostor pair.
    """
    # Beyond the last value nothing matches.
    both = np.union1d(genuine.values, impostors.values)
    thresholds = np.append(both, np.nextafter(both[-1:], np.inf))
    one, other = fmr(impostors, thresholds), fnmr(genuine, thresholds)
    k = int(np.argmin(np.abs(one - other)))
    low, high = sorted((float(one[k]), float(other[k])))
    return EqualError((low + high) / 2, low, high, float(thresholds[k]))


def threshold_at(impostors: Scores, target: float) -> float:
    """Return the lowest threshold at which FMR is no more than a target.

    It is a value of `impostors`, or just above the largest.

    Parameters
    ----------
    impostors : Scores
    target : float
        In [0, 1].

    Returns
    -------
    float
        On the scores' scale.

    Raises
    ------
    ValueError
        If the target is outside [0, 1], or there is no impostor pair.
    """
    if not 0 <= target <= 1:
        raise ValueError(f"a target FMR lies between 0 and 1, not at {target}")
    thresholds = np.append(impostors.values, np.nextafter(impostors.values[-1:], np.inf))
    # FMR only falls along the thresholds.
    first = int(np.argmax(fmr(impostors, thresholds) <= target))
    return float(thresholds[first])


def det_curve(genuine: Scores, impostors: Scores, *, points: int = 200) -> tuple[Array, ...]:
    """Return thresholds, FMR and FNMR along a detection error trade-off curve.

    Where there are more different scores than points they are thinned, evenly in the logit of
    the ranks of either side, so that both ends of the curve stay fine.

    Parameters
    ----------
    genuine, impostors : Scores
    points : int
        About so many thresholds, at least 10.

    Returns
    -------
    thresholds, fmr, fnmr : ndarray, shape (k,)
        In the order of growing thresholds; rates in [0, 1].

    Raises
    ------
    ValueError
        If there is no genuine, or no impostor pair.
    """
    both = np.union1d(genuine.values, impostors.values)
    chosen = np.append(both, np.nextafter(both[-1:], np.inf))
    if chosen.size > points:
        half = points // 2
        ends = [_spaced(side, half) for side in (genuine, impostors)]
        chosen = np.unique(np.concatenate([*ends, chosen[[0, -1]]]))
    return chosen, fmr(impostors, chosen), fnmr(genuine, chosen)


def _spaced(scores: Scores, points: int) -> Array:
    """Return values whose ranks lie evenly on a logit scale."""
    n = max(scores.total, 2)
    logits = np.linspace(-np.log(n), np.log(n), points)
    ranks = n / (1 + np.exp(-logits))
    at = np.searchsorted(np.cumsum(scores.counts), ranks, side="left")
    return scores.values[np.minimum(at, scores.values.size - 1)]


def _share(counts: Counts, total: int, kind: str) -> Array:
    if total == 0:
        raise ValueError(f"there is no {kind} pair")
    return np.asarray(counts / total, dtype=np.float64)
