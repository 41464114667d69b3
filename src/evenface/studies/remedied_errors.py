"""Thresholds of remedies among training persons, their errors among test persons, by blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from evenface.heads.threads import cores, torch_threads
from evenface.pairs.people import People, Rows
from evenface.pairs.samples import Flags, Remedy, Sample, Tile, Values, of_block, of_pairs
from evenface.pairs.thresholds import Highest
from evenface.stats.pair_counts import PairCounts

Array = npt.NDArray[np.float64]
Key = tuple[str, float]
Found = TypeVar("Found")
BATCH = 8


@dataclass(frozen=True)
class Task:
    """A remedy and the targets it is used at.

    Attributes
    ----------
    name : str
    remedy : Remedy
    targets : tuple of float
    """

    name: str
    remedy: Remedy
    targets: tuple[float, ...]


@dataclass(frozen=True)
class Errors:
    """Who was taken for whom.

    Attributes
    ----------
    false_matches : ndarray of intp, shape (m,)
        One an error: number of the one person, times all persons, plus that of the other.
    false_non_matches : ndarray of float64, shape (persons,)
    """

    false_matches: Rows
    false_non_matches: Array


class Tally:
    """Errors and comparisons summed over splits."""

    def __init__(self, people: People, keys: Sequence[Key]) -> None:
        k = people.persons
        self.people = people
        self.images: Array = np.zeros(k)
        self.genuine: Array = np.zeros(k)
        self.fold = np.zeros(k, dtype=np.intp)
        self.thresholds: dict[Key, list[float]] = {key: [] for key in keys}
        self.cells: dict[Key, list[Rows]] = {key: [] for key in keys}
        self.misses: dict[Key, Array] = {key: np.zeros(k) for key in keys}
        self.refused: dict[tuple[str, float | None], str] = {}
        self.counted: dict[Key, tuple[Rows, Rows, Rows]] = {}

    def add(
        self, test: Sample, fold: int, thresholds: dict[Key, float], errors: dict[Key, Errors]
    ) -> None:
        """Add what came of one split."""
        k = self.people.persons
        self.images += np.bincount(test.person, minlength=k)
        self.fold[test.person] = fold
        self.genuine += np.bincount(test.person[test.genuine()[0]], minlength=k)
        for key, found in errors.items():
            self.thresholds[key].append(thresholds[key])
            self.cells[key].append(found.false_matches)
            self.misses[key] += found.false_non_matches

    def lost(self, name: str, target: float) -> bool:
        """Tell whether a remedy could not be fitted."""
        return (name, None) in self.refused or (name, target) in self.refused

    def counts(self, key: Key, metric: str, group: int | None) -> PairCounts:
        """Return errors by pairs of persons: of all, or within a group."""
        mine = np.ones(self.people.persons, dtype=bool)
        if group is not None:
            mine = self.people.group == group
        if metric == "fnmr":
            who = np.flatnonzero(mine & (self.genuine > 0))
            missed, tried = self.misses[key][who], self.genuine[who]
            return PairCounts.listed(who, who, missed, tried, identities=len(mine))
        if key not in self.counted:
            none = np.empty(0, dtype=np.intp)
            every, hits = np.unique(np.concatenate([none, *self.cells[key]]), return_counts=True)
            self.counted[key] = (every // len(mine), every % len(mine), hits)
        first, second, hits = self.counted[key]
        own = mine[first] & mine[second]
        return PairCounts.among(
            self.images * mine, first[own], second[own], hits[own], fold=self.fold
        )


def set_thresholds(sample: Sample, tasks: Sequence[Task]) -> dict[Key, float]:
    """Return the lowest thresholds at which FMR among a sample is no more than each target.

    Parameters
    ----------
    sample : Sample
        Of training persons.
    tasks : sequence of Task

    Returns
    -------
    dict of (name, target) to float
    """
    total = sample.pairs
    facts = _facts(sample, tasks)
    highest = [Highest(total, max(task.targets)) for task in tasks]

    def work(tile: Tile, scores: Values, which: Flags | None) -> list[Values]:
        return [
            held.chosen(_impostors(of_block(task.remedy, scores, own, tile), which))
            for task, own, held in zip(tasks, facts, highest, strict=True)
        ]

    for parts in _over(sample, work):
        for held, part in zip(highest, parts, strict=True):
            held.add(part)
    return {
        (task.name, target): held.threshold(target)
        for task, held in zip(tasks, highest, strict=True)
        for target in task.targets
    }


def errors_of(
    sample: Sample, tasks: Sequence[Task], thresholds: dict[Key, float], persons: int
) -> dict[Key, Errors]:
    """Count errors among a sample.

    Parameters
    ----------
    sample : Sample
        Of test persons.
    tasks : sequence of Task
    thresholds : dict
        As `set_thresholds` returns them.
    persons : int
        How many there are in all.
    """
    facts = _facts(sample, tasks)
    keys = [(task.name, target) for task in tasks for target in task.targets]
    cells: dict[Key, list[Rows]] = {key: [np.empty(0, dtype=np.intp)] for key in keys}

    def work(tile: Tile, scores: Values, which: Flags | None) -> list[Rows]:
        found = []
        a, b = sample.person[tile.rows], sample.person[tile.columns]
        for task, own in zip(tasks, facts, strict=True):
            new = of_block(task.remedy, scores, own, tile)
            for target in task.targets:
                hits = new >= np.float32(thresholds[task.name, target])
                if which is not None:
                    hits &= which
                i, j = np.divmod(np.flatnonzero(hits), len(b))
                found.append(a[i] * persons + b[j])
        return found

    for parts in _over(sample, work):
        for key, part in zip(keys, parts, strict=True):
            if part.size:
                cells[key].append(part)
    first, second = sample.genuine()
    who, errors = sample.person[first], {}
    for task, own in zip(tasks, facts, strict=True):
        new = of_pairs(task.remedy, sample, own, first, second)
        for target in task.targets:
            key = (task.name, target)
            wrong = (new < np.float32(thresholds[key])).astype(np.float64)
            missed: Array = np.bincount(who, wrong, persons).astype(np.float64)
            errors[key] = Errors(np.concatenate(cells[key]), missed)
    return errors


def _facts(sample: Sample, tasks: Sequence[Task]) -> list[Values]:
    with torch_threads(1), ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(lambda task: task.remedy.facts(sample), tasks))


def _impostors(scores: Values, which: Flags | None) -> Values:
    return scores if which is None else scores[which]


def _over(sample: Sample, work: Callable[[Tile, Values, Flags | None], Found]) -> Iterator[Found]:
    """Do something with each block of a sample, several at a time; results come in order."""

    def one(tile: Tile) -> Found:
        return work(tile, sample.scores(tile), sample.impostors(tile))

    with torch_threads(1), ThreadPoolExecutor(cores()) as pool:
        tiles = list(sample.tiles())
        # Results that wait to be taken are few.
        for start in range(0, len(tiles), BATCH):
            yield from pool.map(one, tiles[start : start + BATCH])
