"""ArcFace's improved ResNets (Deng et al. 2019, Duta et al. 2020) as InsightFace publishes them."""

from __future__ import annotations

from typing import Final, final

import torch
from torch import Tensor, nn

DEPTHS: Final = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
"""Blocks of each stage by the network's name."""

WIDTHS: Final = (64, 128, 256, 512)
SIDE: Final = 7


class Block(nn.Module):
    """Normalise, convolve, normalise, PReLU, convolve, normalise; added to what came in."""

    def __init__(self, inside: int, out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inside)
        self.conv1 = nn.Conv2d(inside, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.prelu = nn.PReLU(out)
        self.conv2 = nn.Conv2d(out, out, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            if stride > 1
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (n, inside, h, w) to (n, out, h / stride, w / stride)."""
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        y = self.bn3(self.conv2(y))
        found: Tensor = y + (x if self.downsample is None else self.downsample(x))
        return found


@final
class IResNet(nn.Module):
    """112 x 112 pixels to 512 numbers, not normalised.

    Parameters
    ----------
    depth : {18, 34, 50, 100}
    layer : {"features"}
        What `forward` returns: shape (n, 512).
    """

    layers: Final = {"features": 512}

    def __init__(self, depth: int, *, layer: str = "features") -> None:
        super().__init__()
        self.layer = layer
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.prelu = nn.PReLU(WIDTHS[0])
        inside = WIDTHS[0]
        for stage, (width, blocks) in enumerate(zip(WIDTHS, DEPTHS[depth], strict=True), 1):
            made = [Block(inside, width, 2)] + [Block(width, width, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{stage}", nn.Sequential(*made))
            inside = width
        self.bn2 = nn.BatchNorm2d(inside)
        self.fc = nn.Linear(inside * SIDE * SIDE, 512)
        self.features = nn.BatchNorm1d(512)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures, shape (n, 3, 112, 112), to shape (n, 512)."""
        x = self.prelu(self.bn1(self.conv1(x)))
        for stage in range(1, 5):
            x = self._modules[f"layer{stage}"](x)  # type: ignore[misc]
        found: Tensor = self.features(self.fc(torch.flatten(self.bn2(x), 1)))
        return found
