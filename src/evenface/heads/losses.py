"""What a bottleneck is trained with: softmax and triplet loss, as in the papers.

All are written for K networks at once, embeddings of shape (K, b, p).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from evenface.errors import ConfigError
from evenface.heads.networks import xavier


@dataclass(frozen=True)
class LossOptions:
    """Constants of the losses.

    Attributes
    ----------
    margin : float
        Of `contrastive`: how far apart two classes are pushed; > 0.
    alpha : float
        Of `triplet`: how much farther the negative must be, in squared distance; > 0.
    """

    margin: float = 0.5
    alpha: float = 0.2

    def __post_init__(self) -> None:
        for name in ("margin", "alpha"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ConfigError(f"{name} is {value}; it must be a number above 0")


@dataclass(frozen=True)
class Batch:
    """What a loss is given: embeddings of one step of K networks.

    Attributes
    ----------
    z : Tensor, shape (K, b, p)
    y, rows : Tensor of int64, shape (K, b)
        Class of each, and which training row it is.
    weight : Tensor, shape (K, b)
    ties : Tensor of int64, shape (K, t, 2 or 3), or None
        See `evenface.heads.sampling.Plan`.
    offset : Tensor, shape (K, C), or None
        Added to logits while training (logit adjustment).
    """

    z: Tensor
    y: Tensor
    rows: Tensor
    weight: Tensor
    ties: Tensor | None = None
    offset: Tensor | None = None


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean over the last axis; 0 where nothing has weight."""
    total = weight.sum(dim=-1)
    return (values * weight).sum(dim=-1) / torch.where(total > 0, total, 1.0)


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return ``||a - b||^2`` over the last axis."""
    return (a - b).square().sum(dim=-1)


def triplet_loss(positive: Tensor, negative: Tensor, alpha: float) -> Tensor:
    """Return the triplet loss (Schroff, Kalenichenko and Philbin 2015, equation 3).

    ``max(0, ||f(a) - f(p)||^2 - ||f(a) - f(n)||^2 + alpha)``

    Parameters
    ----------
    positive, negative : Tensor
        Squared distances from the anchor.
    alpha : float
    """
    return (positive - negative + alpha).clamp_min(0.0)


class Criterion(ABC):
    """A loss of K networks, with whatever it learns itself.

    Parameters
    ----------
    seeds : sequence of int
        One a network.
    n_classes, dims : int
    options : LossOptions
    device : str
    """

    def __init__(
        self, seeds: Sequence[int], n_classes: int, dims: int, options: LossOptions, device: str
    ) -> None:
        self.n_classes, self.options = n_classes, options
        self.build([torch.Generator().manual_seed(s + 2) for s in seeds], dims, device)

    def build(self, generators: Sequence[torch.Generator], dims: int, device: str) -> None:
        """Make what is learned; nothing, for most."""
        del generators, dims, device

    @abstractmethod
    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss of each network, shape (K,)."""

    def learned(self, place: int) -> list[Tensor]:
        """Return one network's parameters, each with its gradient in ``grad``."""
        del place
        return []

    def zero_grad(self) -> None:  # noqa: B027 - most losses learn nothing
        """Forget the gradients."""

    def logits(self, z: Tensor) -> Tensor | None:
        """Return logits (K, b, C) if the loss is a classifier's."""
        del z
        return None


class Softmax(Criterion):
    """Cross-entropy on logits ``z Ws^T`` of the bottleneck, without bias."""

    def build(self, generators: Sequence[torch.Generator], dims: int, device: str) -> None:
        """Make Ws, shape (K, C, p)."""
        starts = torch.stack([xavier(dims, self.n_classes, g).T for g in generators])
        self.weight = starts.contiguous().to(device).requires_grad_()
        self.weight.grad = torch.zeros_like(self.weight)

    def logits(self, z: Tensor) -> Tensor:
        """Return ``z Ws^T``."""
        return torch.bmm(z, self.weight.transpose(1, 2))

    def __call__(self, batch: Batch) -> Tensor:
        """Return the weighted mean cross-entropy of each network."""
        logits = self.logits(batch.z)
        if batch.offset is not None:
            logits = logits + batch.offset[:, None, :]
        return cross_entropy(logits, batch)

    def learned(self, place: int) -> list[Tensor]:
        """Return Ws of one network."""
        assert self.weight.grad is not None
        own = self.weight.detach()[place]
        own.grad = self.weight.grad[place]
        return [own]

    def zero_grad(self) -> None:
        """Forget the gradient."""
        assert self.weight.grad is not None
        self.weight.grad.zero_()


class Logits(Criterion):
    """Cross-entropy on the network's outputs themselves: a classifier without a bottleneck."""

    def logits(self, z: Tensor) -> Tensor:
        """Return the outputs."""
        return z

    def __call__(self, batch: Batch) -> Tensor:
        """Return the weighted mean cross-entropy of each network."""
        return cross_entropy(batch.z, batch)


def cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """Return the weighted mean of ``-log softmax(logits)_y`` over each network's rows."""
    total = batch.weight.sum(dim=-1, keepdim=True)
    share = batch.weight / torch.where(total > 0, total, 1.0)
    found: Tensor = CrossEntropy.apply(logits, batch.y[..., None], share)  # type: ignore[no-untyped-call]
    return found


class CrossEntropy(torch.autograd.Function):
    """Cross-entropy with its slope written out: ``share (softmax(logits) - 1_y)``."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, y: Tensor, share: Tensor) -> Tensor:
        """Return the sum over rows, shape (K,), of logits (K, b, C), classes (K, b, 1)."""
        logs = logits.log_softmax(dim=-1)
        ctx.save_for_backward(logs, y, share)
        return -(logs.gather(-1, y)[..., 0] * share).sum(dim=-1)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient at the logits."""
        logs, y, share = ctx.saved_tensors
        slope = logs.exp()
        slope.scatter_add_(-1, y, slope.new_full((1,), -1.0).expand(y.shape))
        return slope.mul_((share * outer[0][:, None])[..., None]), None, None


class Triplet(Criterion):
    """Schroff's loss over the triplets of a batch."""

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss of each network."""
        assert batch.ties is not None
        anchor, positive, negative = (batch.ties[..., k] for k in range(3))
        z = gather(batch.z, anchor)
        loss = triplet_loss(
            squared_distance(z, gather(batch.z, positive)),
            squared_distance(z, gather(batch.z, negative)),
            self.options.alpha,
        )
        row, y = batch.rows, batch.y
        whole = (row.gather(1, anchor) != row.gather(1, positive)) & (
            y.gather(1, anchor) != y.gather(1, negative)
        )
        return weighted_mean(loss, batch.weight.gather(1, anchor) * whole)


def gather(z: Tensor, places: Tensor) -> Tensor:
    """Return embeddings (K, t, p) at places (K, t)."""
    return z.gather(1, places[..., None].expand(-1, -1, z.shape[-1]))
