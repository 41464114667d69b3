"""What `erase` found, in words that follow the intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenface.heads.probes import PROBES
from evenface.studies import drawing
from evenface.studies.erased_ways import LEARNED, SPACE, by_label, named_way, title_of
from evenface.studies.heldout import title
from evenface.studies.words import above, below, listed, said, said_rate

if TYPE_CHECKING:
    from evenface.studies.erase import EraseResult

LINEAR = "linear"


def read_erase(result: EraseResult) -> list[str]:
    """Return what each eraser takes from linear probes, leaves to others, and costs."""
    sentences = []
    for attribute in taken_out(result):
        if attribute in set(result.numbers["target"].to_list()):
            erasers = (e for e in wholes(result, attribute) if not e.startswith(LEARNED))
            said_of = (_left(result, attribute, e) for e in erasers)
            sentences += [sentence for sentence in said_of if sentence]
            sentences += [*_price(result, attribute), *_learned(result, attribute)]
    if together := _together(result):
        sentences.append(together)
    for what, why in result.tables["left_out"].rows():
        sentences.append(f"Left out: {drawing.short(what, 80)} ({why}).")
    needing = result.tables["erasers"].filter("needs_labels")["title"].unique(maintain_order=True)
    if needing.len():
        verb = "needs" if needing.len() == 1 else "need"
        who = listed(needing.to_list())
        sentences.append(
            f"{who[0].upper()}{who[1:]} {verb} a picture's own label to change it, and got "
            "the recorded one: such labels may be wrong, and to ask for them may be unlawful. "
            "What is done by label can write the label into vectors, where other readers find it "
            "more easily than before."
        )
    return sentences or ["Nothing could be taken out."]


def taken_out(result: EraseResult) -> list[str]:
    """Return what was taken out, each alone and then together."""
    return [a for a in result.numbers["attribute"].unique(maintain_order=True) if a != "none"]


def wholes(result: EraseResult, attribute: str) -> dict[str, float]:
    """Return the erasers and learned spaces for an attribute, and each one's full strength."""
    own = result.where(attribute=attribute, stage="after")
    found = own.group_by("eraser", maintain_order=True).agg(pl.col("strength").max())
    return dict(found.rows())


def one_of(result: EraseResult, metric: str, **own: Any) -> Any:
    """Return the one number, or None."""
    return (
        result.estimate(metric=metric, **own) if result.where(metric=metric, **own).height else None
    )


def _left(result: EraseResult, attribute: str, eraser: str) -> str:
    """Say what is read before and after, and by whom."""
    probes = [p for p in result.config["probes"] if p in PROBES]
    chance = 1 / max(classes_of(result, attribute), 1)
    name = title_of(eraser)
    told = {}
    for probe in probes:
        at = {"target": attribute, "probe": probe, "group": "all"}
        before = one_of(result, "balanced_accuracy", eraser="none", **at)
        own = {"attribute": attribute, "eraser": eraser, "strength": 1.0}
        after = one_of(result, "balanced_accuracy", **own, **at)
        if before is not None and after is not None and after.value is not None:
            told[probe] = (before, after)
    if not told:
        return ""
    what = drawing.short(attribute, 40)
    reads = {p: above(after, chance) for p, (_, after) in told.items()}
    others = [p for p in told if p != LINEAR]
    parts = [f"{title(p)} probe {said(a)} ({said(b)} before)" for p, (b, a) in told.items()]
    numbers = f"balanced accuracy by {'; '.join(parts)}; chance {chance:.2f}"
    left = [p for p in others if reads[p]]
    if LINEAR in told and not reads[LINEAR] and left:
        to = "an MLP" if "mlp" in left else listed([title(p) for p in left])
        also = [title(p) for p in left if p != "mlp"] if "mlp" in left else []
        who = name if by_label(eraser) else "Linear erasure"
        return (
            f"{who[0].upper()}{who[1:]} leaves {what} to {to}: after {name} no linear probe is "
            f"shown to read it, and {to}{' and ' + listed(also) if also else ''} still "
            f"{'do' if also or len(left) > 1 else 'does'} ({numbers})."
        )
    if not any(reads.values()):
        return f"After {name} no probe is shown to read {what} ({numbers})."
    if reads.get(LINEAR):
        return f"After {name} a linear probe still reads {what} ({numbers})."
    return f"After {name}: {numbers}."


def classes_of(result: EraseResult, target: str) -> int:
    """Return how many values of a target were read."""
    return int(result.context["classes"].get(target, 2))


def _price(result: EraseResult, attribute: str) -> list[str]:
    """Say what erasing costs verification, and what it does to the other attributes."""
    own = result.where(attribute=attribute, strength=1.0, group="all", metric="eer_change")
    own = own.filter(~pl.col("eraser").str.starts_with(LEARNED))
    if not own.drop_nulls("value").height:
        return []
    before = result.estimate(metric="eer", eraser="none", group="all")
    worse = []
    for eraser in own["eraser"].to_list():
        at = {"attribute": attribute, "eraser": eraser, "strength": 1.0, "group": "all"}
        change, rate = (result.estimate(metric=m, **at) for m in ("eer_change", "eer"))
        verdict = "more errors" if above(change, 0) else "no more errors are shown"
        worse.append(f"{title_of(eraser)} {said_rate(rate)}: {verdict}")
    what = drawing.short(attribute, 40)
    return [f"The equal error rate of verification is {said_rate(before)} before; with {what} "
            f"taken out, {'; '.join(worse)}."]  # fmt: skip


