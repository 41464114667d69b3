"""An adversary that reads an attribute off a network's outputs, with its gradient reversed.

The adversary is the best linear reader of the latest outputs rather than one that descends beside
the network: that one lags, its mistakes are what the network learns to make larger, and the two go
round in circles. What is left of the circles a mean of the networks along them takes out
(`evenface.heads.ledger`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import exp

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from evenface.heads.around import Around, stacked_codes
from evenface.heads.losses import Batch, Criterion, Slopes, cross_entropy, gather
from evenface.heads.problem import Labels

STEEP = 10.0
"""gamma of Ganin and Lempitsky's ramp."""

FADES = 0.5
"""What a step's outputs count for in the next: a reader that remembers long lags behind."""

RIDGE = 0.1
"""Of the outputs' mean variance, added to each where there are as many rows as outputs.

A reader of few rows needs it, and the less the more rows there are: a direction that is made small
beside the others hides behind it.
"""

TINY = 1e-12
"""What is divided by, at least."""


@dataclass(frozen=True)
class Hidden:
    """An attribute that a network's outputs are not to tell.

    Attributes
    ----------
    codes : ndarray of intp, shape (n,)
        Value of each training row, 0 ... count-1; below 0 where it isn't known.
    count : int
    strength : float
        lambda, at least 0: what hiding weighs against the loss.
    within : bool
        Whether outputs may tell as much as the row's class does (equality of odds in Zhang et
        al. 2018), rather than nothing (demographic parity).
    """

    codes: Labels
    count: int
    strength: float = 1.0
    within: bool = False


def ramp(done: float) -> float:
    """Return the share of its strength that an adversary has (Ganin and Lempitsky 2015, section 4).

    ``2 / (1 + exp(-10 p)) - 1``, with p the share of the training that is done, in [0, 1].
    """
    return 2 / (1 + exp(-STEEP * done)) - 1


class Reversed(Around):
    """A loss less lambda times that of a softmax branch that reads a hidden attribute.

    ``L(z) - lambda L_q(z)``, with ``q(c | z) ~ exp(z S^-1 m_c - m_c S^-1 m_c / 2)`` the linear
    discriminant (Fisher 1936): over the latest steps, m_c the mean of the outputs of value c less
    the mean of all, S the covariance of all; z from that mean. All values weigh the same, however
    many rows each has. The branch can't be escaped by shrinking all outputs, and isn't so sure of
    what it reads well, as it would be with the covariance within values, that its slopes vanish.
    Where a step has few rows for its outputs, one direction that is made small beside the others
    hides behind the ridge, and a reader of many rows finds part of it again.

    Parameters
    ----------
    inner : Criterion
    asked : sequence of Hidden
        One a network, all of as many values.
    y : sequence of ndarray of intp
        Classes of each network's training rows.
    place : callable
        See `evenface.heads.objectives.Loss.place`: outputs are read as they are compared.
    steps : int
        In the whole training.
    device : str
    """

    def __init__(
        self, inner: Criterion, asked: Sequence[Hidden], y: Sequence[Labels],
        place: Callable[[Tensor], Tensor], steps: int, device: str,
    ) -> None:  # fmt: skip
        super().__init__(inner)
        self.place, self.steps, self.done = place, steps, 0
        self.codes = stacked_codes([one.codes for one in asked], device)
        self.strength = torch.tensor([[[one.strength]] for one in asked], device=device)
        weights = [_weights(one) for one in asked]
        told = [_told(one, own, w) for one, own, w in zip(asked, y, weights, strict=True)]
        self.weight, self.told = (
            torch.from_numpy(np.stack(own).astype(np.float32)).to(device) for own in (weights, told)
        )
        self.seen: Moments | None = None

    def slopes(self, batch: Batch) -> Slopes:
        """Return losses and slopes of the inner loss, less lambda times the branch's slopes."""
        made = self.inner.slopes(batch)
        z = batch.z.detach().requires_grad_()
        losses = self.read(replace(batch, z=z))
        torch.autograd.backward(losses, torch.ones_like(losses))
        assert z.grad is not None
        reach = self.strength * ramp(self.done / self.steps)
        self.done += 1
        return replace(made, slope=made.slope - reach * z.grad)

    def read(self, batch: Batch) -> Tensor:
        """Take in a step's outputs; return the branch's loss about them, shape (K,)."""
        z = self.place(batch.z)
        codes, weight = (own.gather(1, batch.rows) for own in (self.codes, self.weight))
        codes = codes.clamp_min(0)
        new = Moments.of(z.detach(), codes, weight, self.told.shape[-1])
        self.seen = new if self.seen is None else self.seen.faded(new)
        weights, biases = self.seen.discriminant()
        logits = torch.baddbmm(biases, z, weights) + gather(self.told, batch.rows)
        return cross_entropy(logits, replace(batch, y=codes, weight=weight))


