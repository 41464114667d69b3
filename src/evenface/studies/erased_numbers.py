"""The numbers of `erase`, from what probes said, errors and changes of every split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from evenface.stats.accuracy import mean
from evenface.stats.intervals import Estimate
from evenface.studies.erased_errors import Errors
from evenface.studies.erased_others import Halves
from evenface.studies.erased_ways import BEFORE, Asked, Way, start_of
from evenface.studies.heldout import OTHERS, Tally
from evenface.studies.judged import Judged, Repeats
from evenface.studies.result import number


def leakage(
    asked: Asked, tallies: dict[str, Tally], left_out: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield what probes read, as vectors are and after each way, and by how much it changed."""
    # Two splits have fewer people in common in either half than in all that they learn from.
    halves = [Halves.of(asked, split).read for split in asked.splits]
    repeats = [Repeats.of(splits, asked.data.person) for splits in (asked.splits, halves)]
    ways = [w for w in asked.every if w.name not in left_out]
    for target, tally in tallies.items():
        models = [
            (w, r) for w in ways for r in asked.readers(w)
            if tally.tried(tally.place[f"{w.name}\x1f{r}"]).any()
        ]  # fmt: skip
        # Where halves of the people are too few to learn from, all the others are judged still.
        for apart in (False, True):
            own = [(w, r) for w, r in models if (r == OTHERS) == apart]
            said = tally.only([f"{w.name}\x1f{r}" for w, r in own])
            columns = [(w, r, k) for k, (w, r) in enumerate(own)]
            yield from _read(asked, target, said, columns, repeats[apart])


def _read(
    asked: Asked, target: str, tally: Tally, columns: list[tuple[Way, str, int]], repeats: Repeats
) -> Iterator[dict[str, Any]]:
    codes = asked.targets[target].codes
    rows = np.flatnonzero(tally.tried() & (codes >= 0)) if columns else np.empty(0, np.intp)
    if not rows.size:
        return
    judged = Judged(tally, rows, codes, asked.data.person, np.maximum(codes, 0),
                    asked.common.asked, repeats)  # fmt: skip
    classes = len(asked.targets[target].names)
    for reader, kind in dict.fromkeys((r, w.kind) for w, r, _ in columns):
        read = {w: c for w, r, c in columns if r == reader}
        # What training adds is estimated of alike ways together.
        place = {w: c for w, c in read.items() if w.kind == kind}
        # What is at a partial strength is read by the first probe alone.
        changes = [w for w in place if w is not BEFORE and start_of(w) in read]
        found = judged.balanced(list(place.values()), least_classes=classes)
        pairs = [(place[w], read[start_of(w)]) for w in changes]
        moved = judged.differences(pairs, least_classes=classes) if pairs else []
        at = {"target": target, "probe": reader, "group": "all"}
        for way, estimate in zip(place, found, strict=True):
            yield number("erase", "balanced_accuracy", estimate, **way.own(), **at)
        for way, estimate in zip(changes, moved, strict=True):
            yield number("erase", "balanced_accuracy_change", estimate, **way.own(), **at)


def turned(
    asked: Asked, shifts: dict[str, dict[int, Any]], left_out: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield how far each way turns vectors."""
    person = asked.data.person
    for way in asked.ways:
        own = shifts.get(way.name, {})
        if way.name in left_out or not own:
            continue
        rows = np.concatenate([asked.splits[s].test for s in own])
        half = mean(np.concatenate(list(own.values())), person[rows], asked.common.asked)
        at = {"target": "none", "probe": "none", "group": "all"}
        yield number("erase", "cosine_shift", _doubled(half), **way.own(), **at)


def _doubled(half: Estimate) -> Estimate:
    if half.value is None or half.low is None or half.high is None:
        return half
    return replace(half, value=2 * half.value, low=2 * half.low, high=2 * half.high)


def rates(asked: Asked, errors: Errors, left_out: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield verification's errors, over everybody and by group, and by how much they changed."""
    level, groups = asked.common.level, errors.people.groups
    titled = [(None, "all"), *((g, t) for g, t in enumerate(groups) if t is not None)]
    for way in asked.every:
        if way.name in left_out:
            continue
        for g, title in titled:
            at = {"target": "none", "probe": "none", "group": title}
            for metric in ("eer", "fmr", "fnmr"):
                rate = errors.rate(way.name, metric, g, level)
                yield number("erase", metric, rate, **way.own(), **at)
                if way is not BEFORE and metric != "fmr":
                    moved = errors.change(way.name, start_of(way).name, metric, g, level)
                    yield number("erase", f"{metric}_change", moved, **way.own(), **at)
