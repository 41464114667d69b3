"""Losses of pytorch-metric-learning (``pip install "evenface[metric]"``), one network at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from evenface.errors import ConfigError, install_extra
from evenface.heads.losses import Batch, Criterion

NEARLY = 1e-6
"""How near to 1 a cosine may come."""


class Metric(Criterion):
    """A loss of pytorch-metric-learning, one network after the other.

    Row weights and logit adjustment don't apply: these losses choose and weigh pairs themselves.
    """

    make: Callable[[int, int], nn.Module]

    def build(self, generators: Sequence[torch.Generator], dims: int, device: str) -> None:
        """Make one loss object a network; those with class centres learn them."""
        self.modules: list[Any] = []
        for generator in generators:
            module = type(self).make(self.n_classes, dims)
            for parameter in module.parameters():
                start = torch.randn(parameter.shape, generator=generator)
                parameter.data.copy_(start)
            self.modules.append(module.to(device))

    def __call__(self, batch: Batch) -> Tensor:
        """Return the loss of each network."""
        each = zip(self.modules, batch.z, batch.y, strict=True)
        return torch.stack([module(z, y) for module, z, y in each])

    def learned(self, place: int) -> list[Tensor]:
        """Return one network's class centres."""
        return list(self.modules[place].parameters())

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for module in self.modules:
            module.zero_grad(set_to_none=False)


def metric_loss(name: str, build: Callable[[Any, int, int], nn.Module]) -> type[Metric]:
    """Return a loss that `build(losses, n_classes, dims)` makes from the library's module."""

    def make(n_classes: int, dims: int) -> nn.Module:
        try:
            from pytorch_metric_learning import losses
        except ImportError:
            raise ConfigError(
                f"the loss {name!r} needs pytorch-metric-learning: {install_extra('metric')}"
            ) from None
        return build(losses, n_classes, dims)

    return type(name, (Metric,), {"make": staticmethod(make), "__doc__": Metric.__doc__})


def arcface(library: Any, n_classes: int, dims: int) -> nn.Module:
    """Return the library's ArcFace with angles that keep a slope where they are 0 or pi.

    In two dimensions embeddings do come to lie exactly on their centre; the slope of the arc
    cosine is infinite there, and training would end in NaN.
    """

    class ArcFace(library.ArcFaceLoss):  # type: ignore[misc]
        def get_angles(self, cosine: Tensor) -> Tensor:
            return torch.acos(cosine.clamp(-1 + NEARLY, 1 - NEARLY))

    return ArcFace(n_classes, dims)
