"""The findings that stand on top of a report: which, and each as a sentence with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from evenface.heads.objectives import LOSSES
from evenface.report import verified
from evenface.report.summary import FEW
from evenface.report.tables import Cell, cell, title_of
from evenface.studies.bias import BiasResult
from evenface.studies.checks import ChecksResult
from evenface.studies.data import GROUP
from evenface.studies.drawing import short
from evenface.studies.erase import EraseResult
from evenface.studies.erase_curve import classes_of, taken_out
from evenface.studies.erased_ways import title_of as erased_title
from evenface.studies.heldout import OTHERS, STRONGEST
from evenface.studies.map import MapResult
from evenface.studies.probe import ProbeResult
from evenface.studies.remedies import NONE
from evenface.studies.result import Result
from evenface.studies.spaces import SpacesResult
from evenface.studies.training_sets import ALL, MATCHED
from evenface.studies.transfer import TransferResult
from evenface.studies.verify import VerifyResult
from evenface.studies.verify_view import main_point, tests_at
from evenface.studies.words import listed, said

MOST = 5
"""Findings that stand on top; the others are folded."""

ORDER = (("probe", 0), ("verify", 0), ("transfer", 0), ("bias", 0), ("erase", 0), ("probe", 1),
         ("spaces", 0), ("map", 0), ("checks", 0))  # fmt: skip
"""Which findings go first: a study, and the place of its finding among its own.

What is known, whom it fails, whether it carries over, what a majority costs, what erasing leaves;
then a second attribute, learned spaces, neighbours, the input. The order is fixed, so that no study
is on top for having a large number.
"""


def findings(results: Mapping[str, Result]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the findings that stand first and the others, both in the order of the studies."""
    asked = [
        (r, find) for r in results.values() for k, find in FINDINGS.items() if isinstance(r, k)
    ]
    cards = [(card, k) for r, find in asked for k, card in enumerate(find(r))]

    def rank(place: int) -> tuple[bool, int, int]:
        card, k = cards[place]
        key = (card["kind"], k)
        # Where there is no number, there is little to find.
        return bool(card["cell"].why), ORDER.index(key) if key in ORDER else len(ORDER), place

    first = set(sorted(range(len(cards)), key=rank)[:MOST])
    return (
        [card for place, (card, _) in enumerate(cards) if place in first],
        [card for place, (card, _) in enumerate(cards) if place not in first],
    )


def _finding(kind: str, title: str, shown: Cell, says: str, detail: str, *, low: float = 0.0,
             tick: float | None = None, tick_name: str = "",
             counted: str = "pictures") -> dict[str, Any]:  # fmt: skip
    """Return one finding; a strip shows it between `low` and 1."""

    def place(x: float) -> float:
        return round(100 * (min(max(x, low), 1.0) - low) / (1.0 - low), 2)

    return {
        "kind": kind,
        "title": title,
        "cell": shown,
        "says": "" if shown.why else says,
        "detail": detail,
        "places": [place(x) for x in shown.numbers] if shown.numbers else None,
        "ends": [f"{low:g}".replace("-", "−"), "1"],
        "tick": None if tick is None else place(tick),
        "tick_name": tick_name,
        "counted": counted,
        "few": FEW if shown.identities < FEW and not shown.why else 0,
    }


def _probe_findings(result: ProbeResult) -> list[dict[str, Any]]:
    """Return what each attribute is read with, the one read most surely first."""
    cards: list[tuple[float, dict[str, Any]]] = []
    for target, best, classes, chosen in result.tables["headline"].rows():
        found = result.where(
            metric="balanced_accuracy", target=target, probe=best, group="all"
        ).rows(named=True)
        if found:
            low = found[0]["low"]
            sure = -1.0 if low is None else (low * classes - 1) / (classes - 1)
            name = title_of(short(target, 60))
            called = f"the {name}" if target == GROUP else name
            says = (
                f"{called[:1].upper()}{called[1:]} can be read from vectors of people never seen."
                if sure > 0
                else f"That {called} can be read better than by chance is not shown."
            )
            title = f"{name} read from the vectors"
            detail = f"Balanced accuracy, strongest probe on validation rows ({chosen})."
            shown = cell(found[0], digits=2)
            chance = f"chance {1 / classes:.2f}"
            card = _finding("probe", title, shown, says, detail, tick=1 / classes, tick_name=chance)
            # The group is the attributes again.
            cards.append((sure - 2 * (target == GROUP), card))
    return [card for _, card in sorted(cards, key=lambda pair: -pair[0])]


