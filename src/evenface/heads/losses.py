"""What a bottleneck is trained with: softmax and triplet loss, as in the papers.

All are written for K networks at once, embeddings of shape (K, b, p).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

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


def shares(weight: Tensor) -> Tensor:
    """Return weights that sum to 1 over the last axis; 0 where nothing has weight."""
    total = weight.sum(dim=-1, keepdim=True)
    return weight / torch.where(total > 0, total, 1.0)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean over the last axis; 0 where nothing has weight."""
    return (values * shares(weight)).sum(dim=-1)


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


@dataclass(frozen=True)
class Slopes:
    """What a training step needs of a loss.

    Attributes
    ----------
    losses : Tensor, shape (K,)
    slope : Tensor, shape (K, b, p)
        Gradient of each network's loss at its embeddings.
    logits : Tensor, shape (K, b, C), or None
        Of a classifier.
    """

    losses: Tensor
    slope: Tensor
    logits: Tensor | None = None


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

    def slopes(self, batch: Batch) -> Slopes:
        """Return losses and slopes, and leave the slope of what is learned in its ``grad``.

        By automatic differentiation; losses that small networks are trained with by the hundred
        write theirs out, since at these sizes going back through every operation costs more.
        """
        z = batch.z.detach().requires_grad_()
        self.zero_grad()
        losses = self(replace(batch, z=z))
        torch.autograd.backward(losses, torch.ones_like(losses))
        assert z.grad is not None
        return Slopes(losses.detach(), z.grad, self.logits(batch.z))

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
        return cross_entropy(_offset(self.logits(batch.z), batch), batch)

    @torch.no_grad()
    def slopes(self, batch: Batch) -> Slopes:
        """Return losses and slopes: at z that of the logits times Ws."""
        logits = self.logits(batch.z)
        losses, slope = cross_entropy_slope(_offset(logits, batch), batch)
        assert self.weight.grad is not None
        torch.bmm(slope.transpose(1, 2), batch.z, out=self.weight.grad)
        return Slopes(losses, torch.bmm(slope, self.weight), logits)

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

    @torch.no_grad()
    def slopes(self, batch: Batch) -> Slopes:
        """Return losses and slopes."""
        return Slopes(*cross_entropy_slope(batch.z, batch), batch.z)


def _offset(logits: Tensor, batch: Batch) -> Tensor:
    return logits if batch.offset is None else logits + batch.offset[:, None, :]


def cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """Return the weighted mean of ``-log softmax(logits)_y`` over each network's rows."""
    logs = logits.log_softmax(dim=-1).gather(-1, batch.y[..., None])[..., 0]
    return -weighted_mean(logs, batch.weight)


def cross_entropy_slope(logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return `cross_entropy` and its slope, ``weight (softmax(logits) - 1_y) / sum of weights``."""
    logs, y = logits.log_softmax(dim=-1), batch.y[..., None]
    share = shares(batch.weight)
    losses = -(logs.gather(-1, y)[..., 0] * share).sum(dim=-1)
    slope = logs.exp_()
    slope.scatter_add_(-1, y, slope.new_full((1,), -1.0).expand(y.shape))
    return losses, slope.mul_(share[..., None])


class Triplet(Criterion):
    """Schroff's loss over the triplets of a batch."""

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss of each network."""
        a, p, n = (gather(batch.z, place) for place in self._places(batch))
        loss = triplet_loss(squared_distance(a, p), squared_distance(a, n), self.options.alpha)
        return (loss * self._share(batch)).sum(dim=-1)

    @torch.no_grad()
    def slopes(self, batch: Batch) -> Slopes:
        """Return losses and slopes: where a triplet has a loss, it parts and pulls in a line."""
        places = self._places(batch)
        a, p, n = (gather(batch.z, place) for place in places)
        loss = triplet_loss(squared_distance(a, p), squared_distance(a, n), self.options.alpha)
        share = self._share(batch)
        each = (2 * share * (loss > 0))[..., None]
        slope = torch.zeros_like(batch.z)
        for place, towards in zip(places, (n - p, p - a, a - n), strict=True):
            slope.scatter_add_(1, place[..., None].expand_as(towards), towards * each)
        return Slopes((loss * share).sum(dim=-1), slope)

    @staticmethod
    def _places(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        assert batch.ties is not None
        anchor, positive, negative = batch.ties.unbind(dim=-1)
        return anchor, positive, negative

    def _share(self, batch: Batch) -> Tensor:
        anchor, positive, negative = self._places(batch)
        row, y = batch.rows, batch.y
        # A row that found no partner is its own, which is no triplet.
        whole = (row.gather(1, anchor) != row.gather(1, positive)) & (
            y.gather(1, anchor) != y.gather(1, negative)
        )
        return shares(batch.weight.gather(1, anchor) * whole)


def gather(z: Tensor, places: Tensor) -> Tensor:
    """Return embeddings (K, t, p) at places (K, t)."""
    return z.gather(1, places[..., None].expand(-1, -1, z.shape[-1]))
