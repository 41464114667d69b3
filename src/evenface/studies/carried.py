"""The numbers of `transfer`: every model on every group, what is lost, and is that shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from evenface.faces.split import Rows
from evenface.stats.asked import Asked
from evenface.stats.intervals import Estimate
from evenface.studies.data import CommonOptions, Labels, StudyData
from evenface.studies.heldout import Tally
from evenface.studies.judged import Judged, Repeats, weakened, with_holm
from evenface.studies.label_noise import LABEL_NOISE, Conclusion, label_noise_rows
from evenface.studies.needed import NEEDED, needed_rows
from evenface.studies.result import number
from evenface.studies.training_sets import ALL, MATCHED


@dataclass(frozen=True)
class Asks:
    """Who is tested on whom.

    Attributes
    ----------
    groups : sequence of str
    models : sequence of str
        The groups, `MATCHED` and `ALL`: whom a model learned from.
    readers : sequence of str
        Probes, and the strongest of each split.
    """

    groups: Sequence[str]
    models: Sequence[str]
    readers: Sequence[str]

    @property
    def columns(self) -> list[str]:
        """Names of a tally's columns."""
        return [self.column(reader, model) for reader in self.readers for model in self.models]

    @property
    def keys(self) -> dict[str, dict[str, str]]:
        """What each of a tally's columns is."""
        pairs = ((reader, model) for reader in self.readers for model in self.models)
        return {self.column(r, m): {"probe": r, "train_on": m} for r, m in pairs}

    @staticmethod
    def column(reader: str, model: str) -> str:
        """Return the name of one column."""
        return f"{reader}\x1f{model}"

    def at(self, reader: str, model: str) -> int:
        """Return the number of one column."""
        return self.readers.index(reader) * len(self.models) + self.models.index(model)

    def kinds(self, test_on: str) -> Iterator[list[str]]:
        """Yield models that are alike when tested on a group: trained there, elsewhere, on all."""
        own = [m for m in self.models if m == test_on and m in self.groups]
        mixed = [m for m in self.models if m in (ALL, MATCHED)]
        elsewhere = [m for m in self.models if m not in own and m not in mixed]
        yield from (kind for kind in (own, elsewhere, mixed) if kind)


@dataclass
class Found:
    """Rows of the frame, and the tables ``tests``, ``needed`` and ``label_noise``."""

    numbers: list[dict[str, Any]] = field(default_factory=list)
    tests: list[dict[str, Any]] = field(default_factory=list)
    needed: list[dict[str, Any]] = field(default_factory=list)
    doubts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables, adjusted within each reader's family of gaps."""
        return {
            "tests": with_holm(self.tests, ("about",)),
            "needed": pl.DataFrame(self.needed, schema=NEEDED, orient="row"),
            "label_noise": pl.DataFrame(self.doubts, schema=LABEL_NOISE, orient="row"),
        }


def weigh(
    data: StudyData,
    target: Labels,
    across: Labels,
    tally: Tally,
    asks: Asks,
    common: CommonOptions,
    repeats: Repeats,
) -> Found:
    """Return every number, tests of the gaps, and how many people smaller gaps would take."""
    tried = tally.tried() & (target.codes >= 0)
    strata = np.maximum(target.codes, 0) + len(target.names) * np.maximum(across.codes, 0)
    found = Found()
    for test_on in (*asks.groups, ALL):
        names = asks.groups if test_on == ALL else [test_on]
        places = [across.names.index(g) for g in names]
        rows: Rows = np.flatnonzero(tried & np.isin(across.codes, places))
        judged = [
            Judged(tally, rows, classes, data.person, strata, common.asked, repeats)
            for classes in (np.zeros_like(target.codes), target.codes)
        ]
        claims = _of_group(found, asks, test_on, judged, len(target.names), common.asked)
        found.doubts += label_noise_rows(
            tally, rows, target.codes, data.person, claims, common.asked,
            about=test_on, strata=across.codes,
        ) if claims else []  # fmt: skip
    found.numbers.sort(key=lambda r: asks.readers.index(r["probe"]))
    return found


def _of_group(
    found: Found,
    asks: Asks,
    test_on: str,
    judged: Sequence[Judged],
    classes: int,
    asked: Asked,
) -> list[Conclusion]:
    """Work out the numbers of one group; return which gaps of the headline stand."""
    plain, recalls = judged
    claims: list[Conclusion] = []
    numbers: dict[tuple[str, str, str], Estimate] = {}
    for kind in asks.kinds(test_on):
        names = [(reader, model) for reader in asks.readers for model in kind]
        columns = [asks.at(*name) for name in names]
        right = plain.balanced(columns, least_classes=1)
        balanced = recalls.balanced(columns, least_classes=classes)
        for (reader, model), one, other in zip(names, right, balanced, strict=True):
            numbers[reader, model, "accuracy"] = one
            numbers[reader, model, "balanced_accuracy"] = other
        if test_on not in asks.groups or kind == [test_on]:
            continue
        pairs = [(asks.at(reader, test_on), asks.at(reader, model)) for reader, model in names]
        gaps = recalls.differences(pairs, least_classes=classes)
        for name, gap in zip(names, gaps, strict=True):
            numbers[(*name, "transfer_gap")] = gap
        if kind[0] not in asks.groups:
            continue
        tests, noises = recalls.tests(pairs), recalls.noise(list(pairs))
        for (reader, model), gap, test, noise in zip(names, gaps, tests, noises, strict=True):
            found.tests.append(
                {
                    "metric": "transfer_gap", "about": reader, "a": test_on, "b": model,
                    "value": gap.value, "low": gap.low, "high": gap.high,
                    "p": None if gap.value is None else weakened(test, gap), "p_holm": None,
                    "n_identities": gap.n_identities, "method": test.method,
                }
            )  # fmt: skip
            if reader == asks.readers[-1] and gap.value is not None:
                a, b = asks.at(reader, test_on), asks.at(reader, model)
                deviation = recalls.deviation(a, b)
                what = f"{model} \u2192 {test_on}"
                found.needed += needed_rows("transfer_gap", what, deviation, gap, asked)
                if gap.low is not None and gap.low > 0:
                    claims.append(Conclusion(what, a, b, noise=noise))
    for reader in asks.readers:
        for model in asks.models:
            for metric in ("accuracy", "balanced_accuracy", "transfer_gap"):
                if (reader, model, metric) in numbers:
                    at = {"train_on": model, "test_on": test_on, "probe": reader}
                    found.numbers.append(
                        number("transfer", metric, numbers[reader, model, metric], **at)
                    )
    return claims
