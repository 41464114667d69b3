"""The numbers of `verify`: rates by group, between groups, and how unequal they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenface.pairs.compared import Compared, Groups
from evenface.stats.accuracy import mean
from evenface.stats.intervals import Estimate
from evenface.stats.rates import Scores, det_curve, equal_error
from evenface.stats.rates_of_all import Errors, crossing_weight, equal_error_estimate
from evenface.studies.data import CommonOptions
from evenface.studies.operating import Point
from evenface.studies.partitions import ALL, Partition, everybody
from evenface.studies.result import number

Row = dict[str, Any]

DET_POINTS = 120
BAND_POINTS = 40
"""Thresholds along a curve, and those at which it has an interval."""

FALLING = {"fmr": True, "fnmr": False, "fmr_nearest": True, "fmr_nearest_in_group": True}
"""Rates, and whether they fall with the threshold; otherwise they grow."""

ELSEWHERE = ", no more than the upper end at a threshold with more errors"

MOST_GROUPS = 40
"""Groups up to which every two are compared with each other."""


@dataclass(frozen=True)
class Asked:
    """What all numbers need.

    Attributes
    ----------
    compared : Compared
    common : CommonOptions
    """

    compared: Compared
    common: CommonOptions

    @property
    def level(self) -> float:
        """Nominal coverage."""
        return self.common.level

    def false_matches(self, threshold: float, ones: Groups, others: Groups | None = None) -> Errors:
        """Count impostor pairs that match, among some groups or between them and others."""
        c = self.compared
        errors, total = c.matches(threshold, ones, others)
        source = c if threshold >= c.cut or c.part is None else c.part
        counts = source.impostor_counts(threshold, ones, others)
        group = np.isin(c.people.group, [*ones, *(others or ())])
        return Errors(counts, errors, total, int(group.sum()))

    def false_non_matches(self, threshold: float, groups: Groups) -> Errors:
        """Count genuine pairs that don't match."""
        counts = self.compared.genuine_counts(threshold, groups)
        return Errors(
            counts, int(counts.errors), int(counts.total), int((counts.compared > 0).sum())
        )  # fmt: skip


def pooled_rows(asked: Asked, points: Sequence[Point]) -> Iterator[Row]:
    """Yield rates over everybody: EER, then FMR and FNMR at each point."""
    groups = everybody(asked.compared.people)
    yield _equal_error(asked, groups, attribute=None, group=ALL)
    for point in points:
        own = {"attribute": None, "group_a": ALL, "group_b": ALL}
        yield _row("fmr", asked.false_matches(point.threshold, groups), asked, point, **own)
        yield _row("fnmr", asked.false_non_matches(point.threshold, groups), asked, point, **own)
        yield from _nearest(asked, point, None, ALL, groups)


def partition_rows(asked: Asked, partition: Partition, points: Sequence[Point]) -> Iterator[Row]:
    """Yield the rates of each group, and of each two, at each point."""
    for name, groups in zip(partition.names, partition.members, strict=True):
        yield _equal_error(asked, groups, attribute=partition.attribute, group=name)
    several = len(partition.names) <= MOST_GROUPS
    for point in points:
        for a, (name, ones) in enumerate(zip(partition.names, partition.members, strict=True)):
            own = {"attribute": partition.attribute, "group_a": name}
            matches = asked.false_matches(point.threshold, ones)
            yield _row("fmr", matches, asked, point, **own, group_b=name)
            wrong = asked.false_non_matches(point.threshold, ones)
            yield _row("fnmr", wrong, asked, point, **own, group_b=name)
            yield from _nearest(asked, point, partition.attribute, name, ones)
            for b in range(a + 1, len(partition.names)) if several else ():
                across = asked.false_matches(point.threshold, ones, partition.members[b])
                yield _row("fmr", across, asked, point, **own, group_b=partition.names[b])


