"""Every picture that a folder of embeddings began with: with a vector or without, and whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from evenface.embed.embeddings import Embeddings
from evenface.faces.groups import group_labels, identity_groups
from evenface.faces.split import frame_persons

ALL = "all"
COPIES, CONFLICTS = "duplicates_across_identities", "label_conflicts"
"""Metrics of `checks` that are no `Rate`."""

CHOSEN = "chosen_from"
"""Key of a source that says among how many pictures with a vector these were chosen."""

READING, DETECTING = ("read", "decode"), "detect"
"""Stages at which a picture fails by itself, and by showing no face."""

_SHARED = ("sample_id", "sha256", "identity")


def all_pictures(embeddings: Embeddings, by: Sequence[str]) -> pl.DataFrame:
    """Return one row a picture, those with a vector first and in their order.

    Returns
    -------
    polars.DataFrame
        ``person`` (a number; identities that share a byte-identical picture are one), ``group``
        (null where unknown), ``stage`` at which it failed (null where it has a vector),
        ``faces_found`` and ``face_size``.
    """
    made, failed = embeddings.rows, embeddings.failures
    columns = [*_SHARED, *by]
    none = pl.lit(None, pl.Int32)
    stage = pl.lit(None, pl.String).alias("stage")
    whole = made.select(*columns, "faces_found", "face_size", stage)
    sized = (none.alias("faces_found"), none.alias("face_size"))
    known = pl.concat([whole, failed.select(*columns, *sized, "stage")])
    # A picture of nobody known is one person's whom nobody else is.
    alone = pl.concat_str(pl.lit("\0"), pl.col("sample_id"))
    known = known.with_columns(pl.col("identity").fill_null(alone))
    return known.select(
        pl.Series("person", frame_persons(known)),
        group_labels(known, by).alias("group"),
        pl.col("stage", "faces_found", "face_size"),
    )


def all_people(pictures: pl.DataFrame) -> pl.DataFrame:
    """Return one row a person who is on a picture that could be read.

    Returns
    -------
    polars.DataFrame
        ``person``, ``group`` (the commonest of its pictures) and ``stage``: ``detect`` where no
        picture of the person has a vector and on one at least no face was found, else null.
    """
    read = pictures.filter(~pl.col("stage").is_in(READING).fill_null(value=False))
    people = read.group_by("person", maintain_order=True).agg(
        (pl.col("stage").is_not_null().all() & (pl.col("stage") == DETECTING).any()).alias("lost")
    )
    groups = identity_groups(read.rename({"person": "identity"}), ["group"])
    stage = pl.when("lost").then(pl.lit(DETECTING)).alias("stage")
    joined = people.join(groups.rename({"identity": "person"}), on="person", how="left")
    return joined.select("person", "group", stage)


@dataclass(frozen=True)
class Rate:
    """A share of pictures or people of which something holds.

    Attributes
    ----------
    title : str
        What a reader calls it.
    of : polars.Expr
        Rows that are asked about.
    hit : callable
        ``hit(limits)`` is the expression that holds or not.
    people : bool
        Whether rows are people, not pictures.
    needs : str
        ``record`` of failures, ``detector``, ``faces`` found or the ``size`` of a face.
    """

    title: str
    of: pl.Expr
    hit: Callable[[Mapping[str, Any]], pl.Expr]
    people: bool = False
    needs: str = "faces"


_READ = ~pl.col("stage").is_in(READING).fill_null(value=False)
_LOST = (pl.col("stage") == DETECTING).fill_null(value=False)
_MADE = pl.col("stage").is_null()
_SIZED = _MADE & pl.col("face_size").is_not_null()

RATES: dict[str, Rate] = {
    "failure_to_enrol": Rate(
        "no face found", _READ, lambda _: _LOST, needs="detector"
    ),
    "people_not_enrolled": Rate(
        "no face found on any picture", pl.lit(value=True), lambda _: _LOST, people=True,
        needs="detector",
    ),
    "unreadable": Rate("not readable", pl.lit(value=True), lambda _: ~_READ, needs="record"),
    "several_faces": Rate(
        "several faces", _MADE & pl.col("faces_found").is_not_null(),
        lambda _: pl.col("faces_found") > 1,
    ),
    "tiny_faces": Rate(
        "face below {tiny} px", _SIZED, lambda limits: pl.col("face_size") < limits["tiny"],
        needs="size",
    ),
    "enlarged_faces": Rate(
        "face below the network's {input}", _SIZED,
        lambda limits: pl.col("face_size") < (limits["input"] or 0), needs="input",
    ),
}  # fmt: skip

QUANTILES = {"face_size_p05": 0.05, "face_size_median": 0.5}
"""Of the shorter side of a face's box, in pixels of the picture."""


def why_not(embeddings: Embeddings) -> dict[str, str]:
    """Return, by what a `Rate` needs, why it isn't there; empty where it is."""
    crops, failed = embeddings.preprocessing, embeddings.failures
    chosen = embeddings.source.get(CHOSEN)
    recorded = crops.get("align") in ("yunet", "none") or failed.height > 0
    detected = bool(crops.get("detector")) or (failed["stage"] == DETECTING).any()
    no_detector = "no detector ran; every picture's centre was taken"
    unknown = "whether a detector ran isn't known of these vectors"
    lacking = no_detector if crops.get("align") == "none" else unknown
    subset = f"these pictures were chosen from {chosen} that have a vector; ask the whole folder"
    have = {c: embeddings.rows[c].count() > 0 for c in ("faces_found", "face_size")}
    record = "" if recorded else "no record of failures came with these vectors"
    size = "" if have["face_size"] else lacking
    undetected = record if have["faces_found"] and record else lacking
    return {
        "record": subset if chosen else record,
        "detector": (subset if chosen else "") if detected else undetected,
        "faces": "" if have["faces_found"] else lacking,
        "size": size,
        "input": size or ("" if embeddings.card.get("size") else "the network's input isn't known"),
    }
