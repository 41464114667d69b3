"""Figures of `erase`: leakage against verification errors, and what each probe still reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenface.erasers.methods import ERASERS
from evenface.heads.probes import PROBES
from evenface.studies import drawing
from evenface.studies.erase_curve import classes_of, curve, measuring, taken_out
from evenface.studies.erase_view import one_of, wholes
from evenface.studies.erased_ways import LEARNED, SPACE, SPACES, title_of
from evenface.studies.heldout import OTHERS, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evenface.studies.erase import EraseResult


RIVALS = [name for name in (LEARNED + r for r in SPACES) if name != SPACE.eraser]
"""Spaces learned with a remedy, drawn hollow."""

FRONT: dict[str, Any] = {
    "ls": "none", "marker": "o", "ms": 11, "mfc": "none", "mec": drawing.INK, "mew": 0.8,
    "label": "no other is better in both",
}  # fmt: skip
"""A ring around what no other way beats in both leakage and errors."""

_ORDER = ["none", *ERASERS, SPACE.eraser, *RIVALS]


def draw_curve(result: EraseResult) -> Figure:
    """Draw leakage against verification errors, a panel for what is taken out."""
    attributes = [a for a in taken_out(result) if curve(result, a)]
    with drawing.styled():
        figure = drawing.new_figure(3.6 * max(len(attributes), 1), 4.4)
        panels = figure.subplots(1, max(len(attributes), 1), squeeze=False)[0]
        for axes, attribute in zip(panels, attributes, strict=False):
            points = curve(result, attribute)
            starts = {"none": "as they are", SPACE.eraser: title_of(SPACE.eraser)}
            for k, eraser in enumerate((*ERASERS, *RIVALS)):
                learned = eraser in RIVALS
                own = sorted(
                    (p for p in points if p["eraser"] == eraser), key=lambda p: p["strength"]
                )
                if own:
                    first = SPACE.eraser if learned else "none"
                    line = [*(p for p in points if p["eraser"] == first), *own]
                    x, y = ([p[f"{of}_value"] for p in line] for of in ("leak", "eer"))
                    place = RIVALS.index(eraser) if learned else k
                    colour = drawing.colour(place)
                    axes.plot(x, y, color=colour, lw=0.8, alpha=0.7, ls="--" if learned else "-")
                    _points(
                        axes, own, fmt=drawing.MARKERS[place], color=colour, ms=4,
                        mfc="white" if learned else colour, label=title_of(eraser),
                    )  # fmt: skip
            for first, label in starts.items():
                own = [p for p in points if p["eraser"] == first]
                if own:
                    hollow = "white" if first == SPACE.eraser else drawing.INK
                    _points(axes, own, fmt="*", color=drawing.INK, ms=8, mfc=hollow, label=label)
            for chance in {p["chance"] for p in points}:
                axes.axvline(chance, color=drawing.INK, lw=0.8, ls=":")
            axes.set_title(drawing.short(attribute, 30))
            front = sorted((p["leak_value"], p["eer_value"]) for p in points if p["front"])
            axes.plot(*zip(*front, strict=True), **FRONT)
            several = len(result.context["parts"].get(attribute, [attribute])) > 1
            what = (
                "above chance, of the way to 1, the most read" if several else "balanced accuracy"
            )
            axes.set_xlabel(f"{what}, {title(measuring(result))} probe")
            # A rate of 0 stands on no axis.
            axes.set_ylim(bottom=-0.03 * axes.get_ylim()[1])
        panels[0].set_ylabel("equal error rate")
        _legend(figure, panels[0])
    return figure


def _legend(figure: Figure, panel: Any) -> None:
    """Put the legend below, where it covers no interval."""
    lines, names = panel.get_legend_handles_labels()
    if lines:
        columns = max(int(figure.get_figwidth() / 1.9), 1)
        figure.legend(lines, names, loc="outside lower center", ncols=columns, fontsize=7.5)


def _points(axes: Any, own: list[dict[str, Any]], **style: Any) -> None:
    axes.errorbar(
        [p["leak_value"] for p in own], [p["eer_value"] for p in own],
        xerr=_reach(own, "leak"), yerr=_reach(own, "eer"), lw=0.7, capsize=1.5, **style,
    )  # fmt: skip


def _reach(points: list[dict[str, Any]], of: str) -> list[list[float]]:
    return [
        [max(p[f"{of}_value"] - p[f"{of}_low"], 0) for p in points],
        [max(p[f"{of}_high"] - p[f"{of}_value"], 0) for p in points],
    ]


def draw_probes(result: EraseResult) -> Figure:
    """Draw what each probe reads of what was taken out, before and after."""
    attributes = [a for a in taken_out(result) if a in set(result.numbers["target"].to_list())]
    probes = [p for p in (*result.config["probes"], OTHERS) if p in PROBES or p == OTHERS]
    with drawing.styled():
        figure = drawing.new_figure(3.6 * max(len(attributes), 1), 3.8)
        panels = figure.subplots(1, max(len(attributes), 1), squeeze=False, sharey=True)[0]
        for axes, attribute in zip(panels, attributes, strict=False):
            strengths = {"none": 0.0, **wholes(result, attribute)}
            if any(e in RIVALS for e in strengths):
                strengths[SPACE.eraser] = SPACE.strength
            ways = sorted(strengths, key=_ORDER.index)
            for k, probe in enumerate(probes):
                own = [
                    one_of(
                        result, "balanced_accuracy", target=attribute, probe=probe, group="all",
                        eraser=e, strength=strengths[e],
                        attribute="none" if e in ("none", SPACE.eraser) else attribute,
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
            axes.axhline(1 / classes_of(result, attribute), color=drawing.INK, lw=0.8, ls=":")
            names = ["as they are" if e == "none" else title_of(e) for e in ways]
            axes.set_xticks(range(len(ways)), names, rotation=40, ha="right", fontsize=7.5)
            axes.set_title(drawing.short(attribute, 30))
            axes.set_ylim(0, 1.02)
        panels[0].set_ylabel("balanced accuracy")
        _legend(figure, panels[0])
    return figure
