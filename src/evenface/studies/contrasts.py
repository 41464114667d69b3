"""Which numbers of which study are means of who was right, and of whom: a table.

A number that is one can be compared between two runs picture by picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from evenface.heads.probes import narrowed
from evenface.studies.erased_ways import Way, start_of
from evenface.studies.outcomes import model_column
from evenface.studies.remedies import NONE
from evenface.studies.training_sets import ALL

RECORDED, GROUP = "recorded", "group"
"""Columns of outcomes whose values' recalls are averaged."""

BY = {"accuracy": None, "balanced_accuracy": RECORDED}


@dataclass(frozen=True)
class Contrast:
    """What a number is the mean of.

    Attributes
    ----------
    topic : str
        Of the outcomes.
    plus : str
        Column of the model.
    minus : str, optional
        Column of a model whose share is taken off.
    group : str, optional
        The rows' group, if not all rows with outcomes.
    by : str, optional
        `RECORDED` or `GROUP`: shares are averaged over its values; plain if not given.
    """

    topic: str
    plus: str
    minus: str | None = None
    group: str | None = None
    by: str | None = None


Row = Mapping[str, Any]


def _probe(row: Row, numbers: pl.DataFrame) -> Contrast | None:
    topic, probe = str(row["target"]), str(row["probe"])
    if row["dimension"] is not None:
        # On all axes it is the probe itself.
        whole = row["dimension"] == numbers["dimension"].max()
        cut = model_column(probe=probe if whole else narrowed(probe, row["dimension"]))
        if row["metric"] == "lost_by_dimension":
            return Contrast(topic, model_column(probe=probe), cut, None, RECORDED)
        return Contrast(topic, cut, None, None, RECORDED)
    if row["metric"] not in BY:
        return None
    group = None if row["group"] == "all" else str(row["group"])
    return Contrast(topic, model_column(probe=probe), None, group, BY[row["metric"]])


def _transfer(row: Row, _: pl.DataFrame) -> Contrast | None:
    def column(model: Any) -> str:
        return model_column(probe=row["probe"], train_on=model)

    group = None if row["test_on"] == ALL else str(row["test_on"])
    topic, other = str(row["target"]), column(row["train_on"])
    if row["metric"] == "transfer_gap":
        return Contrast(topic, column(row["test_on"]), other, group, RECORDED)
    return Contrast(topic, other, None, group, BY[row["metric"]]) if row["metric"] in BY else None


def _spaces(row: Row, _: pl.DataFrame) -> Contrast | None:
    if row["metric"] != "knn_accuracy":
        return None
    plus = model_column(balance=row["balance"], dims=row["dims"], loss=row["loss"])
    return Contrast("", plus, None, *_among(row))


def _bias(row: Row, numbers: pl.DataFrame) -> Contrast | None:
    keys = ("loss", "majority", "share", "remedy")
    own = {k: row[k] for k in keys}
    if row["metric"] == "knn_accuracy":
        return Contrast("", model_column(**own), None, *_among(row))
    if row["metric"] != "drop_from_balanced" or row["group"] == "worst":
        return None
    same = numbers.filter(loss=row["loss"], majority=row["majority"], remedy=NONE)
    balanced = {**own, "remedy": NONE, "share": same["share"].min()}
    return Contrast("", model_column(**balanced), model_column(**own), *_among(row))


def _erase(row: Row, _: pl.DataFrame) -> Contrast | None:
    way = Way(() if row["stage"] == "before" else (str(row["attribute"]),), str(row["eraser"]),
              float(row["strength"]))  # fmt: skip
    topic, probe = str(row["target"]), row["probe"]
    own = model_column(**way.key(), probe=probe)
    if row["metric"] == "balanced_accuracy":
        return Contrast(topic, own, None, None, RECORDED)
    if row["metric"] == "balanced_accuracy_change":
        return Contrast(
            topic, own, model_column(**start_of(way).key(), probe=probe), None, RECORDED
        )
    return None


def _among(row: Row) -> tuple[str | None, str | None]:
    """Return the group of a number, and that groups are averaged where it is of all."""
    return (None, GROUP) if row["group"] == "all" else (str(row["group"]), None)


CONTRASTS: dict[str, Callable[[Row, pl.DataFrame], Contrast | None]] = {
    "probe": _probe,
    "transfer": _transfer,
    "spaces": _spaces,
    "bias": _bias,
    "erase": _erase,
}
"""By study: takes a row of its numbers, and all of them."""
