"""Ways to part people: by the demographic groups, and by each attribute that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenface.faces.groups import group_labels
from evenface.pairs.people import People
from evenface.studies.data import GROUP, StudyData

ALL = "all"


@dataclass(frozen=True)
class Partition:
    """Groups that share nobody.

    Attributes
    ----------
    attribute : str
        What parts people; ``group`` for the demographic groups.
    names : tuple of str
    members : tuple of tuple of int
        Which groups of `People` each is made of.
    """

    attribute: str
    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]

    def of_at_least(self, people: People, least: int) -> Partition:
        """Return it without groups of fewer identities."""
        sizes = [int(np.isin(people.group, m).sum()) for m in self.members]
        kept = [k for k, n in enumerate(sizes) if n >= least]
        names = tuple(self.names[k] for k in kept)
        return Partition(self.attribute, names, tuple(self.members[k] for k in kept))


def partitions(data: StudyData, people: People) -> list[Partition]:
    """Return the demographic groups, then, where several attributes make them, each attribute."""
    known = [(k, g) for k, g in enumerate(people.groups) if g is not None]
    joint = Partition(GROUP, tuple(g for _, g in known), tuple((k,) for k, _ in known))
    if len(data.by) == 1:
        return [Partition(data.by[0], joint.names, joint.members)]
    labels = group_labels(data.rows, data.by).alias("_group")
    first = data.rows.select(labels, *data.by).unique("_group", maintain_order=True)
    values = {row["_group"]: row for row in first.rows(named=True)}
    found = [joint]
    for attribute in data.by:
        own: dict[str, list[int]] = {}
        for k, g in known:
            own.setdefault(str(values[g][attribute]), []).append(k)
        if len(own) > 1:
            names = tuple(sorted(own))
            found.append(Partition(attribute, names, tuple(tuple(own[n]) for n in names)))
    return found


def everybody(people: People) -> Sequence[int]:
    """Return all groups, those of people of no recorded group included."""
    return range(len(people.groups))
