"""Whom does verification fail? Error rates of comparing pictures, by group and between groups."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from evenface.embed.embeddings import Embeddings
from evenface.errors import SelectionError
from evenface.faces.split import Split
from evenface.pairs.all_pairs import compare_all
from evenface.pairs.compared import Compared
from evenface.pairs.listed import PairList, read_pairs
from evenface.pairs.listed_pairs import compare_listed
from evenface.pairs.people import People
from evenface.pairs.similarity import SIMILARITIES, Prepared, zero_rows
from evenface.stats.bootstrap import number_labels
from evenface.studies.data import CommonOptions, StudyData, prepare
from evenface.studies.operating import (
    GIVEN,
    TAKEN,
    TRUSTED,
    Point,
    Refused,
    model_of,
    points_of,
    pooled_points,
)
from evenface.studies.partitions import everybody, partitions
from evenface.studies.result import Result, make_frame
from evenface.studies.verify_extras import association_rows, protocol_rows, remedy_tables
from evenface.studies.verify_numbers import (
    Asked,
    bounded,
    count_rows,
    curve_rows,
    partition_rows,
    pooled_rows,
)
from evenface.studies.verify_options import VerifyOptions
from evenface.studies.verify_tables import TABLES
from evenface.studies.verify_unequal import differential_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class VerifyResult(Result):
    """Error rates of verification.

    `tables` holds ``points`` (thresholds and where they come from, targets that were refused and
    why), ``counts`` (persons, pictures and pairs of each group), ``curves`` (DET), ``tests``
    (whether groups have one rate, and what differentials equal groups would show), ``remedies``,
    ``remedies_left_out``, ``associations``, ``protocol`` (accuracy of a given list) and
    ``left_out`` (pictures that take no part).
    """

    study: ClassVar[str] = "verify"
    columns: ClassVar[dict[str, Any]] = {
        "fmr_target": pl.Float64, "threshold": pl.Float64, "attribute": pl.String,
        "group_a": pl.String, "group_b": pl.String,
    }  # fmt: skip

    def save(self, folder: Path, *, key: str = "") -> Path:
        """Write the result's files, and its numbers in the terms of ISO/IEC 19795-10.

        Parameters
        ----------
        folder : Path
            Made where it is not there.
        key : str
            As in `Result.save`.

        Returns
        -------
        Path
            Of the JSON file.
        """
        from evenface.studies.verify_terms import FOLDER, in_terms

        place = folder / FOLDER
        place.mkdir(parents=True, exist_ok=True)
        text = json.dumps(in_terms(self), ensure_ascii=False, allow_nan=False, indent=1)
        (place / "verify.tmp").write_text(text, encoding="utf-8")
        os.replace(place / "verify.tmp", place / "verify.json")
        return super().save(folder, key=key)

    def reading(self) -> list[str]:
        """Return what was found, in sentences that the intervals support."""
        from evenface.studies.verify_view import read_verify

        return read_verify(self)

    def figures(self) -> dict[str, Figure]:
        """Return ``verify`` (DET curves by group), ``verify_matrix`` and ``verify_rates``."""
        from evenface.studies.verify_figures import verify_figures

        return verify_figures(self)


def verify(
    embeddings: Embeddings,
    options: VerifyOptions | None = None,
    common: CommonOptions | None = None,
    *,
    splits: Sequence[Split] | None = None,
    pairs: PairList | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> VerifyResult:
    """Compare pictures with each other, and count errors by group.

    Parameters
    ----------
    embeddings : Embeddings
    options : VerifyOptions, optional
    common : CommonOptions, optional
    splits : sequence of Split, optional
        For remedies, which are fitted to some people and judged on others.
    pairs : PairList, optional
        Pairs to compare, in place of a file or of all.
    on_step : callable, optional
        Called with (pairs compared, pairs in all).

    Returns
    -------
    VerifyResult
        Metrics ``eer``, ``fmr``, ``fnmr`` (shares, in [0, 1]) over everybody, by group and, for
        FMR, between groups; ``fmr_nearest`` and ``fmr_nearest_in_group``, the share of pictures
        that match the most similar picture of any other person, or of one of their group; and the
        names in `evenface.stats.differentials.DIFFERENTIALS` for each way to part people.

    Raises
    ------
    SelectionError
        If no identity has two pictures, so that there are no genuine pairs, or if there is one
        identity only.
    ConfigError
        If thresholds can't be taken over.
    SourceError
        If the list of pairs can't be read.
    """
    options, common = options or VerifyOptions(), common or CommonOptions()
    data = prepare(embeddings, common)
    if pairs is None and options.pairs is not None:
        pairs = read_pairs(Path(options.pairs), data.rows, missing=options.missing_pairs)
    elif pairs is not None:
        pairs.check(data.rows["identity"].to_list())
    people = people_of(data, options, pairs)
    _require_pairs(people, pairs, options.pairs)
    given = _given(options, data)
    prepared = Prepared.of(data.vectors, people.order, options.similarity)
    if pairs is None:
        exact = [p.threshold for p in given]
        compared = compare_all(prepared, people, seed=common.seed, exact=exact, on_step=on_step)
    else:
        compared = compare_listed(prepared, people, pairs)
    asked = Asked(compared, common)
    points, refused = _points(compared, options, given)
    ways = partitions(data, people)
    numbers = list(pooled_rows(asked, points))
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    tables["curves"] = list(curve_rows(asked, None))
    for way in ways:
        numbers += partition_rows(asked, way, points)
        unequal, tests = differential_rows(asked, way, points, options.alpha)
        numbers += unequal
        tables["tests"] += tests
        tables["curves"] += curve_rows(asked, way)
        tables["counts"] += count_rows(asked, way)
    numbers = list(bounded(numbers))
    tables["points"] = _point_rows(points, refused)
    tables["left_out"] = [{"reason": why, "pictures": n} for why, n in people.left_out.items()]
    if pairs is not None:
        tables["protocol"] = protocol_rows(prepared, people, pairs, common)
        if options.remedies:
            why = "a list of pairs was given; remedies are fitted to all pairs of other people"
            tables["remedies_left_out"] = [{"remedy": None, "fmr_target": None, "reason": why}]
    elif options.remedies:
        tables |= remedy_tables(data, prepared, compared, options, points, common, splits)
    if options.associations:
        tables["associations"] = association_rows(data, people, ways, common)
    context = {
        **data.context,
        "pairs": {
            "genuine": int(compared.genuine.scores.size),
            "impostor": compared.matches(np.inf, everybody(people))[1],
            "listed": compared.listed,
            "notes": _notes(pairs, options, data),
        },
    }
    return VerifyResult(
        make_frame(numbers, VerifyResult.columns),
        {n: pl.DataFrame(tables[n], schema=s, orient="row") for n, s in TABLES.items()},
        {**options.model_dump(mode="json"), **common.model_dump(mode="json")},
        context,
    )


def people_of(data: StudyData, options: VerifyOptions, pairs: PairList | None) -> People:
    """Return who is compared; of a given list everybody, copies included."""
    rows = data.rows
    without = None if SIMILARITIES[options.similarity].zero else zero_rows(data.vectors)
    hashes = rows["sha256"].to_list() if "sha256" in rows.columns and pairs is None else None
    if pairs is not None and without is not None and len(without):
        listed = np.intersect1d(without, np.union1d(pairs.first, pairs.second))
        if listed.size:
            name = rows["sample_id"][int(listed[0])]
            raise SelectionError(
                f"the vector of picture {name} is zero, which has no cosine with another; take "
                "its pairs out of the list, or compare with --similarity euclidean"
            )
    return People.of(
        number_labels(rows["identity"].to_numpy()).astype(np.intp),
        data.person, data.values("group"), hashes, without=without,
    )  # fmt: skip


def _require_pairs(people: People, pairs: PairList | None, file: str | None) -> None:
    """Refuse before anything is compared."""
    if not any(g is not None for g in people.groups):
        raise SelectionError(f"nobody who can be compared has a recorded group{_gone(people)}")
    if pairs is not None:
        what = file or "the list"
        for kind, none, rate in ((pairs.genuine, "one person", "FNMR"),
                                 (~pairs.genuine, "two persons", "FMR")):  # fmt: skip
            if not kind.any():
                raise SelectionError(
                    f"{what}: has no pair of {none}, so there is no {rate}; a list needs pairs of "
                    "one person and of two"
                )
        return
    if people.persons < 2:
        raise SelectionError(
            f"pictures of {people.persons} identities can be compared{_gone(people)}; impostor "
            "pairs need at least two"
        )
    if np.bincount(people.identity).max() < 2:
        raise SelectionError(
            f"no identity has two pictures (copies of the same file don't count){_gone(people)}: "
            "there are no genuine pairs, so no FNMR and no EER; verification needs several "
            "pictures of a person: embed with --images 2 or more"
        )


def _gone(people: People) -> str:
    """Say which pictures take no part."""
    gone = [f"{n} {why}" for why, n in people.left_out.items()]
    return f" (left out: {', '.join(gone)})" if gone else ""


def _given(options: VerifyOptions, data: StudyData) -> list[Point]:
    """Return thresholds that are known before anything is compared."""
    taken: list[Point] = []
    if options.thresholds_from is not None:
        kind = (options.similarity, model_of(data.context["card"]))
        taken = points_of(options.thresholds_from, kind)
    return [*taken, *(Point(None, t, GIVEN) for t in dict.fromkeys(options.threshold))]


def _points(
    compared: Compared, options: VerifyOptions, given: list[Point]
) -> tuple[list[Point], list[Refused]]:
    """Return all thresholds: set here, unless they are taken over, and given."""
    if options.thresholds_from is not None:
        return given, []
    scores = compared.impostors(everybody(compared.people))
    points, refused = pooled_points(scores, options.fmr)
    return [*points, *given], refused


def _notes(pairs: PairList | None, options: VerifyOptions, data: StudyData) -> list[str]:
    notes = [n.text for n in pairs.notes] if pairs is not None else []
    trusted = model_of(data.context["card"]).startswith(TRUSTED)
    return notes + ([TAKEN] if options.thresholds_from is not None and trusted else [])


def _point_rows(points: Sequence[Point], refused: Sequence[Refused]) -> list[dict[str, Any]]:
    kept = [
        {"fmr_target": p.target, "threshold": p.threshold, "source": p.source, "reason": None}
        for p in points
    ]
    return kept + [
        {"fmr_target": r.target, "threshold": None, "source": None, "reason": r.reason}
        for r in refused
    ]
