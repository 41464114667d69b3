"""A space in which pictures of one person lie together, learned with a remedy or without.

What training can do against an attribute that is told by vectors, beside what can be taken out of
them afterwards: both end in a map that is fitted to training people and judged on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from evenface.errors import ConfigError, SelectionError, TrainingError
from evenface.faces.split import Rows
from evenface.heads.fit import fit
from evenface.heads.jobs import Job, Outcome, Recipe
from evenface.heads.mlp import to_input
from evenface.heads.networks import Network
from evenface.heads.partners import PARTNERS
from evenface.heads.sampling import batches
from evenface.heads.scaling import Scaling, Vectors, fit_scaling
from evenface.studies.remedies import NONE, REMEDIES

MOST_DIMS = 128
"""Dimensions of a space, if not asked for others and vectors have as many."""

RATE = 0.001
RECIPE = Recipe(
    hidden=(), epochs=40, batch=64, patience=8, decay=3.0, pairs="drawn", precision="float32"
)
"""A linear map that is held near what vectors are already: a few hundred people are soon learned
by heart, and verification of others only suffers from it."""

STEPS, LEAST_EPOCHS = 4000, 6
"""Steps, about, after which many rows have been seen often enough, and epochs all the same."""

BLOCK = 8192
"""Rows that are mapped at once."""


@dataclass(frozen=True)
class People:
    """Whose pictures a space is learned from.

    Attributes
    ----------
    identity : ndarray of int, shape (rows of the vectors,)
        Number of each row's identity.
    train, validation : ndarray of intp
        Rows on each side, of different people. Without validation rows no epoch is chosen.
    groups : ndarray of intp, shape (rows of the vectors,), optional
        Group that a remedy is about; rows below 0, of which it isn't known, take no part.
    """

    identity: Rows
    train: Rows
    validation: Rows
    groups: Rows | None = None

    def known(self, side: Rows) -> Rows:
        """Return the rows of a side whose group is known."""
        return side if self.groups is None else side[self.groups[side] >= 0]


@dataclass(frozen=True)
class Treatment:
    """What is done while a space is learned.

    Attributes
    ----------
    remedy : str
        A name from `evenface.studies.remedies.REMEDIES`: none, sampling, weights, dro or
        adversarial.
    strength : float
        Of `adversarial`: lambda, at least 0.
    """

    remedy: str = NONE
    strength: float = 1.0

    def __post_init__(self) -> None:
        fitting = [name for name, one in REMEDIES.items() if one.fits(PARTNERS)]
        if self.remedy not in fitting:
            raise ConfigError(f"no remedy {self.remedy!r} for identities; there are {fitting}")
        if not 0 <= self.strength < float("inf"):
            raise ConfigError(f"strength is {self.strength}; it must be a number of at least 0")

    def changes(self, y: Rows, groups: Rows | None) -> dict[str, Any]:
        """Return the fields of a job that this sets."""
        if self.remedy == NONE:
            return {}
        if groups is None:
            raise ConfigError(f"the remedy {self.remedy!r} needs groups")
        found = REMEDIES[self.remedy].changes(y, groups, int(y.max()) + 1)
        if "hidden" in found:
            # A person is of one group: within people there would be nothing to hide.
            found["hidden"] = replace(found["hidden"], strength=self.strength, within=False)
        return found


@dataclass(frozen=True)
class IdentitySpace:
    """A learned linear map, to unit vectors that are compared by their cosine.

    Attributes
    ----------
    centre : ndarray of float32, shape (d,)
    weights, bias : ndarray of float32, shapes (d, k) and (k,)
        A vector v comes to lie at ``(v - centre) weights + bias``, brought to length 1.
    treatment : Treatment
    people, rows : int
        Learned from.
    epochs, best : int
        Passes over the rows, and the one that counts, from 1: that with the least loss on
        validation rows; of `adversarial` the last, as the map is the mean of the second half's.
    history : list of dict
        See `evenface.heads.jobs.Outcome`.
    """

    centre: Vectors = field(repr=False)
    weights: Vectors = field(repr=False)
    bias: Vectors = field(repr=False)
    treatment: Treatment
    people: int
    rows: int
    epochs: int
    best: int
    history: list[dict[str, float]] = field(repr=False)

    def __call__(self, vectors: Vectors) -> Vectors:
        """Map vectors (n, d), in blocks, to float32 (n, k) of length 1; a length of 0 stays."""
        placed = np.empty((len(vectors), len(self.bias)), dtype=np.float32)
        for i in range(0, len(vectors), BLOCK):
            own = placed[i : i + BLOCK]
            moved = np.asarray(vectors[i : i + BLOCK], dtype=np.float32) - self.centre
            np.matmul(moved, self.weights, out=own)
            own += self.bias
            lengths = np.linalg.norm(own, axis=1, keepdims=True)
            own /= np.where(lengths > 0, lengths, 1)
        return placed


def learn_space(
    vectors: Vectors,
    people: People,
    treatment: Treatment | None = None,
    *,
    dims: int | None = None,
    seed: int = 0,
) -> IdentitySpace:
    """Learn one space: see `learn_spaces`."""
    return learn_spaces(vectors, people, [treatment or Treatment()], dims=dims, seed=seed)[0]


def learn_spaces(
    vectors: Vectors,
    people: People,
    treatments: Sequence[Treatment],
    *,
    dims: int | None = None,
    seed: int = 0,
) -> list[IdentitySpace]:
    """Learn spaces side by side in which people can be verified, one a treatment.

    A linear map of the widest principal axes of the training rows, at first one that turns them,
    learns to find each picture's partner among those of others (`Partners`).

    Parameters
    ----------
    vectors : ndarray, shape (n, d)
    people : People
    treatments : sequence of Treatment
    dims : int, optional
        k; 128, or as many as the vectors have or the training rows span, if not given.
    seed : int
        The same gives the same spaces on one machine.

    Raises
    ------
    ConfigError
        If a remedy needs groups and there are none, or `dims` is below 1.
    SelectionError
        If no identity of a side has two pictures, or training rows are of fewer than two.
    TrainingError
        If a training diverged.
    """
    if dims is not None and dims < 1:
        raise ConfigError(f"dims is {dims}; it must be at least 1")
    train, held = (people.known(side) for side in (people.train, people.validation))
    _require_pictures(people.identity[train], "training")
    if held.size:
        _require_pictures(people.identity[held], "validation")
    scaling = fit_scaling(vectors[train], min(dims or MOST_DIMS, vectors.shape[1]), common=True)
    scaling = replace(scaling, basis=_turned(scaling.basis, seed))
    inputs = scaling(vectors[np.concatenate([train, held])])
    wide = inputs.shape[1]
    # Of length 1 in the mean, about; angles know no lengths.
    factor = 1 / max(float(np.sqrt(np.square(inputs[: len(train)]).sum(axis=1).mean())), 1e-12)
    x = to_input(inputs, factor)
    y, y_held = (np.unique(people.identity[side], return_inverse=True)[1] for side in (train, held))
    groups = None if people.groups is None else people.groups[train]
    jobs = [
        Job(
            x, np.arange(len(train)), y, len(train) + np.arange(len(held)), y_held,
            int(y.max()) + 1, wide, PARTNERS, seed, RATE, **one.changes(y, groups),
            start=Network((torch.eye(wide),), (torch.zeros(wide),)),
        )
        for one in treatments
    ]  # fmt: skip
    steps = batches(len(train), RECIPE.batch)[0]
    recipe = replace(RECIPE, epochs=max(min(STEPS // steps, RECIPE.epochs), LEAST_EPOCHS))
    return [
        _space(scaling, factor, one, outcome, int(y.max()) + 1, len(train))
        for one, outcome in zip(treatments, fit(jobs, recipe), strict=True)
    ]


def _require_pictures(identity: Rows, side: str) -> None:
    counts = np.unique(identity, return_counts=True)[1]
    if counts.max(initial=0) < 2 or counts.size < 2:
        raise SelectionError(
            f"learning to tell people apart needs two {side} identities or more, and two pictures "
            f"of one; there are {counts.size}, with {counts.max(initial=0)} at most: use more "
            "pictures of each person"
        )


def _turned(basis: Vectors, seed: int) -> Vectors:
    """Return axes turned at random among themselves.

    Adam steps along axes. An attribute that stands in one alone would take as many steps as that
    axis is long, one that is spread over all of them takes few.
    """
    rng = np.random.default_rng([seed, 11])
    turn = np.linalg.qr(rng.normal(size=(basis.shape[1],) * 2))[0]
    return np.ascontiguousarray(basis @ turn, dtype=np.float32)


def _space(
    scaling: Scaling, factor: float, treatment: Treatment, outcome: Outcome, people: int, rows: int
) -> IdentitySpace:
    if outcome.network is None or outcome.diverged is not None:
        raise TrainingError(
            f"learning identities ({treatment.remedy}) diverged in epoch {outcome.diverged}: its "
            "loss is no number; look for extreme values in the vectors, or lower the strength"
        )
    into = outcome.network.weights[0].numpy().astype(np.float64)
    weights = (scaling.inverse[:, None] * scaling.basis).astype(np.float64) @ into * factor
    return IdentitySpace(
        scaling.centre, weights.astype(np.float32), outcome.network.biases[0].numpy(), treatment,
        people, rows, len(outcome.history), outcome.best + 1, outcome.history,
    )  # fmt: skip
