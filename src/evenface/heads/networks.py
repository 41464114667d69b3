"""Small networks on embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Mlp(nn.Module):
    """Fully connected layers with ReLU between them: ``2048-1000-C`` in the source report.

    Parameters
    ----------
    sizes : sequence of int
        Input, hidden and output widths.
    dropout : float
        Share of hidden units left out in training, in [0, 1).
    seed : int
        Decides the Xavier start (Glorot and Bengio 2010).
    """

    def __init__(self, sizes: Sequence[int], *, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        layers: list[nn.Module] = []
        for i, (wide, narrow) in enumerate(pairwise(sizes)):
            linear = nn.Linear(wide, narrow)
            nn.init.xavier_uniform_(linear.weight, generator=generator)
            nn.init.zeros_(linear.bias)
            layers.append(linear)
            if i < len(sizes) - 2:
                layers.append(nn.ReLU())
                if dropout:
                    layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (n, d) to logits (n, C)."""
        logits: Tensor = self.layers(x)
        return logits
