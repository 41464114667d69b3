"""A loss with something around it while networks are trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from evenface.heads.losses import Batch, Criterion
from evenface.heads.problem import Labels


class Around(Criterion):
    """Another loss, changed in its `slopes` alone: validation rows are judged by it as it is.

    Parameters
    ----------
    inner : Criterion
    """

    def __init__(self, inner: Criterion) -> None:
        self.inner = inner
        self.n_classes, self.options = inner.n_classes, inner.options

    def __call__(self, batch: Batch) -> Tensor:
        """Return the inner loss of each network."""
        return self.inner(batch)

    def learned(self, place: int) -> list[Tensor]:
        """Return what one network's inner loss learns."""
        return self.inner.learned(place)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.inner.zero_grad()

    def logits(self, z: Tensor) -> Tensor | None:
        """Return the inner loss's logits."""
        return self.inner.logits(z)


def stacked_codes(codes: Sequence[Labels], device: str) -> Tensor:
    """Return codes of each network's training rows, equally many, as a tensor (K, n)."""
    return torch.from_numpy(np.stack(codes).astype(np.int64)).to(device)