def bounded(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield numbers; no upper end is beyond one of more lenient counting.

    FMR only falls and FNMR only grows with the threshold: a rate of few errors is no more than
    what its interval allows at a threshold with more errors.
    """
    alike: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row["value"] is not None and row["metric"] in FALLING:
            alike[_whose(row)].append(row)
    for row in rows:
        if row["value"] is not None and row["metric"] in FALLING:
            more = [
                r["high"] for r in alike[_whose(row)]
                if (r["threshold"] < row["threshold"]) == FALLING[row["metric"]]
            ]  # fmt: skip
            if min(more, default=1.0) < row["high"]:
                yield {**row, "high": min(more), "method": f"{row['method']}{ELSEWHERE}"}
                continue
        yield row


def _whose(row: Row) -> tuple[object, ...]:
    return tuple(row[c] for c in ("metric", "attribute", "group_a", "group_b"))


def curve_rows(asked: Asked, partition: Partition | None) -> Iterator[Row]:
    """Yield points of DET curves, with intervals of FNMR at some of them."""
    everyone = everybody(asked.compared.people)
    named = [(ALL, everyone)] if partition is None else list(groups_of(partition))
    for name, groups in named:
        genuine, impostors = asked.compared.genuine_scores(groups), _impostors(asked, groups)
        if not genuine.total or not impostors.total:
            continue
        thresholds, fmr, fnmr = det_curve(genuine, impostors, points=DET_POINTS)
        sure = set(np.linspace(0, thresholds.size - 1, BAND_POINTS).astype(int).tolist())
        for k, (t, m, n) in enumerate(zip(thresholds, fmr, fnmr, strict=True)):
            low = high = None
            if k in sure:
                e = asked.false_non_matches(float(t), groups).estimate(asked.level)
                low, high = e.low, e.high
            yield {
                "attribute": partition.attribute if partition else None, "group": name,
                "threshold": float(t), "fmr": float(m), "fnmr": float(n), "fnmr_low": low,
                "fnmr_high": high,
            }  # fmt: skip


def count_rows(asked: Asked, partition: Partition) -> Iterator[Row]:
    """Yield how many persons, pictures and pairs there are of each group."""
    people = asked.compared.people
    for name, groups in groups_of(partition):
        mine = np.isin(people.group, groups)
        genuine = asked.compared.genuine_counts(0.0, groups)
        yield {
            "attribute": partition.attribute, "group": name, "identities": int(mine.sum()),
            "images": int(people.images[mine].sum()),
            "identities_with_pairs": int((genuine.compared > 0).sum()),
            "genuine_pairs": int(genuine.total),
            "impostor_pairs": asked.compared.matches(np.inf, groups)[1],
        }  # fmt: skip


def groups_of(partition: Partition) -> Iterator[tuple[str, Groups]]:
    """Yield each group's name and what it is made of."""
    yield from zip(partition.names, partition.members, strict=True)


def _impostors(asked: Asked, groups: Groups) -> Scores:
    return asked.compared.impostors(groups)


def at(point: Point | None) -> Row:
    """Return the columns that say at which threshold a number is."""
    if point is None:
        return {"fmr_target": None, "threshold": None}
    return {"fmr_target": point.target, "threshold": point.threshold}


def _row(metric: str, errors: Errors, asked: Asked, point: Point, **own: Any) -> Row:
    return number("verify", metric, errors.estimate(asked.level), **at(point), **own)


def _equal_error(asked: Asked, groups: Groups, *, attribute: str | None, group: str) -> Row:
    genuine, impostors = asked.compared.genuine_scores(groups), _impostors(asked, groups)
    own: Row = {"attribute": attribute, "group_a": group, "group_b": group, "fmr_target": None}
    if not genuine.total or not impostors.total:
        why = "no genuine pairs" if not genuine.total else "no impostor pairs"
        found = Estimate.missing(why, level=asked.level)
        return number("verify", "eer", found, **own, threshold=None)
    eer = equal_error(genuine, impostors)
    one = asked.false_matches(eer.threshold, groups).estimate(asked.level)
    other = asked.false_non_matches(eer.threshold, groups).estimate(asked.level)
    weight = crossing_weight(genuine, impostors, eer.threshold)
    found = equal_error_estimate(eer, one, other, weight)
    return number("verify", "eer", found, **own, threshold=eer.threshold)


def _nearest(
    asked: Asked, point: Point, attribute: str | None, group: str, groups: Groups
) -> Iterator[Row]:
    """Yield how many pictures match the most similar one of another person.

    Everybody else is who they are compared with: of all groups, and of the own demographic one.
    """
    c = asked.compared
    if c.listed:
        return
    mine = np.isin(c.people.group[c.people.person], groups)
    for metric, scores in zip(("fmr_nearest", "fmr_nearest_in_group"), c.nearest, strict=True):
        known = mine & np.isfinite(scores)
        hit = (scores[known] >= point.threshold).astype(np.float64)
        found = mean(hit, c.people.person[known], replace(asked.common.asked, method="score"))
        own = {"attribute": attribute, "group_a": group, "group_b": ALL}
        yield number("verify", metric, found, **at(point), **own)
