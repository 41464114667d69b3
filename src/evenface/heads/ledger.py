"""What is written down while networks are trained: means over steps, the best epoch so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from evenface.heads.networks import Network


class Means:
    """Loss and, where there are logits, accuracy: means over steps of equally many rows.

    Kept as they come and worked out at the end: asking for a number each step would cost small
    networks more than their products, and make a GPU wait.
    """

    def __init__(self, side: str) -> None:
        self.side = side
        self.loss: list[Tensor] = []
        self.right: list[Tensor] = []

    @torch.no_grad()
    def count(self, losses: Tensor, logits: Tensor | None, y: Tensor) -> None:
        """Add a step: losses (K,), logits (K, b, C) of classifiers, classes (K, b)."""
        self.loss.append(losses)
        if logits is not None:
            self.right.append(logits.argmax(dim=-1) == y)

    def means(self) -> list[dict[str, float]]:
        """Return each network's ``<side>_loss`` and, of classifiers, ``<side>_accuracy``."""
        loss = torch.stack(self.loss).mean(dim=0).tolist()
        if not self.right:
            return [{f"{self.side}_loss": one} for one in loss]
        right = torch.stack(self.right).float().mean(dim=(0, 2)).tolist()
        return [
            {f"{self.side}_loss": one, f"{self.side}_accuracy": share}
            for one, share in zip(loss, right, strict=True)
        ]


class Ledger:
    """What one network's epochs came to."""

    def __init__(self) -> None:
        self.history: list[dict[str, float]] = []
        self.network: Network | None = None
        self.best, self.least, self.done = 0, float("inf"), False
        self.diverged: int | None = None

    def enter(
        self, epoch: int, figures: dict[str, float], patience: int, copy: Callable[[], Network]
    ) -> None:
        """Write down an epoch; keep the network if it is the best so far."""
        losses = [figures[n] for n in ("train_loss", "validation_loss") if n in figures]
        if not np.isfinite(losses).all():
            self.diverged, self.done = epoch + 1, True
            return
        self.history.append({"epoch": float(epoch + 1), **figures})
        self.choose(epoch, losses, patience, copy)

    def choose(
        self, epoch: int, losses: Sequence[float], patience: int, copy: Callable[[], Network]
    ) -> None:
        """Keep the network if its loss, the last given, is the least so far."""
        # Without validation rows there is nothing to choose by: the last epoch counts.
        if losses[-1] < self.least or len(losses) == 1:
            self.best, self.least, self.network = epoch, losses[-1], copy()
        elif epoch - self.best >= patience:
            self.done = True


class Mean(Ledger):
    """What the epochs of a network came to that is the mean of those of their second half.

    A network and an adversary circle around what neither leaves; the mean of the networks on the
    way is near it (Daskalakis et al. 2018, section 3), and the adversary has its strength by then.

    Parameters
    ----------
    epochs : int
        In all; none is left out.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.first = epochs // 2

    def choose(
        self, epoch: int, losses: Sequence[float], patience: int, copy: Callable[[], Network]
    ) -> None:
        """Take a network of the second half into the mean."""
        del losses, patience
        self.best = epoch
        if epoch >= self.first:
            own, share = copy(), 1 / (epoch - self.first + 1)
            self.network = own if self.network is None else self.network.towards(own, share)
