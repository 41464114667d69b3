"""The probes, in a table: what reads an attribute out of a vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from evenface.errors import ConfigError
from evenface.heads.kernel import fit_kernel
from evenface.heads.linear import fit_linear
from evenface.heads.mlp import fit_mlps
from evenface.heads.neighbours import fit_neighbours
from evenface.heads.problem import Fitted, Labels, Problem, Trained
from evenface.heads.scaling import COMPONENTS, Scaling, Vectors, fit_scaling
from evenface.heads.threads import one_thread, one_thread_below, workers

Done = TypeVar("Done")


@dataclass(frozen=True)
class Probe:
    """A way to read an attribute out of vectors.

    Attributes
    ----------
    fit : callable
        Takes problems, returns a `Fitted` for each.
    title : str
        What figures call it.
    sees_all : bool
        Whether it is given all principal axes, and not the widest `COMPONENTS` alone.
    gathers : bool
        Whether it fits problems about different rows of a split faster together than one after
        the other.
    """

    fit: Callable[[Sequence[Problem]], list[Fitted]]
    title: str
    sees_all: bool = False
    gathers: bool = False


PROBES = {
    "linear": Probe(fit_linear, "linear", sees_all=True),
    "mlp": Probe(fit_mlps, "MLP", gathers=True),
    "rbf": Probe(fit_kernel, "RBF kernel"),
    "knn": Probe(fit_neighbours, "nearest neighbours"),
}


AT = "@"


def narrowed(name: str, components: int) -> str:
    """Return the name of a probe that is given the widest `components` principal axes alone."""
    return f"{name}{AT}{components}"


def _parts(name: str) -> tuple[Probe, int | None]:
    """Return the probe of a name, and how many axes the name cuts its inputs to."""
    base, _, components = name.partition(AT)
    return PROBES[base], int(components) if components else None


def check_probes(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, or raise a ConfigError for one that is not in the table."""
    unknown = [n for n in names if n not in PROBES]
    if unknown or not names:
        raise ConfigError(
            f"no probe named {', '.join(unknown) or '(none given)'}; there are {', '.join(PROBES)}"
        )
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Task:
    """What probes are to learn, and on which rows of a matrix of vectors.

    Attributes
    ----------
    codes : ndarray of intp, shape (rows of the matrix,)
        Class of each row, 0 ... n_classes-1; anything where a row is on no side.
    train, validation, test : ndarray of intp
        Numbers of the rows on each side; training rows of at least two classes.
    n_classes, seed : int
    """

    codes: Labels
    train: Labels
    validation: Labels
    test: Labels
    n_classes: int
    seed: int


@dataclass(frozen=True)
class Answer:
    """What probes made of a task.

    Attributes
    ----------
    trained : dict of str to Trained
        Probes, which take raw vectors.
    predicted : dict of str to ndarray of intp
        Each probe's classes of the test rows.
    """

    trained: dict[str, Trained]
    predicted: dict[str, Labels]


@dataclass(frozen=True)
class Scaled:
    """Tasks about the same rows, on the scale of their training rows.

    Attributes
    ----------
    places : tuple of int
        Which of all tasks these are.
    problems : tuple of Problem
        What they are to a probe; all hold the same inputs.
    scaling : Scaling
    test : ndarray of float32
    """

    places: tuple[int, ...]
    problems: tuple[Problem, ...]
    scaling: Scaling
    test: Vectors

    def leading(self, components: int) -> Scaled:
        """Keep the widest principal axes."""
        first = self.problems[0]
        if first.x.shape[1] <= components:
            return self
        x, validation, test = (
            np.ascontiguousarray(rows[:, :components])
            for rows in (first.x, first.x_validation, self.test)
        )
        problems = tuple(replace(p, x=x, x_validation=validation) for p in self.problems)
        return Scaled(self.places, problems, self.scaling.leading(components), test)