def _learned(result: EraseResult, attribute: str) -> list[str]:
    """Say what remedies do while a space of people is learned, against a space without one."""
    probe = result.config["probes"][0]
    read: dict[str, Any] = {"target": attribute, "probe": probe, "group": "all"}
    plain = {"eraser": SPACE.eraser, "attribute": "none"}
    start = one_of(result, "balanced_accuracy", **read, **plain)
    if start is None or start.value is None:
        return []
    what, parts = drawing.short(attribute, 40), []
    for eraser, strength in wholes(result, attribute).items():
        own = {"attribute": attribute, "eraser": eraser, "strength": strength}
        after = one_of(result, "balanced_accuracy", **read, **own)
        if not eraser.startswith(LEARNED) or after is None or after.value is None:
            continue
        change = result.estimate(metric="balanced_accuracy_change", **read, **own)
        remedy = named_way(eraser, strength).removeprefix("learned, ")
        part = f"{remedy} {said(after)}"
        part += " (less)" if below(change, 0) else " (that it is less is not shown)"
        eer = one_of(result, "eer", group="all", **own)
        if eer is not None and eer.value is not None:
            moved = result.estimate(metric="eer_change", group="all", **own)
            dearer = "more errors" if above(moved, 0) else "no more errors are shown"
            part += f", EER {said_rate(eer)}: {dearer}"
        parts.append(part)
    if not parts:
        return []
    eer = one_of(result, "eer", group="all", **plain)
    rate = "" if eer is None or eer.value is None else f" and has an EER of {said_rate(eer)}"
    return [
        f"A space learned to tell people apart gives {what} away to a {title(probe)} probe with "
        f"balanced accuracy {said(start)}{rate}; learned with {'; with '.join(parts)}. These "
        "remedies are about linear readers: what others read is in the table."
    ]


def _together(result: EraseResult) -> str:
    """Say which ways no other beats in both leakage and errors."""
    best = []
    for attribute in taken_out(result):
        points = curve(result, attribute)
        front = [p for p in points if p["front"] and p["eraser"] != "none"]
        if front:
            named = list(dict.fromkeys(named_way(p["eraser"], p["strength"]) for p in front))
            best.append(f"for {drawing.short(attribute, 40)}, {listed(named)}")
    if not best:
        return ""
    return (
        f"No other way here is both read nearer to chance by a {title(result.config['probes'][0])} "
        f"probe and has fewer verification errors than these, by their values: {'; '.join(best)}. "
        "Intervals are in the table; no point is tested against another."
    )


def curve(result: EraseResult, attribute: str) -> list[dict[str, Any]]:
    """Return each way's leakage to the first probe, errors, and whether no other beats both.

    Leakage is how far from chance an attribute is read, as a share of the way to 1: below chance a
    reader is right when turned around. Taken out together, the attribute that is farthest counts.
    """
    probe = result.config["probes"][0]
    parts = result.context["parts"].get(attribute, [attribute])
    read = result.numbers.filter(
        (pl.col("metric") == "balanced_accuracy")
        & (pl.col("probe") == probe)
        & pl.col("target").is_in(parts)
        & pl.col("attribute").is_in([attribute, "none"])
        & pl.col("value").is_not_null()
    )
    points = []
    for row in result.numbers.filter(
        (pl.col("metric") == "eer")
        & (pl.col("group") == "all")
        & pl.col("attribute").is_in([attribute, "none"])
        & pl.col("value").is_not_null()
    ).rows(named=True):
        own = read.filter(eraser=row["eraser"], strength=row["strength"])
        if own.height == len(parts):
            leaks = [_leak(result, part) for part in own.rows(named=True)]
            place = int(np.argmax(leaks))
            worst = own.row(place, named=True)
            points.append({
                "eraser": row["eraser"], "strength": row["strength"], "target": worst["target"],
                "leak": leaks[place], "chance": 1 / classes_of(result, worst["target"]),
                **{f"leak_{k}": worst[k] for k in ("value", "low", "high")},
                **{f"eer_{k}": row[k] for k in ("value", "low", "high")},
            })  # fmt: skip
    for p in points:
        p["front"] = not any(
            q["leak"] <= p["leak"] and q["eer_value"] <= p["eer_value"]
            and (q["leak"], q["eer_value"]) != (p["leak"], p["eer_value"])
            for q in points
        )  # fmt: skip
    return points


def _leak(result: EraseResult, row: dict[str, Any]) -> float:
    chance = 1 / classes_of(result, row["target"])
    return abs(float(row["value"]) - chance) / (1 - chance)
