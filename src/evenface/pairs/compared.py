"""What came of comparing: counts of scores by group, and errors by identity at any threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from evenface.pairs.bins import LOWEST, Bins
from evenface.pairs.found import Found, Kept
from evenface.pairs.people import People, Rows
from evenface.stats.pair_counts import PairCounts
from evenface.stats.rates import Scores

Groups = Sequence[int]

NONE = np.empty(0, dtype=np.float32)


@dataclass(frozen=True)
class Compared:
    """Scores of all pairs, or of listed ones.

    Attributes
    ----------
    people : People
    bins : Bins
    counts : ndarray of int64, shape (cells, bins)
        Impostor scores by pair of groups: (0, 0), (0, 1) ... (1, 1) ...
    kept : Kept
        Impostor scores of at least `cut`.
    cut : float
        Edge of a bin, or lower than all scores.
    genuine : Found
    nearest : ndarray of float64, shape (2, n)
        Each place's largest impostor score: of all, and of its own group. Minus infinity where
        there is none.
    part : Compared, optional
        The same of some persons, with all scores kept: how rates vary below `cut`.
    listed : bool
        Whether only listed pairs were compared, all of them kept.
    exact : dict of float to ndarray of int64, shape (cells,)
        Impostor pairs that match at thresholds asked for beforehand.
    """

    people: People
    bins: Bins
    counts: npt.NDArray[np.int64]
    kept: Kept
    cut: float
    genuine: Found
    nearest: npt.NDArray[np.float64]
    part: Compared | None = None
    listed: bool = False
    exact: Mapping[float, npt.NDArray[np.int64]] = field(default_factory=dict)

    def impostors(self, ones: Groups, others: Groups | None = None) -> Scores:
        """Return impostor scores among some groups, or between these and others.

        Parameters
        ----------
        ones : sequence of int
            Groups.
        others : sequence of int, optional
            None of them in `ones`.
        """
        cells = self._cells_of(ones, others)
        own = np.concatenate([*(self.kept.scores[self.kept.cell(int(c))] for c in cells), NONE])
        if self.cut <= LOWEST:
            return Scores.of(own)
        below = self.bins.edges < np.float32(self.cut)
        edges = np.maximum(self.bins.edges[below].astype(np.float64), LOWEST)
        binned = self.counts[cells].sum(axis=0)[below]
        single = np.ones(own.size, dtype=np.int64)
        return Scores.of(np.concatenate([edges, own]), np.concatenate([binned, single]))

    def genuine_scores(self, groups: Groups) -> Scores:
        """Return genuine scores of persons of some groups."""
        return Scores.of(self.genuine.scores[self._mine(groups)[self.genuine.first]])

    def matches(
        self, threshold: float, ones: Groups, others: Groups | None = None
    ) -> tuple[int, int]:
        """Return how many impostor pairs match, of how many; parameters as in `impostors`.

        Below `cut` a threshold that isn't in `exact` is taken to be the next edge of a bin.
        """
        cells = self._cells_of(ones, others)
        total = int(self.counts[cells].sum())
        if threshold >= self.cut:
            return sum(p.stop - p.start for p in self.kept.reaching(threshold, cells)), total
        if threshold in self.exact:
            return int(self.exact[threshold][cells].sum()), total
        first = int(np.searchsorted(self.bins.edges.astype(np.float64), threshold))
        return int(self.counts[cells, first:].sum()), total

    def impostor_counts(
        self, threshold: float, ones: Groups, others: Groups | None = None
    ) -> PairCounts:
        """Return false matches by pairs of identities.

        Raises
        ------
        ValueError
            If the threshold lies below `cut`: ask `part`.
        """
        if threshold < self.cut:
            raise ValueError("false matches are not known by identity below the cut")
        cells = self._cells_of(ones, others)
        if self.listed:
            own = Found.together([self.kept.at(self.kept.cell(int(c))) for c in cells])
            hits = own.scores.astype(np.float64) >= threshold
            k = self.people.persons
            return PairCounts.listed(own.first, own.second, hits, identities=k)
        places = self.kept.reaching(threshold, cells)
        first, second = (
            np.concatenate([who[:0], *(who[p] for p in places)])
            for who in (self.kept.first, self.kept.second)
        )
        images = self.people.images.astype(np.float64)
        a = images * self._mine(ones)
        if others is None:
            return PairCounts.among(a, first, second)
        return PairCounts.between(a, images * self._mine(others), first, second)

    def genuine_counts(self, threshold: float, groups: Groups) -> PairCounts:
        """Return false non-matches by identity."""
        k = self.people.persons
        own = self.genuine.at(self._mine(groups)[self.genuine.first])
        wrong = own.scores.astype(np.float64) < threshold
        hits = np.bincount(own.first, wrong, k)
        trials = np.bincount(own.first, minlength=k)
        who = np.flatnonzero(trials)
        return PairCounts.listed(who, who, hits[who], trials[who], identities=k)

    def _mine(self, groups: Groups) -> npt.NDArray[np.bool_]:
        """Tell which persons are of some groups."""
        return np.isin(self.people.group, np.asarray(groups, dtype=np.intp))

    def _cells_of(self, ones: Groups, others: Groups | None) -> Rows:
        groups = len(self.people.groups)
        inside, outside = (np.isin(np.arange(groups), g) for g in (ones, others or ()))
        # In the order of `counts`.
        a, b = np.triu_indices(groups)
        both = inside[a] & inside[b]
        across = (inside[a] & outside[b]) | (outside[a] & inside[b])
        return np.flatnonzero(both if others is None else across)
