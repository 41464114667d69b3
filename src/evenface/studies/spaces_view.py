"""What `spaces` found, in words and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.heads.objectives import LOSSES
from evenface.studies import drawing
from evenface.studies.label_noise import said_breakdowns
from evenface.studies.label_noise_view import draw_label_noise
from evenface.studies.words import listed, plural, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evenface.studies.result import Result
    from evenface.studies.spaces import SpacesResult


def read_spaces(result: SpacesResult) -> list[str]:
    """Return what each loss's space is worth, and what the numbers can't say."""
    sentences = []
    for balance in result.config["balance"]:
        for dims in result.config["dims"]:
            for loss in result.config["losses"]:
                at = {"loss": loss, "balance": balance, "dims": dims, "group": "all"}
                accuracy = result.estimate(metric="knn_accuracy", **at)
                worst = result.estimate(metric="worst_group_accuracy", **at)
                sentences.append(
                    f"{LOSSES[loss].title.capitalize()}, {dims} dimensions, learned on "
                    f"{balance} groups: held-out neighbours classify "
                    f"{plural(accuracy.n_identities, 'identity', 'identities')} with a mean "
                    f"group accuracy of {said(accuracy)}; in the worst group {said(worst)}."
                )
                sentences += _against_margin(result, loss, at)
    sentences.append(
        f"{covered(result)} Those of distances cover who was tested; none compares two losses."
    )
    sentences += said_breakdowns(result.tables["label_noise"], clause=_told_apart)
    return [*sentences, *lost_trainings(result), *few(result)]


def _told_apart(row: dict[str, Any]) -> str:
    return (
        f"a space learned with {LOSSES[row['what']].title} ({row['about']}) tells groups apart "
        "better than chance"
    )


def covered(result: Result) -> str:
    """Say whether intervals of accuracies know of training, which takes 3 splits or more."""
    if result.where(metric="knn_accuracy")["training_share"].drop_nulls().len():
        return (
            "Intervals of accuracies cover who was tested and who was learned from, which the "
            "spread between splits shows roughly."
        )
    return (
        "Intervals of accuracies cover who was tested, not who was learned from: for that at least "
        "3 splits (--seeds) are needed."
    )


def _against_margin(result: SpacesResult, loss: str, at: dict[str, Any]) -> list[str]:
    """Say how classes lie against what a loss pushes them to."""
    intra = result.estimate(metric="intra_distance", **at)
    inter = result.estimate(metric="inter_distance", **at)
    if loss not in MARGINS or intra.value is None or inter.value is None:
        return []
    option, power = MARGINS[loss]
    margin = float(result.config[option])
    # A triplet's margin is between squared distances.
    gap = inter.value if power == 1 else inter.value**2 - intra.value**2
    what = "mean distance between classes" if power == 1 else "difference of the squared means"
    return [
        f"Its classes lie {said(inter)} apart and are {said(intra)} wide in themselves: the "
        f"{what} is {gap / margin:.1f} times {option} = {margin:g}."
    ]


MARGINS = {"contrastive": ("margin", 1), "triplet": ("alpha", 2)}
"""Option that holds a loss's margin, and the power of the distances that it is between."""


def lost_trainings(result: Result) -> list[str]:
    """Return what diverged, if anything."""
    rates = result.tables["rates"]
    lost = rates.filter(pl.col("diverged").is_not_null())
    if not lost.height:
        return []
    names = lost["loss"].unique(maintain_order=True).to_list()
    return [
        f"{plural(lost.height, 'training')} of {rates.height} diverged ({listed(names)}): the loss "
        "was no number any more; they have no part in the numbers."
    ]


def few(result: Result) -> list[str]:
    """Return what was left out for too few people."""
    left = result.tables["left_out"]
    values = [f"{value} ({n})" for value, n in left.rows()]
    return [f"Left out for too few identities: {listed(values)}."] if values else []