def train_probes(
    names: Sequence[str],
    vectors: Vectors,
    tasks: Sequence[Task],
    *,
    on_fit: Callable[[int], None] | None = None,
) -> list[Answer]:
    """Train several probes on every task and let them predict its test rows.

    What does not depend on labels is worked out once for tasks about the same rows.

    Parameters
    ----------
    names : sequence of str
        Keys of `PROBES`, or what `narrowed` makes of one.
    vectors : ndarray of float32, shape (n, d)
    tasks : sequence of Task
    on_fit : callable, optional
        Called with the number of trainings that have just ended; all in all there are as many
        as tasks times probes.

    Returns
    -------
    list of Answer
        One for each task.
    """
    later = [name for name in names if _parts(name)[0].gathers]
    now = [name for name in names if name not in later]

    def work(places: list[int]) -> tuple[Scaled, list[tuple[str, list[Found]]]]:
        with one_thread_below(tasks[places[0]].train.size):
            whole = _scaled(vectors, places, [tasks[k] for k in places])
            cut = whole.leading(COMPONENTS)
            return cut, [(n, _fit(n, [_seen(n, whole, cut)])) for n in now]

    found: list[dict[str, tuple[Trained, Labels]]] = [{} for _ in tasks]
    waiting: list[Scaled] = []

    def take(name: str, answers: Sequence[Found]) -> None:
        for place, trained, predicted in answers:
            found[place][name] = trained, predicted
        if on_fit:
            on_fit(len(answers))

    groups = _same_rows(tasks)
    rows = max((t.train.size for t in tasks), default=0)
    for cut, answered in _side_by_side(work, groups, rows):
        for name, answers in answered:
            take(name, answers)
        if later:
            waiting.append(cut)
    with one_thread_below(rows):
        for name in later:
            take(name, _fit(name, [_seen(name, cut, cut) for cut in waiting]))
    return [Answer({n: one[n][0] for n in names}, {n: one[n][1] for n in names}) for one in found]


Found = tuple[int, Trained, Labels]
"""Place of a task, probe trained on it, classes of its test rows."""


def _seen(name: str, whole: Scaled, cut: Scaled) -> Scaled:
    """Return what a probe is given of the principal axes."""
    probe, components = _parts(name)
    given = whole if probe.sees_all else cut
    return given if components is None else given.leading(components)


def _fit(name: str, groups: Sequence[Scaled]) -> list[Found]:
    fitted = iter(_parts(name)[0].fit([p for group in groups for p in group.problems]))
    return [
        (place, Trained(one, group.scaling), one.predict(group.test))
        for group in groups
        for place, one in zip(group.places, fitted, strict=False)
    ]


def _side_by_side(
    work: Callable[[list[int]], Done], groups: Sequence[list[int]], rows: int
) -> Iterator[Done]:
    """Work through groups, several at a time where that is faster; yield results in order."""
    count = workers(len(groups), rows)
    if count < 2:
        yield from map(work, groups)
        return
    with one_thread(), ThreadPoolExecutor(count) as pool:
        yield from pool.map(work, groups)


def _same_rows(tasks: Sequence[Task]) -> list[list[int]]:
    """Return the places of tasks of one seed about the same rows, group by group."""
    groups: dict[tuple[int, *tuple[bytes, ...]], list[int]] = {}
    for k, task in enumerate(tasks):
        sides = (task.train, task.validation, task.test)
        groups.setdefault((task.seed, *(side.tobytes() for side in sides)), []).append(k)
    return list(groups.values())


def _scaled(vectors: Vectors, places: Sequence[int], tasks: Sequence[Task]) -> Scaled:
    first = tasks[0]
    scaling = fit_scaling(vectors[first.train])
    train, validation, test = (
        scaling(vectors[rows]) for rows in (first.train, first.validation, first.test)
    )
    problems = tuple(
        Problem(train, t.codes[t.train], validation, t.codes[t.validation], t.n_classes, t.seed)
        for t in tasks
    )
    return Scaled(tuple(places), problems, scaling, test)
