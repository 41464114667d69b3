"""What `erase` found, in words that follow the intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.heads.probes import PROBES
from evenface.studies import drawing
from evenface.studies.erase_curve import classes_of, curve, measuring, taken_out
from evenface.studies.erased_ways import LEARNED, LINEAR, SPACE, by_label, named_way, title_of
from evenface.studies.heldout import OTHERS, title
from evenface.studies.words import above, below, listed, percent, said, said_rate

if TYPE_CHECKING:
    from evenface.studies.erase import EraseResult

AN = {
    LINEAR: "a linear probe", "mlp": "an MLP",
    OTHERS: "a linear probe that learned from other people",
}  # fmt: skip
MANY = ("knn",)
"""Readers that are called in the plural."""


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
    if sentences:
        sentences.append(
            f"Each number is held against chance, or no change, by its own interval of "
            f"{percent(float(result.config['level']))}: of so many some leave it out by luck alone."
        )
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
    probes = [*(p for p in result.config["probes"] if p in PROBES), OTHERS]
    chance = 1 / max(classes_of(result, attribute), 1)
    name = title_of(eraser)
    told, why = {}, ""
    for probe in probes:
        at = {"target": attribute, "probe": probe, "group": "all"}
        before = one_of(result, "balanced_accuracy", eraser="none", **at)
        own = {"attribute": attribute, "eraser": eraser, "strength": 1.0}
        after = one_of(result, "balanced_accuracy", **own, **at)
        if before is not None and after is not None and after.value is not None:
            told[probe] = (before, after)
        elif after is not None and not why:
            why = after.method
    what = drawing.short(attribute, 40)
    if not told:
        return f"What {name} leaves of {what} can't be said: {why}." if why else ""
    reads = {p for p, (_, after) in told.items() if above(after, chance)}
    turned = [title(p) for p, (_, after) in told.items() if below(after, chance)]
    parts = [f"{title(p)} probe {said(a)} ({said(b)} before)" for p, (b, a) in told.items()]
    numbers = f"balanced accuracy by {'; '.join(parts)}; chance {chance:.2f}"
    below_it = ""
    if turned:
        below_it = (
            f"; {listed(turned)} {'is' if len(turned) == 1 else 'are'} wrong more often than "
            "chance, which gives it away too"
        )
    left = [p for p in told if p != LINEAR and p in reads]
    if LINEAR in told and LINEAR not in reads and left:
        who = name if by_label(eraser) else "Linear erasure"
        to = listed([AN.get(p, title(p)) for p in sorted(left, key=lambda p: p != "mlp")])
        alone = len(left) == 1 and left[0] not in MANY
        ours = "no linear probe" if OTHERS not in left else "no linear probe of the people it saw"
        return (
            f"{who[0].upper()}{who[1:]} leaves {what} to {to}: after {name} {ours} is "
            f"shown to read it, and {f'{to} still does' if alone else 'they still do'}{below_it} "
            f"({numbers})."
        )
    if not reads:
        return f"After {name} no probe is shown to read {what}{below_it} ({numbers})."
    reader = LINEAR if LINEAR in reads else next(p for p in told if p in reads)
    return f"After {name} {_reader(reader)} still reads {what}{below_it} ({numbers})."


def _reader(probe: str) -> str:
    return AN.get(probe, f"a {title(probe)} probe")


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
    probe = measuring(result)
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
        if below(after, 1 / max(classes_of(result, attribute), 1)):
            part += " (below chance, which gives it away too)"
        else:
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
        f"A space learned to tell people apart gives {what} away to {_reader(probe)} with "
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
            names = dict.fromkeys(named_way(p["eraser"], p["strength"]) for p in front)
            # There are commas in them.
            named = [f"“{name}”" for name in names]
            best.append(f"for {drawing.short(attribute, 40)}, {listed(named)}")
    if not best:
        return ""
    return (
        f"Not beaten by another way in both, leakage to {_reader(measuring(result))} "
        f"and verification errors, by their values: {'; '.join(best)}. Intervals are in the "
        "table; no point is tested against another."
    )
