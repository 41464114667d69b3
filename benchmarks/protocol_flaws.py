"""The flaws themselves, each as small as it can be beside what it replaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from evenface.faces.split import Rows
from evenface.heads import sampling
from evenface.heads.contrastive import Contrastive, hadsell
from evenface.heads.losses import Batch, Criterion, Triplet, gather, squared_distance, triplet_loss
from evenface.heads.objectives import LOSSES, Loss
from evenface.heads.problem import Labels

Floats = npt.NDArray[np.float64]

# Contrastive: the squared distance is squared again.


class SquaredTwice(Contrastive):
    """Hadsell's loss with D^2 in the place of D: ``1/2 (1-Y) D^4 + 1/2 Y max(0, m - D^2)^2``."""

    slopes = Criterion.slopes

    def __call__(self, batch: Batch) -> Tensor:
        first, second, different, share = self._pairs(batch)
        squared = squared_distance(gather(batch.z, first), gather(batch.z, second))
        return (share * hadsell(squared.square(), different, self.options.margin)).sum(dim=-1)


# Triplet: plain distances and a margin of 1.


class Unsquared(Triplet):
    """``max(0, d(a,p) - d(a,n) + 1)``, whatever margin is asked for."""

    slopes = Criterion.slopes
    margin = 1.0

    def __call__(self, batch: Batch) -> Tensor:
        a, p, n = (gather(batch.z, place) for place in self._places(batch))
        loss = triplet_loss(_distance(a, p), _distance(a, n), self.margin)
        return (loss * self._share(batch)).sum(dim=-1)


def _distance(a: Tensor, b: Tensor) -> Tensor:
    squared = squared_distance(a, b)
    # The root has no slope at 0.
    return torch.where(squared > 0, squared, 1.0).sqrt() * (squared > 0)


# A pair may be an image with itself.


class WithItself(Contrastive):
    """Hadsell's loss in which a row and itself are a pair as good as any."""

    @staticmethod
    def _pairs(batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        first, second, different, _ = Contrastive._pairs(batch)
        weight = batch.weight.gather(1, first)
        return first, second, different, weight / weight.sum(dim=-1, keepdim=True)


class SquaredWithItself(SquaredTwice):
    """Both flaws of the contrastive loss."""

    _pairs = staticmethod(WithItself._pairs)


def pairs_with_itself(
    y: Labels, steps: int, rows: int, rng: np.random.Generator, strata: Labels | None = None
) -> sampling.Plan:
    """Plan an epoch of pairs; a partner of the same class is any row of it, the first included."""
    plan = sampling.pairs(y, steps, rows, rng, strata)
    assert plan.ties is not None
    first, second = plan.ties[..., 0], plan.ties[..., 1]
    left = np.take_along_axis(plan.rows, first, axis=1)
    right = np.take_along_axis(plan.rows, second, axis=1)
    counts = np.bincount(y)[y[left]]
    itself = (y[left] == y[right]) & (rng.random(left.shape) * counts < 1)
    found = plan.rows.copy()
    np.put_along_axis(found, second, np.where(itself, left, right), axis=1)
    return sampling.Plan(found, plan.ties)


def _other(loss: str, title: str, **changes: Any) -> Loss:
    return replace(LOSSES[loss], title=title, **changes)


FLAWED: dict[str, Loss] = {
    "squared_twice": _other("contrastive", "squared twice", criterion=SquaredTwice),
    "unsquared_triplet": _other("triplet", "unsquared", criterion=Unsquared),
    "self_pairs": _other(
        "contrastive", "with itself", criterion=WithItself, drawn=pairs_with_itself
    ),
    "squared_twice+self_pairs": _other(
        "contrastive", "squared, with itself", criterion=SquaredWithItself,
        drawn=pairs_with_itself,
    ),
}  # fmt: skip
"""Losses by their flaws."""


# Softmax over the batch; means over batches.


def in_batches(order: Rows, size: int) -> Iterator[Rows]:
    """Yield rows in their order, `size` at a time and the rest at the end, as loaders do."""
    return (order[start : start + size] for start in range(0, len(order), size))


def softmax_over_batch(logits: Floats) -> Floats:
    """Return softmax over the first axis: of one class over the rows of a batch, shape (b, C)."""
    found: Floats = np.exp(logits - logits.max(axis=0))
    return found / found.sum(axis=0)


def said_over_batch(logits: Floats, order: Rows, size: int) -> Rows:
    """Return the class that is largest after a softmax over each batch, shape (n,)."""
    said = np.empty(len(logits), dtype=np.intp)
    for rows in in_batches(order, size):
        said[rows] = softmax_over_batch(logits[rows]).argmax(axis=1)
    return said


def mean_of_batches(values: Floats, order: Rows, size: int) -> float:
    """Return the mean of the means of batches: rows of a short last batch count more."""
    return float(np.mean([values[rows].mean() for rows in in_batches(order, size)]))


def cross_entropies(logits: Floats, y: Labels) -> Floats:
    """Return ``-log softmax(logits)_y`` of each row, shape (n,)."""
    top = logits.max(axis=1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    found: Floats = -logs[np.arange(len(y)), y]
    return found


# Training rows show people who are tested.


def one_picture_each(rows: Rows, person: Rows, rng: np.random.Generator) -> Rows:
    """Return one row of every person, drawn."""
    order = rng.permutation(rows)
    return np.sort(order[np.unique(person[order], return_index=True)[1]])


def with_tested_people(train: Rows, test: Rows, person: Rows, rng: np.random.Generator) -> Rows:
    """Return as many training rows, some of them other pictures of the people tested.

    Where pictures are dealt and not people, each of them lands in training with the chance that
    any picture has. Other rows, drawn, make room.

    Parameters
    ----------
    train, test : ndarray of intp
        Of splits by person.
    person : ndarray of intp, shape (n,)
        Of every row there is.
    """
    others = np.setdiff1d(np.flatnonzero(np.isin(person, person[test])), test)
    let_in = others[rng.random(len(others)) < len(train) / len(person)]
    kept = rng.permutation(train)[: len(train) - len(let_in)]
    return np.sort(np.concatenate([kept, let_in]))
