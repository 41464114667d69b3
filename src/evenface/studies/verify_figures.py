"""What `verify` found, drawn: DET curves, rates by group, impostors between groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy import special

from evenface.studies import drawing
from evenface.studies.partitions import ALL
from evenface.studies.verify_unequal import LEAST
from evenface.studies.verify_view import (
    at_point,
    attributes,
    main_point,
    tested_groups,
    where,
)
from evenface.studies.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from evenface.studies.verify import VerifyResult

TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
MOST_LINES = 12
"""Groups that a figure draws; with more, those of most people."""


def verify_figures(result: VerifyResult) -> dict[str, Figure]:
    """Return ``verify``, and with an operating point ``verify_rates`` and ``verify_matrix``."""
    found = {"verify": draw_det(result)}
    point = main_point(result)
    if point is not None:
        found["verify_rates"] = draw_rates(result, point)
        found["verify_matrix"] = draw_matrix(result, point)
    return found


def shown_groups(result: VerifyResult, attribute: str) -> list[str]:
    """Return the groups that figures show, in order: those of most people."""
    counts = result.tables["counts"].filter(attribute=attribute)
    kept = counts.sort("identities", descending=True).head(MOST_LINES)["group"].to_list()
    return [g for g in counts["group"].to_list() if g in kept]


def draw_det(result: VerifyResult) -> Figure:
    """Draw FNMR against FMR on normal-deviate axes, a panel for each way to part people.

    Ways in which no group has a curve are left out, but for the first.
    """
    ways = attributes(result)
    ways = [a for a in ways if a == ways[0] or _drawn(result, a)]
    with drawing.styled():
        figure = drawing.new_figure(4.4 * len(ways) + 0.6, 4.6)
        for axes, attribute in zip(
            figure.subplots(1, len(ways), squeeze=False).ravel(), ways, strict=True
        ):
            _det_panel(axes, result, attribute)
    return figure


def _drawn(result: VerifyResult, attribute: str) -> list[str]:
    """Return the groups that have a curve."""
    curves = _seen(result.tables["curves"]).filter(attribute=attribute)
    # A curve of a few people is mostly chance, and its band all of the panel.
    tested = tested_groups(result, attribute)
    there = [g for g in shown_groups(result, attribute) if g in tested]
    return [g for g in there if curves.filter(group=g).height > 1]


def _seen(curves: pl.DataFrame) -> pl.DataFrame:
    """Return what has a place on normal-deviate axes: what is 0 or 1 has none."""
    return curves.filter((pl.col("fmr") > 0) & (pl.col("fnmr") > 0) & (pl.col("fnmr") < 1))


def _det_panel(axes: Axes, result: VerifyResult, attribute: str) -> None:
    curves = result.tables["curves"]
    groups = _drawn(result, attribute)
    everybody = curves.filter(pl.col("attribute").is_null())
    if _seen(everybody).height > 1:
        _curve(axes, everybody, drawing.INK, "everybody", band=False, line="-.")
    looks = drawing.looks(groups)
    for name in groups:
        own = curves.filter(attribute=attribute, group=name)
        hue, place = looks[name]
        _curve(axes, own, hue, drawing.short(name, 28), band=True,
               line=drawing.LINES[place])  # fmt: skip
    seen = _seen(curves)
    if not seen.height:
        axes.text(0.5, 0.5, "no threshold at which\nerrors of both kinds occur", ha="center",
                  va="center", transform=axes.transAxes, color=drawing.INK)  # fmt: skip
    for kind, axis in (("fmr", axes.xaxis), ("fnmr", axes.yaxis)):
        values = seen[kind].to_list() or [0.01, 0.5]
        low, high = min(values), max(0.5, min(max(values), 0.9))
        ticks = [t for t in TICKS if low * 0.9 <= t <= high] or [low, high]
        axis.set_ticks(special.ndtri(ticks).tolist(), [percent(t) for t in ticks])
        ends = special.ndtri([max(low * 0.8, 1e-9), high]).tolist()
        (axes.set_xlim if kind == "fmr" else axes.set_ylim)(*ends)
    axes.tick_params(axis="x", rotation=45)
    title = "demographic group" if attribute == "group" else drawing.short(attribute, 40)
    axes.set_title(f"By {title}")
    axes.set_xlabel(f"FMR; groups of {LEAST} identities or more")
    axes.set_ylabel("FNMR")
    axes.grid(visible=True)
    axes.set_axisbelow(True)
    drawing.legend(axes, fontsize=7.5)


def _curve(
    axes: Axes, own: pl.DataFrame, colour: str, label: str, *, band: bool, line: Any
) -> None:
    kept = _seen(own)
    x, y = (special.ndtri(kept[c].to_numpy()) for c in ("fmr", "fnmr"))
    axes.plot(x, y, color=colour, lw=1.5, ls=line, label=label)
    sure = kept.drop_nulls("fnmr_low")
    if band and sure.height > 1:
        ends = [
            special.ndtri(np.clip(sure[c].to_numpy(), 1e-9, 1 - 1e-9))
            for c in ("fnmr_low", "fnmr_high")
        ]
        at = special.ndtri(sure["fmr"].to_numpy())
        axes.fill_between(at, *ends, color=colour, alpha=0.13, lw=0)


def draw_rates(result: VerifyResult, point: dict[str, Any]) -> Figure:
    """Draw each group's FMR and FNMR at a threshold, with intervals."""
    rows = at_point(result, point)
    names = [(a, g) for a in attributes(result) for g in shown_groups(result, a)]
    with drawing.styled():
        figure = drawing.new_figure(9.2, 1.4 + 0.3 * (len(names) + 1))
        for axes, metric in zip(figure.subplots(1, 2, sharey=True), ("fmr", "fnmr"), strict=True):
            own = [
                rows.filter(metric=metric, attribute=a, group_a=g, group_b=g).row(0, named=True)
                for a, g in names
            ]
            pooled = rows.filter(metric=metric, group_a=ALL).filter(pl.col("attribute").is_null())
            value = pooled["value"][0]
            if value is not None:
                axes.axvline(value, color=drawing.INK, ls=":", lw=1.2)
            drawing.error_bars(axes, range(len(names)), own, colour=drawing.PALETTE[0])
            for y, row in enumerate(own):
                if row["value"] is None:
                    axes.text(0, y, " no rate", va="center", fontsize=7.5, color=drawing.BLANK)
            axes.set_title("FMR within the group" if metric == "fmr" else "FNMR")
            axes.set_xlim(left=0)
            axes.xaxis.set_major_formatter(lambda v, _: percent(max(v, 0)))
            axes.tick_params(axis="x", labelsize=8)
            axes.grid(axis="x")
            axes.set_axisbelow(True)
        first = figure.axes[0]
        first.set_yticks(range(len(names)), [drawing.short(g, 34) for _, g in names])
        first.invert_yaxis()
        figure.supxlabel(f"{where(point)}; dotted: everybody", fontsize=8.5)
    return figure


