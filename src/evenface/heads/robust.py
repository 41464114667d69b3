"""Group distributionally robust optimisation: the step follows the groups that lose most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from evenface.heads.around import Around, stacked_codes
from evenface.heads.losses import Batch, Criterion, Slopes
from evenface.heads.problem import Labels

STEP = 0.1
"""Ten times Sagawa's: small networks take hundreds of steps, where theirs took thousands."""


@dataclass(frozen=True)
class Robust:
    """Groups of which the worst is to lose as little as can be.

    Attributes
    ----------
    codes : ndarray of intp, shape (n,)
        Group of each training row, 0 ... count-1.
    count : int
    step : float
        eta_q, at least 0; at 0 all groups always weigh the same.
    """

    codes: Labels
    count: int
    step: float = STEP


def tilted(q: Tensor, losses: Tensor, step: Tensor) -> Tensor:
    """Return the groups' weights after a step (Sagawa et al. 2020, algorithm 1).

    ``q_g <- q_g exp(eta_q l_g) / sum_h q_h exp(eta_q l_h)``

    Parameters
    ----------
    q, losses : Tensor, shape (K, G)
        Weights that sum to 1, and each group's mean loss.
    step : Tensor, shape (K, 1)
        eta_q.
    """
    # As a softmax, so that no large loss overflows.
    return (q.log() + step * losses).softmax(dim=-1)


class GroupRobust(Around):
    """Sagawa's group DRO: the loss of a step is ``sum_g q_g l_g``, l_g the mean of a group's rows.

    A group that a step sees nothing of counts as one without loss.

    Parameters
    ----------
    inner : Criterion
        A loss that row weights act on.
    asked : sequence of Robust
        One a network, all of as many groups.
    device : str

    Attributes
    ----------
    q : Tensor, shape (K, G)
        The groups' weights, from equal ones on.
    """

    def __init__(self, inner: Criterion, asked: Sequence[Robust], device: str) -> None:
        super().__init__(inner)
        self.codes = stacked_codes([one.codes for one in asked], device)
        self.step = torch.tensor([[one.step] for one in asked], device=device)
        count = asked[0].count
        self.q = torch.full((len(asked), count), 1 / count, device=device)

    def slopes(self, batch: Batch) -> Slopes:
        """Return losses and slopes under the weights that these losses lead to."""
        z = batch.z.detach().requires_grad_()
        self.zero_grad()
        group = self.codes.gather(1, batch.rows)
        each = torch.stack(
            [
                self.inner(replace(batch, z=z, weight=batch.weight * (group == g)))
                for g in range(self.q.shape[1])
            ],
            dim=-1,
        )
        self.q = tilted(self.q, each.detach(), self.step)
        losses = (self.q * each).sum(dim=-1)
        torch.autograd.backward(losses, torch.ones_like(losses))
        assert z.grad is not None
        return Slopes(losses.detach(), z.grad, self.logits(batch.z))
