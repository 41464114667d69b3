"""Would a conclusion stand if some recorded labels were wrong? `evenface.stats.flips` in a table.

Labels are what a data set recorded. Predictions stay as they are: nothing is trained anew, so
this is about the labels of the people tested, not of those learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.faces.split import Rows
from evenface.stats.asked import Asked
from evenface.stats.flips import SHARES, Curve, breakdown, flip_curves, named_classes
from evenface.stats.intervals import Estimate
from evenface.stats.repeats import Noise
from evenface.studies.drawing import short
from evenface.studies.heldout import Tally

ALL = "all"

LABEL_NOISE = {
    "about": pl.String, "what": pl.String, "way": pl.String, "group": pl.String,
    "share": pl.Float64, "bound": pl.Float64, "value": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "n_identities": pl.Int64, "method": pl.String,
}  # fmt: skip
"""Columns of the table ``label_noise``: a number, in which way which share of the identities of a
group (``all``: of everybody tested) have another label, and the bound it is to lie above."""

BREAKDOWNS = {
    "about": pl.String, "what": pl.String, "group": pl.String, "bound": pl.Float64,
    "low": pl.Float64, "random": pl.Float64, "worst": pl.Float64, "left_out": pl.Float64,
}  # fmt: skip
"""Columns of `breakdowns`: lower end with labels as recorded, and the share at which each way
takes the interval's lower end to the bound; none where it takes more than was asked about."""

KEYS = ("about", "what", "group")


@dataclass(frozen=True)
class Conclusion:
    """A number whose interval is to lie wholly above a bound.

    Attributes
    ----------
    what : str
        Its name.
    model : int
        Column of the tally whose balanced accuracy it is.
    other : int, optional
        Column whose balanced accuracy is taken away.
    bound : float
        Chance, or 0 for a difference.
    noise : Noise, optional
        What training adds.
    """

    what: str
    model: int
    other: int | None = None
    bound: float = 0.0
    noise: Noise | None = None


def label_noise_rows(
    tally: Tally,
    rows: Rows,
    codes: Rows,
    person: Rows,
    conclusions: Sequence[Conclusion],
    asked: Asked,
    *,
    about: str,
    strata: Rows | None = None,
    group: str = ALL,
    doubted: npt.NDArray[np.bool_] | None = None,
) -> list[dict[str, Any]]:
    """Return rows of the table for conclusions from the same held-out rows.

    Parameters
    ----------
    tally : Tally
    rows : ndarray of intp, shape (n,)
        Held-out rows that every model was tried on, with a recorded class.
    codes, person : ndarray of intp, shape (N,)
        Recorded classes and persons of all rows of the study.
    conclusions : sequence of Conclusion
        Best all of the same rows at once.
    asked : Asked
    about : str
        Goes into the table, as do the conclusions' names.
    strata : ndarray of intp, shape (N,), optional
        What persons were sampled as, beside the class.
    group : str
        Name of those whose labels are in doubt.
    doubted : ndarray of bool, shape (N,), optional
        Rows of those whose labels are in doubt; everybody's if not given.
    """
    columns = sorted({m for c in conclusions for m in (c.model, c.other) if m is not None})
    named = _named(tally, rows, codes, columns)
    pairs = [
        (columns.index(c.model), None if c.other is None else columns.index(c.other))
        for c in conclusions
    ]
    curves = flip_curves(
        named, codes[rows], person[rows], pairs, asked,
        strata=None if strata is None else strata[rows],
        doubted=None if doubted is None else doubted[rows],
        noise=[c.noise for c in conclusions],
    )  # fmt: skip
    return [
        row
        for conclusion, ways in zip(conclusions, curves, strict=True)
        for row in curve_rows(ways, about, conclusion.what, conclusion.bound, group=group)
    ]


def curve_rows(
    ways: Mapping[str, Curve], about: str, what: str, bound: float = 0.0, *, group: str = ALL
) -> list[dict[str, Any]]:
    """Return the table's rows of one conclusion, each way in which labels are wrong."""
    return [
        {
            "about": about, "what": what, "way": way, "group": group, "share": share,
            "bound": bound, "value": e.value, "low": e.low, "high": e.high,
            "n_identities": e.n_identities, "method": e.method,
        }
        for way, curve in ways.items()
        for share, e in zip(curve.shares, curve.estimates, strict=True)
    ]  # fmt: skip