def draw_matrix(result: VerifyResult, point: dict[str, Any]) -> Figure:
    """Draw the FMR of impostors between every two groups."""
    rows = at_point(result, point).filter(metric="fmr")
    ways = attributes(result)
    sizes = [len(shown_groups(result, a)) for a in ways]
    with drawing.styled():
        width = sum(1.6 + 0.95 * s for s in sizes)
        figure = drawing.new_figure(max(width, 5.0), 2.0 + 0.5 * max(sizes))
        grid = figure.subplots(1, len(ways), squeeze=False, width_ratios=[s + 1.5 for s in sizes])
        for axes, attribute in zip(grid.ravel(), ways, strict=True):
            _matrix_panel(axes, rows.filter(attribute=attribute), shown_groups(result, attribute))
            name = "demographic group" if attribute == "group" else drawing.short(attribute, 40)
            axes.set_title(f"FMR by {name}")
    return figure


def _matrix_panel(axes: Axes, rows: pl.DataFrame, names: list[str]) -> None:
    values = np.full((len(names), len(names)), np.nan)
    ends: dict[tuple[int, int], str] = {}
    for row in rows.rows(named=True):
        if row["group_a"] in names and row["group_b"] in names and row["value"] is not None:
            i, j = names.index(row["group_a"]), names.index(row["group_b"])
            values[i, j] = values[j, i] = row["value"]
            ends[i, j] = ends[j, i] = f"{percent(row['low'])} to {percent(row['high'])}"
    known = values[np.isfinite(values) & (values > 0)]
    low, high = (float(known.min()), float(known.max())) if known.size else (1e-3, 1e-2)
    # What is 0 stays white.
    shade = np.log10(np.where(values > 0, values, np.nan))
    span = (np.log10(low) - 0.3, np.log10(high) + 0.05)
    axes.imshow(shade, cmap=drawing.heat_map(), vmin=span[0], vmax=span[1], aspect="auto")
    for i in range(len(names)):
        for j in range(len(names)):
            text = percent(values[i, j]) if np.isfinite(values[i, j]) else "\u2013"
            axes.text(j, i - 0.12, text, ha="center", va="center", fontsize=7)
            axes.text(j, i + 0.22, ends.get((i, j), ""), ha="center", va="center", fontsize=5)
    labels = [drawing.short(n, 22) for n in names]
    axes.set_xticks(range(len(names)), labels, rotation=40, ha="right", fontsize=7.5)
    axes.set_yticks(range(len(names)), labels, fontsize=7.5)
    axes.tick_params(length=0)
