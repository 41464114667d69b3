"""Rows whose persons may be sent to another class, or out: the same numbers under other labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenface.stats.accuracy import Recalls
from evenface.stats.asked import Asked
from evenface.stats.bootstrap import MIN_PERSONS, Array, Index, Values, number_labels, per_person
from evenface.stats.intervals import Estimate
from evenface.stats.repeats import Noise

Pair = tuple[int, int | None]
"""A model, and one whose balanced accuracy is taken away."""

KEPT, OUT = -1, -2
"""Where a person goes who stays as recorded, or is left out; otherwise the number of a class."""


@dataclass(frozen=True)
class Relabelled:
    """Rows and their persons 0 ... persons-1; classes 0 ... k-1, those recorded at all.

    Attributes
    ----------
    named : ndarray, shape (n, k, m)
        Share of a row's predictions that named each class.
    codes, person : ndarray of intp, shape (n,)
    strata : ndarray of intp, shape (n,), or None
        What a row's person was sampled as, beside the class.
    asked : Asked
    home : ndarray of intp, shape (persons,)
        The commonest class of each person's rows.
    order : ndarray of intp, shape (n,)
        Places of the rows as given.
    kept : (ndarray, ndarray)
        Hits of each person's rows of a class, shape (persons, k, m), and how many these are.
    moved : (ndarray, ndarray)
        The same if all of a person's rows were of that class.
    """

    named: Array
    codes: Index
    person: Index
    strata: Index | None
    asked: Asked
    home: Index
    order: Index
    kept: tuple[Array, Array]
    moved: tuple[Array, Array]

    @classmethod
    def of(
        cls, named: Array, codes: Index, person: Values, strata: Index | None, asked: Asked
    ) -> Relabelled:
        """Sort rows by person, which makes all that follows faster."""
        order = np.argsort(person, kind="stable")
        named, codes, number = named[order], codes[order], number_labels(person)[order]
        strata = None if strata is None else strata[order]
        present, own = np.unique(codes, return_inverse=True)
        persons = int(number.max(initial=-1)) + 1
        # Unlike a stratum a class is never renumbered: one that is nobody's commonest stays.
        votes = np.bincount(number * present.size + own, minlength=persons * present.size)
        home = votes.reshape(persons, -1).argmax(axis=1) if persons else number
        named = named[:, present]
        recorded = own[:, None] == np.arange(present.size)
        kept = _summed(named, recorded, number, persons)
        moved = _summed(named, np.ones_like(recorded), number, persons)
        return cls(named, own, number, strata, asked, home, order, kept, moved)

    @property
    def persons(self) -> int:
        """How many persons there are."""
        return len(self.home)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.named.shape[1])

    def estimates(
        self,
        goes: Index,
        models: Sequence[int],
        pairs: Sequence[Pair],
        noise: Sequence[Noise | None],
    ) -> list[Estimate]:
        """Return the statistics of pairs of `models` when persons go where they are sent."""
        to = goes[self.person]
        at = np.flatnonzero(to != OUT)
        codes = np.where(to >= 0, to, self.codes)[at]
        correct = self.named[at[:, None], codes[:, None], np.asarray(models, dtype=np.intp)]
        strata = None if self.strata is None else self.strata[at]
        recalls = Recalls(correct, codes, self.person[at], self.asked, strata)
        least = max(self.classes, 2)
        return [
            recalls.balanced(a, noise=added, least_classes=least)
            if b is None
            else recalls.difference(a, b, noise=added, least_classes=least)
            for (a, b), added in zip(pairs, noise, strict=True)
        ]

    def recalls(self, goes: Index) -> Array:
        """Return recalls when persons go where they are sent, shape (m, k).

        nan for a class of fewer than two persons. The same as `estimates` without their
        intervals, from sums over persons: a hundredth of the time.
        """
        stays = (goes == KEPT).astype(np.float64)
        to = (np.arange(self.classes) == goes[:, None]).astype(np.float64)
        (hits, rows), (other_hits, other_rows) = self.kept, self.moved
        hit = np.einsum("p,pcm->mc", stays, hits) + np.einsum("pc,pcm->mc", to, other_hits)
        number = stays @ rows + (to * other_rows).sum(axis=0)
        persons = stays @ (rows > 0).astype(np.float64) + to.sum(axis=0)
        shares: Array = hit / np.where(persons < MIN_PERSONS, np.nan, np.maximum(number, 1))
        return shares


def _summed(named: Array, counts: Values, person: Index, persons: int) -> tuple[Array, Array]:
    number = per_person(counts, person, persons)
    shape = named.shape[1:]
    hits = (named * counts[:, :, None]).reshape(len(counts), shape[0] * shape[1])
    return per_person(hits, person, persons).reshape(persons, *shape), number
