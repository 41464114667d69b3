"""Which numbers of two runs of a study are about the same thing."""

from __future__ import annotations

from typing import Any

import polars as pl

from evenface.studies.result import Result

BESIDE = {
    "a": pl.Float64, "b": pl.Float64, "p": pl.Float64, "p_holm": pl.Float64, "paired": pl.Boolean,
}  # fmt: skip
"""Columns after the leading ones: both runs' own numbers, the test, whether it is paired."""

NOT_COMPARED = ("chance", "majority")
"""What says something about the labels alone."""

ASKED = ("target", "across", "attribute", "labelling", "group", "train_on", "test_on")
"""Columns that say what was asked: numbers are about the same only where these are the same."""

ALONE = "not computed: the {} run has no such number"
"""What is said of a number that one run has alone."""

Pair = tuple[dict[str, Any], dict[str, Any]]


def aligned(
    first: Result, second: Result
) -> tuple[dict[str, tuple[str, str]], list[Pair], list[dict[str, Any]]]:
    """Return columns in which the runs differ as a whole, rows about the same, and what is missing.

    Missing is what one run says of a group or attribute and the other does not; a reader or loss
    that the other was not asked for is a difference of options.
    """
    own = list(second.columns)
    one, other = (r.numbers.filter(~pl.col("metric").is_in(NOT_COMPARED)) for r in (first, second))
    differs = {}
    how = [c for c in own if c not in ASKED]
    for column in how:
        a, b = (n[column].drop_nulls().unique().to_list() for n in (one, other))
        if len(a) == len(b) == 1 and a != b:
            differs[column] = (str(a[0]), str(b[0]))
    keys = ["metric", *(c for c in own if c not in differs)]
    place, other_place = (
        {tuple(row[c] for c in keys): row for row in n.rows(named=True)} for n in (one, other)
    )
    pairs = [(place[key], row) for key, row in other_place.items() if key in place]
    blank = dict.fromkeys(("value", "low", "high", "training_share", *BESIDE)) | {"paired": False}
    known = {c: set(one[c]) & set(other[c]) for c in how if c not in differs}
    alone = [
        {**row, **blank, mine: row["value"], "method": ALONE.format(lacks)}
        for here, there, mine, lacks in (
            (place, other_place, "a", "second"), (other_place, place, "b", "first"),
        )
        for key, row in here.items()
        if key not in there and all(row[c] in values for c, values in known.items())
    ]  # fmt: skip
    return differs, pairs, alone
