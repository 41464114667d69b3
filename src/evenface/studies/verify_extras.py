"""What `verify` adds to rates: remedies of scores, associations, accuracy of a given list."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from evenface.errors import SelectionError
from evenface.faces.split import Split
from evenface.pairs.compared import Compared
from evenface.pairs.listed import PairList
from evenface.pairs.listed_pairs import listed_scores
from evenface.pairs.people import People
from evenface.pairs.protocol import Accuracies, protocol
from evenface.pairs.similarity import Prepared
from evenface.stats.association import association
from evenface.studies.data import CommonOptions, StudyData, study_splits
from evenface.studies.operating import Point
from evenface.studies.partitions import Partition, everybody
from evenface.studies.remedied import compare_remedies
from evenface.studies.verify_options import VerifyOptions

Row = dict[str, Any]

MOST_TESTS = 60
"""Associations that are tested; of attributes with many values there would be thousands."""


def remedy_tables(
    data: StudyData,
    prepared: Prepared,
    compared: Compared,
    options: VerifyOptions,
    points: Sequence[Point],
    common: CommonOptions,
    splits: Sequence[Split] | None,
) -> dict[str, list[Row]]:
    """Return the tables ``remedies`` and ``remedies_left_out``.

    Remedies are judged at the target FMRs, and at the FMRs that given thresholds have over
    everybody: a remedy's scores have a scale of their own. Where these are too far out for people
    held out, or there are too few people to hold any out, the second table says so.
    """
    targets = [t for p in points if (t := target_of(compared, p)) is not None]
    if not targets:
        why = "no threshold has an FMR between 0 and 1"
        return {"remedies_left_out": [{"remedy": None, "fmr_target": None, "reason": why}]}
    try:
        dealt = study_splits(data, common, splits)
    except SelectionError as error:
        why = str(error)
        return {"remedies_left_out": [{"remedy": None, "fmr_target": None, "reason": why}]}
    found = compare_remedies(
        prepared, compared.people, dealt, names=options.remedies, targets=targets,
        alpha=options.alpha, level=common.level, seed=common.seed,
    )  # fmt: skip
    keep = ("remedy", "fmr_target", "threshold", "metric", "group", "value", "low", "high",
            "level", "n", "n_identities", "method", "change", "change_low",
            "change_high")  # fmt: skip
    return {
        "remedies": [{k: r[k] for k in keep} for r in found.rows],
        "remedies_left_out": found.left_out,
    }


def target_of(compared: Compared, point: Point) -> float | None:
    """Return the FMR that a threshold was set for, or has; None where nobody or everybody match."""
    if point.target is not None:
        return point.target
    matches, total = compared.matches(point.threshold, everybody(compared.people))
    return matches / total if 0 < matches < total else None


def association_rows(
    data: StudyData, people: People, ways: Sequence[Partition], common: CommonOptions
) -> list[Row]:
    """Test associations between the values of each attribute and those of each later one.

    At most `MOST_TESTS`, in the order of the attributes.
    """
    single = [w for w in ways if w.attribute != "group"]
    vectors = data.vectors[people.order]
    used = vectors.any(axis=1)
    group = people.group[people.person]
    rows: list[Row] = []
    for one, other in combinations(single, 2):
        for (x, xs), (y, ys) in combinations(zip(one.names, one.members, strict=True), 2):
            for (a, as_), (b, bs) in combinations(zip(other.names, other.members, strict=True), 2):
                if len(rows) == MOST_TESTS:
                    return rows
                masks = [np.isin(group, m) & used for m in (xs, ys, as_, bs)]
                found = association(
                    vectors, people.person, *masks, level=common.level,
                    permutations=common.resamples, seed=common.seed,
                )  # fmt: skip
                e = found.effect
                rows.append(
                    {
                        "targets": one.attribute, "x": x, "y": y, "attribute": other.attribute,
                        "a": a, "b": b, "value": e.value, "low": e.low, "high": e.high,
                        "level": e.level, "n": e.n, "n_identities": e.n_identities,
                        "method": e.method, "p": found.p, "partitions": found.partitions,
                        "exact": found.exact,
                    }
                )  # fmt: skip
    return rows


def protocol_rows(
    prepared: Prepared, people: People, pairs: PairList, common: CommonOptions
) -> list[Row]:
    """Return the accuracy of a list by its protocol, and of the pairs within each group."""
    scores, first, second = listed_scores(prepared, people, pairs)
    own = people.group[first]
    group = np.where(own == people.group[second], own, -1)
    found = protocol(
        scores.astype(np.float64), pairs.genuine, first, second,
        pairs.fold if pairs.has_folds else None, group, level=common.level, seed=common.seed,
    )  # fmt: skip

    def row(name: str | None, a: Accuracies) -> Row:
        e = a.accuracy
        return {
            "group": name, "value": e.value, "low": e.low, "high": e.high, "level": e.level,
            "n": e.n, "n_identities": e.n_identities, "method": e.method, "mean": a.mean,
            "standard_error": a.standard_error, "folds": len(a.folds),
            "published": found.published,
        }  # fmt: skip

    names = [(k, g) for k, g in enumerate(people.groups) if g is not None]
    return [row(None, found.overall)] + [
        row(name, found.groups[k]) for k, name in names if k < len(found.groups)
    ]
