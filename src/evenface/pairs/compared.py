"""What came of comparing: counts of scores by group, and errors by identity at any threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from evenface.pairs.bins import LOWEST, Bins
from evenface.pairs.people import People, Rows
from evenface.stats.pair_counts import PairCounts
from evenface.stats.rates import Scores

Groups = Sequence[int]
Places = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Found:
    """Single scores and whose they are.

    Attributes
    ----------
    scores : ndarray of float32, shape (m,)
    first, second : ndarray of int32, shape (m,)
        Persons.
    """

    scores: npt.NDArray[np.float32]
    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]

    @classmethod
    def of(cls, scores: npt.NDArray[np.float32], first: Rows, second: Rows) -> Found:
        """Hold scores in little memory."""
        return cls(scores, first.astype(np.int32), second.astype(np.int32))

    @classmethod
    def together(cls, parts: Sequence[Found]) -> Found:
        """Return all of several, in their order."""
        none = cls(np.empty(0, np.float32), np.empty(0, np.int32), np.empty(0, np.int32))
        every = [none, *parts]
        return cls(
            np.concatenate([p.scores for p in every]),
            np.concatenate([p.first for p in every]),
            np.concatenate([p.second for p in every]),
        )

    def at(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Found:
        """Return some of them."""
        return Found(self.scores[which], self.first[which], self.second[which])

    def above(self, cut: float) -> Found:
        """Return those of at least a score."""
        return self.at(self.scores >= np.float32(cut))

    def sorted(self) -> Found:
        """Return them from the largest score on."""
        return self.at(np.argsort(-self.scores, kind="stable"))


@dataclass(frozen=True)
class Compared:
    """Scores of all pairs, or of listed ones.

    Attributes
    ----------
    people : People
    bins : Bins
    counts : ndarray of int64, shape (cells, bins)
        Impostor scores by pair of groups: (0, 0), (0, 1) ... (1, 1) ...
    kept : Found
        Impostor scores of at least `cut`, the largest first.
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
    """

    people: People
    bins: Bins
    counts: npt.NDArray[np.int64]
    kept: Found
    cut: float
    genuine: Found
    nearest: npt.NDArray[np.float64]
    part: Compared | None = None
    listed: bool = False
    _cells: dict[int, Places] = field(default_factory=dict, repr=False)

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
        own = self.kept.scores[self._in_cells(cells)].astype(np.float64)
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

        Below `cut` the threshold is taken to be the next edge of a bin.
        """
        cells = self._cells_of(ones, others)
        if self.listed:
            own = self.kept.scores[self._in_cells(cells)].astype(np.float64)
            return int((own >= threshold).sum()), own.size
        total = int(self.counts[cells].sum())
        if threshold >= self.cut:
            return self._matched(threshold, cells).size, total
        first = int(np.searchsorted(self.bins.edges.astype(np.float64), threshold))
        return int(self.counts[cells, first:].sum()), total

    def _matched(self, threshold: float, cells: Rows) -> Rows:
        """Return which kept scores of some cells are at least a threshold."""
        end = int(np.searchsorted(-self.kept.scores.astype(np.float64), -threshold, "right"))
        which = self._in_cells(cells)
        return which[: int(np.searchsorted(which, end))]

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
            own = self.kept.at(self._in_cells(cells))
            hits = own.scores.astype(np.float64) >= threshold
            k = self.people.persons
            return PairCounts.listed(own.first, own.second, hits, identities=k)
        matched = self._matched(threshold, cells)
        first, second = self.kept.first[matched], self.kept.second[matched]
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
        a, b = np.triu_indices(groups)
        both = inside[a] & inside[b]
        across = (inside[a] & outside[b]) | (outside[a] & inside[b])
        return np.flatnonzero(both if others is None else across)

    def _in_cells(self, cells: Rows) -> Rows:
        """Return which kept scores are of some pairs of groups, in order."""
        if not self._cells:
            groups = len(self.people.groups)
            # The index of (g, h) among the pairs with g <= h.
            table = np.zeros((groups, groups), dtype=np.int32)
            table[np.triu_indices(groups)] = np.arange(groups * (groups + 1) // 2)
            table = np.maximum(table, table.T)
            group = self.people.group
            cell = table[group[self.kept.first], group[self.kept.second]]
            order: Places = np.argsort(cell, kind="stable").astype(np.int32)
            ends = np.searchsorted(cell[order], np.arange(self.counts.shape[0] + 1))
            for k in range(self.counts.shape[0]):
                self._cells[k] = order[ends[k] : ends[k + 1]]
        if len(cells) == self.counts.shape[0]:
            return np.arange(self.kept.scores.size)
        if len(cells) == 0:
            return np.empty(0, dtype=np.intp)
        found: Rows = np.sort(np.concatenate([self._cells[int(c)] for c in cells]))
        return found
