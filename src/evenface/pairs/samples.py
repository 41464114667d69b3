"""Some persons' rows, their pairs in blocks, and what a remedy is: fitted on some, used on others.

A remedy replaces a score by another that takes account of whose pictures are compared. What it
knows of a picture, its facts, is found once; a new score follows from the old one and the facts
of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from evenface.pairs.people import People, Rows
from evenface.pairs.similarity import SIMILARITIES, Prepared

Values = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

ROWS, COLUMNS = 256, 2048
"""Shape of a block: scores are gone over several times, and stay in the cache."""


@dataclass(frozen=True)
class Tile:
    """A block of pairs: rows of one group with rows of another, or of the same.

    Attributes
    ----------
    rows, columns : slice
    groups : (int, int)
    """

    rows: slice
    columns: slice
    groups: tuple[int, int]


@dataclass(frozen=True)
class Sample:
    """Rows in the order of `People`, of some persons.

    Attributes
    ----------
    prepared : Prepared
        n rows.
    person, identity : ndarray of intp, shape (n,)
        Numbered as among all people, so that samples can be told apart.
    group : ndarray of intp, shape (n,)
        Never falling.
    groups : tuple of str or None
        Names of all groups; None for that of persons of no recorded group.
    """

    prepared: Prepared
    person: Rows
    identity: Rows
    group: Rows
    groups: tuple[str | None, ...]

    @classmethod
    def of(cls, prepared: Prepared, people: People, places: Rows) -> Sample:
        """Take the rows at some places, in order."""
        person = people.person[places]
        identity, group = people.identity[places], people.group[person]
        return cls(prepared.at(places), person, identity, group, people.groups)

    def __len__(self) -> int:
        return len(self.person)

    @property
    def persons(self) -> int:
        """How many persons there are."""
        return int(np.unique(self.person).size)

    @property
    def pairs(self) -> int:
        """How many pairs of pictures of two persons there are."""
        images = np.bincount(self.person).astype(np.int64)
        return int((images.sum() ** 2 - (images**2).sum()) // 2)

    def tiles(self) -> Iterator[Tile]:
        """Return blocks in which each pair is at least once."""
        ends = np.searchsorted(self.group, np.arange(len(self.groups) + 1)).tolist()
        for g in range(len(self.groups)):
            for top in range(ends[g], ends[g + 1], ROWS):
                rows = slice(top, min(top + ROWS, ends[g + 1]))
                for h in range(g, len(self.groups)):
                    for left in range(top if g == h else ends[h], ends[h + 1], COLUMNS):
                        columns = slice(left, min(left + COLUMNS, ends[h + 1]))
                        yield Tile(rows, columns, (g, h))

    def scores(self, tile: Tile) -> Values:
        """Return the scores of a block, shape (rows, columns)."""
        found: Values = self.prepared.block(tile.rows, tile.columns).cpu().numpy()
        return found

    def impostors(self, tile: Tile) -> Flags | None:
        """Tell which pairs of a block are of two persons and come first; None if all are."""
        a, b = tile.rows, tile.columns
        if b.start >= a.stop and self.person[a.stop - 1] != self.person[b.start]:
            return None
        i, j = np.arange(a.start, a.stop), np.arange(b.start, b.stop)
        found: Flags = (self.person[a][:, None] != self.person[b]) & (i[:, None] < j)
        return found

    @cached_property
    def by_groups(self) -> dict[tuple[int, int], Values]:
        """All impostor scores of each two groups (g, h) with g <= h, sorted."""
        size = range(len(self.groups))
        none = np.empty(0, dtype=np.float32)
        parts = {(g, h): [none] for g in size for h in size if g <= h}
        for tile in self.tiles():
            scores, which = self.scores(tile), self.impostors(tile)
            parts[tile.groups].append(scores.ravel() if which is None else scores[which])
        return {cell: np.sort(np.concatenate(found)) for cell, found in parts.items()}

    def genuine(self) -> tuple[Rows, Rows]:
        """Return the rows of each genuine pair, the earlier first."""
        found: list[Rows] = []
        for apart in range(1, len(self)):
            same = self.identity[:-apart] == self.identity[apart:]
            # Rows of an identity stand together.
            if not same.any():
                break
            found.append(np.flatnonzero(same & (self.person[:-apart] == self.person[apart:])))
        first = np.concatenate([np.empty(0, dtype=np.intp), *found])
        steps = np.repeat(np.arange(1, len(found) + 1), [len(f) for f in found])
        return first, first + steps


@dataclass(frozen=True)
class Training:
    """What a remedy is fitted to.

    Attributes
    ----------
    sample : Sample
        Of training persons alone.
    target : float
        FMR, in (0, 1), at which it will be used; most remedies don't depend on it.
    seed : int
    """

    sample: Sample
    target: float
    seed: int = 0


class Remedy(Protocol):
    """Something fitted, that doesn't change any more."""

    def facts(self, sample: Sample) -> Values:
        """Return what must be known of each row, shape (n, k)."""

    def __call__(self, scores: Values, a: Values, b: Values) -> Values:
        """Return new scores, larger for more alike.

        Parameters
        ----------
        scores : ndarray of float32
        a, b : ndarray of float32
            Facts of the references and of the probes; without their last axis, of shapes that
            broadcast to that of `scores`.
        """


def against(one: Prepared, rows: slice, other: Prepared) -> torch.Tensor:
    """Return the scores of some rows of one with all of another, shape (rows, len(other))."""
    products = one.vectors[rows] @ other.vectors.T
    a_norms, b_norms = one.norms[rows][:, None], other.norms[None, :]
    return SIMILARITIES[one.name].finish(products, a_norms, b_norms).float()


def of_block(remedy: Remedy, scores: Values, facts: Values, tile: Tile) -> Values:
    """Return the new scores of a block."""
    return remedy(scores, facts[tile.rows][:, None], facts[tile.columns][None])


def of_pairs(remedy: Remedy, sample: Sample, facts: Values, first: Rows, second: Rows) -> Values:
    """Return the new scores of listed pairs of rows, shape (len(first),)."""
    return remedy(sample.prepared.listed(first, second), facts[first], facts[second])
