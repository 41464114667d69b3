"""What `erase` found, in words that follow the intervals, and in figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.erasers.methods import ERASERS
from evenface.heads.probes import PROBES
from evenface.studies import drawing
from evenface.studies.heldout import title
from evenface.studies.words import above, listed, said, said_rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evenface.studies.erase import EraseResult

LINEAR = "linear"


def read_erase(result: EraseResult) -> list[str]:
    """Return what each eraser takes from linear probes, leaves to others, and costs."""
    sentences = []
    for attribute in taken_out(result):
        if attribute in set(result.numbers["target"].to_list()):
            said_of = (_left(result, attribute, e) for e in _erasers(result, attribute))
            sentences += [sentence for sentence in said_of if sentence]
            sentences += _price(result, attribute)
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


def _erasers(result: EraseResult, attribute: str) -> list[str]:
    own = result.where(attribute=attribute, stage="after")
    return own["eraser"].unique(maintain_order=True).to_list()


def _found(result: EraseResult, metric: str, **own: Any) -> Any:
    """Return the one number, or None."""
    return (
        result.estimate(metric=metric, **own) if result.where(metric=metric, **own).height else None
    )


def _left(result: EraseResult, attribute: str, eraser: str) -> str:
    """Say what is read before and after, and by whom."""
    probes = [p for p in result.config["probes"] if p in PROBES]
    chance = 1 / max(_classes(result, attribute), 1)
    name = ERASERS[eraser].title
    told = {}
    for probe in probes:
        at = {"target": attribute, "probe": probe, "group": "all"}
        before = _found(result, "balanced_accuracy", eraser="none", **at)
        own = {"attribute": attribute, "eraser": eraser, "strength": 1.0}
        after = _found(result, "balanced_accuracy", **own, **at)
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
        who = name if ERASERS[eraser].by_label else "Linear erasure"
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


def _classes(result: EraseResult, target: str) -> int:
    return int(result.context["classes"].get(target, 2))


def _price(result: EraseResult, attribute: str) -> list[str]:
    """Say what erasing costs verification, and what it does to the other attributes."""
    own = result.where(attribute=attribute, strength=1.0, group="all", metric="eer_change")
    if not own.drop_nulls("value").height:
        return []
    before = result.estimate(metric="eer", eraser="none", group="all")
    worse = []
    for eraser in own["eraser"].to_list():
        at = {"attribute": attribute, "eraser": eraser, "strength": 1.0, "group": "all"}
        change, rate = (result.estimate(metric=m, **at) for m in ("eer_change", "eer"))
        verdict = "more errors" if above(change, 0) else "no more errors are shown"
        worse.append(f"{ERASERS[eraser].title} {said_rate(rate)}: {verdict}")
    what = drawing.short(attribute, 40)
    return [f"The equal error rate of verification is {said_rate(before)} before; with {what} "
            f"taken out, {'; '.join(worse)}."]  # fmt: skip


def _together(result: EraseResult) -> str:
    """Say which ways no other beats in both leakage and errors."""
    best = []
    for attribute in taken_out(result):
        points = curve(result, attribute)
        front = [p for p in points if p["front"] and p["eraser"] != "none"]
        if front:
            named = list(
                dict.fromkeys(f"{ERASERS[p['eraser']].title} at {p['strength']:g}" for p in front)
            )
            best.append(f"for {drawing.short(attribute, 40)}, {listed(named)}")
    if not best:
        return ""
    return (
        "No other way here has both less leakage to a linear probe and fewer verification errors "
        f"than these, by their values: {'; '.join(best)}. Intervals are in "
        "the table; no point is tested against another."
    )


def curve(result: EraseResult, attribute: str) -> list[dict[str, Any]]:
    """Return each way's leakage to the first probe, errors, and whether no other beats both.

    Taken out together, the attribute that is read best is what leaks.
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
            worst = own.sort("value")[-1].row(0, named=True)
            points.append({
                "eraser": row["eraser"], "strength": row["strength"], "target": worst["target"],
                **{f"leak_{k}": worst[k] for k in ("value", "low", "high")},
                **{f"eer_{k}": row[k] for k in ("value", "low", "high")},
            })  # fmt: skip
    for p in points:
        p["front"] = not any(
            q["leak_value"] <= p["leak_value"] and q["eer_value"] <= p["eer_value"]
            and (q["leak_value"], q["eer_value"]) != (p["leak_value"], p["eer_value"])
            for q in points
        )  # fmt: skip
    return points


