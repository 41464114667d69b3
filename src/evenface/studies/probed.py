"""The numbers of `probe`: every reader on everybody and on each group, beside its controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from evenface.faces.split import Rows
from evenface.heads.probes import AT
from evenface.stats.intervals import Estimate
from evenface.studies import unequal_labels
from evenface.studies.controls import LINEAR, Controls, by_dimension
from evenface.studies.data import GROUP, CommonOptions, Labels, StudyData
from evenface.studies.heldout import Tally, readers
from evenface.studies.judged import Judged, Repeats
from evenface.studies.label_noise import Conclusion, label_noise_rows
from evenface.studies.needed import needed_apart, needed_rows
from evenface.studies.result import number
from evenface.studies.unequal import OTHERS, against_others


@dataclass(frozen=True)
class Probed:
    """Everything that was said about one target, ready to be judged on any of the rows.

    Attributes
    ----------
    data : StudyData
    labels : Labels
        Of the target.
    probes : sequence of str
    tally : Tally
        A column a reader, then one a linear probe on fewer axes.
    common : CommonOptions
    repeats : Repeats
    axes : int
        Principal axes that a linear probe has at most.
    """

    data: StudyData
    labels: Labels
    probes: Sequence[str]
    tally: Tally
    common: CommonOptions
    repeats: Repeats
    axes: int

    @cached_property
    def tried(self) -> Rows:
        """Rows of known class that every reader was tried on."""
        return np.flatnonzero(self.tally.tried() & (self.labels.codes >= 0))

    def on(self, rows: Rows, *, by_class: bool = False) -> Judged:
        """Judge all readers on some rows; `by_class`: by the mean of the classes' recalls."""
        codes = self.labels.codes
        classes, strata = codes if by_class else np.zeros_like(codes), np.maximum(codes, 0)
        asked, person = self.common.asked, self.data.person
        return Judged(self.tally, rows, classes, person, strata, asked, self.repeats)

    @cached_property
    def by_class(self) -> Judged:
        """Judge everybody by the mean of the classes' recalls."""
        return self.on(self.tried, by_class=True)

    @cached_property
    def balanced(self) -> list[Estimate]:
        """Balanced accuracies of the readers."""
        return self.by_class.balanced(self._models, least_classes=len(self.labels.names))

    @property
    def chance(self) -> float:
        """Balanced accuracy of a guess."""
        return 1 / len(self.labels.names)

    def readable(self, model: int) -> bool:
        """Tell whether a reader is shown to be better than chance."""
        low = self.balanced[model].low
        return low is not None and low > self.chance

    @cached_property
    def within(self) -> dict[str, Judged]:
        """Judge the rows of each group."""
        return {group: self.on(self.tried[self._groups == group]) for group in self._names}

    @property
    def _models(self) -> range:
        return range(len(readers(self.probes)))

    @cached_property
    def _groups(self) -> np.ndarray[Any, Any]:
        return np.array([g or "" for g in self.data.values(GROUP)], dtype=object)[self.tried]

    @property
    def _names(self) -> list[str]:
        return sorted(set(self._groups.tolist()) - {""})

    def label_noise(self, target: str, model: int) -> list[dict[str, Any]]:
        """Return how being readable bears wrong labels: of everybody, and of each group alone.

        Nothing for a reader that is not shown to be better than chance.
        """
        if not self.readable(model):
            return []
        noise = self.by_class.noise([(m, None) for m in self._models])[model]
        claim = [Conclusion(target, model, bound=self.chance, noise=noise)]
        groups = np.full(len(self.labels.codes), "", dtype=object)
        groups[self.tried] = self._groups
        doubted = [("all", None), *((g, groups == g) for g in self._names)]
        return [
            row
            for group, mask in doubted
            for row in label_noise_rows(
                self.tally, self.tried, self.labels.codes, self.data.person, claim,
                self.common.asked, about=target, group=group, doubted=mask,
            )
        ]  # fmt: skip

    @cached_property
    def _apart(self) -> list[tuple[str, Judged, Judged]]:
        """Judge each group and all others."""
        rest = ((g, self.tried[(self._groups != g) & (self._groups != "")]) for g in self._names)
        return [(g, self.within[g], self.on(rows)) for g, rows in rest if rows.size]

    def unequal(self, target: str, model: int) -> list[dict[str, Any]]:
        """Test whether a reader is right more or less often for one group than for the rest."""
        return against_others(self._apart, model, target, self.common.asked)

    def unequal_labels(self, target: str, model: int, tests: pl.DataFrame) -> list[dict[str, Any]]:
        """Return how what these tests find bears wrong recorded groups."""
        labels, asked = self.labels, self.common.asked
        return unequal_labels.label_noise(self._apart, model, tests, target, labels, asked)

    def needed(self, target: str, model: int) -> list[dict[str, Any]]:
        """Return how many people would show that groups differ, or that anything can be read.

        The latter only where it is not shown: near chance alone is the spread of now that of a
        small gap.
        """
        asked, found = self.common.asked, self.balanced[model]
        rows = []
        if found.value is not None and not self.readable(model):
            deviation = self.by_class.deviation(model)
            rows = needed_rows("balanced_accuracy", f"{target}: chance", deviation, found, asked)
        for group, own, rest in self._apart:
            rows += needed_apart(f"{target}: {group} against {OTHERS}", own, rest, model, asked)
        return rows


def probe_numbers(asked: Probed, target: str, control: Controls | None) -> list[dict[str, Any]]:
    """Return every number about one target.

    Parameters
    ----------
    asked : Probed
    target : str
    control : Controls, optional
        The target's control task.
    """
    labels, tried, readable = asked.labels, asked.tried, readers(asked.probes)
    models, classes = range(len(readable)), len(labels.names)
    by_class, balanced = asked.by_class, asked.balanced
    overall = asked.on(tried).balanced(models, least_classes=1)
    within = {g: one.balanced(models, least_classes=1) for g, one in asked.within.items()}
    rows = []
    for m, name in enumerate(readable):
        at = {"probe": name}
        rows.append(number("probe", "balanced_accuracy", balanced[m], **at, group="all"))
        rows.append(number("probe", "accuracy", overall[m], **at, group="all"))
        for group, accuracies in within.items():
            rows.append(number("probe", "accuracy", accuracies[m], **at, group=group))
    if control is not None:
        rows += control.numbers(balanced, classes, asked.common.asked, asked.repeats)
    if any(AT in name for name in asked.tally.place):
        whole = balanced[readable.index(LINEAR)]
        rows += by_dimension(by_class, asked.tally.place, whole, asked.axes, classes)
    people = int(np.unique(asked.data.person[tried]).size)
    by_definition = Estimate(
        1 / classes, 1 / classes, 1 / classes, asked.common.level, tried.size, people,
        "by definition",
    )  # fmt: skip
    commonest = np.bincount(labels.codes[tried], minlength=1).max()
    share = float(commonest / max(tried.size, 1))
    why = "share of the commonest class among these rows"
    majority = replace(by_definition, value=share, low=share, high=share, method=why)
    rows.append(number("probe", "majority", majority, probe="none", group="all"))
    rows.append(number("probe", "chance", by_definition, probe="none", group="all"))
    return [{**row, "target": target} for row in rows]
