"""Who learns from whom: the training rows of each model of `transfer`, matched in size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

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
    match: str,
) -> Iterator[tuple[str, Rows]]:
    """Yield each model's name and training rows.

    With ``match="smallest"`` a single group's model learns from as many persons of each class as
    the smallest class of any group has. The size-matched model of all groups has that number too.
    """
    rng = np.random.default_rng([split.seed, 7])
    own = {g: rows_for(target, across, groups, g, split.train) for g in groups}
    order = {
        (g, c): rng.permutation(np.unique(data.person[rows[target.codes[rows] == c]]))
        for g, rows in own.items()
        for c in range(len(target.names))
    }
    least = max(min(len(people) for people in order.values()), 1)
    for g, rows in own.items():
        if match == "none":
            yield g, rows
        else:
            people = [order[g, c][:least] for c in range(len(target.names))]
            yield g, rows_of(data, target, rows, people)
    rows = rows_for(target, across, groups, ALL, split.train)
    # Round robin over the groups, so that any number of persons is as even as it can be.
    start = split.seed % len(groups)
    mixed = []
    for c in range(len(target.names)):
        turn = [
            int(order[g, c][i])
            for i in range(least)
            for g in (*groups[start:], *groups[:start])
            if i < len(order[g, c])
        ]
        mixed.append(np.array(turn[:least], dtype=np.intp))
    yield MATCHED, rows_of(data, target, rows, mixed)
    yield ALL, rows


def rows_of(data: StudyData, target: Labels, rows: Rows, people: Sequence[Rows]) -> Rows:
    """Return the rows of each class that show the persons chosen for it."""
    keep = [
        rows[(target.codes[rows] == c) & np.isin(data.person[rows], chosen)]
        for c, chosen in enumerate(people)
    ]
    return np.sort(np.concatenate(keep))
