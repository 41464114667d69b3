"""Many small networks of one shape, trained as one: every layer is a batched matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor


def xavier(wide: int, narrow: int, generator: torch.Generator) -> Tensor:
    """Return a start for a layer's weights, shape (wide, narrow) (Glorot and Bengio 2010).

    Uniform within ``+- sqrt(6 / (wide + narrow))``.
    """
    reach = (6.0 / (wide + narrow)) ** 0.5
    start: Tensor = (torch.rand(wide, narrow, generator=generator) * 2 - 1) * reach
    return start


@dataclass(frozen=True)
class Network:
    """One trained network: fully connected layers with ReLU between them.

    Attributes
    ----------
    weights : tuple of Tensor, shapes (in, out)
    biases : tuple of Tensor, shapes (out,)
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Map inputs (n, d) to outputs (n, p)."""
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.addmm(bias, x, weight)
            if k < len(self.weights) - 1:
                x.relu_()
        return x


class Stack:
    """K networks ``2048-1000-128-2``, of any sizes, side by side.

    Forward and backward are written out: autograd would allocate and copy what can stay where
    it is, which at these sizes costs as much as the products.

    Parameters
    ----------
    sizes : sequence of int
        Input, hidden and output widths.
    seeds : sequence of int
        One a network; decides its start.
    dropout : float
        Share of hidden units left out in training, in [0, 1).
    device : str

    Attributes
    ----------
    parameters, gradients : list of Tensor
        Weights (K, in, out) and biases (K, 1, out) of each layer in turn, and their gradients.
    """

    def __init__(
        self, sizes: Sequence[int], seeds: Sequence[int], *, dropout: float = 0.0,
        device: str = "cpu",
    ) -> None:  # fmt: skip
        self.sizes, self.dropout = tuple(sizes), dropout
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.parameters: list[Tensor] = []
        for wide, narrow in pairwise(self.sizes):
            starts = torch.stack([xavier(wide, narrow, g) for g in generators])
            self.parameters += [starts.to(device), torch.zeros(len(seeds), 1, narrow).to(device)]
        self.gradients = [torch.empty_like(p) for p in self.parameters]
        self._noise = [torch.Generator(device).manual_seed(seed + 1) for seed in seeds]
        self._seen: list[Tensor] = []

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.sizes) - 1

    def forward(self, x: Tensor) -> Tensor:
        """Map training inputs (K, b, d) to outputs (K, b, p); remember what `backward` needs."""
        self._seen = [x]
        for k in range(self.layers):
            x = torch.baddbmm(self.parameters[2 * k + 1], x, self.parameters[2 * k])
            if k < self.layers - 1:
                x.relu_()
                if self.dropout:
                    self._drop(x)
                self._seen.append(x)
        return x

    def _drop(self, x: Tensor) -> None:
        for one, generator in zip(x, self._noise, strict=True):
            kept = torch.rand(one.shape, generator=generator, device=x.device) >= self.dropout
            one.mul_(kept).div_(1 - self.dropout)

    def backward(self, gradient: Tensor) -> None:
        """Fill `gradients` from the gradient at the outputs, shape (K, b, p)."""
        for k in reversed(range(self.layers)):
            torch.bmm(self._seen[k].transpose(1, 2), gradient, out=self.gradients[2 * k])
            torch.sum(gradient, dim=1, keepdim=True, out=self.gradients[2 * k + 1])
            if k:
                gradient = torch.bmm(gradient, self.parameters[2 * k].transpose(1, 2))
                # A unit that is off, or was dropped, passes nothing on.
                gradient.masked_fill_(self._seen[k] == 0, 0.0)
                if self.dropout:
                    gradient.div_(1 - self.dropout)

    def copy(self, place: int) -> Network:
        """Return one of the networks as it is now."""
        own = [p[place].clone() for p in self.parameters]
        return Network(tuple(own[0::2]), tuple(b.reshape(-1) for b in own[1::2]))

    def view(self, place: int) -> Network:
        """Return one of the networks, sharing its memory."""
        own = [p[place] for p in self.parameters]
        return Network(tuple(own[0::2]), tuple(b.reshape(-1) for b in own[1::2]))
