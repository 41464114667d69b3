"""Which rows a step sees, and which of them are held against each other.

An image is never paired with itself: partners are drawn from the *other* rows of a class, and
where a balanced draw brings a row twice, the two don't count as a pair. Everything is drawn an
epoch at a time, by a generator of the network's own: it gets the same batches alone and beside
others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenface.heads.problem import Labels

Index = npt.NDArray[np.int64]
Uniform = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """One epoch.

    Attributes
    ----------
    rows : ndarray of int64, shape (steps, m)
        Rows that each step embeds.
    ties : ndarray of int64, shape (steps, t, 2 or 3), or None
        Pairs, or triplets of anchor, positive and negative, as places among a step's rows;
        None where a loss looks at the rows as they are.
    """

    rows: Index
    ties: Index | None = None


def batches(n: int, batch: int) -> tuple[int, int]:
    """Return how many steps an epoch over n rows has, and how many rows a step.

    All steps have the same number of rows, near `batch`, so that no row counts more for standing
    in a small last one; the few rows left over are others each epoch.
    """
    steps = max(1, round(n / batch))
    return steps, n // steps


@dataclass(frozen=True)
class Members:
    """Rows sorted by class within each of g sets: a partner is a draw and an addition away.

    Attributes
    ----------
    label : ndarray of intp, shape (g, n)
    order, place : ndarray of intp, shape (g, n)
        Rows class by class, and where each row stands among them.
    start, count : ndarray of intp, shape (g, classes)
        Where each class starts, and how many rows it has.
    """

    label: npt.NDArray[np.intp]
    order: npt.NDArray[np.intp]
    place: npt.NDArray[np.intp]
    start: npt.NDArray[np.intp]
    count: npt.NDArray[np.intp]

    @classmethod
    def of(cls, label: npt.NDArray[np.intp]) -> Members:
        """Sort sets of rows, shape (g, n), by label 0 ... C-1."""
        order = np.argsort(label, axis=1, kind="stable")
        place = np.empty_like(order)
        np.put_along_axis(place, order, np.arange(label.shape[1])[None, :], axis=1)
        classes = int(label.max(initial=-1)) + 1
        count = np.stack([(label == c).sum(axis=1) for c in range(classes)], axis=1)
        return cls(label, order, place, np.cumsum(count, axis=1) - count, count)

    def drawn(self, labels: npt.NDArray[np.intp], uniform: Uniform) -> Index:
        """Return a row of each of the labels, shape (g, k), all rows of it alike."""
        start, count = self._range(labels)
        return self._rows(start + _pick(uniform, count))

    def same(self, rows: Index, uniform: Uniform) -> Index:
        """Return another row of each row's class; the row itself if it is the only one.

        Parameters
        ----------
        rows : ndarray of int64, shape (g, k)
        uniform : ndarray, shape (g, k)
            Draws in [0, 1).
        """
        start, count = self._range(np.take_along_axis(self.label, rows, axis=1))
        step = 1 + _pick(uniform, np.maximum(count - 1, 1))
        place = np.take_along_axis(self.place, rows, axis=1)
        return self._rows(start + (place - start + step) % count)

    def other(self, rows: Index, uniform: Uniform) -> Index:
        """Return a row of another class; some row of the same where there is no other."""
        start, count = self._range(np.take_along_axis(self.label, rows, axis=1))
        n = self.label.shape[1]
        place = _pick(uniform, np.maximum(n - count, 1))
        return self._rows(np.where(place >= start, place + count, place) % n)

    def other_evenly(self, rows: Index, uniform: Uniform, again: Uniform) -> Index:
        """Return a row of another class, every other class as often."""
        classes = self.count.shape[1]
        own = np.take_along_axis(self.label, rows, axis=1)
        labels = (own + 1 + _pick(uniform, np.full_like(own, max(classes - 1, 1)))) % classes
        return self.drawn(labels, again)

    def _range(
        self, labels: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        start = np.take_along_axis(self.start, labels, axis=1)
        return start, np.take_along_axis(self.count, labels, axis=1)

    def _rows(self, places: npt.NDArray[np.intp]) -> Index:
        return np.take_along_axis(self.order, places, axis=1).astype(np.int64)


def _pick(uniform: Uniform, count: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    return np.minimum((uniform * count).astype(np.intp), count - 1)


def _dense(y: Labels) -> npt.NDArray[np.intp]:
    """Number the classes that occur 0 ... C-1, as one set, shape (1, n)."""
    return np.unique(y, return_inverse=True)[1].astype(np.intp)[None, :]


def deal(
    n: int, steps: int, rows: int, rng: np.random.Generator, strata: Labels | None = None
) -> Index:
    """Return the rows of each step of an epoch, shape (steps, rows).

    Every row comes once; or, given the rows' `strata`, every stratum as often, its rows drawn
    with replacement.
    """
    if strata is None:
        return rng.permutation(n)[: steps * rows].reshape(steps, rows)
    members = Members.of(_dense(strata))
    # As many of each stratum in a step as go into it evenly; which get one more is drawn.
    turn = rng.random((steps, members.count.shape[1])).argsort(axis=1)
    labels = np.take_along_axis(turn, np.arange(rows)[None, :] % turn.shape[1], axis=1)
    flat = members.drawn(labels.reshape(1, -1), rng.random((1, labels.size)))
    return flat.reshape(steps, rows)


def rows_only(
    y: Labels, steps: int, rows: int, rng: np.random.Generator, strata: Labels | None = None
) -> Plan:
    """Plan an epoch for losses that look at the rows as they are, or at all their pairs."""
    return Plan(deal(len(y), steps, rows, rng, strata))


def pairs(
    y: Labels, steps: int, rows: int, rng: np.random.Generator, strata: Labels | None = None
) -> Plan:
    """Plan an epoch of pairs: every row once as the first, half of them with one of its class."""
    members = Members.of(_dense(y))
    first = deal(len(y), steps, rows, rng, strata)
    alike = rng.random(first.shape).argsort(axis=1) % 2 == 0
    flat = first.reshape(1, -1)
    second = np.where(
        alike.reshape(1, -1),
        members.same(flat, rng.random(flat.shape)),
        _other(members, flat, rng, strata),
    )
    return _side_by_side(first, second.reshape(first.shape))


def partners(
    y: Labels, steps: int, rows: int, rng: np.random.Generator, strata: Labels | None = None
) -> Plan:
    """Plan an epoch of pairs of one class: every row once as the first."""
    members = Members.of(_dense(y))
    first = deal(len(y), steps, rows, rng, strata)
    flat = first.reshape(1, -1)
    return _side_by_side(first, members.same(flat, rng.random(flat.shape)).reshape(first.shape))


def triplets(
    y: Labels, steps: int, rows: int, rng: np.random.Generator, strata: Labels | None = None
) -> Plan:
    """Plan an epoch of triplets drawn from all training rows, every row once as the anchor."""
    members = Members.of(_dense(y))
    anchor = deal(len(y), steps, rows, rng, strata)
    flat = anchor.reshape(1, -1)
    positive = members.same(flat, rng.random(flat.shape))
    negative = _other(members, flat, rng, strata)
    return _side_by_side(anchor, positive.reshape(anchor.shape), negative.reshape(anchor.shape))


def _other(members: Members, rows: Index, rng: np.random.Generator, strata: Labels | None) -> Index:
    if strata is not None:
        return members.other_evenly(rows, rng.random(rows.shape), rng.random(rows.shape))
    return members.other(rows, rng.random(rows.shape))


def _side_by_side(*parts: Index) -> Plan:
    steps, rows = parts[0].shape
    places = np.arange(rows * len(parts)).reshape(len(parts), rows).T
    ties = np.broadcast_to(places, (steps, rows, len(parts)))
    return Plan(np.concatenate(parts, axis=1), ties.astype(np.int64))


DRAWS = 8
"""Triplets that each anchor takes part in when they are made within the batch."""


def batch_triplets(
    y: Labels, steps: int, rows: int, rng: np.random.Generator, strata: Labels | None = None
) -> Plan:
    """Plan an epoch of triplets made within each step's rows, `DRAWS` an anchor.

    An embedded row then serves in many triplets, where drawing them from all rows embeds three
    rows for one. A row that finds no partner in its step is its own; the loss leaves it out.
    """
    dealt = deal(len(y), steps, rows, rng, strata)
    members = Members.of(_dense(y)[0][dealt])
    anchor = np.tile(np.arange(rows), (steps, DRAWS))
    positive = members.same(anchor, rng.random(anchor.shape))
    negative = members.other(anchor, rng.random(anchor.shape))
    return Plan(dealt, np.stack([anchor, positive, negative], axis=-1).astype(np.int64))
