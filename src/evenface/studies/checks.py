"""Is the input fit to be studied? Faces not found, small faces, copies, labels that contradict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
from pydantic import Field

from evenface.embed.embeddings import Embeddings
from evenface.faces.groups import GROUP_BY, grouping
from evenface.stats.accuracy import mean
from evenface.stats.bootstrap import MIN_PERSONS, number_labels
from evenface.stats.intervals import Estimate, clopper_pearson
from evenface.stats.shares import apart, quantile
from evenface.studies.copies import SHOWN, Copies, find_copies
from evenface.studies.data import CommonOptions, Options
from evenface.studies.described import as_asked, describe
from evenface.studies.pictures import (
    ALL,
    CONFLICTS,
    COPIES,
    QUANTILES,
    RATES,
    all_people,
    all_pictures,
    why_not,
)
from evenface.studies.result import Result, make_frame, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXACT = "exact interval over identities"


class ChecksOptions(Options):
    """Options of `checks`.

    Attributes
    ----------
    duplicate_similarity : float
        Cosine, seen from the mean of all vectors, from which on two pictures of different
        identities count as copies. On 80 photographs of the Face Research Lab London Set under
        MobileFaceNet, 97 % of copies saved at JPEG quality 75 reach 0.98, pictures of different
        people 0.51 at most, and two pictures of one person in one session 0.976.
    tiny : int
        Pixels of a picture; a face whose box has a shorter side is tiny.
    """

    duplicate_similarity: float = Field(0.98, ge=0.5, le=1)
    tiny: int = Field(32, ge=1, le=100_000)


@dataclass(frozen=True, repr=False)
class ChecksResult(Result):
    """What is doubtful about the pictures and their labels.

    `tables` holds ``counts`` (copies by bytes and by vector, across and within identities),
    ``pairs`` (rows of copies across identities by sample_id, the first 200), ``conflicts`` (rows of
    identities whose labels contradict), ``differences`` (between groups, level corrected for the
    number of pairs) and ``facts`` (pixels that count as small, failures of no recorded group, why
    vectors were not compared).
    """

    study: ClassVar[str] = "checks"
    columns: ClassVar[dict[str, Any]] = {"group": pl.String, "attribute": pl.String}

    def reading(self) -> list[str]:
        """Return what was found, in sentences that the intervals support."""
        from evenface.studies.checks_view import read_checks

        return read_checks(self)

    def figures(self) -> dict[str, Figure]:
        """Return ``checks``: every share by group."""
        from evenface.studies.checks_view import draw_checks

        return {"checks": draw_checks(self)}


def checks(
    embeddings: Embeddings,
    options: ChecksOptions | None = None,
    common: CommonOptions | None = None,
    *,
    on_step: Callable[[int, int], None] | None = None,
) -> ChecksResult:
    """Look at pictures and labels before anything is learned from them.

    Parameters
    ----------
    embeddings : Embeddings
    options : ChecksOptions, optional
    common : CommonOptions, optional
    on_step : callable, optional
        Called with (pictures compared, pictures in all).

    Returns
    -------
    ChecksResult
        Metrics, each over everybody (``group="all"``) and by group: ``failure_to_enrol`` (share
        of readable pictures on which no face was found), ``people_not_enrolled`` (share of people
        of whom that is true of every picture), ``unreadable``, ``several_faces``, ``tiny_faces``
        and ``enlarged_faces`` (below the network's input), ``face_size_p05`` and
        ``face_size_median`` in pixels, ``duplicates_across_identities`` (share of pictures with a
        copy under another identity); and ``label_conflicts``, the share of identities with more
        than one recorded value of an attribute. What doesn't apply says why and has no number.

    Raises
    ------
    SourceError
        If there is no attribute to group by.
    """
    options, common = options or ChecksOptions(), common or CommonOptions()
    embeddings = as_asked(embeddings, common.missing)
    by = grouping(embeddings.attributes, common.group_by)
    rows = embeddings.rows
    pictures = all_pictures(embeddings, by)
    made = pictures[: len(embeddings)]
    copies = _copies(embeddings, options, on_step)
    size = embeddings.card.get("size")
    limits = {"tiny": options.tiny, "input": min(size) if size else None}
    groups = sorted(pictures["group"].drop_nulls().unique().to_list())
    asked = _asked(pictures, limits, why_not(embeddings))
    asked[COPIES] = made.with_columns(pl.Series("hit", copies.across))
    if copies.why and not copies.across.any():
        asked[COPIES] = copies.why
    numbers: list[dict[str, Any]] = []
    tables: dict[str, list[dict[str, Any]]] = {"differences": [], "conflicts": []}
    for metric, frame in asked.items():
        numbers += [
            number("checks", metric, found, group=group, attribute=None)
            for group, found in _by_group(frame, groups, common, common.level).items()
        ]
        if not isinstance(frame, str):
            tables["differences"] += _differences(metric, frame, groups, common)
    for metric, at in QUANTILES.items():
        numbers += _sizes(metric, at, made, groups, common)
    for attribute in dict.fromkeys([*by, *(a for a in GROUP_BY if a in embeddings.attributes)]):
        found, examples = _conflicts(rows, attribute, common.level)
        numbers.append(number("checks", CONFLICTS, found, group=ALL, attribute=attribute))
        tables["conflicts"] += examples
    ids = rows["sample_id"]
    facts = {
        **limits,
        "failures_without_group": pictures[len(embeddings) :]["group"].null_count(),
        "vectors_not_compared": copies.why,
    }
    return ChecksResult(
        make_frame(numbers, ChecksResult.columns),
        {
            "counts": copies.counts,
            "pairs": copies.pairs.with_columns(ids.gather(copies.pairs[c]).alias(c) for c in "ab"),
            "differences": pl.DataFrame(tables["differences"], schema=DIFFERENCES),
            "conflicts": pl.DataFrame(tables["conflicts"], schema=EXAMPLES),
            "facts": pl.DataFrame([facts], schema=FACTS),
        },
        {**options.model_dump(mode="json"), **common.model_dump(mode="json")},
        describe(embeddings, by, common.group_by),
    )


DIFFERENCES = {"metric": pl.String, "a": pl.String, "b": pl.String, "value": pl.Float64,
               "low": pl.Float64, "high": pl.Float64, "level": pl.Float64,
               "told": pl.Boolean}  # fmt: skip
FACTS = {"tiny": pl.Int64, "input": pl.Int64, "failures_without_group": pl.Int64,
         "vectors_not_compared": pl.String}  # fmt: skip
EXAMPLES = {"attribute": pl.String, "a": pl.String, "b": pl.String}

RARE = 30
"""Identities hit, or spared, below which shares have exact intervals: faults are rare."""

Asked = pl.DataFrame | str


def _asked(
    pictures: pl.DataFrame, limits: Mapping[str, Any], lacking: Mapping[str, str]
) -> dict[str, Asked]:
    """Return, by metric, the rows it is about with a column ``hit``, or why there are none."""
    people = all_people(pictures)
    asked: dict[str, Asked] = {}
    for metric, rate in RATES.items():
        rows = (people if rate.people else pictures).filter(rate.of)
        asked[metric] = lacking[rate.needs] or rows.with_columns(rate.hit(limits).alias("hit"))
    return asked


def _by_group(
    asked: Asked, groups: Sequence[str], common: CommonOptions, level: float
) -> dict[str, Estimate]:
    """Return the share over everybody, and of each group; one reason where it doesn't apply."""
    if isinstance(asked, str):
        return {ALL: Estimate.missing(asked, level=level)}
    found = {ALL: _share(asked, common, level)}
    for group in groups:
        found[group] = _share(asked.filter(pl.col("group") == group), common, level)
    return found


def _share(frame: pl.DataFrame, common: CommonOptions, level: float) -> Estimate:
    hit, person = frame["hit"].to_numpy(), frame["person"].to_numpy()
    return mean(hit, person, replace(common.asked, level=level, exact_below=RARE))


def _differences(
    metric: str, frame: pl.DataFrame, groups: Sequence[str], common: CommonOptions
) -> list[dict[str, Any]]:
    """Compare each two groups; intervals are wide enough for all of them to hold at once."""
    counted = [g for g in groups if frame.filter(group=g)["person"].n_unique() >= MIN_PERSONS]
    pairs = list(combinations(counted, 2))
    level = 1 - (1 - common.level) / max(len(pairs), 1)
    shares = _by_group(frame.filter(pl.col("group").is_in(counted)), counted, common, level)
    found = []
    for a, b in pairs:
        gap = apart(shares[a], shares[b])
        ends = {"value": gap.value, "low": gap.low, "high": gap.high}
        told = gap.low is not None and gap.high is not None and (gap.low > 0 or gap.high < 0)
        found.append({"metric": metric, "a": a, "b": b, **ends, "level": level, "told": told})
    return found


def _sizes(
    metric: str, at: float, made: pl.DataFrame, groups: Sequence[str], common: CommonOptions
) -> list[dict[str, Any]]:
    sized = made.filter(pl.col("face_size").is_not_null())
    frames = {ALL: sized, **{g: sized.filter(group=g) for g in groups}} if sized.height else {}
    rows = []
    for group, frame in frames.items():
        values, person = (
            frame["face_size"].to_numpy().astype(np.float64),
            frame["person"].to_numpy(),
        )
        found = quantile(values, person, at, common.asked)
        rows.append(number("checks", metric, found, group=group, attribute=None))
    return rows


def _conflicts(
    rows: pl.DataFrame, attribute: str, level: float
) -> tuple[Estimate, list[dict[str, Any]]]:
    """Share of identities with more than one recorded value; a row of each of the first two."""
    known = rows.select("identity", "sample_id", pl.col(attribute).alias("value")).drop_nulls()
    first = known.group_by("identity", "value", maintain_order=True).first()
    people = first.group_by("identity", maintain_order=True).agg("sample_id")
    several = people.filter(pl.col("sample_id").list.len() > 1)
    n = people.height
    if not n:
        return Estimate.missing(f"no {attribute} is recorded", level=level), []
    low, high = clopper_pearson(several.height, n, level)
    found = Estimate(several.height / n, low, high, level, known.height, n, EXACT)
    pairs = several["sample_id"].head(SHOWN).to_list()
    return found, [{"attribute": attribute, "a": ids[0], "b": ids[1]} for ids in pairs]


def _copies(
    embeddings: Embeddings, options: ChecksOptions, on_step: Callable[[int, int], None] | None
) -> Copies:
    rows = embeddings.rows
    hashes = rows["sha256"]
    picture = None
    if hashes.count():
        picture = number_labels(hashes.fill_null("").to_numpy())
        picture = np.where(hashes.is_null().to_numpy(), -1, picture).astype(np.intp)
    return find_copies(
        embeddings.vectors,
        number_labels(rows["identity"].to_numpy()),
        picture,
        options.duplicate_similarity,
        on_step=on_step,
    )
