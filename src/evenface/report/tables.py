"""Numbers as a page shows them: never without interval, rows and identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from evenface.stats.accuracy import BOTH, EXACT, FEW
from evenface.stats.flips import WAYS
from evenface.stats.worst import WIDENED
from evenface.studies import words
from evenface.studies.drawing import HEAT
from evenface.studies.heldout import readers, title
from evenface.studies.label_noise import breakdowns, standing
from evenface.studies.map import MapResult
from evenface.studies.probe import ProbeResult
from evenface.studies.result import Result
from evenface.studies.training_sets import ALL, MATCHED
from evenface.studies.transfer import TransferResult

BY_DEFINITION = "by definition"
MARKS = {BOTH: "†", FEW: "†", WIDENED: "†", EXACT: "‡"}
"""Signs for intervals that are not of the usual kind."""


@dataclass(frozen=True)
class Cell:
    """A number, ready to be printed.

    Attributes
    ----------
    value, interval : str
        ``0.785`` and ``[0.706, 0.855]``; empty where there is no number.
    why : str
        Why there is none; empty where there is one.
    mark : str
        Sign of the interval's method.
    n, identities : int
        Rows and persons it rests on.
    numbers : (float, float, float) or None
        Value, low and high as they are.
    beyond : bool
        Whether the whole interval lies above zero.
    """

    value: str
    interval: str
    why: str
    mark: str
    n: int
    identities: int
    numbers: tuple[float, float, float] | None
    beyond: bool


def cell(row: Mapping[str, Any], *, digits: int = 3, signed: bool = False) -> Cell:
    """Return one row of a study's frame as a cell."""
    n, people = int(row["n"] or 0), int(row["n_identities"] or 0)
    value, low, high = row["value"], row["low"], row["high"]
    if value is None or low is None or high is None:
        return Cell("", "", str(row["method"]), "", n, people, None, False)
    form = f"{{:{'+' if signed else ''}.{digits}f}}"
    shown = [form.format(x).replace("-", "−") for x in (value, low, high)]
    fixed = row["method"] == BY_DEFINITION
    interval = BY_DEFINITION if fixed else f"[{shown[1]}, {shown[2]}]"
    mark = MARKS.get(str(row["method"]), "")
    return Cell(shown[0], interval, "", mark, n, people, (value, low, high), low > 0)


def title_of(labelling: str) -> str:
    """Return what a reader calls an attribute."""
    return "demographic group" if labelling == "group" else labelling


def map_tables(result: MapResult) -> list[dict[str, Any]]:
    """Return, for each number of identities a group, how far its maps can be believed."""
    numbers = result.numbers
    tables = []
    for size in sorted(numbers["per_group"].unique().to_list()):
        own = numbers.filter(per_group=size)
        faith = [
            {"dims": dims, **{m: _one(own, metric=m, dims=dims, space="map") for m in FAITH}}
            for dims in sorted(own.filter(space="map")["dims"].unique().to_list())
        ]
        rows = []
        for name in dict.fromkeys(own.filter(metric="knn_purity")["labelling"].to_list()):
            places = own.filter(labelling=name, metric="knn_purity").sort("space", "dims")
            # "original" sorts after "map", and comes first.
            for where in sorted(places.rows(named=True), key=lambda r: r["space"] != "original"):
                at = {"labelling": name, "space": where["space"], "dims": where["dims"]}
                rows.append(
                    {
                        "labelling": title_of(name),
                        "where": _where(where),
                        "space": where["space"],
                        **{m: _one(own, metric=m, **at) for m in PURITY},
                    }
                )
        tables.append({"size": size, "faith": faith, "rows": rows})
    return tables


FAITH = ("trustworthiness", "knn_preservation")
PURITY = ("knn_purity", "knn_purity_corrected", "silhouette")


def _where(row: Mapping[str, Any]) -> str:
    if row["space"] == "original":
        return f"embeddings ({row['dims']} numbers)"
    return f"{row['dims']}-D map"


def _one(numbers: pl.DataFrame, *, signed: bool = False, **own: Any) -> Cell | None:
    found = numbers.filter(**own)
    if found.height != 1:
        return None
    return cell(found.row(0, named=True), signed=signed or own["metric"] == "silhouette")


def probe_tables(result: ProbeResult) -> list[dict[str, Any]]:
    """Return, for each target, every probe's accuracies, over everybody and by group."""
    probes = list(readers(result.config["probes"]))
    tables = []
    for target, best, classes, chosen in result.tables["headline"].rows():
        own = result.numbers.filter(target=target)
        tests = result.tables["tests"].filter(about=target).rows(named=True)
        groups = [g for g in dict.fromkeys(own["group"].to_list()) if g != "all"]
        tables.append(
            {
                "target": title_of(target),
                "classes": classes,
                "chosen": chosen,
                "majority": _one(own, metric="majority"),
                "chance": _one(own, metric="chance"),
                "rows": [
                    {
                        "probe": title(p),
                        "best": p == best,
                        **{
                            m: _one(own, metric=m, probe=p, group="all")
                            for m in ("balanced_accuracy", "accuracy", *CONTROLS)
                        },
                    }
                    for p in probes
                ],
                "groups": [
                    {
                        "group": g,
                        "cells": [_one(own, metric="accuracy", probe=p, group=g) for p in probes],
                    }
                    for g in groups
                ],
                "probes": [title(p) for p in probes],
                "controlled": own.filter(metric="control_accuracy").height > 0,
                "tests": [_test(row) for row in tests],
            }
        )
    return tables


