"""How far apart classes lie in a learned space, and how sure that is.

Of every row the mean distance to other people of its class (``intra``), to people of other
classes (``inter``, classes counting alike) and the silhouette (Rousseeuw 1987). People lie near
or far from other people, so they are left out in groups, as rows and as neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.faces.split import Rows
from evenface.stats.intervals import Estimate
from evenface.stats.jackknife import from_replicates

Values = npt.NDArray[np.float64]
BLOCK = 1024

LIMITS = {
    "intra_distance": (0.0, np.inf),
    "inter_distance": (0.0, np.inf),
    "silhouette": (-1.0, 1.0),
}


@dataclass(frozen=True)
class Sums:
    """Distances of rows to the rows of every class, summed over groups of people.

    Attributes
    ----------
    total : ndarray, shape (n, G, C)
        Sums of Euclidean distances to rows of other people.
    counts : ndarray, shape (G, C)
        Rows of each group of people and class.
    codes, group, own : ndarray of intp, shape (n,)
        Class, group of people, and number of rows of the row's own person.
    """

    total: Values
    counts: Values
    codes: Rows
    group: Rows
    own: Rows

    @classmethod
    def of(cls, points: npt.NDArray[Any], codes: Rows, person: Rows, group: Rows) -> Sums:
        """Sum distances between points (n, p)."""
        z = np.asarray(points, dtype=np.float64)
        groups, classes = int(group.max()) + 1, int(codes.max()) + 1
        belongs = np.zeros((len(z), groups * classes))
        belongs[np.arange(len(z)), group * classes + codes] = 1.0
        total = np.empty((len(z), groups * classes))
        norms = np.einsum("ij,ij->i", z, z)
        for start in range(0, len(z), BLOCK):
            rows = slice(start, min(start + BLOCK, len(z)))
            squared = norms[rows, None] + norms[None, :] - 2.0 * z[rows] @ z.T
            far = np.sqrt(np.maximum(squared, 0.0, out=squared), out=squared)
            far[person[rows, None] == person[None, :]] = 0.0
            total[rows] = far @ belongs
        counts = belongs.sum(axis=0).reshape(groups, classes)
        own = np.bincount(person)[person]
        return cls(total.reshape(-1, groups, classes), counts, codes, group, own)

    def without(self, left_out: int | None) -> dict[str, Values]:
        """Return each measure of every row, with nobody or one group of people left out."""
        total, counts = self.total.sum(axis=1), self.counts.sum(axis=0)
        if left_out is not None:
            total, counts = total - self.total[:, left_out], counts - self.counts[left_out]
        rows = np.arange(len(total))
        others = np.broadcast_to(counts, total.shape).copy()
        others[rows, self.codes] -= self.own
        mean = np.where(others > 0, total / np.maximum(others, 1), np.nan)
        inside = mean[rows, self.codes].copy()
        mean[rows, self.codes] = np.nan
        alone = np.isnan(mean).all(axis=1)
        mean[alone] = np.inf
        nearest = np.nanmin(mean, axis=1)
        widest = np.fmax(inside, nearest)
        apart = np.where(widest > 0, (nearest - inside) / np.where(widest > 0, widest, 1.0), 0.0)
        mean[alone] = np.nan
        present = np.maximum((~np.isnan(mean)).sum(axis=1), 1)
        outside = np.where(alone, np.nan, np.nansum(mean, axis=1) / present)
        # A person alone in a class has silhouette 0.
        apart = np.where(np.isfinite(inside) & ~alone, apart, 0.0)
        found = {"intra_distance": inside, "inter_distance": outside, "silhouette": apart}
        if left_out is not None:
            for values in found.values():
                values[self.group == left_out] = np.nan
        return found


class Spread:
    """Measures of one learning condition over all splits.

    Parameters
    ----------
    person, dealt : ndarray of intp, shape (N,)
        Person of each row of the study, and the group of people that is left out with it.
    """

    def __init__(self, person: Rows, dealt: Rows) -> None:
        self.person, self.dealt = person, dealt
        self.rows: list[Rows] = []
        self.replicates: list[list[dict[str, Values]]] = []

    def add(self, points: npt.NDArray[Any], codes: Rows, rows: Rows) -> None:
        """Take in the test rows of one split: where they lie, their classes and their numbers."""
        sums = Sums.of(points, codes, self.person[rows], self.dealt[rows])
        # A group of people that is not among these rows can't be left out of them.
        groups = int(self.dealt.max()) + 1
        here = sums.total.shape[1]
        self.replicates.append(
            [sums.without(None)] + [sums.without(g if g < here else None) for g in range(groups)]
        )
        self.rows.append(rows)

    def estimates(
        self, keep: npt.NDArray[np.bool_], level: float
    ) -> Iterator[tuple[str, Estimate]]:
        """Yield each measure over the rows of the study that `keep` tells.

        Parameters
        ----------
        keep : ndarray of bool, shape (N,)
        level : float
        """
        rows = np.concatenate(self.rows)
        chosen = keep[rows]
        n, people = int(chosen.sum()), int(np.unique(self.person[rows[chosen]]).size)
        for metric, limits in LIMITS.items():
            values = [
                _mean(np.concatenate([split[r][metric] for split in self.replicates])[chosen])
                for r in range(len(self.replicates[0]))
            ]
            if not np.isfinite(values).all():
                why = "too few people of one class among the test rows"
                yield metric, Estimate.missing(why, level=level, n=n, n_identities=people)
                continue
            yield (
                metric,
                from_replicates(
                    values[0], np.array(values[1:]), n=n, people=people, level=level, limits=limits
                ),
            )


def _mean(values: Values) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan
