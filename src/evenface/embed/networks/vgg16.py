"""VGG-Face's VGG-16 (Parkhi et al. 2015)."""

from __future__ import annotations

from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional

STAGES: Final = ((1, 64, 2), (2, 128, 2), (3, 256, 3), (4, 512, 3), (5, 512, 3))
"""Number, width and convolutions of each stage."""

SIDE: Final = 7
FEATURES: Final = 4096
CLASSES: Final = 2622


@final
class VGG16(nn.Module):
    """224 x 224 pixels to 4096 numbers.

    Parameters
    ----------
    top : bool
        Whether there are the fully connected layers.
    layer : str
        What `forward` returns: ``pool5``, averaged over its 7 x 7 places, shape (n, 512); ``fc6``
        or ``fc7`` after their ReLU, ``fc6-linear`` or ``fc7-linear`` before it, (n, 4096);
        ``descriptor``, which is fc7 at length 1; ``fc8``, 2622 identities before the softmax.
    """

    layers: Final = {
        "pool5": 512,
        "fc6": FEATURES,
        "fc6-linear": FEATURES,
        "fc7": FEATURES,
        "fc7-linear": FEATURES,
        "descriptor": FEATURES,
        "fc8": CLASSES,
    }

    def __init__(self, *, top: bool = True, layer: str = "fc7") -> None:
        super().__init__()
        self.layer = layer
        inside = 3
        for stage, width, depth in STAGES:
            for i in range(1, depth + 1):
                self.add_module(f"conv{stage}_{i}", nn.Conv2d(inside, width, 3, padding=1))
                inside = width
        if top:
            self.fc6 = nn.Linear(inside * SIDE * SIDE, FEATURES)
            self.fc7 = nn.Linear(FEATURES, FEATURES)
            self.fc8 = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures, shape (n, 3, 224, 224), to the layer asked for."""
        for stage, _, depth in STAGES:
            for i in range(1, depth + 1):
                x = functional.relu(self._modules[f"conv{stage}_{i}"](x))  # type: ignore[misc]
            x = functional.max_pool2d(x, 2)
        if self.layer == "pool5":
            return torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1)
        x = self.fc6(torch.flatten(x, 1))
        if self.layer == "fc6-linear":
            return x
        x = functional.relu(x)
        if self.layer == "fc6":
            return x
        x = self.fc7(x)
        if self.layer == "fc7-linear":
            return x
        x = functional.relu(x)
        if self.layer == "fc8":
            x = self.fc8(x)
        return functional.normalize(x) if self.layer == "descriptor" else x
