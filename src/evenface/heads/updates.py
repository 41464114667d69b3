"""Steps of Adam and SGD on some of a stack's parameters at a time.

torch's own functions do the arithmetic. An optimizer object would want all gradients first; here
a step can be taken as soon as some slopes are known, while they are still near the processor.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from evenface.heads.jobs import Recipe

BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Adam's, as its authors and torch set them."""


class Update:
    """Parameters that take their steps together, at one rate.

    Parameters
    ----------
    values : sequence of Tensor
        Changed in place.
    rate : float
    recipe : Recipe
        Its optimizer, momentum and decay count.
    held : bool
        Whether decay leads back to where the parameters are now, rather than to 0 (L2-SP: Li,
        Grandvalet and Davoine 2018, decoupled as Adam's).
    """

    def __init__(
        self, values: Sequence[Tensor], rate: float, recipe: Recipe, *, held: bool = False
    ) -> None:
        self.values, self.rate, self.recipe = list(values), rate, recipe
        self.decay = 0.0 if held else recipe.decay
        self.starts = [v.clone() for v in self.values] if held and recipe.decay else []
        # Starting at 0, SGD's momentum after one step is the first slope, as in torch's object.
        self.first = [torch.zeros_like(v) for v in self.values]
        self.second: list[Tensor] = []
        if recipe.optimizer == "adam":
            self.second = [torch.zeros_like(v) for v in self.values]
        self.steps = [torch.zeros((), device=v.device) for v in self.values]

    @torch.no_grad()
    def step(self, slopes: Sequence[Tensor]) -> None:
        """Take a step, given one slope a value."""
        for value, start in zip(self.values, self.starts, strict=False):
            value.lerp_(start, min(self.rate * self.recipe.decay, 1.0))
        if self.recipe.optimizer == "sgd":
            sgd(
                self.values, list(slopes), list(self.first), fused=True,
                weight_decay=self.decay, momentum=self.recipe.momentum, lr=self.rate,
                dampening=0.0, nesterov=False, maximize=False,
            )  # fmt: skip
            return
        adamw(
            self.values, list(slopes), self.first, self.second, [], self.steps, fused=True,
            amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=self.rate,
            weight_decay=self.decay, eps=EPSILON, maximize=False,
        )  # fmt: skip
