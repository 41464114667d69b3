"""Who learns from whom: the training rows of each model of `transfer`, matched in size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from evenface.errors import SelectionError
from evenface.faces.split import Rows, Split
from evenface.studies.data import Labels, StudyData

ALL = "all"
"""Trained on every training row of every group."""

MATCHED = "all, size-matched"
"""Trained on all groups, but on as many persons as a single group's model has."""


def rows_for(target: Labels, across: Labels, groups: Sequence[str], model: str, rows: Rows) -> Rows:
    """Return those rows whose target is known and whose group `model` learns from."""
    wanted = [model] if model in groups else groups
    places = [across.names.index(g) for g in wanted]
    return rows[(target.codes[rows] >= 0) & np.isin(across.codes[rows], places)]


def training_sets(
    data: StudyData,
    target: Labels,
    across: Labels,
    groups: Sequence[str],
    split: Split,
    *,
    match: str = "smallest",
    people: int | None = None,
) -> Iterator[tuple[str, Rows]]:
    """Yield each model's name and training rows.

    With ``match="smallest"`` a single group's model learns from as many persons of each class as
    the smallest class of any group has. The size-matched model of all groups has that number too.
    Given `people`, every group gives that many, to its own model and to that of all groups.

    Raises
    ------
    SelectionError
        If a group can't give `people`, equally many of each class.
    """
    rng = np.random.default_rng([split.seed, 7])
    own = {g: rows_for(target, across, groups, g, split.train) for g in groups}
    order = {g: _shuffled(data, target, rows, rng) for g, rows in own.items()}
    least = max(min(len(c) for classes in order.values() for c in classes), 1)
    if people is not None:
        least = _each(people, order, "train")
    for g, rows in own.items():
        if match == "none" and people is None:
            yield g, rows
        else:
            yield g, rows_of(data, target, rows, [c[:least] for c in order[g]])
    rows = rows_for(target, across, groups, ALL, split.train)
    # Round robin over the groups, so that any number of persons is as even as it can be.
    start = split.seed % len(groups)
    mixed = []
    for c in range(len(target.names)):
        turn = [
            int(order[g][c][i])
            for i in range(least)
            for g in (*groups[start:], *groups[:start])
            if i < len(order[g][c])
        ]
        mixed.append(np.array(turn[:least], dtype=np.intp))
    yield MATCHED, rows_of(data, target, rows, mixed)
    if people is None:
        yield ALL, rows
    else:
        given = [np.concatenate([order[g][c][:least] for g in groups])
                 for c in range(len(target.names))]  # fmt: skip
        yield ALL, rows_of(data, target, rows, given)


def rows_to_test(
    data: StudyData,
    target: Labels,
    across: Labels,
    groups: Sequence[str],
    split: Split,
    people: int | None = None,
) -> Rows:
    """Return the rows that a split's models are tested on: all, or so many people of each group.

    Raises
    ------
    SelectionError
        If a group can't give `people`, equally many of each class.
    """
    if people is None:
        return rows_for(target, across, groups, ALL, split.test)
    rng = np.random.default_rng([split.seed, 13])
    own = {g: rows_for(target, across, groups, g, split.test) for g in groups}
    order = {g: _shuffled(data, target, rows, rng) for g, rows in own.items()}
    least = _each(people, order, "test")
    return np.sort(
        np.concatenate(
            [rows_of(data, target, own[g], [c[:least] for c in order[g]]) for g in groups]
        )
    )


def _shuffled(data: StudyData, target: Labels, rows: Rows, rng: np.random.Generator) -> list[Rows]:
    """Return the people of each class in the order in which they are taken."""
    return [
        rng.permutation(np.unique(data.person[rows[target.codes[rows] == c]]))
        for c in range(len(target.names))
    ]


def _each(people: int, order: Mapping[str, Sequence[Rows]], side: str) -> int:
    """Return how many people of each class make up `people` of a group."""
    classes = len(next(iter(order.values())))
    each = people // classes
    if each < 1:
        raise SelectionError(
            f"{side} is {people}, fewer than the {classes} classes; ask for more people"
        )
    for g, found in order.items():
        have = min(map(len, found))
        if have < each:
            raise SelectionError(
                f"{side} asks for {people} people of each group, {each} of each class, but {g!r} "
                f"has {have} of its smallest class on that side of a split; ask for at most "
                f"{have * classes}"
            )
    return each


def rows_of(data: StudyData, target: Labels, rows: Rows, people: Sequence[Rows]) -> Rows:
    """Return the rows of each class that show the persons chosen for it."""
    keep = [
        rows[(target.codes[rows] == c) & np.isin(data.person[rows], chosen)]
        for c, chosen in enumerate(people)
    ]
    return np.sort(np.concatenate(keep))
