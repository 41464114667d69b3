"""MobileFaceNet (Chen et al. 2018), with the layers' names of its widely used PyTorch file."""

from __future__ import annotations

from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional

STAGES: Final = (("3", 64, 128, 4), ("4", 128, 256, 6), ("5", 128, 256, 2))
"""Name, width, width between and blocks of the stages without stride."""

STEPS: Final = (("23", 64, 64, 128), ("34", 64, 128, 256), ("45", 128, 128, 512))
"""Name, widths in and out and width between of the blocks that halve the sides."""


class Unit(nn.Module):
    """A convolution, batch normalisation and, unless linear, PReLU."""

    def __init__(
        self,
        inside: int,
        out: int,
        side: int = 1,
        stride: int = 1,
        *,
        padding: int = 0,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, out, side, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out)
        self.prelu = None if linear else nn.PReLU(out)

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (n, inside, h, w) to (n, out, h', w')."""
        x = self.bn(self.conv(x))
        return x if self.prelu is None else self.prelu(x)


class Bottleneck(nn.Module):
    """Widen, convolve each channel on its own, narrow."""

    def __init__(self, inside: int, out: int, between: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = stride == 1
        self.conv = Unit(inside, between)
        self.conv_dw = Unit(between, between, 3, stride, padding=1, groups=between)
        self.project = Unit(between, out, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (n, inside, h, w) to (n, out, h / stride, w / stride)."""
        y: Tensor = self.project(self.conv_dw(self.conv(x)))
        return x + y if self.residual else y


class Stage(nn.Module):
    """Bottlenecks one after another, under the name that the file has for them."""

    def __init__(self, width: int, between: int, blocks: int) -> None:
        super().__init__()
        self.model = nn.Sequential(*(Bottleneck(width, width, between) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (n, width, h, w) to the same."""
        found: Tensor = self.model(x)
        return found


@final
class MobileFaceNet(nn.Module):
    """112 x 112 pixels to 512 numbers of length 1.

    Parameters
    ----------
    layer : {"embedding"}
        What `forward` returns: shape (n, 512).
    """

    layers: Final = {"embedding": 512}

    def __init__(self, *, layer: str = "embedding") -> None:
        super().__init__()
        self.layer = layer
        self.conv1 = Unit(3, 64, 3, 2, padding=1)
        self.conv2_dw = Unit(64, 64, 3, padding=1, groups=64)
        for step, stage in zip(STEPS, STAGES, strict=True):
            self.add_module(f"conv_{step[0]}", Bottleneck(*step[1:], stride=2))
            self.add_module(f"conv_{stage[0]}", Stage(*stage[1:]))
        self.conv_6_sep = Unit(128, 512)
        self.conv_6_dw = Unit(512, 512, 7, groups=512, linear=True)
        self.linear = nn.Linear(512, 512, bias=False)
        self.bn = nn.BatchNorm1d(512)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures, shape (n, 3, 112, 112), to shape (n, 512)."""
        x = self.conv2_dw(self.conv1(x))
        for step, stage in zip(STEPS, STAGES, strict=True):
            x = self._modules[f"conv_{step[0]}"](x)  # type: ignore[misc]
            x = self._modules[f"conv_{stage[0]}"](x)  # type: ignore[misc]
        x = self.conv_6_dw(self.conv_6_sep(x))
        return functional.normalize(self.bn(self.linear(torch.flatten(x, 1))))
