"""Tables of `verify`, in the form that evaluations of face recognition by group have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from evenface.pairs.remedies import REMEDIES
from evenface.report.tables import Cell, cell, shown_p, title_of
from evenface.stats.differentials import DIFFERENTIALS
from evenface.studies.drawing import HEAT, short
from evenface.studies.result import Result
from evenface.studies.verify import VerifyResult
from evenface.studies.verify_unequal import ENDLESS
from evenface.studies.verify_view import (
    at_point,
    attributes,
    main_point,
    rows_at,
    where,
)
from evenface.studies.verify_view_further import everybody_in, said_change
from evenface.studies.words import percent, plain

MOST_COLUMNS = 12
"""Groups up to which the table of every two is shown; the numbers are all in the files."""


def verify_tables(result: VerifyResult) -> list[dict[str, Any]]:
    """Return one table an operating point, the one that sentences are about first.

    A report of an embedding whose data had too few pairs for any threshold has none.
    """
    main = main_point(result)
    points = [p for p in result.tables["points"].rows(named=True) if p["threshold"] is not None]
    ordered = sorted(points, key=lambda p: p != main)
    return [_table(result, p, first=p == main) for p in ordered]


def _table(result: VerifyResult, point: dict[str, Any], *, first: bool) -> dict[str, Any]:
    rows = at_point(result, point)
    ways = attributes(result)
    return {
        "title": where(point),
        "first": first,
        "ways": [_way(result, rows, a) for a in ways],
        "differentials": [_differentials(result, rows, point, a) for a in ways],
    }


def _way(result: VerifyResult, rows: pl.DataFrame, attribute: str) -> dict[str, Any]:
    """Return the rates of each group, and FMR between every two."""
    counts = result.tables["counts"].filter(attribute=attribute)
    eer = result.where(metric="eer", attribute=attribute)
    names = counts["group"].to_list()
    own = rows.filter(attribute=attribute)
    lines = []
    for row in counts.rows(named=True):
        g = row["group"]
        mine = own.filter(group_a=g)
        lines.append(
            {
                **row,
                "fmr": _one(mine, metric="fmr", group_b=g),
                "fnmr": _one(mine, metric="fnmr"),
                "eer": _one(eer, group_a=g),
                "nearest": _one(mine, metric="fmr_nearest"),
                "nearest_own": _one(mine, metric="fmr_nearest_in_group"),
            }
        )
    return {
        "title": title_of(short(attribute, 60)),
        "rows": lines,
        "everybody": _everybody(result, rows),
        "names": names if len(names) <= MOST_COLUMNS else [],
        "matrix": _matrix(own.filter(metric="fmr"), names) if len(names) <= MOST_COLUMNS else [],
    }


def _everybody(result: VerifyResult, rows: pl.DataFrame) -> dict[str, Any]:
    own = rows.filter(pl.col("attribute").is_null())
    eer = result.where(metric="eer").filter(pl.col("attribute").is_null())
    return {
        "fmr": _one(own, metric="fmr"), "fnmr": _one(own, metric="fnmr"), "eer": _one(eer),
        "nearest": _one(own, metric="fmr_nearest"),
        "nearest_own": _one(own, metric="fmr_nearest_in_group"),
    }  # fmt: skip


def _matrix(rows: pl.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows.rows(named=True):
        a, b = row["group_a"], row["group_b"]
        cells[a, b] = cells[b, a] = row
    known = [r["value"] for r in cells.values() if r["value"]]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    return [
        {"name": a, "cells": [_shaded(cells.get((a, b)), low, high) for b in names]} for a in names
    ]


def _shaded(row: Mapping[str, Any] | None, low: float, high: float) -> dict[str, Any]:
    if row is None:
        return {"cell": None, "shade": ""}
    value = row["value"]
    place = 0.0
    if value and high > low:
        place = float(np.log(value / low) / np.log(high / low))
    return {"cell": _narrow(rate_cell(row)), "shade": _mix(place) if value is not None else ""}


def _narrow(made: Cell) -> Cell:
    """Say per cent once, and nearly nothing briefly: a matrix has many columns."""
    interval = made.interval.replace(" %", "").replace(percent(1e-12).removesuffix(" %"), "0.0")
    return replace(made, interval=interval)


def _mix(place: float) -> str:
    """Return a colour between the palest and the darkest of heat maps."""
    ends = [[int(h[k : k + 2], 16) for k in (1, 3, 5)] for h in (HEAT[0], HEAT[-1])]
    mixed = [round(a + (b - a) * place) for a, b in zip(*ends, strict=True)]
    return "#" + "".join(f"{c:02x}" for c in mixed)


def rate_cell(row: Mapping[str, Any]) -> Cell:
    """Return an error rate as a cell, in per cent with two digits that count."""
    made = cell(row)
    if made.numbers is None:
        why = made.why.removeprefix("not computed: ")
        return Cell("", "", why, "", made.n, made.identities, None, False)
    value, low, high = (percent(x) for x in made.numbers)
    return Cell(value, f"[{low}, {high}]", "", made.mark, made.n, made.identities, made.numbers,
                made.beyond)  # fmt: skip


def _one(rows: pl.DataFrame, **own: Any) -> Cell | None:
    found = rows.filter(**own)
    return rate_cell(found.row(0, named=True)) if found.height == 1 else None


def _differentials(
    result: VerifyResult, rows: pl.DataFrame, point: dict[str, Any], attribute: str
) -> dict[str, Any]:
    tests = rows_at(result.tables["tests"], point).filter(attribute=attribute)
    lines: list[dict[str, Any]] = []
    for name, kind in DIFFERENTIALS.items():
        found, test = rows.filter(metric=name, attribute=attribute), tests.filter(metric=name)
        if found.height != 1 or test.height != 1:
            continue
        expected, extreme = test["expected"][0], test["extreme"][0]
        lines.append(
            {
                "title": kind.title,
                "equal": f"{kind.equal:g}",
                "cell": _bounded(cell(found.row(0, named=True), digits=2)),
                "expected": "\u2013" if expected is None else f"{expected:.2f}",
                "extreme": "\u2013" if extreme is None else f"{extreme:.2f}",
                "p": shown_p(test["p"][0]),
            }
        )
    endless = any(line["cell"].why.endswith("*") for line in lines)
    return {"title": title_of(short(attribute, 60)), "rows": lines, "endless": endless}


def _bounded(made: Cell) -> Cell:
    """Say once below the table, not in each cell, why a ratio has only a lower end."""
    if not made.why.endswith(ENDLESS):
        return made
    why = made.why.removesuffix(ENDLESS).removeprefix("not computed: ")
    return replace(made, why=f"{why}*")


def remedy_tables(result: VerifyResult) -> list[dict[str, Any]]:
    """Return for each target what remedies did to FMR and FNMR, overall and by group."""
    rows = result.tables["remedies"]
    tables = []
    for target in dict.fromkeys(rows["fmr_target"].to_list()):
        own = rows.filter(fmr_target=target)
        groups = own["group"].drop_nulls().unique(maintain_order=True).to_list()
        lines = []
        for name in dict.fromkeys(own["remedy"].to_list()):
            mine = own.filter(remedy=name)
            lines.append(
                {
                    "title": REMEDIES[name].title,
                    "fmr": _one(everybody_in(mine), metric="fmr"),
                    "fnmr": _one(everybody_in(mine), metric="fnmr"),
                    "change": [
                        _change(everybody_in(mine).filter(metric=m)) for m in ("fmr", "fnmr")
                    ],
                    "unequal": [
                        _measure(everybody_in(mine).filter(metric=m)) for m in ("fdr", "garbe")
                    ],
                    "groups": [
                        [_one(mine, metric=m, group=g) for m in ("fmr", "fnmr")] for g in groups
                    ],
                    "warning": REMEDIES[name].warning,
                }
            )
        tables.append({"target": plain(target), "rows": lines, "groups": groups})
    return tables


def _measure(rows: pl.DataFrame) -> Cell | None:
    return cell(rows.row(0, named=True), digits=2) if rows.height == 1 else None


def _change(rows: pl.DataFrame) -> str:
    found = rows.drop_nulls("change")
    return said_change(found.row(0, named=True)) if found.height == 1 else "\u2013"


def association_table(result: VerifyResult) -> list[dict[str, Any]]:
    """Return associations between groups and attributes, the strongest first."""
    rows = result.tables["associations"].sort(pl.col("value").abs(), descending=True,
                                              nulls_last=True)  # fmt: skip
    return [
        {
            "targets": f"{short(r['x'], 40)}, {short(r['y'], 40)}",
            "attributes": f"{short(r['a'], 40)}, {short(r['b'], 40)}",
            "cell": cell(r, digits=2, signed=True),
            "p": shown_p(r["p"]),
            "exact": r["exact"],
        }
        for r in rows.rows(named=True)
    ]


def protocol_table(result: VerifyResult) -> list[dict[str, Any]]:
    """Return the accuracy of a given list, over all its pairs and of each group's."""
    return [
        {
            "group": "everybody" if r["group"] is None else r["group"],
            "cell": rate_cell(r),
            "published": "\u2013" if r["mean"] is None or r["standard_error"] is None
            else f"{percent(r['mean'])} \u00b1 {percent(r['standard_error'])}",
        }
        for r in result.tables["protocol"].rows(named=True)
    ]  # fmt: skip


def findings(result: VerifyResult) -> list[dict[str, Any]]:
    """Return what stands on top of a report: FNMR over everybody at the main threshold."""
    point = main_point(result)
    if point is None:
        return []
    rows = at_point(result, point).filter(pl.col("attribute").is_null(), metric="fnmr")
    return [
        {"title": "of genuine pairs don\u2019t match", "shown": rate_cell(r),
         "detail": f"False non-matches {where(point)}.", "counted": "genuine pairs"}
        for r in rows.rows(named=True)
    ]  # fmt: skip


def further(results: Mapping[str, Result]) -> dict[str, list[dict[str, Any]]]:
    """Return the tables beside those of operating points."""
    result = results.get("verify")
    if not isinstance(result, VerifyResult):
        return {"remedies": [], "associations": [], "protocol": []}
    return {
        "remedies": remedy_tables(result),
        "associations": association_table(result),
        "protocol": protocol_table(result),
    }
