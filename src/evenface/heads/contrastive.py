"""Contrastive loss (Hadsell, Chopra and LeCun 2006), over drawn pairs or all pairs of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from evenface.heads.losses import Batch, Criterion, Slopes, gather, shares, squared_distance


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
            first, second, different, share = self._pairs(batch)
            squared = squared_distance(gather(batch.z, first), gather(batch.z, second))
            return (share * hadsell(squared, different, self.options.margin)).sum(dim=-1)
        different, share = self._all(batch)
        squared = all_squared(batch.z)
        return (share * hadsell(squared, different, self.options.margin)).sum(dim=(1, 2))

    @torch.no_grad()
    def slopes(self, batch: Batch) -> Slopes:
        """Return losses and slopes.

        With S the slopes by squared distance of all pairs plus their transpose, the gradient at
        row i is ``2 sum_j S_ij (z_i - z_j)``: two products.
        """
        z, margin = batch.z, self.options.margin
        if batch.ties is not None:
            first, second, different, share = self._pairs(batch)
            apart = gather(z, first) - gather(z, second)
            squared = apart.square().sum(dim=-1)
            apart *= (2 * share * hadsell_slope(squared, different, margin))[..., None]
            slope = torch.zeros_like(z)
            slope.scatter_add_(1, first[..., None].expand_as(apart), apart)
            slope.scatter_add_(1, second[..., None].expand_as(apart), -apart)
            return Slopes((share * hadsell(squared, different, margin)).sum(dim=-1), slope)
        different, share = self._all(batch)
        squared = all_squared(z)
        steep = share * hadsell_slope(squared, different, margin)
        both = steep + steep.transpose(1, 2)
        slope = 2 * (both.sum(dim=2, keepdim=True) * z - torch.bmm(both, z))
        return Slopes((share * hadsell(squared, different, margin)).sum(dim=(1, 2)), slope)

    @staticmethod
    def _pairs(batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return places of listed pairs, whether they are of different classes, their shares."""
        assert batch.ties is not None
        first, second = batch.ties.unbind(dim=-1)
        different = batch.y.gather(1, first) != batch.y.gather(1, second)
        # A class of one row has no partner but itself, which is no pair.
        whole = batch.rows.gather(1, first) != batch.rows.gather(1, second)
        return first, second, different, shares(batch.weight.gather(1, first) * whole)

    @staticmethod
    def _all(batch: Batch) -> tuple[Tensor, Tensor]:
        """Return whether pairs are of different classes, and their shares, shape (K, b, b)."""
        different = batch.y[:, :, None] != batch.y[:, None, :]
        # A row that a balanced draw brought twice is no pair.
        alike = ~different & (batch.rows[:, :, None] != batch.rows[:, None, :])
        share = torch.zeros_like(different, dtype=batch.z.dtype)
        for mask in (alike, different):
            count = mask.sum(dim=-1)
            each = 0.5 * shares(batch.weight * (count > 0)) / count.clamp_min(1)
            share += mask * each[..., None]
        return different, share


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
