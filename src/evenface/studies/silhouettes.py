"""Silhouettes of labels (Rousseeuw 1987) that can be computed without some of the people."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evenface.faces.split import Rows
from evenface.studies.neighbours import Distances, Keep, PerRow, Points


def distance_sums(points: Points | Distances, labellings: list[Rows], group: Rows) -> list[PerRow]:
    """Return sums of Euclidean distances from each row to the rows of each group and label.

    Parameters
    ----------
    points : ndarray, shape (n, d), or Distances
    labellings : list of ndarray of intp, shape (n,)
        Each with labels 0 ... C-1.
    group : ndarray of intp, shape (n,)
        0 ... G-1: groups that are left out whole.

    Returns
    -------
    list of ndarray, shape (n, G, C)
        For each labelling. Distances are read once, for all of them.
    """
    if not labellings:
        return []
    joint, cell = np.unique(np.stack(labellings), axis=1, return_inverse=True)
    kinds, groups = joint.shape[1], int(group.max()) + 1
    belongs = np.zeros((len(group), groups * kinds), dtype=np.float32)
    belongs[np.arange(len(group)), group * kinds + cell.ravel()] = 1
    sums = np.empty((len(group), groups, kinds))
    for rows, far in (points if isinstance(points, Distances) else Distances(points)).blocks():
        apart = np.sqrt(far)
        apart[np.isinf(apart)] = 0
        sums[rows] = (apart @ belongs).reshape(-1, groups, kinds)
    return [sums @ np.eye(int(label.max()) + 1)[label] for label in joint]


class Silhouettes:
    """Silhouettes of one labelling.

    Parameters
    ----------
    sums : ndarray, shape (n, G, C)
        From `distance_sums`.
    codes, group : ndarray of intp, shape (n,)
    """

    def __init__(self, sums: PerRow, codes: Rows, group: Rows) -> None:
        self.codes, self.group, self.sums = codes, group, sums
        self.total = sums.sum(axis=1)

    def mean(self, keep: Keep) -> float:
        """Return the mean silhouette of kept rows among kept rows, in [-1, 1].

        Parameters
        ----------
        keep : ndarray of bool, shape (n,)
            Groups are kept or left out whole.
        """
        left_out = np.setdiff1d(self.group[~keep], self.group[keep])
        sums = (self.total - self.sums[:, left_out].sum(axis=1))[keep]
        codes = self.codes[keep]
        sizes = np.bincount(codes, minlength=self.total.shape[1])
        own = sizes[codes]
        rows = np.arange(len(codes))
        inside = sums[rows, codes] / np.maximum(own - 1, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            outside: npt.NDArray[np.float64] = np.where(sizes > 0, sums / sizes, np.inf)
        outside[rows, codes] = np.inf
        nearest_other = outside.min(axis=1)
        widest = np.maximum(inside, nearest_other)
        apart = np.where(widest > 0, (nearest_other - inside) / np.where(widest > 0, widest, 1), 0)
        # A label alone in its class has silhouette 0.
        return float(np.mean(np.where((own > 1) & np.isfinite(nearest_other), apart, 0.0)))
