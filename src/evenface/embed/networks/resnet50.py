"""VGGFace2's ResNet-50 and SE-ResNet-50 (Cao et al. 2018), after Caffe's files.

The stride of a stage lies in its first 1 x 1 convolution (He et al. 2016, as published in Caffe),
not in the 3 x 3 one as in later ResNets. Layers bear the names of the published files.
"""

from __future__ import annotations

from typing import Final, Literal, final

import torch
from torch import Tensor, nn
from torch.nn import functional

STAGES: Final = ((2, 64, 3), (3, 128, 4), (4, 256, 6), (5, 512, 3))
"""Number, width of the 3 x 3 convolutions, and blocks of each stage."""

STEM: Final = "conv1/7x7_s2"
REDUCTION: Final = 16
CLASSES: Final = 8631


@final
class ResNet50(nn.Module):
    """224 x 224 pixels to 2048 numbers: the average over the last 7 x 7 places.

    Parameters
    ----------
    squeeze : bool
        Weigh channels by squeeze-and-excitation (Hu et al. 2018).
    edges : {"same", "caffe"}
        How the first two layers treat edges. ``same`` is what Keras' files were converted for:
        2 rows and columns before and 3 after, and a pool that stops within the picture (55 x 55).
        ``caffe``: 3 on each side, and a pool that reaches over the edge (56 x 56).
    eps : float
        Added to variances.
    top : bool
        Whether there is a classifier of 8631 identities.
    layer : {"avg_pool", "classifier"}
        What `forward` returns: shape (n, 2048), or (n, 8631) before the softmax.
    """

    layers: Final = {"avg_pool": 2048, "classifier": CLASSES}

    def __init__(
        self,
        *,
        squeeze: bool = False,
        edges: Literal["same", "caffe"] = "same",
        eps: float = 1e-3,
        top: bool = True,
        layer: str = "avg_pool",
    ) -> None:
        super().__init__()
        self.squeeze, self.edges, self.eps, self.layer = squeeze, edges, eps, layer
        self._convolution(STEM, 3, 64, 7, stride=2, padding=0 if edges == "same" else 3)
        inside = 64
        for stage, width, blocks in STAGES:
            for block in range(1, blocks + 1):
                name, out = f"conv{stage}_{block}", 4 * width
                stride = 2 if block == 1 and stage > 2 else 1
                self._convolution(f"{name}_1x1_reduce", inside, width, 1, stride=stride)
                self._convolution(f"{name}_3x3", width, width, 3, padding=1)
                self._convolution(f"{name}_1x1_increase", width, out, 1)
                if squeeze:
                    self.add_module(f"{name}_1x1_down", nn.Conv2d(out, out // REDUCTION, 1))
                    self.add_module(f"{name}_1x1_up", nn.Conv2d(out // REDUCTION, out, 1))
                if block == 1:
                    self._convolution(f"{name}_1x1_proj", inside, out, 1, stride=stride)
                inside = out
        if top:
            self.classifier = nn.Linear(inside, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures, shape (n, 3, 224, 224), to the layer asked for."""
        if self.edges == "same":
            x = functional.pad(x, (2, 3, 2, 3))
        x = functional.relu(self._normed(STEM, x))
        x = functional.max_pool2d(x, 3, 2, ceil_mode=self.edges == "caffe")
        for stage, _, blocks in STAGES:
            for block in range(1, blocks + 1):
                x = self._block(f"conv{stage}_{block}", x, first=block == 1)
        x = torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1)
        return self.classifier(x) if self.layer == "classifier" else x

    def _block(self, name: str, x: Tensor, *, first: bool) -> Tensor:
        y = functional.relu(self._normed(f"{name}_1x1_reduce", x))
        y = functional.relu(self._normed(f"{name}_3x3", y))
        y = self._normed(f"{name}_1x1_increase", y)
        if self.squeeze:
            weight = functional.adaptive_avg_pool2d(y, 1)
            weight = functional.relu(self._modules[f"{name}_1x1_down"](weight))  # type: ignore[misc]
            y = y * torch.sigmoid(self._modules[f"{name}_1x1_up"](weight))  # type: ignore[misc]
        return functional.relu(y + (self._normed(f"{name}_1x1_proj", x) if first else x))

    def _convolution(
        self, name: str, inside: int, out: int, side: int, *, stride: int = 1, padding: int = 0
    ) -> None:
        self.add_module(name, nn.Conv2d(inside, out, side, stride, padding, bias=False))
        self.add_module(f"{name}/bn", nn.BatchNorm2d(out, eps=self.eps))

    def _normed(self, name: str, x: Tensor) -> Tensor:
        found: Tensor = self._modules[f"{name}/bn"](self._modules[name](x))  # type: ignore[misc]
        return found
