"""How numbers fare when recorded labels are wrong, in a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from evenface.stats.flips import WAYS
from evenface.studies import drawing
from evenface.studies.label_noise import ALL, KEYS, breakdowns, standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN = 8
"""Conclusions that a figure shows, the frailest first; the table has all."""

ACROSS = 4
TITLES = {"random": "wrong at random", "worst": "least favourable found", "left_out": "left out"}


def draw_label_noise(frame: pl.DataFrame, value: str = "value") -> Figure:
    """Draw each number with its interval against the share of identities whose labels are wrong.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns of `LABEL_NOISE`. Conclusions that do not stand as recorded come last.
    value : str
        What the numbers are.
    """
    shown = _shown(frame)
    across = min(max(len(shown), 1), ACROSS)
    down = -(-max(len(shown), 1) // ACROSS)
    with drawing.styled():
        figure = drawing.new_figure(max(1.2 + 2.3 * across, 4.6), 1.1 + 2.2 * down)
        grid = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
        for axes in grid[len(shown) :]:
            axes.set_axis_off()
        several = len({own["about"][0] for own in shown}) > 1
        for axes, own in zip(grid, shown, strict=False):
            _panel(axes, own, several=several)
        if not shown:
            grid[0].text(0.5, 0.5, "no number could be computed", ha="center", va="center")
            return figure
        # On the axes, not the figure: there the legend below would lie upon it.
        for axes in grid[max(len(shown) - across, 0) : len(shown)]:
            axes.set_xlabel("another label, or left out (%)", fontsize=9)
        figure.supylabel(value, fontsize=9.5)
        lines, names = grid[0].get_legend_handles_labels()
        # One panel is narrower than all names beside each other.
        beside = len(names) if across > 1 else 2
        figure.legend(lines, names, loc="outside lower center", ncols=beside, fontsize=8.5)
    return figure


def _shown(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the rows of each conclusion to be drawn."""
    found = breakdowns(frame).filter(pl.col("low").is_not_null())
    ordered = pl.concat([standing(found), found.filter(pl.col("low") <= pl.col("bound"))])
    return [
        frame.filter(**{k: row[k] for k in KEYS})
        for row in ordered.head(DRAWN).rows(named=True)
    ]  # fmt: skip


def _panel(axes: Axes, own: pl.DataFrame, *, several: bool) -> None:
    for place, way in enumerate(WAYS):
        part = own.filter(way=way).sort("share")
        if not part.height:
            continue
        # What has no number leaves a gap.
        x, value, low, high = (
            np.array(part[c].to_list(), dtype=np.float64) for c in ("share", "value", "low", "high")
        )
        shade = drawing.colour(place)
        axes.fill_between(100 * x, low, high, color=shade, alpha=0.18, linewidth=0)
        axes.plot(
            100 * x, value, color=shade, lw=1.4, marker=drawing.marker(place), ms=3,
            label=TITLES[way],
        )  # fmt: skip
    axes.axhline(own["bound"][0], color=drawing.INK, ls=":", lw=1.2, label="bound")
    about, what, group = (str(own[key][0]) for key in KEYS)
    title = drawing.short(what, 32)
    if several and about not in what:
        title += f"\n{drawing.short(about, 30)}"
    if group != ALL:
        title += f"\n{drawing.short('in doubt: ' + group, 36)}"
    axes.set_title(title, fontsize=9)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.set_xlim(left=0)
