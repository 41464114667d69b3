"""What is written down while networks are trained: means over steps, the best epoch so far."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from evenface.heads.losses import Batch, Criterion
from evenface.heads.networks import Network


class Means:
    """Loss and, where there are logits, accuracy: sums over steps of equally many rows."""

    def __init__(self, networks: int, side: str, device: str) -> None:
        self.side = side
        # Where the networks are: asking a GPU for a number each step would make it wait.
        self.steps, self.loss = torch.zeros(2, networks, device=device)
        self.right = torch.full((networks,), torch.nan, device=device)

    @torch.no_grad()
    def count(self, place: slice, losses: Tensor, criterion: Criterion, batch: Batch) -> None:
        """Add a step of the networks at `place`."""
        self.steps[place] += 1
        self.loss[place] += losses.detach()
        logits = criterion.logits(batch.z)
        if logits is not None:
            right = (logits.argmax(dim=-1) == batch.y).float().mean(dim=-1)
            self.right[place] = self.right[place].nan_to_num() + right

    def means(self) -> dict[str, Tensor]:
        """Return ``<side>_loss`` and ``<side>_accuracy``, which is nan where there is none."""
        return {
            f"{self.side}_loss": (self.loss / self.steps).cpu(),
            f"{self.side}_accuracy": (self.right / self.steps).cpu(),
        }


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
        kept = {n: v for n, v in figures.items() if np.isfinite(v)}
        if not np.isfinite(losses).all():
            self.diverged, self.done = epoch + 1, True
            return
        self.history.append({"epoch": float(epoch + 1), **kept})
        # Without validation rows there is nothing to choose by: the last epoch counts.
        if losses[-1] < self.least or len(losses) == 1:
            self.best, self.least, self.network = epoch, losses[-1], copy()
        elif epoch - self.best >= patience:
            self.done = True
