"""Who is compared with whom: which rows take part, of whom, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]
NOBODY = -1


@dataclass(frozen=True)
class People:
    """Rows in the order in which they are compared: by group, person, identity.

    Attributes
    ----------
    order : ndarray of intp, shape (n,)
        Row of the embeddings at each place; rows that are left out are missing.
    person, identity : ndarray of intp, shape (n,)
        By place. Pairs of one identity are genuine, of two persons impostor pairs. Two identities
        that share a picture are one person: whether their pairs are genuine is not known, and
        they are not compared.
    group : ndarray of intp, shape (persons,)
        Group of each person, from 0.
    groups : tuple of str or None
        Their names; None for persons of no recorded group, who come last.
    left_out : dict of str to int
        Rows that take no part, by reason.
    """

    order: Rows
    person: Rows
    identity: Rows
    group: Rows
    groups: tuple[str | None, ...]
    left_out: dict[str, int]

    @classmethod
    def of(
        cls,
        identity: Rows,
        person: Rows,
        group: Sequence[str | None],
        picture: Sequence[str | None] | None = None,
        *,
        without: Rows | None = None,
    ) -> People:
        """Put rows in order.

        Parameters
        ----------
        identity, person : ndarray of intp, shape (N,)
        group : sequence of str or None
            Recorded group of each row. A person has the one that most of its rows have.
        picture : sequence of str or None, optional
            Hash of each picture's bytes. Of copies of one identity the first stays, of pictures
            that several identities have none: whose they are is not known.
        without : ndarray of intp, optional
            Rows that can't be compared, such as those of zero vectors.
        """
        keep = np.ones(len(identity), dtype=bool)
        left_out: dict[str, int] = {}
        if without is not None and len(without):
            keep[without] = False
            left_out["zero vectors"] = len(without)
        if picture is not None:
            copies, shared = _copies(identity, picture, keep)
            keep[[*copies, *shared]] = False
            counts = {
                "copies of another picture of the same identity": len(copies),
                "pictures that several identities have": len(shared),
            }
            left_out |= {why: n for why, n in counts.items() if n}
        rows = np.flatnonzero(keep)
        people, own = np.unique(person[rows], return_inverse=True)
        names = _commonest(own, [group[r] for r in rows.tolist()], len(people))
        known = sorted({g for g in names if g is not None})
        every: tuple[str | None, ...] = (*known, None) if None in names else tuple(known)
        code = np.array([every.index(g) for g in names], dtype=np.intp)
        # Persons are numbered in the order of their groups.
        rank = np.empty(len(people), dtype=np.intp)
        rank[np.argsort(code, kind="stable")] = np.arange(len(people))
        by = np.lexsort((rows, identity[rows], rank[own]))
        person_at, identity_at = rank[own][by], identity[rows][by]
        return cls(rows[by], person_at, identity_at, np.sort(code), every, left_out)

    @property
    def persons(self) -> int:
        """Number of persons."""
        return len(self.group)

    @property
    def images(self) -> npt.NDArray[np.int64]:
        """Pictures of each person that take part, shape (persons,)."""
        return np.bincount(self.person, minlength=self.persons).astype(np.int64)

    @property
    def bounds(self) -> Rows:
        """Places at which each group begins, and the end, shape (groups + 1,)."""
        return np.searchsorted(self.group[self.person], np.arange(len(self.groups) + 1))

    @property
    def cells(self) -> Rows:
        """Number of each pair of groups, (0, 0), (0, 1) ... (1, 1) ..., shape (groups, groups)."""
        k = len(self.groups)
        upper = np.zeros((k, k), dtype=np.intp)
        upper[np.triu_indices(k)] = np.arange(k * (k + 1) // 2)
        return np.maximum(upper, upper.T)

    def impostor_pairs(self) -> npt.NDArray[np.int64]:
        """Return how many impostor pairs there are of each two groups, (groups, groups)."""
        m, g = self.images, len(self.groups)
        pictures = np.bincount(self.group, m, g).astype(np.int64)
        squares = np.bincount(self.group, m**2, g).astype(np.int64)
        pairs = np.outer(pictures, pictures)
        np.fill_diagonal(pairs, (pictures**2 - squares) // 2)
        return pairs

    def some(self, most_pairs: int, seed: int) -> npt.NDArray[np.bool_]:
        """Choose persons at random, of each group alike, that make at most so many pairs."""
        m = self.images
        chosen = np.ones(self.persons, dtype=bool)
        share = np.sqrt(2 * most_pairs) / max(int(m.sum()), 1)
        if share >= 1:
            return chosen
        rng = np.random.default_rng(seed)
        for g in range(len(self.groups)):
            own = np.flatnonzero(self.group == g)
            keep = max(int(len(own) * share), min(2, len(own)))
            chosen[rng.permutation(own)[keep:]] = False
        return chosen

    def part(self, places: Rows) -> People:
        """Return those at some places, in order; groups stay, persons are numbered anew."""
        kept, person = np.unique(self.person[places], return_inverse=True)
        return replace(
            self, order=self.order[places], person=person.astype(np.intp),
            identity=self.identity[places], group=self.group[kept],
        )  # fmt: skip


def _copies(
    identity: Rows, picture: Sequence[str | None], keep: npt.NDArray[np.bool_]
) -> tuple[list[int], list[int]]:
    """Return rows that repeat an earlier one of their identity, and rows that several have."""
    whose: dict[str, dict[int, list[int]]] = {}
    for row, (name, known) in enumerate(zip(identity.tolist(), picture, strict=True)):
        if known is not None and keep[row]:
            whose.setdefault(known, {}).setdefault(name, []).append(row)
    copies, shared = [], []
    for owners in whose.values():
        if len(owners) > 1:
            shared += [row for rows in owners.values() for row in rows]
        else:
            copies += [row for rows in owners.values() for row in rows[1:]]
    return copies, shared


def _commonest(own: Rows, labels: Sequence[str | None], people: int) -> list[str | None]:
    """Return each person's commonest label, the alphabetically first of a tie."""
    counts: list[Counter[str]] = [Counter() for _ in range(people)]
    for who, label in zip(own.tolist(), labels, strict=True):
        if label is not None:
            counts[who][label] += 1
    return [min(c, key=lambda k: (-c[k], k)) if c else None for c in counts]