def draw_curve(result: EraseResult) -> Figure:
    """Draw leakage against verification errors, a panel for what is taken out."""
    attributes = [a for a in taken_out(result) if curve(result, a)]
    with drawing.styled():
        figure = drawing.new_figure(3.6 * max(len(attributes), 1), 3.8)
        panels = figure.subplots(1, max(len(attributes), 1), squeeze=False)[0]
        for axes, attribute in zip(panels, attributes, strict=False):
            points = curve(result, attribute)
            start = [p for p in points if p["eraser"] == "none"]
            for k, eraser in enumerate(ERASERS):
                own = sorted(
                    (p for p in points if p["eraser"] == eraser), key=lambda p: p["strength"]
                )
                if not own:
                    continue
                line = [*start, *own]
                x, y = ([p[f"{of}_value"] for p in line] for of in ("leak", "eer"))
                axes.plot(x, y, color=drawing.colour(k), lw=0.8, alpha=0.7)
                last = own[-1]
                axes.errorbar(
                    [p["leak_value"] for p in own], [p["eer_value"] for p in own],
                    xerr=_reach(own, "leak"), yerr=_reach(own, "eer"), fmt=drawing.MARKERS[k],
                    color=drawing.colour(k), ms=4, lw=0.7, capsize=1.5,
                    label=ERASERS[last["eraser"]].title,
                )  # fmt: skip
            axes.errorbar(
                [p["leak_value"] for p in start], [p["eer_value"] for p in start],
                xerr=_reach(start, "leak"), yerr=_reach(start, "eer"), fmt="*",
                color=drawing.INK, ms=8, lw=0.7, capsize=1.5, label="as they are",
            )  # fmt: skip
            axes.set_title(drawing.short(attribute, 30))
            axes.set_xlabel(f"balanced accuracy, {result.config['probes'][0]} probe")
            axes.set_ylim(bottom=0)
        panels[0].set_ylabel("equal error rate")
        if panels[0].get_legend_handles_labels()[0]:
            panels[0].legend(fontsize=7)
    return figure


def _reach(points: list[dict[str, Any]], of: str) -> list[list[float]]:
    return [
        [max(p[f"{of}_value"] - p[f"{of}_low"], 0) for p in points],
        [max(p[f"{of}_high"] - p[f"{of}_value"], 0) for p in points],
    ]


def draw_probes(result: EraseResult) -> Figure:
    """Draw what each probe reads of what was taken out, before and after."""
    attributes = [a for a in taken_out(result) if a in set(result.numbers["target"].to_list())]
    probes = [p for p in result.config["probes"] if p in PROBES]
    with drawing.styled():
        figure = drawing.new_figure(3.6 * max(len(attributes), 1), 3.6)
        panels = figure.subplots(1, max(len(attributes), 1), squeeze=False, sharey=True)[0]
        for axes, attribute in zip(panels, attributes, strict=False):
            ways = ["none", *_erasers(result, attribute)]
            for k, probe in enumerate(probes):
                own = [
                    _found(
                        result, "balanced_accuracy", target=attribute, probe=probe, group="all",
                        eraser=e, attribute="none" if e == "none" else attribute,
                        strength=0.0 if e == "none" else 1.0,
                    )
                    for e in ways
                ]  # fmt: skip
                found = [(i, e) for i, e in enumerate(own) if e is not None and e.value is not None]
                axes.errorbar(
                    [i + 0.12 * (k - 1) for i, _ in found], [e.value for _, e in found],
                    yerr=[
                        [e.value - e.low for _, e in found],
                        [e.high - e.value for _, e in found],
                    ],
                    fmt=drawing.MARKERS[k], color=drawing.colour(k), ms=4, lw=0.9, capsize=2,
                    label=title(probe),
                )  # fmt: skip
            axes.axhline(1 / _classes(result, attribute), color=drawing.INK, lw=0.8, ls=":")
            names = ["as they are", *(ERASERS[e].title for e in ways[1:])]
            axes.set_xticks(range(len(ways)), names, rotation=40, ha="right", fontsize=7.5)
            axes.set_title(drawing.short(attribute, 30))
            axes.set_ylim(0, 1.02)
        panels[0].set_ylabel("balanced accuracy")
        if panels[0].get_legend_handles_labels()[0]:
            panels[0].legend(fontsize=7)
    return figure
