"""What `bias` found, in words that follow the tests, and in figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.heads.objectives import LOSSES
from evenface.studies import drawing
from evenface.studies.label_noise import said_breakdowns
from evenface.studies.label_noise_view import draw_label_noise
from evenface.studies.losing import MEAN
from evenface.studies.remedies import NONE, REMEDIES
from evenface.studies.spaces_view import covered, draw_places, few, lost_trainings
from evenface.studies.words import above, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evenface.studies.bias import BiasResult


def read_bias(result: BiasResult) -> list[str]:
    """Return what each loss loses, whether one loses less, and what remedies give back."""
    sentences = []
    alpha = 1 - float(result.config["level"])
    sweeps = result.tables["sweeps"]
    for majority in sweeps["majority"].unique(maintain_order=True).to_list():
        own = sweeps.filter((pl.col("majority") == majority) & pl.col("identities").is_not_null())
        share, total = float(own["share"].max() or 0), int(own["total"][0])  # type: ignore[arg-type]
        name = drawing.short(majority, 60)
        for loss in result.config["losses"]:
            drop = result.estimate(
                metric="drop_from_balanced", loss=loss, majority=majority, share=share,
                group="all", remedy=NONE,
            )  # fmt: skip
            verdict = "a loss" if above(drop, 0) else "no loss is shown"
            sentences.append(
                f"With {share:.0%} {name} among {total} identities learned from, "
                f"{LOSSES[loss].title} loses {said(drop, signed=True)} in mean group accuracy "
                f"against balanced groups: {verdict}."
            )
        tests = result.tables["tests"].filter(majority=majority, what=MEAN)
        sentences += [_verdict(row, name, alpha) for row in tests.rows(named=True)]
        missed = sweeps.filter((pl.col("majority") == majority) & pl.col("identities").is_null())
        if missed.height:
            shares = ", ".join(f"{s:g}" for s in missed["share"].to_list())
            sentences.append(f"Too few identities for a share of {shares} of {name}.")
    sentences += said_breakdowns(result.tables["label_noise"], clause=_costs)
    sentences += _remedied(result, alpha)
    return [*sentences, covered(result), *lost_trainings(result), *few(result)]


def _costs(row: dict[str, Any]) -> str:
    return (
        f"{LOSSES[row['what']].title} loses accuracy at the largest share of "
        f"{drawing.short(row['about'], 60)}"
    )


def _verdict(row: dict[str, Any], majority: str, alpha: float) -> str:
    a, b = LOSSES[row["a"]].title, LOSSES[row["b"]].title
    if row["p_holm"] is None:
        return f"Whether {a} or {b} loses less can't be tested: {row['method']}."
    basis = f"paired over {row['splits']} splits, p = {row['p_holm']:.2g} after Holm"
    if row["p_holm"] < alpha:
        less, more = (a, b) if row["value"] < 0 else (b, a)
        return (
            f"Over the shares of {majority}, {less} loses less than {more}, by "
            f"{abs(row['value']):.2f} on average ({basis})."
        )
    return (
        f"Over the shares of {majority}, no difference between what {a} and {b} lose is shown "
        f"({basis})."
    )


def _remedied(result: BiasResult, alpha: float) -> list[str]:
    tests = result.tables["remedy_tests"].filter(what=MEAN)
    helps = tests.filter((pl.col("p_holm") < alpha) & (pl.col("value") > 0))
    if not tests.height:
        return []
    if not helps.height:
        return ["No remedy is shown to give anything back at the largest share."]
    gains = [
        f"{r['a']} ({r['value']:+.2f}, p = {r['p_holm']:.2g} after Holm)"
        for r in helps.rows(named=True)
    ]
    return [f"At the largest share these remedies give accuracy back: {'; '.join(gains)}."]


def draw_bias(result: BiasResult) -> dict[str, Figure]:
    """Draw accuracy against share, and where held-out rows lie at its two ends."""
    drawn = {
        figure_name(k): _draw_shares(result, majority)
        for k, majority in enumerate(dict.fromkeys(result.numbers["majority"].to_list()))
    }
    points = result.tables["points"].filter(
        (pl.col("dims") == 2) & pl.col("balance").str.ends_with(f" {NONE}")
    )
    if points.height:
        drawn["bias_spaces"] = draw_places(points, result.tables["rows"], "balance")
    doubts = result.tables["label_noise"]
    if doubts.height:
        drawn["bias_labels"] = draw_label_noise(doubts, "drop from balanced")
    return drawn


def figure_name(k: int) -> str:
    """Return the name of the figure of the k-th majority, from 0: ``bias``, ``bias_2`` ..."""
    return "bias" if k == 0 else f"bias_{k + 1}"


def _draw_shares(result: BiasResult, majority: str) -> Figure:
    numbers = result.numbers.filter(pl.col("value").is_not_null())
    losses = result.config["losses"]
    with drawing.styled():
        figure = drawing.new_figure(3.0 * len(losses), 5.2)
        panels = figure.subplots(2, len(losses), squeeze=False, sharex=True, sharey=True)
        for row, metric in zip(panels, ("knn_accuracy", "worst_group_accuracy"), strict=True):
            for axes, loss in zip(row, losses, strict=True):
                own = numbers.filter(metric=metric, loss=loss, majority=majority, group="all")
                for k, (remedy, entry) in enumerate(REMEDIES.items()):
                    one = own.filter(remedy=remedy).sort("share")
                    if not one.height:
                        continue
                    x, y = one["share"].to_numpy(), one["value"].to_numpy()
                    axes.plot(x, y, color=drawing.colour(k), marker="o", ms=3, label=entry.title)
                    axes.fill_between(x, one["low"].to_numpy(), one["high"].to_numpy(),
                                      color=drawing.colour(k), alpha=0.12, lw=0)  # fmt: skip
                axes.set_title(LOSSES[loss].title)
                axes.set_ylim(0, 1.02)
            row[0].set_ylabel(metric.replace("_", " "))
        for axes in panels[-1]:
            axes.set_xlabel(f"share of {drawing.short(majority, 24)}")
        drawing.legend(panels[0, 0], fontsize=7)
    return figure