def _map_findings(result: MapResult) -> list[dict[str, Any]]:
    size = max(result.numbers["per_group"].to_list())
    found = result.where(
        metric="knn_purity_corrected", space="original", per_group=size, labelling="group"
    ).rows(named=True)
    title = "neighbours of the same group"
    detail = "kNN purity above chance, in the embeddings: 0 is what chance gives, 1 the most."
    return [
        _finding("map", title, cell(r, digits=2),
                 "Nearest faces of other people share their group more than chance would have it."
                 if (r["low"] or 0) > 0 else
                 "That nearest faces share their group more than by chance is not shown.",
                 detail, low=-1.0 if (r["low"] or 0) < 0 else 0.0)
        for r in found
    ]  # fmt: skip


def _transfer_findings(result: TransferResult) -> list[dict[str, Any]]:
    gaps = result.where(metric="transfer_gap", probe=result.headline)
    gaps = gaps.filter(~gaps["train_on"].is_in([ALL, MATCHED]) & gaps["value"].is_not_null())
    if not gaps.height:
        return []
    tests = result.tables["tests"].filter(about=result.headline, metric="transfer_gap")
    tests = tests.rename({"a": "test_on", "b": "train_on"})
    told = gaps.join(
        tests.filter(tests["p_holm"] < 1 - float(result.config["level"])),
        on=["test_on", "train_on"], how="semi",
    ).filter(pl.col("low") > 0)  # fmt: skip
    target = short(str(result.config["target"]), 40)
    if told.height:
        says = f"{target.capitalize()} learned on one group is read worse on another."
        title = f"largest of {told.height} transfer gaps that are shown"
        why = f"{told.height} of {gaps.height} are shown, after Holm's correction for all"
    else:
        says = f"That {target} learned on one group is read worse on another is not shown."
        title = f"largest of {gaps.height} transfer gaps"
        lost = gaps.filter(gaps["low"] > 0).height
        why = f"{lost} of {gaps.height} intervals lie wholly above zero"
    # A larger one that isn't shown would stand beside a sentence that isn't about it.
    top = (told if told.height else gaps).sort("value", descending=True).row(0, named=True)
    detail = (
        f"On {short(top['test_on'], 40)}, learned on {short(top['train_on'], 40)}. Overstated on "
        f"average for being the largest; {why}."
    )
    shown = cell(top, digits=2, signed=True)
    return [
        _finding("transfer", title, shown, says, detail, low=-1.0, tick=0.0, tick_name="no gap")
    ]


