"""Learning small spaces: what `spaces` and `bias` have in common.

Each network maps vectors to a few dimensions; what it is worth is read from people it never saw,
by nearest neighbours among other people it never saw. So no number depends on how a network
places the rows it learned from, and every loss is read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, field_validator

from evenface.errors import SelectionError
from evenface.faces.split import Rows, Split
from evenface.heads.fit import fit
from evenface.heads.jobs import Job, Outcome, Recipe
from evenface.heads.losses import LossOptions
from evenface.heads.mlp import input_factor, to_input
from evenface.heads.objectives import LOSSES
from evenface.heads.problem import balanced_accuracy
from evenface.heads.scaling import COMPONENTS, fit_scaling
from evenface.studies.classify import neighbours_say
from evenface.studies.data import GROUP, Labels, Options, StudyData
from evenface.studies.remedies import REMEDIES

WATCHED = 100
"""Validation rows at least, as far as there are any, that tell when to stop."""


class LearnOptions(Options):
    """How spaces are learned; the same for every loss.

    Attributes
    ----------
    target : str
        What a space is to part: an attribute, or ``group``.
    components : int
        Principal axes of the training rows that networks are given, the widest; 0: all.
    losses : tuple of str
        Names from `evenface.heads.objectives.LOSSES`.
    hidden : tuple of int
        Widths between the vectors and the space.
    rates : tuple of float
        Learning rates, above 0; each loss takes, on each split, the one best on validation rows.
    epochs : int
        Passes over the training rows, at most.
    epochs_of : dict of str to int
        Another number of epochs for some losses, as in a published protocol; an unequal budget.
    batch : int
        Rows a step.
    patience : int
        Epochs without a better validation loss after which training ends.
    optimizer : {"adam", "sgd"}
    precision : {"auto", "float32"}
        ``auto``: products of wide layers in bfloat16 where the processor has it.
    decay, dropout : float
        Weight decay; share of hidden units left out while training.
    margin, alpha : float
        Of the contrastive and of the triplet loss; above 0.
    pairs : {"batch", "drawn"}
        Whether pairs and triplets are made within a batch or drawn from all training rows.
    neighbours : int
        Held-out neighbours that vote.
    device : {"cpu", "cuda"}
    """

    target: str = GROUP
    components: int = Field(COMPONENTS, ge=0)
    losses: tuple[str, ...] = ("softmax", "contrastive", "triplet")
    hidden: tuple[int, ...] = (1000, 128)
    rates: tuple[float, ...] = (0.001, 0.003)
    epochs: int = Field(20, ge=1, le=10_000)
    epochs_of: dict[str, Annotated[int, Field(ge=1, le=10_000)]] = Field(default_factory=dict)
    batch: int = Field(256, ge=4)
    patience: int = Field(5, ge=1)
    optimizer: Literal["adam", "sgd"] = "adam"
    precision: Literal["auto", "float32"] = "auto"
    decay: float = Field(0.0, ge=0, allow_inf_nan=False)
    dropout: float = Field(0.0, ge=0, lt=1)
    margin: float = Field(0.5, gt=0, allow_inf_nan=False)
    alpha: float = Field(0.2, gt=0, allow_inf_nan=False)
    pairs: Literal["batch", "drawn"] = "batch"
    neighbours: int = Field(10, ge=1)
    device: Literal["cpu", "cuda"] = "cpu"

    @field_validator("losses", "epochs_of")
    @classmethod
    def _known(cls, names: Any) -> Any:
        unknown = [n for n in names if n not in LOSSES]
        if unknown or (not names and not isinstance(names, dict)):
            said = ", ".join(map(repr, unknown)) or "(none given)"
            raise ValueError(f"no loss named {said}; there are {', '.join(LOSSES)}")
        return names if isinstance(names, dict) else tuple(dict.fromkeys(names))

    @field_validator("rates", "hidden")
    @classmethod
    def _above_zero(cls, values: Any) -> Any:
        if not values or not all(0 < v < float("inf") for v in values):
            raise ValueError("one number or more is needed, all above 0")
        return tuple(dict.fromkeys(values)) if isinstance(values[0], float) else values

    def recipe(self, loss: str) -> Recipe:
        """Return how a loss is trained.

        Parameters
        ----------
        loss : str
            A name from `evenface.heads.objectives.LOSSES`.

        Returns
        -------
        Recipe
        """
        return Recipe(
            hidden=self.hidden,
            epochs=self.epochs_of.get(loss, self.epochs),
            batch=self.batch,
            patience=self.patience,
            optimizer=self.optimizer,
            decay=self.decay,
            dropout=self.dropout,
            pairs=self.pairs,
            precision=self.precision,
            losses=LossOptions(self.margin, self.alpha),
            device=self.device,
        )


@dataclass(frozen=True)
class Condition:
    """One way of training that is compared with others.

    Attributes
    ----------
    loss : str
    dims : int
    remedy : str
        A name from `evenface.studies.remedies.REMEDIES`.
    """

    loss: str
    dims: int = 2
    remedy: str = "none"


@dataclass(frozen=True)
class Learned:
    """A space, and what its neighbours say about held-out rows.

    Attributes
    ----------
    condition : Condition
    rate : float
    score : float
        Balanced kNN accuracy among validation rows; nan if training diverged.
    outcome : Outcome
    validation, test : ndarray, shapes (m, p) and (t, p)
        Where held-out rows lie; None if training diverged.
    """

    condition: Condition
    rate: float
    score: float
    outcome: Outcome
    validation: np.ndarray[Any, Any] | None = None
    test: np.ndarray[Any, Any] | None = None


class Learner:
    """Trains conditions on the rows of one split and places its held-out rows.

    Parameters
    ----------
    data : StudyData
    target, groups : Labels
        What is learned, and the groups that must be known for a row to take part.
    split : Split
    options : LearnOptions
    """

    def __init__(
        self, data: StudyData, target: Labels, groups: Labels, split: Split, options: LearnOptions
    ) -> None:
        self.data, self.options, self.split = data, options, split
        self.y, self.g = target.codes, groups.codes
        self.n_classes = len(target.names)
        known = (self.y >= 0) & (self.g >= 0)
        self.train, held, self.test = (
            side[known[side]] for side in (split.train, split.validation, split.test)
        )
        # A split of the dataset's own may have no validation rows; training rows stand in.
        self.validation = held if held.size else self.train

    def check(self, train: Rows) -> None:
        """Refuse training rows that leave nothing to compare.

        Raises
        ------
        SelectionError
            If a class has no two rows, or there are no held-out rows.
        """
        counts = np.bincount(self.y[train], minlength=self.n_classes)
        if counts.min() < 2:
            raise SelectionError(
                f"split {self.split.seed}: a class of {self.options.target!r} has "
                f"{int(counts.min())} training rows; a loss that compares rows needs 2 or more: "
                "use more identities or fewer classes"
            )

    def learn(
        self, train: Rows, conditions: Sequence[Condition], rates: Sequence[Sequence[float]]
    ) -> list[list[Learned]]:
        """Train each condition with each of its rates on the given rows.

        Returns
        -------
        list of list of Learned
            One list a condition, one entry a rate.
        """
        rows = np.concatenate([train, self.validation, self.test])
        ends = np.cumsum([len(train), len(self.validation)])
        scaling = fit_scaling(self.data.vectors[train], self.options.components or None)
        inputs = scaling(self.data.vectors[rows])
        x = to_input(inputs, input_factor(inputs[: ends[0]])).to(self.options.device)
        del inputs
        jobs, recipes = [], []
        for condition, tried in zip(conditions, rates, strict=True):
            for rate in tried:
                jobs.append(self._job(x, train, ends, condition, rate))
                recipes.append(self.options.recipe(condition.loss))
        outcomes: dict[int, Outcome] = {}
        for recipe in dict.fromkeys(recipes):
            places = [k for k, r in enumerate(recipes) if r == recipe]
            outcomes.update(zip(places, fit([jobs[k] for k in places], recipe), strict=True))
        turn = iter(range(len(jobs)))
        return [
            [self._learned(x, ends, c, r, outcomes[next(turn)]) for r in tried]
            for c, tried in zip(conditions, rates, strict=True)
        ]

    def _job(
        self, x: torch.Tensor, train: Rows, ends: Any, condition: Condition, rate: float
    ) -> Job:
        y, g = self.y[train], self.g[train]
        held = self._watched(len(train))
        return Job(
            x, np.arange(ends[0]), y, ends[0] + held, self.y[self.validation[held]],
            self.n_classes, condition.dims, LOSSES[condition.loss], self.split.seed, rate,
            **REMEDIES[condition.remedy].changes(y, g, self.n_classes),
        )  # fmt: skip

    def _watched(self, learned: int) -> Rows:
        """Return which validation rows tell when to stop: a third as many as are learned from.

        That is what a deal to five hands gives; a biased training set has fewer people than its
        split. What neighbours say comes from all validation rows.
        """
        rng = np.random.default_rng([self.split.seed, 17])
        order = rng.permutation(len(self.validation))
        return np.sort(order[: max(learned // 3, WATCHED)])

    def _learned(
        self, x: torch.Tensor, ends: Any, condition: Condition, rate: float, outcome: Outcome
    ) -> Learned:
        if outcome.network is None or outcome.diverged is not None:
            return Learned(condition, rate, float("nan"), outcome)
        held, test = (
            LOSSES[condition.loss].place(outcome.network(part)).cpu().numpy()
            for part in (x[ends[0] : ends[1]], x[ends[1] :])
        )
        if not (np.isfinite(held).all() and np.isfinite(test).all()):
            return Learned(condition, rate, float("nan"), outcome)
        person = self.data.person[self.validation]
        truth = self.y[self.validation]
        said = neighbours_say(held, truth, held, self.options.neighbours, people=(person, person))
        return Learned(condition, rate, balanced_accuracy(truth, said), outcome, held, test)

    @staticmethod
    def placed(learned: Learned) -> np.ndarray[Any, Any]:
        """Return where the test rows lie."""
        assert learned.test is not None
        return learned.test

    def predict(self, learned: Learned) -> Rows:
        """Return what held-out neighbours say about the test rows."""
        assert learned.validation is not None
        assert learned.test is not None
        truth = self.y[self.validation]
        return neighbours_say(learned.validation, truth, learned.test, self.options.neighbours)


def best_of(tried: Sequence[Learned]) -> Learned | None:
    """Return the rate that is best on validation rows; None if all diverged. Ties: the lowest."""
    whole = [one for one in tried if np.isfinite(one.score)]
    return max(whole, key=lambda one: (one.score, -one.rate), default=None)
