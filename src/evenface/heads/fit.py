"""Training a small network on tensors that stay in memory."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from evenface.errors import TrainingError
from evenface.heads.networks import Mlp
from evenface.heads.problem import Fitted, Labels, Problem, balanced_accuracy
from evenface.heads.scaling import Vectors
from evenface.heads.threads import one_torch_thread_below


@dataclass(frozen=True)
class MlpOptions:
    """How the network probe is trained.

    Attributes
    ----------
    hidden : int
        Units of the hidden layer.
    epochs : int
        At most this many passes over the training rows.
    batch : int
        Rows a step.
    rate, momentum, decay : float
        Of stochastic gradient descent.
    patience : int
        Epochs without a better validation loss after which training ends; the best epoch counts.
    """

    hidden: int = 1000
    epochs: int = 40
    batch: int = 64
    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 1e-3
    patience: int = 6


class FittedMlp(Fitted):
    """A trained network with its curves."""

    def __init__(
        self,
        network: nn.Module,
        factor: float,
        history: list[dict[str, float]],
        best: int,
        validation: float,
    ) -> None:
        self.network = network
        self.factor = factor
        self.history = history
        self.settings = {"epochs": best + 1}
        self.validation = validation

    def predict(self, x: Vectors) -> Labels:
        """Return the likeliest class of each input."""
        return _classes(self.network, _tensor(x, self.factor))


INPUT_NORM = 4.0
"""Root mean squared norm that inputs are brought to, so that one rate fits every width."""


def _tensor(x: Vectors, factor: float) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x * factor, dtype=np.float32))


def fit_mlp(problem: Problem, options: MlpOptions | None = None) -> FittedMlp:
    """Train an MLP on a problem by class-weighted cross-entropy.

    Each epoch's loss is the mean over all rows, not over batches of unequal size.

    Raises
    ------
    TrainingError
        If the training loss is no longer finite.
    """
    o = options or MlpOptions()
    with one_torch_thread_below(o.batch * problem.x.shape[1] * o.hidden):
        return _fit(problem, o)


def _fit(problem: Problem, o: MlpOptions) -> FittedMlp:
    norm = float(np.sqrt(np.mean(np.sum(problem.x.astype(np.float64) ** 2, axis=1))))
    factor = INPUT_NORM / norm if norm else 1.0
    x, y = _tensor(problem.x, factor), torch.from_numpy(problem.y)
    xv, yv = _tensor(problem.x_validation, factor), torch.from_numpy(problem.y_validation)
    weights = torch.from_numpy(problem.class_weights.astype(np.float32))
    network = Mlp((x.shape[1], o.hidden, problem.n_classes), seed=problem.seed)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=o.rate, momentum=o.momentum, weight_decay=o.decay
    )
    generator = torch.Generator().manual_seed(problem.seed)
    history: list[dict[str, float]] = []
    best, best_loss, state = 0, np.inf, copy.deepcopy(network.state_dict())
    for epoch in range(o.epochs):
        network.train()
        order = torch.randperm(len(x), generator=generator)
        for rows in (order[i : i + o.batch] for i in range(0, len(x), o.batch)):
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(
                network(x[rows]), y[rows], weight=weights, reduction="none"
            ).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        entry = {"epoch": float(epoch + 1)}
        for name, inputs, truth in (("train", x, y), ("validation", xv, yv)):
            entry |= _measure(network, name, inputs, truth, weights)
        history.append(entry)
        if not np.isfinite(entry["train_loss"]):
            raise TrainingError(
                f"the MLP's training diverged in epoch {epoch + 1}: its loss is no number; lower "
                "the rate, or look for extreme values in the vectors"
            )
        if entry["validation_loss"] < best_loss:
            best, best_loss, state = (
                epoch,
                entry["validation_loss"],
                copy.deepcopy(network.state_dict()),
            )
        elif epoch - best >= o.patience:
            break
    network.load_state_dict(state)
    network.eval()
    score = balanced_accuracy(problem.y_validation, _classes(network, xv))
    return FittedMlp(network, factor, history, best, score)


@torch.no_grad()
def _measure(
    network: nn.Module, name: str, x: Tensor, y: Tensor, weights: Tensor
) -> dict[str, float]:
    network.eval()
    logits = network(x)
    loss = nn.functional.cross_entropy(logits, y, weight=weights, reduction="none").mean()
    accuracy = (logits.argmax(dim=1) == y).float().mean()
    return {f"{name}_loss": float(loss), f"{name}_accuracy": float(accuracy)}


@torch.no_grad()
def _classes(network: nn.Module, x: Tensor) -> Labels:
    classes: Labels = network(x).argmax(dim=1).numpy().astype(np.intp)
    return classes
