"""Many small networks of one shape, trained as one: every layer is a batched matrix product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import Tensor

ALIGNED = 16
"""Numbers that a parameter's place in memory is a multiple of."""

NARROW = 8
"""Outputs of a layer up to which its weights lie output by output, and products are turned.

A product with few columns takes up to eight times as long as the same one with few rows.
"""

BLOCK = 1 << 18
"""Numbers of a wide first layer whose slopes are computed, and used, at once.

They stay in a processor's cache between the product and the step that they are for; written out
whole, they would go to memory and back, as long a way as the product itself takes.
"""


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
            x = torch.addmm(bias, x.to(weight.dtype), weight)
            if k < len(self.weights) - 1:
                x.relu_()
        return x

    def towards(self, other: Network, share: float) -> Network:
        """Return the network that a share of the way to another's parameters leads to."""
        return Network(
            tuple(a.lerp(b, share) for a, b in zip(self.weights, other.weights, strict=True)),
            tuple(a.lerp(b, share) for a, b in zip(self.biases, other.biases, strict=True)),
        )


@dataclass(frozen=True)
class Block:
    """Some rows of the first layer's weights of one network.

    Attributes
    ----------
    place : int
        Which network.
    rows : slice
    value : Tensor, shape (r, out)
        Their memory.
    """

    place: int
    rows: slice
    value: Tensor


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
    kind : torch.dtype
        What the products of all layers but the last are computed in. The last one, parameters and
        gradients stay float32: where rows lie is not rounded.
    starts : sequence of Network or None
        Where networks start instead, if given.

    Attributes
    ----------
    parameters, gradients : list of Tensor
        Weights (K, in, out) and biases (K, 1, out) of each layer in turn, and their gradients.
    flat, slope : Tensor, shape (P,)
        The memory that all parameters, and all gradients, lie in.
    blocks : list of Block
        Parts of the first layers' weights, where those are wide.
    rest : int
        Where the parameters begin that are in no block.
    """

    def __init__(
        self, sizes: Sequence[int], seeds: Sequence[int], *, dropout: float = 0.0,
        device: str = "cpu", kind: torch.dtype = torch.float32,
        starts: Sequence[Network | None] = (),
    ) -> None:  # fmt: skip
        self.sizes, self.dropout = tuple(sizes), dropout
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._places, weights, inner, total = _layout(self.sizes, len(generators))
        self.flat, self.slope = torch.zeros(2, total, device=device)
        self.parameters = self._cut(self.flat)
        self.gradients = self._cut(self.slope)
        for k, (wide, narrow) in enumerate(pairwise(self.sizes)):
            drawn = torch.stack([xavier(wide, narrow, g) for g in generators])
            self.parameters[2 * k].copy_(drawn)
            for place, start in enumerate(starts):
                if start is not None:
                    self.parameters[2 * k][place].copy_(start.weights[k])
                    self.parameters[2 * k + 1][place].copy_(start.biases[k])
        self._kinds = [kind] * (self.layers - 1) + [torch.float32]
        # In float32 the same memory; else what is refreshed from, and copied back to, it.
        self._same = kind == torch.float32
        self._inner, self._weights = self.flat[:inner].to(kind), self.slope[:weights].to(kind)
        self._used = [*self._cut(self._inner), *self.parameters[-2:]]
        self._slopes = [*self._cut(self._weights), self.gradients[-2]]
        wide = device == "cpu" and self.layers > 1 and prod(self.sizes[:2]) >= BLOCK
        self.blocks = [Block(k, rows, self.parameters[0][k, rows])
                       for k in range(len(generators)) for rows in _cuts(*self.sizes[:2])
                       ] if wide else []  # fmt: skip
        self.rest = _aligned(prod(self._places[0][1])) if wide else 0
        self._room = torch.empty(next(_cuts(*self.sizes[:2])).stop, self.sizes[1], dtype=kind)
        self._noise = [torch.Generator(device).manual_seed(seed + 1) for seed in seeds]
        self._seen: list[Tensor] = []

    def _cut(self, memory: Tensor) -> list[Tensor]:
        """Return weights and biases of each layer in turn, as far as they lie in some memory."""
        cut = []
        for start, shape in self._places:
            if start + prod(shape) > memory.numel():
                continue
            one = memory[start : start + prod(shape)].view(shape)
            narrow = shape[1] > 1 and shape[2] <= NARROW
            cut.append(one.view(shape[0], shape[2], shape[1]).transpose(1, 2) if narrow else one)
        return cut

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.sizes) - 1

    def forward(self, x: Tensor) -> Tensor:
        """Map training inputs (K, b, d) to outputs (K, b, p); remember what `backward` needs."""
        self.refresh()
        self._seen = []
        for k, kind in enumerate(self._kinds):
            self._seen.append(x.to(kind))
            bias, weight = self._used[2 * k + 1], self._used[2 * k]
            if weight.shape[2] <= NARROW:
                turned = torch.bmm(weight.transpose(1, 2), self._seen[k].transpose(1, 2))
                x = turned.transpose(1, 2) + bias
            else:
                x = torch.baddbmm(bias, self._seen[k], weight)
            if k < self.layers - 1:
                x.relu_()
                if self.dropout:
                    self._drop(x)
        return x

    def refresh(self) -> None:
        """Take over the parameters as the last step left them; blocks are, as they take it."""
        if not self._same:
            end = self._inner.numel()
            self._inner[self.rest : end].copy_(self.flat[self.rest : end])

    def _drop(self, x: Tensor) -> None:
        for one, generator in zip(x, self._noise, strict=True):
            kept = torch.rand(one.shape, generator=generator, device=x.device) >= self.dropout
            one.mul_(kept).div_(1 - self.dropout)

    def backward(self, gradient: Tensor, step: Callable[[int, Tensor], None] | None = None) -> None:
        """Fill `gradients` from the gradient at the outputs, shape (K, b, p).

        Parameters
        ----------
        gradient : Tensor
        step : callable, optional
            If given and there are `blocks`, it is called with the number of each and its slopes,
            which are not kept, and changes it at once.
        """
        for k in reversed(range(self.layers)):
            gradient = gradient.to(self._kinds[k])
            slopes = self._slopes[k]
            if k == 0 and self.blocks and step:
                self._in_blocks(gradient, step)
            elif slopes.shape[2] <= NARROW:
                turned = slopes.transpose(1, 2)
                torch.bmm(gradient.transpose(1, 2), self._seen[k], out=turned)
            else:
                torch.bmm(self._seen[k].transpose(1, 2), gradient, out=slopes)
            torch.sum(
                gradient, dim=1, keepdim=True, dtype=torch.float32, out=self.gradients[2 * k + 1]
            )
            if k:
                gradient = torch.bmm(gradient, self._used[2 * k].transpose(1, 2))
                # A unit that is off, or was dropped, passes nothing on. (One pass over the
                # gradient, where filling by a mask takes ten times as long.)
                gradient = torch.ops.aten.threshold_backward(
                    gradient.to(self._kinds[k - 1]), self._seen[k].to(self._kinds[k - 1]), 0.0
                )
                if self.dropout:
                    gradient.div_(1 - self.dropout)
        if not self._same:
            start, end = self.rest if step else 0, self._weights.numel()
            self.slope[start:end].copy_(self._weights[start:end])

    def _in_blocks(self, gradient: Tensor, step: Callable[[int, Tensor], None]) -> None:
        for number, block in enumerate(self.blocks):
            seen, own = self._seen[0][block.place, :, block.rows], gradient[block.place]
            room = self._room[: len(block.value)]
            torch.mm(seen.T, own, out=room)
            step(number, room.to(torch.float32))
            if not self._same:
                self._used[0][block.place, block.rows].copy_(block.value)

    def copy(self, place: int) -> Network:
        """Return one of the networks as it is now."""
        own = [p[place].clone() for p in self.parameters]
        return Network(tuple(own[0::2]), tuple(b.reshape(-1) for b in own[1::2]))

    @torch.no_grad()
    def outputs(self, place: int, x: Tensor) -> Tensor:
        """Map inputs (n, d) to outputs (n, p) by one of the networks, as last refreshed."""
        own = [p[place] for p in self._used]
        network = Network(tuple(own[0::2]), tuple(b.reshape(-1) for b in own[1::2]))
        return network(x)


Place = tuple[int, tuple[int, int, int]]


def _layout(sizes: Sequence[int], networks: int) -> tuple[list[Place], int, int, int]:
    """Return where weights and biases of each layer start, with their shapes, in one memory.

    First the weights of all layers but the last, then their biases, then the last layer; and
    where each of the three ends.
    """
    layers = list(pairwise(sizes))
    shapes = [
        s for wide, narrow in layers for s in ((networks, wide, narrow), (networks, 1, narrow))
    ]
    inner = len(shapes) - 2
    ends, starts, end = [], {}, 0
    for part in (range(0, inner, 2), range(1, inner, 2), range(inner, len(shapes))):
        for k in part:
            starts[k] = end
            end += _aligned(prod(shapes[k]))
        ends.append(end)
    weights, biases, total = ends
    return [(starts[k], shapes[k]) for k in range(len(shapes))], weights, biases, total


def _aligned(numbers: int) -> int:
    """Return the next multiple of `ALIGNED`: products want matrices to start where loads do."""
    return -(-numbers // ALIGNED) * ALIGNED


def _cuts(wide: int, narrow: int) -> Iterator[slice]:
    """Cut rows of a layer (wide, narrow) into blocks."""
    rows = max(BLOCK // narrow // ALIGNED * ALIGNED, ALIGNED)
    return (slice(a, min(a + rows, wide)) for a in range(0, wide, rows))