def _named(
    tally: Tally, rows: Rows, codes: Rows, columns: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Return which share of the predictions of chosen rows named each recorded class."""
    place = np.full(len(codes), -1, dtype=np.intp)
    place[rows] = np.arange(len(rows))
    tries = []
    for tested, said in tally.said.values():
        own = place[tested] >= 0
        tries.append((place[tested[own]], said[own][:, list(columns)]))
    classes = int(codes[rows].max(initial=-1)) + 1
    return named_classes(tries, len(rows), classes, len(columns))


def breakdowns(frame: pl.DataFrame) -> pl.DataFrame:
    """Return at which share each conclusion falls, a row a conclusion and group in doubt.

    Conclusions that do not stand with labels as recorded have a share of 0.
    """
    found = []
    for key, own in frame.group_by(KEYS, maintain_order=True):
        bound = float(own["bound"][0])
        row: dict[str, Any] = {**dict(zip(KEYS, key, strict=True)), "bound": bound, "low": None}
        for (way,), part in own.sort("share").group_by(("way",), maintain_order=True):
            row["low"] = part["low"][0]
            row[str(way)] = breakdown(_curve(part), bound)
        found.append(row)
    return pl.DataFrame(found, schema=BREAKDOWNS, orient="row")


def _curve(part: pl.DataFrame) -> Curve:
    # A breakdown needs the numbers alone: neither level nor rows.
    estimates = tuple(
        Estimate(r["value"], r["low"], r["high"], float("nan"), 0, r["n_identities"], r["method"])
        for r in part.rows(named=True)
    )
    return Curve(tuple(part["share"].to_list()), estimates)


def standing(found: pl.DataFrame) -> pl.DataFrame:
    """Return the `breakdowns` of conclusions that stand as recorded, the frailest first."""
    return found.filter(pl.col("low") > pl.col("bound")).sort(
        "worst", "left_out", "random", nulls_last=True, maintain_order=True
    )


def above_bound(row: dict[str, Any]) -> str:
    """Return ``linear probe lies above 0.5``."""
    return f"{short(row['what'], 60)} lies above {row['bound']:.3g}"


def said_breakdowns(
    frame: pl.DataFrame,
    *,
    clause: Callable[[dict[str, Any]], str] = above_bound,
    labels: str = "labels",
    tested: str = "tested",
    meanwhile: str = "with the predictions as they are",
) -> list[str]:
    """Return how many wrong labels the frailest conclusion bears, in a sentence or two.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns of `LABEL_NOISE`.
    clause : callable
        Puts a row of `breakdowns` into words that go after "the conclusion that".
    labels, tested, meanwhile : str
        What may be wrong, what was done with the identities, and what stays.

    Returns
    -------
    list of str
        Of conclusions with everybody's labels in doubt, if there are any.
    """
    found = breakdowns(frame)
    stand = standing(found)
    if not found.height:
        return []
    if (stand["group"] == ALL).any():
        # Shares of everybody and shares of a group are not alike.
        stand = stand.filter(group=ALL)
    if not stand.height:
        return ["With the labels as recorded no conclusion stands that wrong labels could upset."]
    row = stand.row(0, named=True)
    most = float(frame["share"].max() or SHARES[-1])  # type: ignore[arg-type]
    whose = f"the identities {tested}" if row["group"] == ALL else short(row["group"], 60)
    alone = stand.height == 1 or row["worst"] is None
    others = "" if alone else f" Of {stand.height} conclusions this one bears least."
    return [
        _falls(row, f"recorded {labels} of {whose}", clause(row), most) + others,
        f"This asks about {labels} of those {tested} only, {meanwhile}; the least favourable way "
        "was searched step by step, so somewhat fewer labels might do.",
    ]


def _falls(row: dict[str, Any], which: str, clause: str, most: float) -> str:
    worst, random = (_percent(row[way], most) for way in ("worst", "random"))
    if row["worst"] is None:
        return (
            f"Even if {_percent(most, most)} of the {which} were wrong in the "
            f"least favourable way that was found, the conclusion that {clause} would stand."
        )
    return (
        f"If {worst} of the {which} were wrong in the least favourable way "
        f"that was found, the conclusion that {clause} would no longer stand; wrong at random, it "
        f"would take {random}."
    )


def _percent(share: float | None, most: float) -> str:
    """Return ``1.4 %``, or ``more than 20 %`` for what the table does not reach."""
    if share is None:
        return f"more than {100 * most:.3g} %"
    if share < 0.0005:
        return "less than 0.1 %"
    return f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"
