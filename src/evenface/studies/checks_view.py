"""What `checks` found, in words and a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from evenface.stats.intervals import Estimate
from evenface.studies import drawing
from evenface.studies.pictures import ALL, CONFLICTS, COPIES, RATES
from evenface.studies.words import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evenface.studies.checks import ChecksResult


DRAWN = ("failure_to_enrol", "several_faces", "tiny_faces", COPIES)
"""Shares that a figure shows; tables have all."""


def percent(estimate: Estimate) -> str:
    """Return ``1.2 % [0.5, 2.9]``, or why there is no number."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"({estimate.method})"
    digits = 1 if estimate.high - estimate.low > 0.002 else 2
    value, low, high = (
        f"{100 * x:.{digits}f}" for x in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} % [{low}, {high}]"


def title_of_rate(metric: str, result: ChecksResult) -> str:
    """Return what a reader calls a metric."""
    if metric == COPIES:
        return "copy under another identity"
    facts = result.tables["facts"].row(0, named=True)
    pixels = "input" if facts["input"] is None else f"{facts['input']} px"
    return RATES[metric].title.format(tiny=facts["tiny"], input=pixels)


def read_checks(result: ChecksResult) -> list[str]:
    """Return what was found about faces, copies and labels, a sentence or two each."""
    return [*_enrolled(result), *_faces(result), *_copies(result), *_conflicts(result)]


def _enrolled(result: ChecksResult) -> list[str]:
    found = result.estimate(metric="failure_to_enrol", group=ALL)
    unread = result.estimate(metric="unreadable", group=ALL)
    said = []
    if found.value is None:
        said.append(f"How often no face was found can't be said: {_why(found)}.")
    else:
        said.append(
            f"No face was found in {round(found.value * found.n)} of "
            f"{plural(found.n, 'picture')} that could be read, {percent(found)}."
        )
        said += _compared(result, "failure_to_enrol", "A face is missed more often in pictures of")
    if unread.value:
        said.append(
            f"{round(unread.value * unread.n)} of {plural(unread.n, 'picture')} could not be read "
            f"at all, {percent(unread)}."
        )
    lost = int(result.tables["facts"]["failures_without_group"][0])
    if lost and found.value is not None:
        said.append(
            f"{plural(lost, 'picture')} without a vector belong to no recorded group; they count "
            "over everybody only."
        )
    return said


def _compared(result: ChecksResult, metric: str, start: str) -> list[str]:
    """Name the two groups that are farthest apart, if any are shown to differ."""
    pairs = result.tables["differences"].filter(metric=metric)
    told = pairs.filter("told")
    if not pairs.height:
        return []
    if not told.height:
        return ["No difference between groups is shown, which does not show that there is none."]
    top = told.sort(pl.col("value").abs(), descending=True, maintain_order=True).row(0, named=True)
    worse, better = (top["a"], top["b"]) if top["value"] > 0 else (top["b"], top["a"])
    shares = [percent(result.estimate(metric=metric, group=g)) for g in (worse, better)]
    which = f"{told.height} of {pairs.height} pairs of groups" if pairs.height > 1 else "The groups"
    return [
        f"{start} {drawing.short(worse, 60)} ({shares[0]}) than of {drawing.short(better, 60)} "
        f"({shares[1]}). {which} differ after correction for comparing all."
    ]


def _why(estimate: Estimate) -> str:
    return estimate.method.removeprefix("not computed: ")


def _faces(result: ChecksResult) -> list[str]:
    several, tiny = (result.estimate(metric=m, group=ALL) for m in ("several_faces", "tiny_faces"))
    said = []
    if several.value is not None:
        said.append(
            f"{percent(several)} of pictures show several faces; the largest and most central one "
            "was taken."
        )
    if tiny.value is not None:
        pixels = result.tables["facts"]["tiny"][0]
        said.append(f"{percent(tiny)} of pictures have a face of fewer than {pixels} pixels.")
        said += _compared(result, "tiny_faces", "Faces are so small more often in pictures of") \
            if tiny.value else []  # fmt: skip
    return said


def _copies(result: ChecksResult) -> list[str]:
    counts = {(r["place"], r["alike"]): r for r in result.tables["counts"].rows(named=True)}
    same, alike = counts["across", "bytes"], counts["across", "similar"]
    why = str(result.tables["facts"]["vectors_not_compared"][0])
    said = []
    if same["pictures"]:
        said.append(
            f"{plural(same['pictures'], 'picture')} of {same['identities']} identities "
            "stand, byte for byte the same, under another identity too; such identities count as "
            "one person."
        )
    if why:
        said.append(f"Copies were not looked for by vector: {why}.")
    elif alike["pictures"]:
        said.append(
            f"{plural(alike['pictures'], 'picture')} of {alike['identities']} identities "
            f"have nearly the vector of a picture under another identity "
            f"({plural(alike['pairs'], 'pair')}): a copy saved anew, or one person under two "
            "names, who can be learned from and tested on."
        )
    else:
        said.append("No picture has nearly the vector of one under another identity.")
    return said


def _conflicts(result: ChecksResult) -> list[str]:
    rows = result.where(metric=CONFLICTS).filter(pl.col("value").is_not_null())
    bad = rows.filter(pl.col("value") > 0)
    said = [
        f"More than one {drawing.short(r['attribute'], 60)} is recorded of "
        f"{round(r['value'] * r['n_identities'])} of "
        f"{plural(r['n_identities'], 'identity', 'identities')}."
        for r in bad.rows(named=True)
    ]
    if rows.height and not bad.height:
        names = [drawing.short(a, 60) for a in rows["attribute"].to_list()]
        said.append(f"No identity has more than one recorded {' or '.join(names)}.")
    return said


def draw_checks(result: ChecksResult) -> Figure:
    """Draw the shares that are not zero with their intervals, a panel a share, a line a group."""
    shown = [m for m in DRAWN if (result.where(metric=m)["value"] > 0).any()]
    panels = [(title_of_rate(m, result), result.where(metric=m), "group") for m in shown]
    if not panels:
        panels = [("more than one recorded label", result.where(metric=CONFLICTS), "attribute")]
    lines = sum(rows.height for _, rows, _ in panels)
    with drawing.styled():
        figure = drawing.new_figure(7.2, 0.6 + 0.55 * len(panels) + 0.24 * lines)
        ratios = [rows.height + 1 for _, rows, _ in panels]
        grid = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": ratios})
        for axes, (title, rows, column) in zip(grid[:, 0], panels, strict=True):
            for y, row in enumerate(rows.rows(named=True)):
                shade = drawing.PALETTE[0] if row[column] == ALL else drawing.PALETTE[6]
                scaled = {
                    k: None if row[k] is None else 100 * row[k] for k in ("value", "low", "high")
                }
                drawing.error_bars(axes, [float(y)], [scaled], colour=shade)
            names = ["everybody" if n == ALL else drawing.short(n) for n in rows[column].to_list()]
            axes.set_yticks(range(rows.height), names)
            axes.set_ylim(rows.height - 0.4, -0.6)
            axes.set_xlim(left=0)
            axes.grid(axis="x")
            axes.set_axisbelow(True)
            axes.tick_params(axis="y", length=0)
            axes.set_title(title)
        grid[-1, 0].set_xlabel("percent, with intervals")
    return figure
