"""Tables of the study `checks`, and the doubts that it raises about all the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from evenface.report.tables import Cell, cell
from evenface.studies.checks import ChecksResult
from evenface.studies.checks_view import title_of_rate
from evenface.studies.pictures import ALL, CONFLICTS, COPIES, QUANTILES
from evenface.studies.result import Result

ENROLLED = ("failure_to_enrol", "people_not_enrolled", "unreadable")
FACES = ("several_faces", "tiny_faces", "enlarged_faces")
SIZES = {"face_size_p05": "size of the smallest 5 %, px", "face_size_median": "median size, px"}
HOW = {"bytes": "the same bytes", "equal": "the same vector", "similar": "nearly the same vector"}
PLACES = {"across": "under several identities", "within": "of one identity"}

Known = Mapping[str, Mapping[str, str]]


def checks_tables(result: ChecksResult, known: Known) -> list[dict[str, Any]]:
    """Return the tables of faces, copies, labels and differences, as one entry.

    Parameters
    ----------
    result : ChecksResult
    known : mapping
        ``path`` and ``identity`` by sample_id, where names may be shown; empty where not.
    """
    notes = [n for n in result.context["notes"] if str(n["kind"]).startswith("duplicates")]
    told = result.tables["differences"].filter("told")
    return [
        {
            "enrolled": _shares(result, ENROLLED, ()),
            "faces": _shares(result, FACES, tuple(QUANTILES)),
            "copies": [
                {**row, "place": PLACES[row["place"]], "alike": HOW[row["alike"]]}
                for row in result.tables["counts"].rows(named=True)
            ],
            "copied": _shares(result, (COPIES,), ()),
            "not_compared": str(result.tables["facts"]["vectors_not_compared"][0]),
            "notes": notes,
            "pairs": _named(result.tables["pairs"], known),
            "conflicts": [
                {"attribute": row["attribute"], "cell": cell(row)}
                for row in result.where(metric=CONFLICTS).rows(named=True)
            ],
            "contradicting": _named(result.tables["conflicts"], known),
            "differences": [
                {**row, "title": title_of_rate(row["metric"], result), "said": _gap(row)}
                for row in told.rows(named=True)
            ],
            "compared": result.tables["differences"].height,
        }
    ]


def _shares(
    result: ChecksResult, metrics: tuple[str, ...], sizes: tuple[str, ...]
) -> dict[str, Any]:
    """Return a table with a line a group; what doesn't apply is a sentence instead."""
    found = {m: result.where(metric=m) for m in (*metrics, *sizes)}
    have = [m for m, rows in found.items() if rows["value"].count()]
    titles = {m: SIZES[m] if m in SIZES else title_of_rate(m, result) for m in found}
    groups = dict.fromkeys(g for m in have for g in found[m]["group"].to_list())
    bases = [found[m].select("group", "n", "n_identities").rows() for m in have]
    return {
        "titles": [titles[m] for m in have],
        # One column for all shares that are of the same pictures.
        "shared": all(b == bases[0] for b in bases),
        "rows": [
            {"group": "everybody" if g == ALL else g, "all": g == ALL,
             "cells": [_one(found[m], g, digits=0 if m in sizes else 3) for m in have]}
            for g in groups
        ],
        "lacking": [
            {"title": titles[m][0].upper() + titles[m][1:], "why": rows["method"][0]}
            for m, rows in found.items()
            if m not in have and rows.height
        ],
    }  # fmt: skip


def _one(rows: pl.DataFrame, group: str, *, digits: int) -> Cell | None:
    own = rows.filter(group=group)
    return cell(own.row(0, named=True), digits=digits) if own.height == 1 else None


def _gap(row: Mapping[str, Any]) -> str:
    said = f"{row['value']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
    return said.replace("-", "−")


def _named(pairs: pl.DataFrame, known: Known) -> list[dict[str, Any]]:
    """Return who and what is on pairs of rows; nothing where names may not be shown."""
    return [
        {**row, **{c: known[row[c]] for c in "ab"}}
        for row in pairs.rows(named=True)
        if row["a"] in known and row["b"] in known
    ]


def doubts(results: Mapping[str, Result]) -> list[tuple[str, str]]:
    """Return what `checks` found that makes other studies' numbers doubtful."""
    result = results.get("checks")
    if not isinstance(result, ChecksResult) or len(results) == 1:
        return []
    counts = result.tables["counts"].filter(place="across")
    found = {r["alike"]: r["pictures"] or 0 for r in counts.rows(named=True)}
    if found["similar"] <= found["bytes"]:
        return []
    return [
        (
            "Copies stand under several identities",
            f"{found['similar']} pictures have nearly the vector of a picture under another "
            f"identity, {found['bytes']} of them byte for byte. Those that are not the same bytes "
            "count as different people here, and may be learned from and tested on; the first "
            "section says more.",
        )
    ]