@dataclass(frozen=True)
class Moments:
    """Weighted sums over outputs (K, b, p) of each value of an attribute.

    Attributes
    ----------
    count : Tensor, shape (K, C)
    total : Tensor, shape (K, C, p)
    products : Tensor, shape (K, p, p)
    rows : float
        How many rows they are of, those of earlier steps for what they still count.
    """

    count: Tensor
    total: Tensor
    products: Tensor
    rows: float

    @classmethod
    def of(cls, z: Tensor, codes: Tensor, weight: Tensor, count: int) -> Moments:
        """Sum a step's outputs by codes (K, b), with weights (K, b)."""
        own = (one_hot(codes, count) * weight[..., None]).transpose(1, 2)
        products = torch.bmm((z * weight[..., None]).transpose(1, 2), z)
        return cls(own.sum(dim=-1), torch.bmm(own, z), products, z.shape[1])

    def faded(self, new: Moments) -> Moments:
        """Return `FADES` of these sums, and new ones."""
        return Moments(
            FADES * self.count + new.count,
            FADES * self.total + new.total,
            FADES * self.products + new.products,
            FADES * self.rows + new.rows,
        )

    def discriminant(self) -> tuple[Tensor, Tensor]:
        """Return weights (K, p, C) and biases (K, 1, C) of the linear discriminant."""
        count = self.count.clamp_min(TINY)[..., None]
        whole = count.sum(dim=1, keepdim=True)
        centre = self.total.sum(dim=1, keepdim=True) / whole
        spread = self.products / whole - centre.transpose(1, 2) * centre
        share = RIDGE * spread.shape[-1] / self.rows
        ridge = spread.diagonal(dim1=1, dim2=2).mean(dim=-1).clamp_min(TINY) * share
        spread = spread + ridge[:, None, None] * torch.eye(spread.shape[-1], device=spread.device)
        mean = (self.total / count - centre).transpose(1, 2)
        weights = torch.linalg.solve(spread, mean)
        biases = -0.5 * (mean * weights).sum(dim=1, keepdim=True) - torch.bmm(centre, weights)
        # A value that no row has had so far is none to be read.
        return weights, biases.masked_fill(self.count[:, None, :] == 0, -torch.inf)


def _weights(asked: Hidden) -> npt.NDArray[np.float64]:
    """Return weights of rows under which all values weigh the same; 0 for unknown ones."""
    counts = np.bincount(asked.codes[asked.codes >= 0], minlength=asked.count)
    return np.where(asked.codes >= 0, 1 / np.maximum(counts, 1)[asked.codes], 0.0)


def _told(asked: Hidden, y: Labels, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what a row's class tells: the log of each value's share in it, shape (n, count)."""
    known = asked.codes >= 0
    told = np.zeros((len(y), asked.count))
    if asked.within:
        total = np.zeros((int(y.max()) + 1, asked.count))
        np.add.at(total, (y[known], asked.codes[known]), weight[known])
        with np.errstate(divide="ignore"):
            told[known] = np.log(total / total.sum(axis=1, keepdims=True).clip(TINY))[y[known]]
    return told
