"""Leakage against verification errors: a point for each way to change vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.studies.erased_ways import LINEAR
from evenface.studies.heldout import OTHERS

if TYPE_CHECKING:
    from evenface.studies.erase import EraseResult


def taken_out(result: EraseResult) -> list[str]:
    """Return what was taken out, each alone and then together."""
    return [a for a in result.numbers["attribute"].unique(maintain_order=True) if a != "none"]


def classes_of(result: EraseResult, target: str) -> int:
    """Return how many values of a target were read."""
    return int(result.context["classes"].get(target, 2))


def measuring(result: EraseResult) -> str:
    """Return the probe by which leakage is told: the first, and if linear, of other people."""
    has = (result.numbers["probe"] == OTHERS).any()
    first = str(result.config["probes"][0])
    return OTHERS if has and first == LINEAR else first


def curve(result: EraseResult, attribute: str) -> list[dict[str, Any]]:
    """Return each way's leakage to `measuring`'s probe, errors, and whether no other beats both.

    Leakage is how far from chance an attribute is read, as a share of the way to 1: below chance
    too, where a reader tells by being wrong. Of attributes taken out together the one that is
    farthest counts. What is read of one attribute is given as balanced accuracy, of several as
    ``(a - chance) / (1 - chance)``, so that attributes of unlike chance stand on one scale.
    """
    probe = measuring(result)
    parts = result.context["parts"].get(attribute, [attribute])
    read = result.numbers.filter(
        (pl.col("metric") == "balanced_accuracy")
        & (pl.col("probe") == probe)
        & pl.col("target").is_in(parts)
        & pl.col("attribute").is_in([attribute, "none"])
        & pl.col("value").is_not_null()
    )
    points = []
    for row in result.numbers.filter(
        (pl.col("metric") == "eer")
        & (pl.col("group") == "all")
        & pl.col("attribute").is_in([attribute, "none"])
        & pl.col("value").is_not_null()
    ).rows(named=True):
        own = read.filter(eraser=row["eraser"], strength=row["strength"])
        if own.height == len(parts):
            found = [(r, 1 / classes_of(result, r["target"])) for r in own.rows(named=True)]
            worst, chance = max(found, key=lambda f: abs(_share(f[0]["value"], f[1])))
            seen = {k: worst[k] for k in ENDS}
            if len(parts) > 1:
                seen, zero = {k: _share(v, chance) for k, v in seen.items()}, 0.0
            else:
                zero = chance
            points.append({
                "eraser": row["eraser"], "strength": row["strength"], "target": worst["target"],
                "leak": abs(_share(worst["value"], chance)), "chance": zero,
                **{f"leak_{k}": v for k, v in seen.items()},
                **{f"eer_{k}": row[k] for k in ENDS},
            })  # fmt: skip
    for p in points:
        p["front"] = not any(
            q["leak"] <= p["leak"] and q["eer_value"] <= p["eer_value"]
            and (q["leak"], q["eer_value"]) != (p["leak"], p["eer_value"])
            for q in points
        )  # fmt: skip
    return points


ENDS = ("value", "low", "high")


def _share(accuracy: float, chance: float) -> float:
    return (accuracy - chance) / (1 - chance)
