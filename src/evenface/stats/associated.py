"""How persons are associated with two attributes, and how the effect size moves with anybody.

What `association` rests on. A person's weight is 1; derivatives by it say how the effect size
would move if there were more of that person, as one of a target or of an attribute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats

from evenface.stats.bootstrap import Array, Index
from evenface.stats.clusters import satterthwaite
from evenface.stats.shuffles import ROUNDING

Mask = npt.NDArray[np.bool_]
Means = tuple[Index, Array]
"""Persons of a set, in order, and the mean of each one's unit vectors in it."""


def means_by_person(unit: Array, who: Index, mask: Mask) -> Means:
    """Return the persons of a set, in order, and the mean of each one's vectors in it."""
    rows = np.flatnonzero(mask)
    persons, number, count = np.unique(who[rows], return_inverse=True, return_counts=True)
    share = sparse.csr_array((1 / count[number], (number, rows)), shape=(len(persons), len(who)))
    return persons, np.asarray(share @ unit)


@dataclass(frozen=True)
class Targets:
    """Persons of X, then those of Y, and how d moves with anybody's weight.

    `s` are the persons' associations, shape (targets,); `moves` how the weight of each person of
    X, Y, A and B moves d, shape (persons,) each, 0 for who isn't in the set; `counts` their sizes.
    """

    s: Array
    first: int
    moves: Array
    counts: Index

    @classmethod
    def of(cls, found: list[Means], people: int) -> Targets:
        """Compare the persons of X and Y with those of A and B.

        Parameters
        ----------
        found : list of Means
            Of X, Y, A and B, 2 persons each or more.
        people : int
            How many are numbered.
        """
        (x, tx), (y, ty) = found[:2]
        members, t = np.concatenate([x, y]), np.concatenate([tx, ty])
        nearer = [Attribute.of(t, members, *attribute) for attribute in found[2:]]
        counts = np.array([len(m) for m, _ in found])
        made = cls(nearer[0].cosine - nearer[1].cosine, len(x), np.zeros((4, people)), counts)
        if made.alike:
            return made
        by_s, by_weight = made._slopes()
        for k, own in enumerate((np.s_[: len(x)], np.s_[len(x) :])):
            made.moves[k, members[own]] = by_weight[own] - by_weight[own].mean()
        for k, attribute in enumerate(nearer):
            made.moves[2 + k, found[2 + k][0]] = (1 - 2 * k) * attribute.moves(by_s)
        return made

    @property
    def spread(self) -> float:
        """Standard deviation of the associations, over persons."""
        return float(self.s.std(ddof=1))

    @property
    def unexplained(self) -> float:
        """1 - r^2, with r the correlation of the associations with membership of X."""
        z = self.s - self.s.mean()
        x, y = z[: self.first], z[self.first :]
        within = ((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum()
        return float(within / (z @ z))

    @property
    def alike(self) -> str:
        """Why d says nothing or has no interval; empty if it has."""
        if self.spread <= ROUNDING:
            return "all identities are associated alike"
        if self.unexplained <= ROUNDING:
            return "the identities of each target set are associated alike"
        return ""

    @property
    def sign(self) -> Array:
        """What a person's association counts in the difference of means."""
        n, k = len(self.s), self.first
        return np.where(np.arange(n) < k, 1 / k, -1 / (n - k))

    @property
    def d(self) -> float:
        """Effect size."""
        return float(self.sign @ self.s) / self.spread

    @property
    def largest(self) -> float:
        """The largest that d can be."""
        n, k = len(self.s), self.first
        return float(np.sqrt(n * (n - 1) / (k * (n - k))))

    def _slopes(self) -> tuple[Array, Array]:
        """Derivatives of d by the associations, and by weights up to a constant in X and in Y."""
        z, sign, d, last = self.s - self.s.mean(), self.sign, self.d, len(self.s) - 1
        by_s: Array = (sign - d * z / (last * self.spread)) / self.spread
        by_weight: Array = sign * z / self.spread - d * (z / self.spread) ** 2 / (2 * last)
        return by_s, by_weight

    def interval(self, level: float) -> tuple[float, float]:
        """Return the two ends, from what all sets' persons add to the variance."""
        inflated = self.moves * np.sqrt(self.counts / (self.counts - 1))[:, None]
        variance = float((inflated.sum(axis=0) ** 2).sum())
        df = satterthwaite((inflated**2).sum(axis=1), self.counts - 1)
        r = self.d / self.largest
        reach = (
            stats.t.ppf(0.5 + level / 2, df) * np.sqrt(variance) / self.largest / self.unexplained
        )
        low, high = np.tanh(np.arctanh(r) + np.array([-reach, reach])) * self.largest
        return float(low), float(high)


@dataclass(frozen=True)
class Attribute:
    """One set of attributes, as seen by each target person, without that person.

    `cosine` is the mean with the attribute's persons, `left` their number, shape (targets,); `at`
    is where a target stands among the attribute's persons, -1 if nowhere.
    """

    t: Array
    means: Array
    cosine: Array
    left: Array
    own: Array
    at: Index

    @classmethod
    def of(cls, t: Array, members: Index, persons: Index, means: Array) -> Attribute:
        """Compare targets' mean vectors `t`, of persons `members`, with an attribute's."""
        spot = np.minimum(np.searchsorted(persons, members), len(persons) - 1)
        at = np.where(persons[spot] == members, spot, -1)
        own = np.where(at >= 0, np.einsum("ij,ij->i", t, means[at]), 0.0)
        left = len(persons) - (at >= 0).astype(np.float64)
        return cls(t, means, (t @ means.sum(axis=0) - own) / left, left, own, at)

    def moves(self, by_s: Array) -> Array:
        """Return how the weight of each of its persons moves d, shape (persons,); sums to 0."""
        share = by_s / self.left
        found = self.means @ (share @ self.t) - share @ self.cosine
        # Nobody is an attribute of themselves.
        inside = self.at >= 0
        found[self.at[inside]] -= (share * (self.own - self.cosine))[inside]
        return np.asarray(found - found.mean())
