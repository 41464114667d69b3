"""Tables of the studies that learn spaces: `spaces` and `bias`."""

from __future__ import annotations

from typing import Any

from evenface.heads.objectives import LOSSES
from evenface.report.tables import Cell, cell
from evenface.studies.bias import BiasResult
from evenface.studies.bias_view import figure_name
from evenface.studies.losing import MEAN
from evenface.studies.remedies import REMEDIES
from evenface.studies.result import Result
from evenface.studies.spaces import SpacesResult

SHOWN = ("knn_accuracy", "worst_group_accuracy", "silhouette", "intra_distance", "inter_distance")


def _one(result: Result, **own: Any) -> Cell | None:
    found = result.where(**own)
    return cell(found.row(0, named=True)) if found.height == 1 else None


def spaces_tables(result: SpacesResult) -> list[dict[str, Any]]:
    """Return one table a balance and number of dimensions: losses down, measures across."""
    groups = [g for g in dict.fromkeys(result.numbers["group"].to_list()) if g != "all"]
    tables = []
    for balance in result.config["balance"]:
        for dims in result.config["dims"]:
            at = {"balance": balance, "dims": dims}
            likeness = result.tables["likeness"].filter(balance=balance, dims=dims)
            tables.append(
                {
                    **at,
                    "rows": [
                        {
                            "title": LOSSES[loss].title,
                            "cells": [
                                _one(result, metric=m, loss=loss, group="all", **at) for m in SHOWN
                            ],
                            "groups": [
                                _one(result, metric="knn_accuracy", loss=loss, group=g, **at)
                                for g in groups
                            ],
                        }
                        for loss in result.config["losses"]
                    ],
                    "groups": groups,
                    "likeness": [{**row, "cell": cell(row)} for row in likeness.rows(named=True)],
                }
            )
    return tables


def bias_tables(result: BiasResult) -> list[dict[str, Any]]:
    """Return one table a majority: losses and remedies down, shares across; and its tests."""
    tables = []
    for k, majority in enumerate(dict.fromkeys(result.numbers["majority"].to_list())):
        own = result.numbers.filter(majority=majority)
        shares = sorted(set(own["share"].to_list()))
        kinds = dict.fromkeys(own.select("loss", "remedy").rows())
        tests, gains = (
            result.tables[name].filter(majority=majority) for name in ("tests", "remedy_tests")
        )
        tables.append(
            {
                "majority": majority,
                "figure": figure_name(k),
                "shares": [f"{100 * s:.0f} %" for s in shares],
                "rows": [
                    {
                        "title": LOSSES[loss].title,
                        "remedy": REMEDIES[remedy].title,
                        **{
                            metric: [
                                _one(
                                    result,
                                    metric=metric,
                                    loss=loss,
                                    remedy=remedy,
                                    majority=majority,
                                    share=s,
                                    group="all",
                                )
                                for s in shares
                            ]
                            for metric in (
                                "knn_accuracy",
                                "worst_group_accuracy",
                                "drop_from_balanced",
                            )
                        },
                    }
                    for loss, remedy in kinds
                ],
                "tests": [
                    {**_test(row), "a": LOSSES[row["a"]].title, "b": LOSSES[row["b"]].title}
                    for row in tests.rows(named=True)
                ],
                "gains": [
                    {**_test(row), "loss": LOSSES[row["b"]].title, "remedy": _remedy(row["a"])}
                    for row in gains.rows(named=True)
                ],
            }
        )
    return tables


def _test(row: dict[str, Any]) -> dict[str, Any]:
    known = row["low"] is not None and row["p_holm"] is not None
    return {
        "what": "mean of groups" if row["what"] == MEAN else "worst group",
        "value": f"{row['value']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]".replace("-", "−")
        if known
        else "not tested",
        "p": f"{row['p_holm']:.3g}" if known else str(row["method"]),
        "splits": row["splits"],
    }


def _remedy(name: str) -> str:
    """Return the title of the remedy in ``loss + remedy``."""
    return REMEDIES[name.split(" + ")[1]].title
