"""FaceNet's Inception-ResNet-v1 (Schroff et al. 2015, Szegedy et al. 2017).

Widths, scales and layers' names are those of Sandberg's network in its published PyTorch files.
"""

from __future__ import annotations

from typing import Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional

EPS: Final = 1e-3
Side = int | tuple[int, int]


class Unit(nn.Module):
    """A convolution, batch normalisation and ReLU."""

    def __init__(
        self, inside: int, out: int, side: Side, stride: int = 1, *, same: bool = True
    ) -> None:
        super().__init__()
        sides = (side, side) if isinstance(side, int) else side
        padding = (sides[0] // 2, sides[1] // 2) if same else (0, 0)
        self.conv = nn.Conv2d(inside, out, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (n, inside, h, w) to (n, out, h', w')."""
        return functional.relu(self.bn(self.conv(x)))


class Residual(nn.Module):
    """Branches side by side, joined by a 1 x 1 convolution and added at a fraction.

    Parameters
    ----------
    width : int
        Channels in and out.
    branches : tuple of tuple of (int, side)
        Channels out and side of each convolution, branch by branch.
    scale : float
    relu : bool
        Whether the sum goes through a ReLU.
    """

    def __init__(
        self,
        width: int,
        branches: tuple[tuple[tuple[int, Side], ...], ...],
        scale: float,
        *,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.scale, self.relu, self.count = scale, relu, len(branches)
        for i, branch in enumerate(branches):
            self.add_module(f"branch{i}", _chain(width, branch))
        self.conv2d = nn.Conv2d(sum(branch[-1][0] for branch in branches), width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (n, width, h, w) to the same."""
        found = [self._modules[f"branch{i}"](x) for i in range(self.count)]  # type: ignore[misc]
        y = self.conv2d(torch.cat(found, 1)) * self.scale + x
        return functional.relu(y) if self.relu else y


class Reduction(nn.Module):
    """Branches whose last convolution has stride 2, beside a pool."""

    def __init__(self, width: int, branches: tuple[tuple[tuple[int, Side], ...], ...]) -> None:
        super().__init__()
        self.count = len(branches)
        for i, branch in enumerate(branches):
            self.add_module(f"branch{i}", _chain(width, branch, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        """Map shape (n, width, h, w) to (n, out, (h - 3) // 2 + 1, (w - 3) // 2 + 1)."""
        found = [self._modules[f"branch{i}"](x) for i in range(self.count)]  # type: ignore[misc]
        return torch.cat([*found, functional.max_pool2d(x, 3, 2)], 1)


def _chain(inside: int, branch: tuple[tuple[int, Side], ...], stride: int = 1) -> nn.Module:
    units = []
    for i, (out, side) in enumerate(branch):
        last = stride > 1 and i == len(branch) - 1
        units.append(Unit(inside, out, side, stride if last else 1, same=not last))
        inside = out
    # A branch of one is not numbered in the files.
    return units[0] if len(units) == 1 else nn.Sequential(*units)


A: Final = (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (32, 3), (32, 3)))
B: Final = (((128, 1),), ((128, 1), (128, (1, 7)), (128, (7, 1))))
C: Final = (((192, 1),), ((192, 1), (192, (1, 3)), (192, (3, 1))))
TO_B: Final = (((384, 3),), ((192, 1), (192, 3), (256, 3)))
TO_C: Final = (((256, 1), (384, 3)), ((256, 1), (256, 3)), ((256, 1), (256, 3), (256, 3)))


@final
class InceptionResNetV1(nn.Module):
    """160 x 160 pixels to 512 numbers of length 1.

    Parameters
    ----------
    top : int
        Identities of the classifier; 0: there is none.
    layer : {"embedding", "logits"}
        What `forward` returns: shape (n, 512), or (n, top).
    """

    layers: Final = {"embedding": 512, "logits": 8631}

    def __init__(self, *, top: int = 0, layer: str = "embedding") -> None:
        super().__init__()
        self.layer = layer
        self.conv2d_1a = Unit(3, 32, 3, 2, same=False)
        self.conv2d_2a = Unit(32, 32, 3, same=False)
        self.conv2d_2b = Unit(32, 64, 3)
        self.conv2d_3b = Unit(64, 80, 1)
        self.conv2d_4a = Unit(80, 192, 3, same=False)
        self.conv2d_4b = Unit(192, 256, 3, 2, same=False)
        self.repeat_1 = nn.Sequential(*(Residual(256, A, 0.17) for _ in range(5)))
        self.mixed_6a = Reduction(256, TO_B)
        self.repeat_2 = nn.Sequential(*(Residual(896, B, 0.1) for _ in range(10)))
        self.mixed_7a = Reduction(896, TO_C)
        self.repeat_3 = nn.Sequential(*(Residual(1792, C, 0.2) for _ in range(5)))
        self.block8 = Residual(1792, C, 1.0, relu=False)
        self.last_linear = nn.Linear(1792, 512, bias=False)
        self.last_bn = nn.BatchNorm1d(512, eps=EPS)
        if top:
            self.logits = nn.Linear(512, top)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures, shape (n, 3, 160, 160), to the layer asked for."""
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        x = functional.max_pool2d(x, 3, 2)
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(x)))
        x = self.mixed_6a(self.repeat_1(x))
        x = self.mixed_7a(self.repeat_2(x))
        x = self.block8(self.repeat_3(x))
        x = torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1)
        x = self.last_bn(self.last_linear(x))
        return self.logits(x) if self.layer == "logits" else functional.normalize(x)
