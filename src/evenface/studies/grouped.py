"""What learned spaces are judged by: groups, in the mean, the worst of them, and each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from evenface.errors import SelectionError
from evenface.faces.split import Rows
from evenface.stats.asked import Asked
from evenface.stats.intervals import Estimate
from evenface.stats.worst import least, least_difference
from evenface.studies.data import GROUP, MIN_CLASS, Labels, StudyData
from evenface.studies.heldout import Tally
from evenface.studies.judged import Judged, Repeats


def learnable(data: StudyData, name: str) -> tuple[Labels, Labels]:
    """Return the labels to learn and the groups to judge by.

    Raises
    ------
    SelectionError
        If either has fewer than two values with enough people.
    """
    target, groups = data.labels(name), data.labels(GROUP)
    for what, labels in ((name, target), (GROUP, groups)):
        if len(labels.names) < 2:
            few = ", ".join(f"{v!r} has {n}" for v, n in list(labels.left_out.items())[:5])
            raise SelectionError(
                f"learning needs two values of {what!r} with at least {MIN_CLASS} identities "
                f"each, there are {len(labels.names)}{f' ({few})' if few else ''}"
            )
    return target, groups


def left_out(target: Labels, groups: Labels) -> pl.DataFrame:
    """Return the values with too few people."""
    few = sorted({**groups.left_out, **target.left_out}.items())
    return pl.DataFrame(few, {"value": pl.String, "identities": pl.Int64}, orient="row")


class Grouped:
    """Models judged by the mean of the groups' accuracies, by the worst of them and by each.

    All must have predicted on every split of the tally (see `restricted`).
    """

    def __init__(
        self, tally: Tally, groups: Labels, person: Rows, asked: Asked, repeats: Repeats
    ) -> None:
        codes = groups.codes
        rows: Rows = np.flatnonzero(tally.tried() & (codes >= 0))
        parts = [(rows[codes[rows] == g], np.zeros_like(codes)) for g in range(len(groups.names))]
        self.mean, *self.each = (
            Judged(tally, some, classes, person, codes, asked, repeats)
            for some, classes in [(rows, codes), *parts]
        )

    def accuracies(self, models: Sequence[int]) -> list[list[Estimate]]:
        """Return what alike models get right: in the mean, in the worst group, in each."""
        each = [one.balanced(models, least_classes=1) for one in self.each]
        return [
            [mean, least(self.mean.recalls, model, training=self._training(own)), *own]
            for model, mean, *own in zip(models, self.mean.balanced(models), *each, strict=True)
        ]

    def differences(self, pairs: Sequence[tuple[int, int]]) -> list[list[Estimate]]:
        """Return what models get right minus what others do, of alike pairs, in the same order."""
        each = [one.differences(pairs, least_classes=1) for one in self.each]
        return [
            [mean, least_difference(self.mean.recalls, *pair, training=self._training(own)), *own]
            for pair, mean, *own in zip(pairs, self.mean.differences(pairs), *each, strict=True)
        ]

    def _training(self, each: Sequence[Estimate]) -> list[float | None]:
        return [each[g].training_share for g in self.mean.recalls.present]


def restricted(tally: Tally, columns: Sequence[str], splits: Sequence[int]) -> Tally:
    """Return what some models said on some splits."""
    part = Tally(tally.codes, columns)
    at = [tally.place[c] for c in columns]
    part.said = {s: (tally.said[s][0], tally.said[s][1][:, at]) for s in splits}
    return part
