"""The findings that stand on top of a report: which, and each as a sentence with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evenface.heads.objectives import LOSSES
from evenface.report import verified
from evenface.report.tables import Cell, cell, title_of
from evenface.studies.bias import BiasResult
from evenface.studies.drawing import short
from evenface.studies.map import MapResult
from evenface.studies.probe import ProbeResult
from evenface.studies.remedies import NONE
from evenface.studies.result import Result
from evenface.studies.spaces import SpacesResult
from evenface.studies.training_sets import ALL, MATCHED
from evenface.studies.transfer import TransferResult
from evenface.studies.verify import VerifyResult


def findings(results: Mapping[str, Result]) -> list[dict[str, Any]]:
    """Return the numbers that stand first, each with its interval."""
    found = [
        (r, find) for r in results.values() for k, find in FINDINGS.items() if isinstance(r, k)
    ]
    return [card for result, find in found for card in find(result)]


def _finding(kind: str, title: str, shown: Cell, detail: str, *, low: float = 0.0,
             tick: float | None = None, tick_name: str = "",
             counted: str = "pictures") -> dict[str, Any]:  # fmt: skip
    """Return one finding; a strip shows it between `low` and 1."""

    def place(x: float) -> float:
        return round(100 * (min(max(x, low), 1.0) - low) / (1.0 - low), 2)

    return {
        "kind": kind,
        "title": title,
        "cell": shown,
        "detail": detail,
        "places": [place(x) for x in shown.numbers] if shown.numbers else None,
        "ends": [f"{low:g}".replace("-", "−"), "1"],
        "tick": None if tick is None else place(tick),
        "tick_name": tick_name,
        "counted": counted,
    }


def _probe_findings(result: ProbeResult) -> list[dict[str, Any]]:
    cards = []
    for target, best, classes, chosen in result.tables["headline"].rows():
        found = result.where(
            metric="balanced_accuracy", target=target, probe=best, group="all"
        ).rows(named=True)
        if found:
            title = f"{title_of(short(target, 60))} read from the vectors"
            detail = f"Balanced accuracy, strongest probe on validation rows ({chosen})."
            shown = cell(found[0], digits=2)
            chance = f"chance {1 / classes:.2f}"
            cards.append(
                _finding("probe", title, shown, detail, tick=1 / classes, tick_name=chance)
            )
    return cards


def _map_findings(result: MapResult) -> list[dict[str, Any]]:
    size = max(result.numbers["per_group"].to_list())
    found = result.where(
        metric="knn_purity_corrected", space="original", per_group=size, labelling="group"
    ).rows(named=True)
    title = "neighbours of the same group"
    detail = "kNN purity above chance, in the embeddings: 0 is what chance gives, 1 the most."
    return [
        _finding("map", title, cell(r, digits=2), detail, low=-1.0 if (r["low"] or 0) < 0 else 0.0)
        for r in found
    ]


def _transfer_findings(result: TransferResult) -> list[dict[str, Any]]:
    gaps = result.where(metric="transfer_gap", probe=result.headline)
    gaps = gaps.filter(~gaps["train_on"].is_in([ALL, MATCHED]) & gaps["value"].is_not_null())
    if not gaps.height:
        return []
    lost = gaps.filter(gaps["low"] > 0).height
    top = gaps.sort("value", descending=True).row(0, named=True)
    title = f"largest of {gaps.height} transfer gaps"
    detail = (
        f"On {short(top['test_on'], 40)}, learned on {short(top['train_on'], 40)}. Overstated on "
        f"average for being the largest; {lost} of {gaps.height} intervals lie wholly above zero."
    )
    shown = cell(top, digits=2, signed=True)
    return [_finding("transfer", title, shown, detail, low=-1.0, tick=0.0, tick_name="no gap")]


def _spaces_findings(result: SpacesResult) -> list[dict[str, Any]]:
    balance, dims = result.config["balance"][0], min(result.config["dims"])
    found = result.where(metric="knn_accuracy", balance=balance, dims=dims, group="all")
    groups = {g for g in result.numbers["group"].to_list() if g != "all"}
    detail = (
        f"Mean group accuracy of held-out neighbours in {dims} learned dimensions, trained on "
        f"{balance} groups."
    )
    return [
        _finding("spaces", f"{LOSSES[row['loss']].title} space", cell(row, digits=2), detail,
                 tick=1 / max(len(groups), 1), tick_name="chance over groups")
        for row in found.filter(found["value"].is_not_null()).rows(named=True)
    ]  # fmt: skip


def _bias_findings(result: BiasResult) -> list[dict[str, Any]]:
    drops = result.where(metric="drop_from_balanced", group="all", remedy=NONE)
    drops = drops.filter(drops["value"].is_not_null() & (drops["share"] == drops["share"].max()))
    if not drops.height:
        return []
    top = drops.sort("value", descending=True).row(0, named=True)
    tests = result.tables["tests"]["p_holm"].drop_nulls()
    told = int((tests < 1 - float(result.config["level"])).sum())
    detail = (
        f"{LOSSES[top['loss']].title.capitalize()}, with {top['share']:.0%} "
        f"{short(top['majority'], 40)} among those learned from; the largest of {drops.height}, so "
        f"overstated on average. {told} of {tests.len()} comparisons between losses show a "
        "difference."
    )
    shown = cell(top, digits=2, signed=True)
    return [_finding("bias", "accuracy lost to a majority", shown, detail, low=-1.0, tick=0.0,
                     tick_name="nothing lost")]  # fmt: skip


FINDINGS: dict[type[Result], Callable[[Any], list[dict[str, Any]]]] = {
    ProbeResult: _probe_findings, TransferResult: _transfer_findings, MapResult: _map_findings,
    SpacesResult: _spaces_findings, BiasResult: _bias_findings,
    VerifyResult: lambda r: [_finding("verify", **card) for card in verified.findings(r)],
}  # fmt: skip
