"""Two runs of a study on the same people: what changed, and whether that is shown.

Numbers that are means of who was right are compared picture by picture: people who are in both
runs count, both runs' results of a person are swapped in the test, and what training adds is in
the interval. All other numbers stand beside each other, and their intervals are put together as if
the runs had nothing in common, which makes the difference's wider than it need be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from evenface.faces.split import Rows
from evenface.stats.asked import Asked
from evenface.stats.comparisons import holm
from evenface.stats.intervals import Estimate
from evenface.stats.repeats import Noise
from evenface.stats.shares import apart
from evenface.studies.aligned import BESIDE, Pair, aligned
from evenface.studies.contrasts import CONTRASTS, GROUP, Contrast
from evenface.studies.judged import Judged, Repeats, weakened
from evenface.studies.matched import LABELS, Matched, Mixed
from evenface.studies.result import LEADING, OUTCOMES, Result

UNPAIRED = "difference of two runs' numbers by their intervals, as if they shared nobody"


@dataclass(frozen=True)
class Compared:
    """What changed in one study.

    Attributes
    ----------
    study : str
    frame : polars.DataFrame
        Of each number, the second run's minus the first's; no value where one run has it alone.
        Leading columns, `BESIDE`, then the study's own.
    differs : mapping of str to (str, str)
        Columns in which the runs differ as a whole, such as the loss.
    pictures, identities : int
        In common, over all topics; 0 where nothing could be matched.
    alone : (int, int)
        Identities with outcomes in the first run alone, and in the second alone.
    disagree : int
        Pictures left out because the runs have other labels for them.
    same_splits : bool
        Whether both runs learned from and tested the same people, split by split.
    unpaired : str
        Why nothing is compared picture by picture; empty where something is.
    """

    study: str
    frame: pl.DataFrame
    differs: Mapping[str, tuple[str, str]]
    pictures: int
    identities: int
    alone: tuple[int, int]
    disagree: int
    same_splits: bool
    unpaired: str = ""


def compare_results(first: Result, second: Result) -> Compared:
    """Compare one study's results of two runs.

    Parameters
    ----------
    first, second : Result
        Of one study; with outcomes where numbers are to be paired.
    """
    differs, pairs, alone = aligned(first, second)
    topics = _matched(first, second)
    asked = Asked(float(second.config["level"]), resamples=int(second.config["resamples"]),
                  seed=int(second.config["seed"]))  # fmt: skip
    found: dict[int, tuple[Estimate, float | None]] = {}
    for at, places in _alike(first, second, pairs, topics).items():
        both = [(_contrast(first, pairs[k][0]), _contrast(second, pairs[k][1])) for k in places]
        matched, repeats = topics[at.topic], Repeats.of_frame(second.tables["repeats"])
        mixed = Mixed(matched, [(a, b) for a, b in both if a is not None and b is not None])
        own = [pairs[k] for k in places]
        found.update(zip(places, _paired(at, mixed, own, asked, repeats), strict=True))
    rows = []
    for k, (a, b) in enumerate(pairs):
        estimate, p = found.get(k) or (_unpaired(_estimate(a), _estimate(b)), None)
        rows.append({**b, **estimate.to_dict(), "a": a["value"], "b": b["value"], "p": p,
                     "p_holm": None, "paired": k in found})  # fmt: skip
    _adjust(rows)
    rows += alone
    frame = pl.DataFrame(rows, schema={**LEADING, **BESIDE, **second.columns}, orient="row")
    why = _unpaired_since(first, second, topics)
    return Compared(second.study, frame, differs, **_overlap(topics), unpaired=why)


def _contrast(result: Result, row: Mapping[str, Any]) -> Contrast | None:
    ask = CONTRASTS.get(result.study)
    return ask(row, result.numbers) if ask else None


def _matched(first: Result, second: Result) -> dict[str, Matched]:
    """Match the pictures of every topic that both runs have outcomes of."""
    if first.outcomes is None or second.outcomes is None:
        return {}
    topics = [set(r["topic"].unique()) for r in (first.outcomes, second.outcomes)]
    return {
        topic: Matched.of(first.outcomes.filter(topic=topic), second.outcomes.filter(topic=topic))
        for topic in sorted(set.intersection(*topics))
    }


@dataclass(frozen=True)
class At:
    """Rows and classes that several numbers are about."""

    topic: str
    group: str | None
    by: str | None


def _alike(
    first: Result, second: Result, pairs: Sequence[Pair], topics: Mapping[str, Matched]
) -> dict[At, list[int]]:
    """Gather numbers about the same rows: they are worked out together."""
    places: dict[At, list[int]] = defaultdict(list)
    for k, (row, other) in enumerate(pairs):
        a, b = _contrast(first, row), _contrast(second, other)
        if a is None or b is None or None in (row["value"], other["value"]):
            continue
        kept = _kept(first, a) and _kept(second, b)
        if kept and (a.topic, a.group, a.by) == (b.topic, b.group, b.by) and a.topic in topics:
            # Nobody is in common to be compared.
            if not len(topics[a.topic].person):
                continue
            places[At(a.topic, a.group, a.by)].append(k)
    return places


def _kept(result: Result, contrast: Contrast) -> bool:
    """Tell whether a run kept the outcomes that a number is the mean of."""
    there = result.outcomes.columns if result.outcomes is not None else []
    return all(c in there for c in (contrast.plus, contrast.minus) if c is not None)


def _paired(
    at: At, mixed: Mixed, pairs: Sequence[Pair], asked: Asked, repeats: Repeats
) -> list[tuple[Estimate, float | None]]:
    """Return the change of each number about the same rows, and its p before correction."""
    labels = mixed.matched.labels
    codes = {c: _codes(labels[c]) for c in LABELS}
    wanted = codes[at.by or GROUP] >= (0 if at.by else -1)
    if at.group is not None:
        wanted &= (labels[GROUP] == at.group).fill_null(value=False).to_numpy()
    everyone: Rows = np.arange(len(wanted))
    shares = mixed.share(everyone)
    classes = codes[at.by] if at.by else np.zeros_like(codes[GROUP])
    strata = (codes["recorded"] + 1) * (int(codes[GROUP].max(initial=0)) + 2) + codes[GROUP] + 1
    least = max(int(np.unique(codes[at.by][codes[at.by] >= 0]).size), 2) if at.by else 1
    both = np.isfinite(shares).reshape(len(shares), -1, 2).all(axis=2) & wanted[:, None]
    # Of one metric on one set of pictures: what training adds to one tells of the others.
    alike: dict[tuple[bytes, str], list[int]] = defaultdict(list)
    for k, (_, row) in enumerate(pairs):
        alike[both[:, k].tobytes(), row["metric"]].append(k)
    found: dict[int, tuple[Estimate, float | None]] = {}
    for places in alike.values():
        rows = np.flatnonzero(both[:, places[0]])
        one = Mixed(mixed.matched, [mixed.contrasts[k] for k in places])
        judged = Judged(one, rows, classes, mixed.matched.person, strata, asked, repeats)
        columns = [(2 * c, 2 * c + 1) for c in range(len(places))]
        if mixed.matched.same_splits:
            estimates = judged.differences(columns, least_classes=least)
        else:
            splits = min(len(s.splits) for s in (mixed.matched.first, mixed.matched.second))
            noises = [_noise(pairs[k], mixed.scale[k], splits) for k in places]
            estimates = [
                judged.recalls.difference(*c, noise=noise, least_classes=least)
                for c, noise in zip(columns, noises, strict=True)
            ]
        for k, estimate, test in zip(places, estimates, judged.tests(columns), strict=True):
            p = None if estimate.value is None else weakened(test, estimate)
            found[k] = _scaled(estimate, mixed.scale[k]), p
    return [found[k] for k in range(len(pairs))]


def _noise(pair: Pair, scale: float, splits: int) -> Noise | None:
    """Return what both runs' training adds, where they have no split in common to show it.

    It is known as roughly as from the fewer splits of the two.
    """
    added = 0.0
    for row in pair:
        if row["training_share"] is None:
            return None
        half = (row["high"] - row["low"]) / 2 / stats.norm.ppf(0.5 + row["level"] / 2)
        added += row["training_share"] * float(half) ** 2
    return Noise(added / scale**2, max(splits - 1.0, 1.0))


def _codes(values: pl.Series) -> Rows:
    place = {v: k for k, v in enumerate(sorted(set(values.drop_nulls().to_list())))}
    return np.array([place.get(v, -1) for v in values.to_list()], dtype=np.intp)


def _scaled(found: Estimate, scale: float) -> Estimate:
    if found.value is None or found.low is None or found.high is None:
        return found
    ends = (found.value * scale, found.low * scale, found.high * scale)
    return replace(found, value=ends[0], low=ends[1], high=ends[2])


def _estimate(row: Mapping[str, Any]) -> Estimate:
    return Estimate(**{name: row[name] for name in list(LEADING)[2:]})


def _unpaired(a: Estimate, b: Estimate) -> Estimate:
    found = apart(b, a)
    known = found.value is not None
    people = min(a.n_identities, b.n_identities)
    return replace(found, n=min(a.n, b.n), n_identities=people,
                   method=UNPAIRED if known else found.method)  # fmt: skip


def _adjust(rows: Sequence[dict[str, Any]]) -> None:
    """Fill in p after Holm, within a metric and a reader of vectors."""
    families: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["p"] is not None:
            families[row["metric"], row.get("probe")].append(row)
    for own in families.values():
        for row, p in zip(own, holm([r["p"] for r in own]), strict=True):
            row["p_holm"] = float(p)


def _unpaired_since(first: Result, second: Result, topics: Mapping[str, Matched]) -> str:
    for which, run in (("first", first), ("second", second)):
        if run.outcomes is None:
            file = f"results/{run.study}{OUTCOMES}"
            return f"the {which} run has no {file}; run it again to have changes paired"
    if not topics:
        return "the runs tried to read no attribute in common"
    if not any(len(m.person) for m in topics.values()):
        return "the runs held out no picture in common that has the same labels in both"
    return ""


def _overlap(topics: Mapping[str, Matched]) -> dict[str, Any]:
    """Say what the runs have in common, by the topic with the most."""
    if not topics:
        return {"pictures": 0, "identities": 0, "alone": (0, 0), "disagree": 0,
                "same_splits": False}  # fmt: skip
    matched = max(topics.values(), key=lambda m: len(m.person))
    return {
        "pictures": len(matched.person),
        "identities": int(np.unique(matched.person).size),
        "alone": matched.alone,
        "disagree": max(m.disagree for m in topics.values()),
        "same_splits": all(m.same_splits for m in topics.values()),
    }
