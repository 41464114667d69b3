"""Telling a person's other picture from other people's: a loss for people without number."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from evenface.heads import sampling
from evenface.heads.losses import Batch, Criterion, gather, weighted_mean
from evenface.heads.objectives import Loss

SHARPNESS = 10.0
"""What cosines are multiplied by."""


class Partners(Criterion):
    """Each first of a pair is to find its second among all seconds (Sohn 2016, equation 6).

    ``-log( exp(s cos(a_i, p_i)) / sum_j exp(s cos(a_i, p_j)) )``, the sum over the pair's own
    second and those of other classes, by angle as in Wang et al. (2017), s = 10. Nothing is learned
    for a class, so that classes of validation rows may be others than those of training rows.
    """

    def __call__(self, batch: Batch) -> Tensor:
        """Return the weighted mean over each network's pairs."""
        assert batch.ties is not None
        first, second = batch.ties.unbind(dim=-1)
        z = normalize(batch.z, dim=-1)
        cosines = torch.bmm(gather(z, first), gather(z, second).transpose(1, 2))
        y = batch.y.gather(1, first)
        # Other pairs of the same class are no partners to tell apart from.
        other = y[:, :, None] == y[:, None, :]
        other.diagonal(dim1=1, dim2=2).zero_()
        logits = (SHARPNESS * cosines).masked_fill(other, -torch.inf)
        losses = -logits.log_softmax(dim=-1).diagonal(dim1=1, dim2=2)
        # A class of one row has no partner but itself, which is no pair.
        whole = batch.rows.gather(1, first) != batch.rows.gather(1, second)
        return weighted_mean(losses, batch.weight.gather(1, first) * whole)


PARTNERS = Loss(
    "partners", Partners, sampling.partners, sampling.partners, weighs=True, by_angle=True
)
"""Stands apart from `LOSSES`, for it wants classes by the hundred, which are people."""
