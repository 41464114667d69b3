"""Learned 2-D spaces of `protocol.py`: which ways there are, and how each is learned and read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from protocol_file import LOSSES, Study
from protocol_flaws import FLAWED

from evenface.errors import TrainingError
from evenface.faces.split import Rows, Split
from evenface.heads import objectives
from evenface.heads.fit import fit
from evenface.heads.jobs import Job, Outcome, Recipe
from evenface.heads.mlp import input_factor, to_input
from evenface.heads.objectives import Loss
from evenface.heads.problem import balanced_accuracy
from evenface.heads.scaling import Vectors, fit_scaling
from evenface.studies.classify import neighbours_say
from evenface.studies.data import Labels, StudyData

NEIGHBOURS = 10


@dataclass(frozen=True)
class Way:
    """One way of learning a space.

    Attributes
    ----------
    loss : Loss
    recipe : Recipe
    rates : tuple of float
        The one that is best on validation rows is taken.
    share : float
        Part of the people of each class that is learned from.
    spoilt : bool
        Whether from the vectors of spoilt pictures, where there are any.
    """

    loss: Loss
    recipe: Recipe
    rates: tuple[float, ...]
    share: float = 1.0
    spoilt: bool = False


@dataclass(frozen=True)
class Place:
    """What neighbours say of rows, -1 where they say nothing; shape (N,) both.

    Attributes
    ----------
    held : ndarray of intp
        Of the rows tested, by validation rows: nobody was learned from.
    seen : ndarray of intp
        Of the rows learned from, by one another; one's own other pictures have no vote.
    """

    held: Rows
    seen: Rows


def ways(study: Study) -> dict[str, Way]:
    """Return the careful ways, each with one flaw that is on, and with all of them."""
    careful, on = study.careful, study.on
    recipe = careful.recipe
    found = {loss: Way(objectives.LOSSES[loss], recipe, careful.rates) for loss in LOSSES}
    for flaw in ("squared_twice", "unsquared_triplet", "self_pairs"):
        if flaw in on:
            found[flaw] = Way(FLAWED[flaw], recipe, careful.rates)
    contrastive = "+".join(f for f in ("squared_twice", "self_pairs") if f in on)
    worst = {
        "softmax": objectives.LOSSES["softmax"],
        "contrastive": FLAWED.get(contrastive, objectives.LOSSES["contrastive"]),
        "triplet": FLAWED["unsquared_triplet"] if "unsquared_triplet" in on
        else objectives.LOSSES["triplet"],
    }  # fmt: skip
    for loss in LOSSES:
        way = found[loss]
        if "unequal_losses" in on:
            budget = study.unequal[loss]
            own = replace(recipe, epochs=budget.epochs, batch=budget.batch, patience=budget.epochs)
            way = found[f"{loss}, unequal"] = Way(way.loss, own, (budget.rate,), budget.share)
        found[f"{loss}, all"] = replace(way, loss=worst[loss], spoilt="raw_pixels" in on)
    return found


def learn(
    data: StudyData, labels: Labels, split: Split, test: Rows, asked: dict[str, Way],
    spoilt: Vectors | None,
) -> dict[str, Place]:  # fmt: skip
    """Learn a space in every way on the rows of one split; read it from neighbours."""
    y, count = labels.codes, len(labels.names)
    train, held, test = (rows[y[rows] >= 0] for rows in (split.train, split.validation, test))
    ends = np.cumsum([len(train), len(held)])
    rows = np.concatenate([train, held, test])
    inputs = {}
    for kind, vectors in ((False, data.vectors), (True, spoilt)):
        if vectors is not None:
            x = fit_scaling(vectors[train])(vectors[rows])
            inputs[kind] = to_input(x, input_factor(x[: ends[0]]))
    jobs: list[tuple[str, Recipe, Job]] = []
    for name, way in asked.items():
        x = inputs[way.spoilt and spoilt is not None]
        own = _some(train, y, data.person, way.share, split.seed)
        for rate in way.rates:
            job = Job(x, own, y[train[own]], np.arange(*ends), y[held], count, 2, way.loss,
                      split.seed, rate)  # fmt: skip
            jobs.append((name, way.recipe, job))
    outcomes: dict[int, Outcome] = {}
    for recipe in dict.fromkeys(recipe for _, recipe, _ in jobs):
        places = [k for k, job in enumerate(jobs) if job[1] == recipe]
        outcomes.update(zip(places, fit([jobs[k][2] for k in places], recipe), strict=True))
    best: dict[str, tuple[float, Place]] = {}
    for k, (name, _, job) in enumerate(jobs):
        network = outcomes[k].network
        if network is None or outcomes[k].diverged:
            raise TrainingError(f"{name}: training diverged at a rate of {job.rate}; lower it")
        z = network(job.x).numpy()
        own_people = data.person[held]
        said = neighbours_say(
            z[slice(*ends)], y[held], z[slice(*ends)], NEIGHBOURS, people=(own_people, own_people)
        )
        score = balanced_accuracy(y[held], said)
        if name not in best or score > best[name][0]:
            best[name] = (score, _read(z, ends, y, (train, held, test), data.person))
    return {name: place for name, (_, place) in best.items()}


def _read(z: Vectors, ends: Rows, y: Rows, sides: tuple[Rows, Rows, Rows], person: Rows) -> Place:
    train, held, test = sides
    found = Place(np.full(len(y), -1), np.full(len(y), -1))
    found.held[test] = neighbours_say(z[slice(*ends)], y[held], z[ends[1] :], NEIGHBOURS)
    people = person[train]
    found.seen[train] = neighbours_say(
        z[: ends[0]], y[train], z[: ends[0]], NEIGHBOURS, people=(people, people)
    )
    return found


def _some(train: Rows, y: Rows, person: Rows, share: float, seed: int) -> Rows:
    """Return places among training rows of a share of every class's people, two at least."""
    if share == 1:
        return np.arange(len(train))
    rng = np.random.default_rng([seed, 19])
    kept = []
    for k in np.unique(y[train]):
        people = rng.permutation(np.unique(person[train[y[train] == k]]))
        kept.append(people[: max(round(share * len(people)), 2)])
    return np.flatnonzero(np.isin(person[train], np.concatenate(kept)))