def draw_spaces(result: SpacesResult) -> dict[str, Figure]:
    """Draw where held-out rows lie in two dimensions, wrong labels, and the training curves."""
    drawn = {}
    points = result.tables["points"].filter(pl.col("dims") == 2)
    if points.height:
        drawn["spaces"] = draw_places(points, result.tables["rows"], "balance")
    if result.tables["label_noise"].height:
        drawn["spaces_labels"] = draw_label_noise(
            result.tables["label_noise"], "mean group accuracy"
        )
    drawn["spaces_curves"] = draw_curves(result.tables["curves"].filter(pl.col("remedy") == "none"))
    return drawn


def draw_places(points: pl.DataFrame, rows: pl.DataFrame, down: str) -> Figure:
    """Draw test rows: a column a loss, a row a value of `down`."""
    table = points.join(rows, on="sample_id", how="left", maintain_order="left")
    states = table[down].unique(maintain_order=True).to_list()
    losses = table["loss"].unique(maintain_order=True).to_list()
    marks = drawing.marks(table["group"].to_list())
    width = 3.1 * len(losses)
    # Inches of a legend's entry: the marker, and letters of about 0.06.
    entry = 0.5 + 0.063 * max(len(m.label) for m in marks)
    columns = min(max(int(width / entry), 1), 3)
    below = 0.25 + 0.17 * -(-len(marks) // columns)
    with drawing.styled():
        figure = drawing.new_figure(width, 3.1 * len(states) + below)
        panels = figure.subplots(len(states), len(losses), squeeze=False)
        for row, state in zip(panels, states, strict=True):
            for axes, loss in zip(row, losses, strict=True):
                own = table.filter((pl.col(down) == state) & (pl.col("loss") == loss))
                _scatter(axes, own, marks)
                axes.set_title(f"{LOSSES[loss].title}: {drawing.short(state, 40)}", fontsize=8.5)
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=columns, fontsize=8, markerscale=1.6
        )
    return figure


def _scatter(axes: Any, own: pl.DataFrame, marks: Sequence[drawing.Mark]) -> None:
    for mark in marks:
        some = mark.of(own, "group")
        axes.scatter(
            some["x"].to_numpy(), some["y"].to_numpy(), s=7, color=mark.colour, alpha=0.7,
            linewidths=0, marker=mark.shape, label=mark.label, rasterized=True,
        )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")


def draw_curves(curves: pl.DataFrame) -> Figure:
    """Draw each loss's curves by epoch, a line a split; accuracies below where there are any."""
    losses = curves["loss"].unique(maintain_order=True).to_list()
    known = [w for w in ("loss", "accuracy") if curves[f"train_{w}"].drop_nulls().len()]
    with drawing.styled():
        figure = drawing.new_figure(2.9 * max(len(losses), 1), 2.6 * len(known))
        panels = figure.subplots(len(known), len(losses), squeeze=False)
        for row, what in zip(panels, known, strict=True):
            for axes, loss in zip(row, losses, strict=True):
                own = curves.filter(pl.col("loss") == loss)
                if not own[f"train_{what}"].drop_nulls().len():
                    axes.set_visible(False)
                    continue
                _lines(axes, own, what)
                axes.set_title(f"{LOSSES[loss].title}: {what}")
        for axes in panels[-1]:
            axes.set_xlabel("epoch (a line a split)")
        drawing.legend(panels[0, 0], fontsize=7.5)
    return figure


def _lines(axes: Any, own: pl.DataFrame, what: str) -> None:
    for k, side in enumerate(("train", "validation")):
        groups = own.group_by("balance", "dims", "seed", maintain_order=True)
        for n, (_, one) in enumerate(groups):
            axes.plot(one["epoch"].to_numpy(), one[f"{side}_{what}"].to_numpy(), lw=1.0,
                      color=drawing.colour(k), label=None if n else side)  # fmt: skip
