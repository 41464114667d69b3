"""What remedies of scores change between groups, and what they cost, on people not fitted to.

For every split a remedy is fitted to the training persons, and its threshold is set among these
at the target FMR, with its own scores. Whatever was fitted too closely shows, for errors are those
among the split's test persons, who had no part in either: FMR is then off its target, and is
reported as it is. Test persons of several splits are compared only within their split; errors and
comparisons are summed, and intervals know whose they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenface.errors import ConfigError, SelectionError
from evenface.faces.split import Split
from evenface.heads.threads import cores, torch_threads
from evenface.pairs.people import People, Rows
from evenface.pairs.remedies import NONE, REMEDIES
from evenface.pairs.samples import Sample, Training
from evenface.pairs.similarity import Prepared
from evenface.pairs.thresholds import ENOUGH
from evenface.stats.intervals import Estimate
from evenface.stats.pairs import pair_difference, pair_rate
from evenface.studies.remedied_errors import Tally, Task, errors_of, set_thresholds
from evenface.studies.remedied_unequal import inequality

TARGETS = (0.01, 0.001)
MOST_TRAINING = 1 << 22
"""Impostor pairs of training persons, of one split; persons are drawn beyond."""

MOST_TEST = 1 << 22
"""Impostor pairs of test persons, of one split."""

METRICS = ("fmr", "fnmr")

Step = Callable[[int, int], None]
_Refused = tuple[str, float | None, str]


@dataclass(frozen=True)
class Remedied:
    """Errors with each remedy, and how they differ from those without.

    Attributes
    ----------
    rows : list of dict
        ``remedy``, ``fmr_target``, ``threshold`` (mean over splits), ``metric`` (fmr, fnmr, and
        over all groups fdr and garbe),
        ``group`` (None for all pairs; FMR of a group is that within it), the fields of an
        estimate (``value``, ``low``, ``high``, ``level``, ``n``, ``n_identities``, ``method``),
        and ``change``, ``change_low``, ``change_high`` against ``none``: None for itself and
        where there is no rate.
    left_out : list of dict
        ``remedy`` (None for all), ``fmr_target`` (None for all) and ``reason``.
    warnings : dict of str to str
        What must be said of a remedy wherever its numbers are shown.
    context : dict
        ``splits`` used of ``splits_given``, and how many persons and impostor pairs there were:
        ``training_persons`` and ``training_pairs`` of a split on average, ``test_persons`` and
        ``test_pairs`` in all, ``drawn`` if these are not everybody.
    """

    rows: list[dict[str, Any]]
    left_out: list[dict[str, Any]]
    warnings: dict[str, str]
    context: dict[str, Any]


def compare_remedies(
    prepared: Prepared,
    people: People,
    splits: Sequence[Split],
    *,
    names: Sequence[str] = tuple(REMEDIES),
    targets: Sequence[float] = TARGETS,
    alpha: float = 0.5,
    level: float = 0.95,
    seed: int = 0,
    most_training: int = MOST_TRAINING,
    most_test: int = MOST_TEST,
    on_step: Step | None = None,
) -> Remedied:
    """Fit remedies to each split's training persons, and count errors among its test persons.

    Splits that test somebody again are left out: nobody counts twice.

    Parameters
    ----------
    prepared : Prepared
        Rows in the order of `people`.
    people : People
    splits : sequence of Split
        Of rows of the embeddings, checked to share no person between sides.
    names : sequence of str
        Keys of `REMEDIES`; ``none`` is always among them.
    targets : sequence of float
        FMR, in (0, 1). A target needs ``10 / FMR`` impostor pairs of each split's training
        persons, and of all test persons.
    alpha : float
        Weight of FMR in measures of inequality, in [0, 1].
    level : float
        Nominal coverage of intervals.
    seed : int
        Draws persons, cohorts and first centres of clusters.
    most_training, most_test : int
        Impostor pairs of a split; beyond, persons are drawn.
    on_step : callable, optional
        Called with (splits done, splits in all).

    Raises
    ------
    ConfigError
        If there is no such remedy, or a target is none.
    """
    _check(names, targets)
    kinds = [NONE, *dict.fromkeys(n for n in names if n != NONE)]
    hands = deal_hands(people, splits, (most_training, most_test), seed)
    kept, left_out = _possible(people, hands, sorted(set(targets), reverse=True))
    tally = Tally(people, [(n, t) for t in kept for n in kinds])
    for fold, hand in enumerate(hands if kept else []):
        _judge(prepared, people, hand, fold, kinds, kept, seed, tally)
        if on_step is not None:
            on_step(fold + 1, len(hands))
    rows = [row for t in kept for n in kinds for row in _rows(tally, n, t, alpha, level, seed)]
    for (name, target), why in tally.refused.items():
        left_out.append({"remedy": name, "fmr_target": target, "reason": why})
    warned = {n: REMEDIES[n].warning for n in kinds if REMEDIES[n].warning}
    return Remedied(rows, left_out, warned, _context(people, splits, hands))


@dataclass(frozen=True)
class Hand:
    """Places of one split's rows, of the persons that were drawn.

    Attributes
    ----------
    split : int
        Its number.
    training, test : ndarray of intp
    drawn : bool
        Whether there are more.
    """

    split: int
    training: Rows
    test: Rows
    drawn: bool


def _check(names: Sequence[str], targets: Sequence[float]) -> None:
    for name in names:
        if name not in REMEDIES:
            raise ConfigError(f"no remedy {name!r}; there are {', '.join(REMEDIES)}")
    for target in targets:
        if not 0 < target < 1:
            raise ConfigError(f"a target FMR lies between 0 and 1, not at {target}")


def deal_hands(
    people: People, splits: Sequence[Split], most: tuple[int, int], seed: int
) -> list[Hand]:
    """Return the places of splits, of which no two test the same person."""
    found: list[Hand] = []
    tested = np.zeros(people.persons, dtype=bool)
    for number, split in enumerate(splits):
        sides = [np.flatnonzero(np.isin(people.order, r)) for r in (split.train, split.test)]
        who = people.person[sides[1]]
        if tested[who].any() or not who.size:
            continue
        tested[who] = True
        parts = [people.part(own) for own in sides]
        training, test = (
            own[part.some(limit, seed + len(found))[part.person]]
            for own, part, limit in zip(sides, parts, most, strict=True)
        )
        drawn = len(training) < len(sides[0]) or len(test) < len(sides[1])
        found.append(Hand(number, training, test, drawn))
    return found


def _pairs(people: People, places: Rows, group: int | None = None) -> int:
    """Count impostor pairs among some places, or within a group of theirs."""
    pairs = people.part(places).impostor_pairs()
    return int(np.triu(pairs).sum() if group is None else pairs[group, group])


def _possible(
    people: People, hands: Sequence[Hand], targets: Sequence[float]
) -> tuple[list[float], list[dict[str, Any]]]:
    """Return the targets that there are pairs for, and why others are left out."""
    training = min((_pairs(people, h.training) for h in hands), default=0)
    test = sum(_pairs(people, h.test) for h in hands)
    kept, left_out = [], []
    for target in targets:
        least = ENOUGH / target
        if min(training, test) >= least:
            kept.append(target)
            continue
        side, have = ("training", training) if training < least else ("test", test)
        why = f"{have} pairs of two {side} persons; a FMR of {target:g} needs {least:.0f}"
        left_out.append({"remedy": None, "fmr_target": target, "reason": why})
    return kept, left_out


def _judge(
    prepared: Prepared, people: People, hand: Hand, fold: int, kinds: Sequence[str],
    targets: Sequence[float], seed: int, tally: Tally,
) -> None:  # fmt: skip
    """Fit to a split's training persons, and count errors of its test persons."""
    training, test = (Sample.of(prepared, people, p) for p in (hand.training, hand.test))

    def fit(name: str) -> list[Task | _Refused]:
        by_target = REMEDIES[name].by_target
        found: list[Task | _Refused] = []
        for used in [(t,) for t in targets] if by_target else [tuple(targets)]:
            try:
                remedy = REMEDIES[name].fit(Training(training, used[0], seed + fold))
                found.append(Task(name, remedy, used))
            except SelectionError as error:
                found.append((name, used[0] if by_target else None, f"not fitted: {error}"))
        return found

    with torch_threads(1), ThreadPoolExecutor(cores()) as pool:
        fitted = [one for found in pool.map(fit, kinds) for one in found]
    # A remedy that can't be fitted to one split is left out of all.
    tally.refused |= {(n, t): why for n, t, why in (f for f in fitted if isinstance(f, tuple))}
    tasks = [t for t in fitted if isinstance(t, Task) and not tally.lost(t.name, t.targets[0])]
    thresholds = set_thresholds(training, tasks)
    tally.add(test, fold, thresholds, errors_of(test, tasks, thresholds, people.persons))