CONTROLS = ("control_accuracy", "control_accuracy_seen", "selectivity")


def _test(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row of a table of tests, fit to be printed."""
    known = {**row, "n": row["n_identities"]}
    return {"a": row["a"], "value": cell(known, signed=True), "p": shown_p(row["p_holm"]),
            "identities": row["n_identities"]}  # fmt: skip


def shown_p(p: float | None) -> str:
    """Return a p-value as pages show it: never as 0."""
    if p is None:
        return "\u2013"
    return words.shown_p(p)


def transfer_tables(result: TransferResult) -> list[dict[str, Any]]:
    """Return, for each probe (the strongest first), the matrix and the gaps."""
    best = result.headline
    rows = list(dict.fromkeys(result.numbers["train_on"].to_list()))
    columns = list(dict.fromkeys(result.numbers["test_on"].to_list()))
    sizes = dict(result.tables["sizes"].select("train_on", "identities").rows())
    values = result.where(metric="balanced_accuracy")["value"].drop_nulls()
    least = min([0.5, *values.to_list()])
    tables = []
    for probe in [best, *(p for p in readers(result.config["probes"]) if p != best)]:
        own = result.where(probe=probe)
        matrix = own.filter(metric="balanced_accuracy")
        cells = {(r["train_on"], r["test_on"]): r for r in matrix.rows(named=True)}
        gaps = own.filter(metric="transfer_gap").sort(
            "value", descending=True, nulls_last=True, maintain_order=True
        )
        tables.append(
            {
                "probe": probe,
                "title": title(probe),
                "best": probe == best,
                "columns": [_column(cells, rows, j) for j in columns],
                "rows": [
                    {
                        "name": i,
                        "mixed": i in (ALL, MATCHED),
                        "people": f"{sizes.get(i, 0):.0f}",
                        "cells": [_heat_cell(cells.get((i, j)), i == j, least) for j in columns],
                    }
                    for i in rows
                ],
                "gaps": [
                    {
                        "train_on": r["train_on"],
                        "test_on": r["test_on"],
                        "mixed": r["train_on"] in (ALL, MATCHED),
                        "gap": cell(r, signed=True),
                        "p": _p(result.tables["tests"], probe, r["test_on"], r["train_on"]),
                    }
                    for r in gaps.rows(named=True)
                ],
            }
        )
    return tables


def _p(tests: pl.DataFrame, probe: str, a: str, b: str) -> str:
    found = tests.filter(about=probe, a=a, b=b)["p_holm"].drop_nulls()
    return shown_p(found[0] if found.len() else None)


def needed_table(result: Result) -> list[dict[str, Any]]:
    """Return, for each gap, how many people would show smaller ones."""
    rows = []
    for (what,), own in result.tables["needed"].group_by(["what"], maintain_order=True):
        counts = [f"{n:.0f}" if n is not None else "none" for n in own["identities"]]
        first = own.row(0, named=True)
        rows.append({"what": what, "have": first["have"], "counts": counts,
                     "resolved": f"{first['resolved']:.2f}"})  # fmt: skip
    return rows


DOUBTS = ("label_noise", "tests_label_noise")
"""Tables about wrong labels."""


def doubt_table(result: Result) -> list[dict[str, str]]:
    """Return, for each conclusion that stands, which share of wrong labels it bears."""
    tables = [t for name in DOUBTS if (t := result.tables.get(name)) is not None and t.height]
    return [row for table in tables for row in _doubted(table)]


def _doubted(noise: pl.DataFrame) -> list[dict[str, str]]:
    most, asked = 100 * max(noise["share"].to_list()), set(noise["way"].to_list())

    def shown(way: str, share: float | None) -> str:
        if way not in asked:
            return "\u2013"
        return f"> {most:g} %" if share is None else f"{100 * share:.1f} %"

    return [
        {
            "what": title_of(row["what"])
            + ("" if row["about"] in row["what"] else f" ({title_of(row['about'])})"),
            "group": "all tested" if row["group"] == "all" else row["group"],
            **{way: shown(way, row[way]) for way in WAYS},
        }
        for row in standing(breakdowns(noise)).rows(named=True)
    ]


def _column(cells: Mapping[Any, Any], rows: list[str], column: str) -> dict[str, Any]:
    first = next((cells[i, column] for i in rows if (i, column) in cells), None)
    return {
        "name": column,
        "n": int(first["n"]) if first else 0,
        "identities": int(first["n_identities"]) if first else 0,
    }


def _heat_cell(row: Mapping[str, Any] | None, own: bool, least: float) -> dict[str, Any]:
    if row is None:
        return {"cell": None, "shade": "", "own": own}
    shown = cell(row, digits=2)
    return {"cell": shown, "shade": heat(shown.numbers, least), "own": own}


def heat(numbers: tuple[float, float, float] | None, least: float) -> str:
    """Return a cell's colour between `least` and 1, as the figures have it."""
    if numbers is None:
        return ""
    place = min(max((numbers[0] - least) / (1 - least), 0.0), 1.0) * (len(HEAT) - 1)
    k = min(int(place), len(HEAT) - 2)
    ends = [[int(HEAT[k + i][c : c + 2], 16) for c in (1, 3, 5)] for i in (0, 1)]
    mixed = (round(a + (b - a) * (place - k)) for a, b in zip(*ends, strict=True))
    return "#" + "".join(f"{c:02x}" for c in mixed)
