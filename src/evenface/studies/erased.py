"""Erasers on every split: fitted to training people, judged on those held out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenface.erasers.eraser import Eraser
from evenface.erasers.span import Span
from evenface.errors import VectorError
from evenface.faces.split import Rows, Split
from evenface.heads.scaling import Vectors
from evenface.studies.data import GROUP
from evenface.studies.erased_comparing import Comparing
from evenface.studies.erased_fitted import fit, tasks_of
from evenface.studies.erased_learned import learn_together
from evenface.studies.erased_numbers import leakage, rates, turned
from evenface.studies.erased_others import Others
from evenface.studies.erased_ways import BEFORE, Asked, Way, by_label, source_of, title_of
from evenface.studies.heldout import OTHERS, STRONGEST, Curves, Progress, Tally, learn
from evenface.studies.identity_space import IdentitySpace
from evenface.studies.outcomes import Topic


@dataclass(frozen=True)
class Examined:
    """What came of all splits.

    Attributes
    ----------
    numbers, erasers, left_out : list of dict
        Rows of the frame, what is said of each eraser, and what could not be done.
    topics : list of Topic
        Who was right about which picture.
    """

    numbers: list[dict[str, Any]]
    erasers: list[dict[str, Any]]
    left_out: list[dict[str, Any]]
    topics: list[Topic]


def examine(asked: Asked, on_step: Callable[[int, int], None] | None) -> Examined:
    """Change vectors in every way on every split, and see what that does to held-out people."""
    left_out: dict[str, str] = {}
    comparing = Comparing.of(asked, left_out)
    tallies = {
        t: Tally(found.codes, [f"{w.name}\x1f{r}" for w in asked.every for r in asked.readers(w)])
        for t, found in asked.targets.items()
    }
    shifts: dict[str, dict[int, Any]] = defaultdict(dict)
    ranks: dict[tuple[str, str], list[int]] = defaultdict(list)
    progress = Progress(on_step, len(asked.splits) * len(asked.every))
    for s, split in enumerate(asked.splits):
        test, others = None, Others(asked, split)
        for way, rank, vectors in _changed(asked, split, left_out, progress):
            if comparing is not None and s in comparing.hands:
                try:
                    test = comparing.count(way, vectors, s)
                except VectorError as error:
                    left_out[way.name] = f"can't be compared: {error}"
                    continue
            if way is not BEFORE:
                ranks[way.attribute, way.eraser].append(rank)
            if not way.learned and way is not BEFORE:
                shifts[way.name][s] = _shift(asked.data.vectors, vectors, split.test)
            _read(asked, way, vectors, split, s, tallies)
            if OTHERS in asked.readers(way):
                others.read(way, s, tallies)
        if comparing is not None and test is not None:
            comparing.errors.close(test, s)
    rows = [*leakage(asked, tallies, left_out), *turned(asked, shifts, left_out)]
    if comparing is not None:
        rows += rates(asked, comparing.errors, left_out)
    said = [
        {
            "attribute": attribute, "eraser": eraser, "title": title_of(eraser),
            "source": source_of(eraser), "rank": float(np.mean(own)),
            "needs_labels": by_label(eraser),
        }
        for (attribute, eraser), own in ranks.items()
    ]  # fmt: skip
    return Examined(rows, said, list(_said_left_out(asked, left_out)), _topics(asked, tallies))


def _topics(asked: Asked, tallies: dict[str, Tally]) -> list[Topic]:
    """Return who was right about which picture in whose vectors, by what was read."""
    groups = asked.data.values(GROUP)
    return [
        Topic(
            t, tallies[t],
            {f"{w.name}\x1f{r}": {**w.key(), "probe": r} for w in asked.every
             for r in asked.readers(w)},
            found.names, groups,
        )
        for t, found in asked.targets.items()
    ]  # fmt: skip


def _said_left_out(asked: Asked, left_out: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield what was left out, all that is for one reason in one."""
    named = {
        w.name: f"{title_of(w.eraser)} ({w.attribute})" if w.attributes else title_of(w.eraser)
        for w in asked.ways
    }
    for reason in dict.fromkeys(left_out.values()):
        whats = (named.get(k, k) for k, why in left_out.items() if why == reason)
        yield {"what": ", ".join(dict.fromkeys(whats)), "reason": reason}


def _changed(
    asked: Asked, split: Split, left_out: dict[str, str], progress: Progress
) -> Iterator[tuple[Way, int, Vectors]]:
    """Change all vectors in one way after the other; only one way's are held at a time.

    With each comes the rank of the change, or the dimensions of the space.
    """
    vectors = asked.data.vectors
    span = Span.of(vectors[split.train])
    fitted: dict[tuple[str, str], Eraser | None] = {}
    spaces: dict[Way, IdentitySpace] = {}
    for way in asked.every:
        if way is BEFORE:
            yield way, 0, vectors
        elif way.learned and way.name not in left_out:
            if way not in spaces:
                spaces = learn_together(asked, split, way, left_out)
            if way in spaces:
                yield way, len(spaces[way].bias), spaces[way](vectors)
        elif way.name not in left_out:
            key = (way.attribute, way.eraser)
            if key not in fitted:
                fitted[key] = fit(asked, way, split, left_out, span)
            eraser = fitted[key]
            if eraser is not None:
                yield way, eraser.rank, eraser.at(way.strength)(vectors, asked.codes(way))
        progress(1)


def _shift(before: Vectors, after: Vectors, rows: Rows) -> Any:
    """Return half of 1 less the cosine of each row's two vectors, in [0, 1]."""
    a, b = before[rows].astype(np.float64), after[rows].astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = np.einsum("ij,ij->i", a, b) / np.where(lengths > 0, lengths, 1)
    return np.clip((1 - cosine) / 2, 0, 1)


def _read(
    asked: Asked, way: Way, vectors: Vectors, split: Split, s: int, tallies: dict[str, Tally]
) -> None:
    """Train probes on a split's changed vectors, and note what they say of its test people."""
    readers = asked.readers(way)
    probes = [r for r in readers if r not in (STRONGEST, OTHERS)]
    tasks = tasks_of(asked, split)
    for (target, tally), task, answer in zip(
        tallies.items(), tasks, learn(vectors, tasks, probes), strict=True
    ):
        if answer is None:
            continue
        chosen = probes[0]
        if len(probes) > 1:
            chosen = Curves().choose(target, [answer.trained], [task.validation.size])
        for reader in (r for r in readers if r != OTHERS):
            said = answer.predicted[chosen if reader == STRONGEST else reader]
            tally.add(s, f"{way.name}\x1f{reader}", task.test, said)
