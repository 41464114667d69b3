"""What changed between two runs, in words and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.stats.intervals import Estimate
from evenface.studies import drawing
from evenface.studies.aligned import ALONE, BESIDE
from evenface.studies.compare import Compared
from evenface.studies.contrasts import CONTRASTS
from evenface.studies.headline import headline
from evenface.studies.result import LEADING
from evenface.studies.simultaneous import stretch
from evenface.studies.words import listed, plural, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAIN = {
    "checks": (),
    "map": ("knn_purity",),
    "probe": ("balanced_accuracy",),
    "transfer": ("transfer_gap",),
    "spaces": ("knn_accuracy", "worst_group_accuracy"),
    "bias": ("drop_from_balanced",),
}
"""Metrics that sentences and figures are about."""

NAMED = 4
"""Changes that a sentence names."""

DRAWN = 30
"""Changes that a figure shows."""


def main_rows(compared: Compared) -> pl.DataFrame:
    """Return the changes that sentences and figures are about."""
    parts = []
    for metric in MAIN.get(compared.study, ()):
        own = compared.frame.filter(metric=metric)
        parts.append(own.filter(headline(compared.study, own)))
    kept = pl.concat(parts) if parts else compared.frame.clear()
    return kept.filter(pl.col("space") == "original") if "space" in kept.columns else kept


def what(row: Mapping[str, Any]) -> str:
    """Return what a number is about: the values of its study's own columns."""
    own = [c for c in row if c not in LEADING and c not in BESIDE]
    if {"train_on", "test_on"} <= set(own):
        return f"{row['train_on']} \u2192 {row['test_on']}"
    if "labelling" in own:
        return f"{row['labelling']}, {row['per_group']} identities a group"
    values = [row[c] for c in own if row[c] is not None and row[c] not in ("all", "none")]
    if row.get("probe") and row.get("target"):
        values = [row["target"], *([row["group"]] if row["group"] != "all" else [])]
    shown = [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
    return ", ".join(shown) or "everybody"


def read_compared(compared: Compared, level: float) -> list[str]:
    """Return one sentence a main metric: which changes a test shows, which it does not."""
    sentences = []
    rows = main_rows(compared)
    for metric in MAIN.get(compared.study, ()):
        own = rows.filter(metric=metric)
        known = own.drop_nulls("value")
        name = metric.replace("_", " ")
        if not own.height:
            continue
        if not known.height:
            sentences.append(f"{name}: no change could be computed ({own['method'][0]}).")
            continue
        paired = known.filter(pl.col("p_holm").is_not_null())
        if paired.height:
            shown = paired.filter(pl.col("p_holm") < 1 - level)
            how = "tests over identities that are in both runs, after Holm"
        else:
            shown = known.filter(_beyond_zero(known))
            how = "by intervals that take the runs for independent, widened for their number"
        total = paired.height or known.height
        if not shown.height:
            which = f"the {total} changes are" if total > 1 else "the change is"
            most = known.sort(pl.col("value").abs(), descending=True).row(0, named=True)
            sentences.append(
                f"{name}: {'none of ' if total > 1 else ''}{which} "
                f"{'' if total > 1 else 'not '}shown to differ from zero ({how}); "
                f"{'the largest is' if total > 1 else 'it is'} "
                f"{_said(most)} ({drawing.short(what(most), 60)})."
            )
            continue
        ways = [
            f"{word} for {_names(shown.filter(sign))}"
            for sign, word in ((pl.col("value") > 0, "higher"), (pl.col("value") < 0, "lower"))
            if shown.filter(sign).height
        ]
        sentences.append(
            f"{name}: the second run's is {' and '.join(ways)}; {shown.height} of {total} changes "
            f"are shown ({how})."
        )
    return sentences


def _beyond_zero(rows: pl.DataFrame) -> pl.Series:
    """Tell which intervals leave out zero when all are to hold at once (Bonferroni)."""
    found = []
    for row in rows.rows(named=True):
        factor = stretch(row["level"], rows.height, row["method"])
        low, high = (row["value"] + factor * (row[end] - row["value"]) for end in ("low", "high"))
        found.append(low > 0 or high < 0)
    return pl.Series(found, dtype=pl.Boolean)


def _names(rows: pl.DataFrame) -> str:
    ordered = rows.sort(pl.col("value").abs(), descending=True)
    names = [f"{drawing.short(what(r), 50)} ({_said(r)})" for r in ordered.rows(named=True)]
    more = len(names) - NAMED
    return listed(names[:NAMED]) if more <= 0 else f"{', '.join(names[:NAMED])} and {more} more"


def _said(row: Mapping[str, Any]) -> str:
    return said(Estimate(**{name: row[name] for name in list(LEADING)[2:]}), signed=True)


def read_overlap(compared: Sequence[Compared]) -> list[str]:
    """Say who is compared, and in what the runs differ as a whole."""
    sentences = []
    known = [c for c in compared if c.pictures]
    if known:
        most = max(known, key=lambda c: c.pictures)
        sentences.append(
            f"Compared on {plural(most.pictures, 'picture')} of "
            f"{plural(most.identities, 'identity', 'identities')} that both runs held out; "
            f"{plural(most.alone[0], 'identity', 'identities')} were held out by the first run "
            f"alone, {most.alone[1]} by the second alone."
        )
        if not all(c.same_splits for c in known):
            sentences.append(
                "The runs learned from and tested other people, split by split: what training "
                "adds is put together from both as if they had nothing in common."
            )
        if not any(c.frame.filter("paired")["training_share"].drop_nulls().len() for c in known):
            sentences.append(
                "Intervals cover who was tested, not who was learned from: for that both runs need "
                "at least 3 splits (--seeds)."
            )
    disagree = max((c.disagree for c in compared), default=0)
    if disagree:
        sentences.append(
            f"Left out since the runs have other labels or groups for them: "
            f"{plural(disagree, 'picture')}."
        )
    for one in compared:
        if one.study in CONTRASTS and one.unpaired:
            sentences.append(f"Not paired: {one.study}; {one.unpaired}.")
        lone = [one.frame.filter(method=ALONE.format(w)).height for w in ("second", "first")]
        if any(lone):
            sentences.append(
                f"{one.study}: not compared are {plural(lone[0], 'number')} that the first run has "
                f"alone and {lone[1]} that the second has."
            )
        for column, (a, b) in one.differs.items():
            sentences.append(
                f"{one.study}: {column} is {drawing.short(a, 60)!r} in the first run and "
                f"{drawing.short(b, 60)!r} in the second; they are compared all the same."
            )
    return sentences


def draw_compared(compared: Compared) -> Figure | None:
    """Draw the main changes with their intervals, largest first; None where there is none."""
    rows = main_rows(compared).drop_nulls("value")
    rows = rows.sort(pl.col("value").abs(), descending=True).head(DRAWN)
    if not rows.height:
        return None
    metrics = list(dict.fromkeys(rows["metric"].to_list()))
    with drawing.styled():
        figure = drawing.new_figure(7.2, 1.1 + 0.26 * rows.height + 0.3 * len(metrics))
        heights = [rows.filter(metric=m).height + 1.2 for m in metrics]
        panels = figure.subplots(
            len(metrics), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
        )[:, 0]
        for axes, metric in zip(panels, metrics, strict=True):
            own = rows.filter(metric=metric).rows(named=True)
            axes.axvline(0, color=drawing.INK, lw=1, ls=":", zorder=0)
            drawing.error_bars(axes, [float(y) for y in range(len(own))], own,
                               colour=drawing.PALETTE[0])  # fmt: skip
            axes.set_yticks(range(len(own)), [drawing.short(what(r), 48) for r in own])
            axes.set_ylim(len(own) - 0.4, -0.6)
            axes.grid(axis="x")
            axes.set_axisbelow(True)
            axes.tick_params(axis="y", length=0)
            axes.set_title(f"{compared.study}: {metric.replace('_', ' ')}")
        panels[-1].set_xlabel("second run minus first")
    return figure
