"""Erasers on every split: fitted to training people, judged on those held out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from evenface.erasers.eraser import Eraser
from evenface.erasers.methods import ERASERS, fit_eraser
from evenface.erasers.span import Span
from evenface.errors import VectorError
from evenface.faces.split import Rows, Split
from evenface.heads.probes import Task
from evenface.heads.scaling import Vectors
from evenface.studies.erased_errors import Errors
from evenface.studies.erased_numbers import leakage, rates, turned
from evenface.studies.erased_ways import BEFORE, Asked, Way
from evenface.studies.heldout import STRONGEST, Curves, Progress, Tally, learn
from evenface.studies.remedied import Hand, deal_hands
from evenface.studies.verify import people_of
from evenface.studies.verify_options import VerifyOptions

MOST_TRAINING, MOST_TEST = 1 << 20, 1 << 22
"""Impostor pairs of a split that thresholds are set on, and errors counted among."""

ENOUGH = 10
"""False matches on training people that a threshold must leave to expect."""


def examine(
    asked: Asked, on_step: Callable[[int, int], None] | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the numbers, what is said of each eraser, and what was left out."""
    left_out: dict[str, str] = {}
    errors, hands = _verification(asked, left_out)
    tallies = {
        t: Tally(found.codes, [f"{w.name}\x1f{r}" for w in asked.every for r in asked.readers(w)])
        for t, found in asked.targets.items()
    }
    shifts: dict[str, dict[int, Any]] = defaultdict(dict)
    ranks: dict[tuple[str, str], list[int]] = defaultdict(list)
    progress = Progress(on_step, len(asked.splits) * len(asked.every))
    for s, split in enumerate(asked.splits):
        test = None
        for way, eraser, vectors in _changed(asked, split, left_out, progress):
            if errors is not None and s in hands:
                try:
                    test = errors.count(way.name, vectors, hands[s])
                except VectorError as error:
                    left_out[way.name] = f"can't be compared: {error}"
                    continue
            if eraser is not None:
                ranks[way.attribute, way.eraser].append(eraser.rank)
                shifts[way.name][s] = _shift(asked.data.vectors, vectors, split.test)
            _read(asked, way, vectors, split, s, tallies)
        if errors is not None and test is not None:
            errors.close(test, s)
    rows = [*leakage(asked, tallies, left_out), *turned(asked, shifts, left_out)]
    if errors is not None:
        rows += rates(asked, errors, left_out)
    said = [
        {
            "attribute": attribute, "eraser": eraser, "title": ERASERS[eraser].title,
            "source": ERASERS[eraser].source, "rank": float(np.mean(own)),
            "needs_labels": ERASERS[eraser].by_label,
        }
        for (attribute, eraser), own in ranks.items()
    ]  # fmt: skip
    readable = {k.replace("\x1f", ", "): why for k, why in left_out.items()}
    return rows, said, [{"what": k, "reason": why} for k, why in readable.items()]


def _changed(
    asked: Asked, split: Split, left_out: dict[str, str], progress: Progress
) -> Iterator[tuple[Way, Eraser | None, Vectors]]:
    """Change all vectors in one way after the other; only one way's are held at a time."""
    vectors = asked.data.vectors
    span = Span.of(vectors[split.train])
    fitted: dict[tuple[str, str], Eraser | None] = {}
    for way in asked.every:
        if way is BEFORE:
            yield way, None, vectors
        elif way.name not in left_out:
            key = (way.attribute, way.eraser)
            if key not in fitted:
                fitted[key] = _fit(asked, way, split, left_out, span)
            eraser = fitted[key]
            if eraser is not None:
                yield way, eraser, eraser.at(way.strength)(vectors, _codes(asked, way))
        progress(1)


def _fit(
    asked: Asked, way: Way, split: Split, left_out: dict[str, str], span: Span
) -> Eraser | None:
    """Fit an eraser to a split's training people; leave its ways out where it can't be."""
    codes, who = _codes(asked, way), asked.data.rows["identity"].to_numpy()
    try:
        eraser = fit_eraser(
            way.eraser, asked.data.vectors[split.train], codes[split.train],
            attributes=way.attributes,
            classes=[asked.labels[a].names for a in way.attributes],
            identities=who[split.train].tolist(),
            held=(asked.data.vectors[split.validation], codes[split.validation]),
            seed=split.seed, span=span,
        )  # fmt: skip
    except VectorError as error:
        for other in asked.ways:
            if (other.attribute, other.eraser) == (way.attribute, way.eraser):
                left_out[other.name] = f"not fitted on every split: {error}"
        return None
    eraser.refuse_leak(who[split.test].tolist())
    return eraser


def _codes(asked: Asked, way: Way) -> Rows:
    return np.stack([asked.labels[a].codes for a in way.attributes], axis=1)


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
    probes = [r for r in readers if r != STRONGEST]
    tasks = []
    for found in asked.targets.values():
        sides = (split.train, split.validation, split.test)
        train, validation, test = (side[found.codes[side] >= 0] for side in sides)
        tasks.append(Task(found.codes, train, validation, test, len(found.names), split.seed))
    for (target, tally), task, answer in zip(
        tallies.items(), tasks, learn(vectors, tasks, probes), strict=True
    ):
        if answer is None:
            continue
        chosen = probes[0]
        if len(probes) > 1:
            chosen = Curves().choose(target, [answer.trained], [task.validation.size])
        for reader in readers:
            said = answer.predicted[chosen if reader == STRONGEST else reader]
            tally.add(s, f"{way.name}\x1f{reader}", task.test, said)


def _verification(asked: Asked, left_out: dict[str, str]) -> tuple[Errors | None, dict[int, Hand]]:
    """Return what counts errors, and who is compared on which split; None if nobody can be."""
    people = people_of(asked.data, VerifyOptions(similarity=asked.similarity), None)
    why, hands = None, []
    if not people.order.size or np.bincount(people.identity).max() < 2:
        why = "no identity has two pictures: there are no genuine pairs"
    else:
        # Splits that test somebody again are dealt none.
        hands = deal_hands(people, asked.splits, (MOST_TRAINING, MOST_TEST), asked.common.seed)
    for hand in hands:
        part, needed = people.part(hand.training), ENOUGH / asked.fmr
        have = int(np.triu(part.impostor_pairs()).sum())
        if have < needed:
            why = (
                f"{have} impostor pairs of training people; an FMR of {asked.fmr:g} needs "
                f"{needed:.0f}"
            )
        elif np.bincount(part.identity).max(initial=0) < 2:
            why = "training people without two pictures of anybody"
    if why is not None:
        left_out["verification"] = why
        return None, {}
    errors = Errors(people, [w.name for w in asked.every], asked.fmr, asked.similarity)
    return errors, {hand.split: hand for hand in hands}