def _rows(
    tally: Tally, name: str, target: float, alpha: float, level: float, seed: int
) -> list[dict[str, Any]]:
    if tally.lost(name, target):
        return []
    groups = tally.people.groups
    threshold = float(np.mean(tally.thresholds[name, target]))
    found = []
    for metric in METRICS:
        for g in (None, *(g for g, title in enumerate(groups) if title is not None)):
            counts = tally.counts((name, target), metric, g)
            rate = pair_rate(counts, level=level)
            change: tuple[float | None, ...] = (None, None, None)
            if name != NONE and rate.value is not None:
                before = tally.counts((NONE, target), metric, g)
                moved = pair_difference(counts, before, same=True, level=level)
                change = (moved.value, moved.low, moved.high)
            at = (name, target, threshold, metric, None if g is None else groups[g])
            found.append(_row(at, rate, change))
    unequal = inequality(tally, name, target, alpha=alpha, level=level, seed=seed)
    for metric, estimate in unequal.items():
        found.append(_row((name, target, threshold, metric, None), estimate))
    return found


def _row(
    at: tuple[str, float, float, str, str | None],
    estimate: Estimate,
    change: tuple[float | None, ...] = (None, None, None),
) -> dict[str, Any]:
    own = dict(zip(("remedy", "fmr_target", "threshold", "metric", "group"), at, strict=True))
    numbers = {k: v for k, v in estimate.to_dict().items() if k != "training_share"}
    changes = dict(zip(("change", "change_low", "change_high"), change, strict=True))
    return {**own, **numbers, **changes}


def _context(people: People, splits: Sequence[Split], hands: Sequence[Hand]) -> dict[str, Any]:
    def persons(places: Rows) -> int:
        return int(np.unique(people.person[places]).size)

    size = max(len(hands), 1)
    return {
        "splits": len(hands),
        "splits_given": len(splits),
        "training_persons": sum(persons(h.training) for h in hands) // size,
        "training_pairs": sum(_pairs(people, h.training) for h in hands) // size,
        "test_persons": sum(persons(h.test) for h in hands),
        "test_pairs": sum(_pairs(people, h.test) for h in hands),
        "drawn": any(h.drawn for h in hands),
    }
