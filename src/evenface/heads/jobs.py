"""What a network is trained on, how, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from evenface.errors import ConfigError
from evenface.heads.hidden import Hidden
from evenface.heads.losses import LossOptions
from evenface.heads.networks import Network
from evenface.heads.objectives import Loss
from evenface.heads.problem import Labels
from evenface.heads.robust import Robust

Index = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True)
class Recipe:
    """How networks are trained: the same for all that are compared.

    Attributes
    ----------
    hidden : tuple of int
        Widths between input and output; none, and networks are linear maps.
    epochs, batch : int
        At most this many passes over the training rows; rows a step.
    patience : int
        Epochs without a better validation loss after which training ends; the best one counts.
    optimizer : {"adam", "sgd"}
    momentum, decay : float
        Of SGD; of both (decoupled for Adam: Loshchilov and Hutter 2019), towards 0, or towards
        a network's `start` where it has one.
    dropout : float
    pairs : {"batch", "drawn"}
        Whether pairs and triplets are made within a step's rows or drawn from all of them.
    precision : {"auto", "float32"}
        ``auto``: products of wide layers in bfloat16 where the processor has it.
    losses : LossOptions
    device : {"cpu", "cuda"}
    """

    hidden: tuple[int, ...] = (1000, 128)
    epochs: int = 30
    batch: int = 256
    patience: int = 6
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.9
    decay: float = 0.0
    dropout: float = 0.0
    pairs: Literal["batch", "drawn"] = "batch"
    precision: Literal["auto", "float32"] = "auto"
    losses: LossOptions = field(default_factory=LossOptions)
    device: Literal["cpu", "cuda"] = "cpu"


@dataclass(frozen=True)
class Job:
    """One network to be trained.

    Attributes
    ----------
    x : Tensor, shape (N, r)
        Inputs; jobs may share it.
    rows, validation : ndarray of intp
        Training and validation rows in `x`.
    y, y_validation : ndarray of intp
        Their classes.
    n_classes, dims : int
        Classes, and width of the output.
    loss : Loss
    seed : int
        Decides start, batches and draws.
    rate : float
    weight, weight_validation : ndarray, optional
        Of each row in the loss; 1 if not given.
    strata : ndarray of intp, optional
        If given, every step draws as many rows of each stratum, with replacement.
    offset : ndarray, shape (n_classes,), optional
        Added to the logits while training.
    robust : Robust, optional
        Groups of training rows of which the worst counts, by a loss that row weights act on.
    hidden : Hidden, optional
        What an adversary is kept from reading off the outputs. Training takes every epoch then,
        and ends with the mean of the networks of its second half: the loss of validation rows
        knows nothing of what is hidden, and can't choose.
    start : Network, optional
        What training starts from; drawn by the seed if not given.
    """

    x: Tensor
    rows: Index
    y: Labels
    validation: Index
    y_validation: Labels
    n_classes: int
    dims: int
    loss: Loss
    seed: int
    rate: float
    weight: np.ndarray[Any, Any] | None = None
    weight_validation: np.ndarray[Any, Any] | None = None
    strata: Labels | None = None
    offset: np.ndarray[Any, Any] | None = None
    robust: Robust | None = None
    hidden: Hidden | None = None
    start: Network | None = None

    @property
    def kind(self) -> tuple[str, int, int]:
        """What tells jobs apart that can't share a criterion."""
        robust, hidden = self.robust, self.hidden
        return self.loss.title, robust.count if robust else 0, hidden.count if hidden else 0


@dataclass(frozen=True)
class Outcome:
    """A network as it was after its best epoch, and how it came there.

    Where something is hidden, it is the mean over the second half of the epochs, the last of which
    counts as the best.

    Attributes
    ----------
    network : Network or None
        None if training diverged before any epoch ended well.
    history : list of dict
        ``epoch``, ``train_loss``, ``validation_loss`` and, for classifiers, ``train_accuracy``
        and ``validation_accuracy``. Training figures are means over the epoch's steps.
    best : int
        Number of the best epoch, from 0.
    diverged : int or None
        Epoch, from 1, in which the loss was no number any more.
    """

    network: Network | None
    history: list[dict[str, float]] = field(repr=False)
    best: int
    diverged: int | None


def check_device(device: str) -> None:
    """Refuse a GPU that is not there.

    Raises
    ------
    ConfigError
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is 'cuda', but torch finds no GPU here; use 'cpu'")
