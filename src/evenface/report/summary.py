"""What was measured, what to beware of, and the findings that stand on top of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evenface.embed.models.contracts import RAW
from evenface.heads.objectives import LOSSES
from evenface.report import verified
from evenface.report.results import Loaded
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

FEW = 20
"""Identities below which a group is marked as small."""

Fact = tuple[str, str]
UNSTATED = "not stated"
UNKNOWN = "(unknown)"


def headline(context: Mapping[str, Any]) -> str:
    """Return the page's title."""
    name = str(context.get("card", {}).get("name") or "")
    name = name.removeprefix("onnx:").removesuffix(".onnx")
    who = "these embeddings know" if name in ("", "arrays") else f"{short(name, 60)} knows"
    by = [short(a, 40) for a in context.get("group_by", ())] or ["demographic groups"]
    about = by[0] if len(by) == 1 else f"{', '.join(by[:-1])} and {by[-1]}"
    return f"What {who} about {about}"


def naming(*, names: bool, found: bool) -> list[tuple[str, str]]:
    """Return what a reader must know where names were asked for."""
    if not names:
        return []
    if found:
        return [
            (
                "This report holds names",
                "Paths and identities of people are in it, because that was asked for. Treat it "
                "as personal data.",
            )
        ]
    return [
        (
            "Names were asked for, but are not here",
            "The embeddings, which hold them, are not in this output folder.",
        )
    ]


def warnings(loaded: Loaded) -> list[tuple[str, str]]:
    """Return what makes the numbers doubtful, as (title, sentence)."""
    found = []
    context = loaded.contexts[0]
    card, crops = context.get("card", {}), context.get("preprocessing", {})
    assumed = list(card.get("assumed") or ())
    if assumed:
        values = ", ".join(f"{name} = {card.get(name)}" for name in assumed)
        found.append(
            (
                "The model's input was assumed",
                f"Nobody stated how this model wants its pictures; likely values were taken "
                f"({values}). If one is wrong, every number here is about a model fed wrongly.",
            )
        )
    if card.get("contract") == RAW:
        found.append(
            (
                "Pixels went in untouched",
                "This network was trained on other pixels (its card says which); raw pixels were "
                "asked for, to see what that does. No number here is the published network's.",
            )
        )
    # Rendered faces stand where they should; there is nothing to align.
    if crops.get("aligned") is False and crops.get("reason") and not context.get("synthetic"):
        found.append(
            (
                "Faces were not aligned",
                f"{crops['reason']}. Embeddings of unaligned faces are worse, and may be worse "
                "for some groups than for others.",
            )
        )
    found += [("Not everything is here", sentence) for sentence in loaded.skipped]
    prints = {c.get("embedding_fingerprint") for c in loaded.contexts}
    if len(prints) > 1:
        found.append(
            (
                "The studies ran on different embeddings",
                f"Their fingerprints differ ({', '.join(sorted(map(str, prints)))}). The summary "
                "describes the first; run the studies again to compare them.",
            )
        )
    if len({bool(c.get("synthetic")) for c in loaded.contexts}) > 1:
        found.append(
            (
                "Some studies ran on synthetic faces",
                "Others ran on faces that are not marked as synthetic.",
            )
        )
    return found


def facts(context: Mapping[str, Any], splits: Mapping[str, Any] | None) -> list[Fact]:
    """Return what was measured, as (name, value)."""
    card, crops = context.get("card", {}), context.get("preprocessing", {})
    shown: list[Fact] = [
        ("Faces", _count(context.get("rows", 0))),
        ("Identities", _count(context.get("identities", 0))),
        ("Groups made by", ", ".join(map(str, context.get("group_by", ()))) or UNSTATED),
        ("Source layout", str(context.get("layout") or UNSTATED)),
        ("Embedder", str(card.get("name") or UNSTATED)),
        ("Dimension", _count(context.get("dimension", 0))),
        ("Model input", _input(card)),
        ("Alignment", _alignment(crops)),
        ("Licence of the weights", str(card.get("licence") or UNSTATED)),
        ("Commercial use", {True: "yes", False: "no"}.get(card.get("commercial_use"), UNSTATED)),
    ]
    shown += [(title, str(card[key])) for key, title in CARD if card.get(key)]
    if splits:
        sides = ", ".join(f"{_count(splits[s])} {s}" for s in ("train", "validation", "test"))
        shown.append(("Splits", f"{splits['count']}; rows in each, on average: {sides}"))
        shown.append(("Split fingerprint", str(splits["fingerprint"])))
    for key in ("source", "embedding"):
        if context.get(f"{key}_fingerprint"):
            shown.append((f"{key.capitalize()} fingerprint", str(context[f"{key}_fingerprint"])))
    return shown


CARD = (
    ("output", "Layer"),
    ("paper", "Paper"),
    ("accuracy", "Published accuracy"),
    ("sha256", "Weights (sha256)"),
)


def _count(number: Any) -> str:
    return f"{int(number):,}".replace(",", "\u202f")


def _input(card: Mapping[str, Any]) -> str:
    if not card.get("size"):
        return UNSTATED
    width, height = card["size"]
    rest = [f"{width} × {height}", str(card.get("color") or "")]
    if card.get("contract"):
        rest.append(f"contract {card['contract']}")
    rest += [f"{k} {card[k]}" for k in ("mean", "scale") if card.get(k) is not None]
    return ", ".join(r for r in rest if r)


def _alignment(crops: Mapping[str, Any]) -> str:
    if crops.get("aligned"):
        detector = (crops.get("detector") or {}).get("name", "a detector")
        if crops.get("crop") == "box":
            return f"a square around the face found by {detector}"
        return f"to five points found by {detector}"
    if crops.get("aligned") is False:
        return f"none: {crops['reason']}" if crops.get("reason") else "none; none is needed"
    return "not recorded"


def groups(context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the groups with their counts, and which are small."""
    rows: Sequence[Mapping[str, Any]] = context.get("groups", ())
    rows = sorted(rows, key=lambda r: str(r["group"]) == UNKNOWN)
    count = [int(r["identities"]) for r in rows]
    most = max([1, *count])
    return [
        {**r, "share": round(100 * n / most, 1), "few": n < FEW}
        for r, n in zip(rows, count, strict=True)
    ]


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
