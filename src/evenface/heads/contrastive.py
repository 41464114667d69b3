"""Contrastive loss (Hadsell, Chopra and LeCun 2006), over drawn pairs or all pairs of a batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from evenface.heads.losses import Batch, Criterion, gather, squared_distance, weighted_mean


def hadsell(squared: Tensor, different: Tensor, margin: float) -> Tensor:
    """Return the contrastive loss of pairs (Hadsell, Chopra and LeCun 2006, equation 4).

    ``1/2 (1 - Y) D^2 + 1/2 Y max(0, m - D)^2``, with D the Euclidean distance, not its square.

    Parameters
    ----------
    squared : Tensor
        D^2 of each pair.
    different : Tensor of bool
        Y: whether the two are of different classes.
    margin : float
        m.
    """
    # The root has no slope at 0, where the direction to part in is undefined anyway.
    apart = torch.where(squared > 0, squared, 1.0).sqrt() * (squared > 0)
    return 0.5 * torch.where(different, (margin - apart).clamp_min(0.0).square(), squared)


def hadsell_slope(squared: Tensor, different: Tensor, margin: float) -> Tensor:
    """Return the derivative of `hadsell` by D^2: 1/2, or ``-1/2 max(0, m - D) / D``."""
    apart = squared.sqrt()
    near = (margin - apart).clamp_min(0.0) / torch.where(squared > 0, apart, torch.inf)
    return 0.5 * torch.where(different, -near, 1.0)


class Contrastive(Criterion):
    """Hadsell's loss over the pairs of a batch.

    Without a list of pairs all pairs of the batch count: each row's mean over the others of its
    class and its mean over those of other classes, half each. That is what drawing one partner a
    row, half of them of its class, gives on average. Each network's loss is the mean over rows.
    """

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss of each network."""
        if batch.ties is not None:
            first, second = (gather(batch.z, batch.ties[..., k]) for k in (0, 1))
            y = [batch.y.gather(1, batch.ties[..., k]) for k in (0, 1)]
            weight = batch.weight.gather(1, batch.ties[..., 0])
            pair = hadsell(squared_distance(first, second), y[0] != y[1], self.options.margin)
            # A class of one row has no partner but itself, which is no pair.
            row = [batch.rows.gather(1, batch.ties[..., k]) for k in (0, 1)]
            whole = row[0] != row[1]
            return weighted_mean(pair, weight * whole)
        different = batch.y[:, :, None] != batch.y[:, None, :]
        # A row that a balanced draw brought twice is no pair.
        alike = ~different & (batch.rows[:, :, None] != batch.rows[:, None, :])
        share = torch.zeros_like(different, dtype=batch.z.dtype)
        for mask in (alike, different):
            count = mask.sum(dim=-1)
            weight = batch.weight * (count > 0)
            total = weight.sum(dim=-1, keepdim=True)
            each = 0.5 * weight / torch.where(total > 0, total, 1.0) / count.clamp_min(1)
            share += mask * each[..., None]
        loss: Tensor = AllPairs.apply(  # type: ignore[no-untyped-call]
            batch.z, different, share, self.options.margin
        )
        return loss


class AllPairs(torch.autograd.Function):
    """Hadsell's loss of all pairs of a batch, each with a share of its own.

    With S the slopes by squared distance plus their transpose, the gradient at row i is
    ``2 sum_j S_ij (z_i - z_j)``: two products, where autograd would go back through every step
    that made the distances.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, different: Tensor, share: Tensor, margin: float) -> Tensor:
        """Return the sum over pairs, shape (K,), of embeddings (K, b, p)."""
        squared = all_squared(z)
        ctx.save_for_backward(z, share * hadsell_slope(squared, different, margin))
        return (share * hadsell(squared, different, margin)).sum(dim=(1, 2))

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient at the embeddings."""
        z, slope = ctx.saved_tensors
        both = slope + slope.transpose(1, 2)
        own = both.sum(dim=2, keepdim=True) * z - torch.bmm(both, z)
        return 2 * outer[0][:, None, None] * own, None, None, None


def all_squared(z: Tensor) -> Tensor:
    """Return the squared distances of all pairs of a batch, shape (K, b, b).

    Differences, not products: in two dimensions they cost as little and lose no digits.
    """
    if z.shape[-1] > 8:
        norms = z.square().sum(dim=-1)
        products = torch.bmm(z, z.transpose(1, 2))
        return (norms[:, :, None] + norms[:, None, :] - 2 * products).clamp_min(0.0)
    total = (z[:, :, None, 0] - z[:, None, :, 0]).square()
    for k in range(1, z.shape[-1]):
        total = total + (z[:, :, None, k] - z[:, None, :, k]).square()
    return total