def _spaces_findings(result: SpacesResult) -> list[dict[str, Any]]:
    balance, dims = result.config["balance"][0], min(result.config["dims"])
    found = result.where(metric="knn_accuracy", balance=balance, dims=dims, group="all")
    groups = {g for g in result.numbers["group"].to_list() if g != "all"}
    chance = 1 / max(len(groups), 1)
    detail = (
        f"Mean group accuracy of held-out neighbours in {dims} learned dimensions, trained on "
        f"{balance} groups."
    )
    return [
        _finding("spaces", f"{LOSSES[row['loss']].title} space", cell(row, digits=2),
                 "People held out are told apart by their neighbours."
                 if (row["low"] or 0) > chance else
                 "That people held out are told apart better than by chance is not shown.",
                 detail, tick=chance, tick_name="chance over groups")
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
    lost = drops.filter(drops["low"] > 0).height
    says = (
        f"A majority among those learned from costs accuracy in {lost} of {drops.height} cases, by "
        "intervals that are not corrected for their number."
        if lost
        else "That a majority among those learned from costs accuracy is not shown."
    )
    shown = cell(top, digits=2, signed=True)
    return [_finding("bias", "accuracy lost to a majority", shown, says, detail, low=-1.0,
                     tick=0.0, tick_name="nothing lost")]  # fmt: skip


def _verify_findings(result: VerifyResult) -> list[dict[str, Any]]:
    point = main_point(result)
    if point is None:
        return []
    tests = tests_at(result, point)
    told = tests.filter(tests["p_holm"] < 1 - float(result.config["level"]))
    parts = []
    for metric, event in ERRORS.items():
        by = told.filter(metric=metric)["attribute"].to_list()
        differs = f"differs by {listed([title_of(a) for a in by])}" if by else ""
        parts.append(f"{event} {differs}" if by else f"that {event} differs by group is not shown")
    says = f"{'; '.join(parts)}."
    says = says[0].upper() + says[1:]
    return [_finding("verify", says=says, **card) for card in verified.findings(result)]


ERRORS = {
    "fnmr": "how often pictures of one person fail to match",
    "fmr": "how often pictures of two people match",
}


def _erase_findings(result: EraseResult) -> list[dict[str, Any]]:
    """Return what the strongest reader still reads after the first eraser, by attribute."""
    found = result.where(metric="balanced_accuracy", strength=1.0, group="all")
    eraser = result.config["erasers"][0]
    probes = result.config["probes"]
    reader = STRONGEST if len(probes) > 1 else probes[0]
    cards = []
    for attribute in taken_out(result):
        chance = 1 / classes_of(result, attribute)
        own = found.filter(eraser=eraser, attribute=attribute, target=attribute)
        rows = {r["probe"]: r for r in own.rows(named=True)}
        if reader not in rows:
            continue
        other = rows.get(OTHERS)
        unseen = other is not None and (other["low"] or 0) > chance >= (rows[reader]["low"] or 0)
        row, name = rows[OTHERS if unseen else reader], title_of(short(attribute, 60))
        by = erased_title(eraser)
        says = f"That {name} can still be read after {by} is not shown."
        if (row["low"] or 0) > chance:
            says = f"After {by} {name} can still be read from vectors of people never seen."
        elif (1 if row["high"] is None else row["high"]) < chance:
            says = f"After {by} {name} is read below chance, which gives it away too."
        at = {"target": attribute, "probe": row["probe"], "group": "all"}
        before = result.estimate(metric="balanced_accuracy", eraser="none", **at)
        who = "strongest probe on validation rows" if len(probes) > 1 else f"{reader} probe"
        if unseen:
            who = "linear probe that learned from other people than the eraser"
        detail = f"Balanced accuracy, {who}; {said(before)} before."
        cards.append(
            _finding("erase", f"{name} read after {by}", cell(row, digits=2), says, detail,
                     tick=chance, tick_name=f"chance {chance:.2f}")
        )  # fmt: skip
    return cards


def _checks_findings(result: ChecksResult) -> list[dict[str, Any]]:
    for metric, title in CHECKED.items():
        found = result.where(metric=metric, group="all").drop_nulls("value").rows(named=True)
        if found:
            says = "A share of the input that no study sees." if found[0]["low"] else ""
            return [_finding("checks", title, cell(found[0]), says, "Share of the pictures.")]
    return []


CHECKED = {
    "failure_to_enrol": "pictures without a face that was found",
    "unreadable": "pictures that could not be read",
}
"""What of the input stands on top where nothing else does: the first that could be computed."""


FINDINGS: dict[type[Result], Callable[[Any], list[dict[str, Any]]]] = {
    ProbeResult: _probe_findings, TransferResult: _transfer_findings, MapResult: _map_findings,
    SpacesResult: _spaces_findings, BiasResult: _bias_findings, VerifyResult: _verify_findings,
    EraseResult: _erase_findings, ChecksResult: _checks_findings,
}  # fmt: skip
