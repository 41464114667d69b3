"""What was measured, and what to beware of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evenface.embed.models.contracts import RAW
from evenface.report import texts
from evenface.report.results import Loaded
from evenface.studies.described import made_up
from evenface.studies.drawing import short

FEW = 20
"""Identities below which a group is marked as small."""

MOST = 4
"""Reasons that a card names; all of them are in a section below."""

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
    found = unfinished(loaded)
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
                f"Some studies ran on synthetic {made_up(loaded.contexts)}",
                "Others ran on faces that are not marked as synthetic.",
            )
        )
    return found


def unfinished(loaded: Loaded) -> list[tuple[str, str]]:
    """Return what a reader of a stopped run's report must know."""
    if not loaded.waiting:
        return []
    titles = [texts.CHAPTERS[name].title for name in loaded.waiting]
    return [
        (
            "This report is not finished",
            f"The run was stopped, or still goes on. Not answered yet: {'; '.join(titles)}. The "
            "same `evenface run` command goes on from there and keeps what is here.",
        )
    ]


def data_facts(context: Mapping[str, Any]) -> list[Fact]:
    """Return whose faces were measured and what was left out, as (name, value)."""
    shown: list[Fact] = [
        ((made_up([context]) or "faces").capitalize(), _count(context.get("rows", 0))),
        ("Identities", _count(context.get("identities", 0))),
        ("Groups made by", ", ".join(map(str, context.get("group_by", ()))) or UNSTATED),
        ("Source layout", str(context.get("layout") or UNSTATED)),
    ]
    if context.get("source_fingerprint"):
        shown.append(("Source fingerprint", str(context["source_fingerprint"])))
    return [*shown, ("Without an embedding", _failed(context)), ("Noticed", _noticed(context))]


def method_facts(
    context: Mapping[str, Any], splits: Mapping[str, Any] | None, config: Mapping[str, Any]
) -> list[Fact]:
    """Return how it was measured, as (name, value)."""
    card, crops = context.get("card", {}), context.get("preprocessing", {})
    shown: list[Fact] = [
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
    if config.get("level"):
        shown.append(("Intervals", f"{config['level']:.0%}, people as the unit".replace("%", " %")))
    if context.get("embedding_fingerprint"):
        shown.append(("Embedding fingerprint", str(context["embedding_fingerprint"])))
    return shown


def _failed(context: Mapping[str, Any]) -> str:
    """Return how many pictures have no vector, and why most of them don't."""
    if not context.get("failures"):
        return "none"
    reasons = [f"{r['reason']} ({r['len']})" for r in context.get("failure_reasons", ())]
    more = f"; {len(reasons) - MOST} more reasons" if len(reasons) > MOST else ""
    return f"{_count(context['failures'])}: {'; '.join(reasons[:MOST])}{more}"


def _noticed(context: Mapping[str, Any]) -> str:
    """Return what was left out or noticed while labels were read, in few words."""
    said = [f"{n['kind']} ({n['count']})" for n in context.get("notes", ())]
    more = f"; {len(said) - MOST} more" if len(said) > MOST else ""
    return "; ".join(said[:MOST]) + more if said else "nothing"


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
