"""What `probe` found, in words and figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.studies import drawing
from evenface.studies.heldout import STRONGEST, readers, title
from evenface.studies.label_noise import said_breakdowns
from evenface.studies.words import above, listed, plural, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evenface.studies.probe import ProbeResult


def read_probe(result: ProbeResult) -> list[str]:
    """Return one sentence or two a target, then the limits."""
    sentences = []
    for target, best, classes, chosen in result.tables["headline"].rows():
        chance = 1 / classes
        estimate = result.estimate(
            metric="balanced_accuracy", target=target, probe=best, group="all"
        )
        people = plural(estimate.n_identities, "identity", "identities")
        if estimate.value is None:
            sentences.append(f"{_name(target)} could not be judged: {estimate.method}.")
            continue
        verdict = (
            "can be read from the vectors of people the probe never saw"
            if above(estimate, chance)
            else "is not shown to be readable from the vectors"
        )
        sentences.append(
            f"{_name(target)} {verdict}: balanced accuracy {said(estimate)} over {people}, with "
            f"{_reader(best, chosen)}; chance is {chance:.2f}."
        )
        if best != "linear" and "linear" in result.config["probes"]:
            linear = result.estimate(
                metric="balanced_accuracy", target=target, probe="linear", group="all"
            )
            sentences.append(
                f"A linear probe alone reaches a balanced accuracy of {said(linear)} for "
                f"{_plain(target)}."
            )
        sentences += [*_control(result, target, best), *_dimensions(result, target)]
        sentences.append(_unequal(result, target))
    sentences += said_breakdowns(result.tables["label_noise"], clause=_readable)
    uneven = result.tables["tests_label_noise"]
    sentences += said_breakdowns(uneven, clause=_more_often, labels="groups")[:1]
    few = result.tables["left_out"]
    if few.height:
        values = [
            f"{v} ({n})" for v, n in few.select("value", "identities").unique().sort("value").rows()
        ]
        sentences.append(f"Left out for too few identities: {listed(values)}.")
    return sentences


def _control(result: ProbeResult, target: str, best: str) -> Iterator[str]:
    at = {"target": target, "probe": best, "group": "all"}
    if not result.where(metric="control_accuracy", **at).height:
        return
    unseen = result.estimate(metric="control_accuracy", **at)
    seen = result.estimate(metric="control_accuracy_seen", **at)
    if unseen.value is None:
        return
    by_heart = (
        f", and {said(seen)} on other pictures of people it learned from, whom it may know by heart"
        if seen.value is not None
        else ""
    )
    yield (
        f"With labels shuffled among identities, so that they mean nothing, the probe has "
        f"{said(unseen)} on people it never saw{by_heart}."
    )


def _dimensions(result: ProbeResult, target: str) -> Iterator[str]:
    found = result.where(metric="balanced_accuracy_by_dimension", target=target).drop_nulls("value")
    lost = result.where(metric="lost_by_dimension", target=target).drop_nulls("value")
    if found.height < 2 or not lost.height:
        return
    shown = [
        f"{said(result.estimate(metric=row['metric'], target=target, dimension=row['dimension']))} "
        f"on {row['dimension']}"
        for row in (found.row(0, named=True), found.row(-1, named=True))
    ]
    last = lost.sort("dimension")["dimension"][-1]
    cost = result.estimate(metric="lost_by_dimension", target=target, dimension=last)
    yield (
        f"A linear probe on the widest principal axes alone has {' and '.join(shown)}, which are "
        f"all; cut to {last} axes it loses {said(cost, signed=True)}."
    )


def _unequal(result: ProbeResult, target: str) -> str:
    """Say for which groups a corrected test finds other accuracies than for everybody else."""
    tests = result.tables["tests"].filter(about=target)
    known = tests.filter(pl.col("p_holm").is_not_null())
    if not known.height:
        return f"Whether groups are served unequally could not be tested for {_plain(target)}."
    found = known.filter(pl.col("p_holm") < 1 - float(result.config["level"]))
    corrected = f"(permutation tests over identities, Holm over {result.tables['tests'].height})"
    if not found.height:
        return f"No group is shown to be right more or less often than the others {corrected}."
    parts = []
    for above_zero, word in ((True, "more"), (False, "less")):
        own = found.filter((pl.col("value") > 0) == above_zero).sort("value")
        names = [f"{r['a']} ({_apart(r)})" for r in own.rows(named=True)]
        if names:
            parts.append(f"{word} often for {listed(names)}")
    return f"It is right {' and '.join(parts)} than for all others {corrected}."


def _readable(row: dict[str, Any]) -> str:
    return f"{_plain(row['what'])} can be read better than by chance"


def _more_often(row: dict[str, Any]) -> str:
    group, side = row["what"].rsplit(": ", 1)
    more = "more" if side.startswith("above") else "less"
    return (
        f"{_plain(row['about'])} is read correctly {more} often for {drawing.short(group, 60)} "
        "than for all others"
    )


def _apart(row: dict[str, Any]) -> str:
    shown = f"{row['value']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
    return shown.replace("-", "\u2212")


def _plain(target: str) -> str:
    return "the group" if target == "group" else drawing.short(target, 60)


def _reader(best: str, chosen: str) -> str:
    if best == STRONGEST:
        return f"the probe that was strongest on each split's validation rows ({chosen} splits)"
    return f"the {title(best)} probe"


def _name(target: str) -> str:
    return "The demographic group" if target == "group" else drawing.short(target, 60).capitalize()


def draw_probe(result: ProbeResult) -> Figure:
    """Draw balanced accuracies with intervals: a panel a target, a line a probe."""
    targets = result.tables["headline"]["target"].to_list()
    probes = list(readers(result.config["probes"]))
    with drawing.styled():
        figure = drawing.new_figure(7.2, 0.9 + 0.34 * len(probes) * len(targets))
        panels = figure.subplots(len(targets), 1, sharex=True, squeeze=False)[:, 0]
        for axes, target in zip(panels, targets, strict=True):
            own = result.where(metric="balanced_accuracy", target=target, group="all")
            rows = [own.filter(probe=p).row(0, named=True) for p in probes]
            best = result.headline(target)
            axes.axvline(_chance(result, target), color=drawing.INK, lw=1, ls=":", zorder=0)
            for y, (name, row) in enumerate(zip(probes, rows, strict=True)):
                shade = drawing.PALETTE[0] if name == best else drawing.PALETTE[6]
                drawing.error_bars(axes, [float(y)], [row], colour=shade)
            axes.set_yticks(range(len(probes)), [title(p) for p in probes])
            axes.set_ylim(len(probes) - 0.4, -0.6)
            axes.grid(axis="x")
            axes.set_axisbelow(True)
            axes.tick_params(axis="y", length=0)
            axes.set_title("demographic group" if target == "group" else drawing.short(target, 40))
        panels[-1].set_xlabel(
            "balanced accuracy on held-out identities (dotted: chance; blue: headline)"
        )
        panels[-1].set_xlim(0, 1.02)
    return figure


def _chance(result: ProbeResult, target: str) -> float:
    return result.estimate(metric="chance", target=target).value or 0.0


def draw_dimensions(result: ProbeResult) -> Figure:
    """Draw the linear probe's balanced accuracy against the number of principal axes."""
    found = result.where(metric="balanced_accuracy_by_dimension").drop_nulls("value")
    with drawing.styled():
        figure = drawing.new_figure(6.4, 3.4)
        axes = figure.subplots()
        for k, target in enumerate(dict.fromkeys(found["target"].to_list())):
            own = found.filter(target=target).sort("dimension")
            x = own["dimension"].to_numpy()
            shade = drawing.colour(k)
            axes.fill_between(x, own["low"], own["high"], color=shade, alpha=0.15, lw=0)
            label = "demographic group" if target == "group" else drawing.short(target, 26)
            axes.plot(x, own["value"], color=shade, marker=drawing.marker(k), ms=5, label=label)
            axes.axhline(_chance(result, target), color=shade, lw=1, ls=":", zorder=0)
        axes.set_xscale("log", base=2)
        ticks = sorted(set(found["dimension"].to_list()))
        axes.set_xticks(ticks, [str(t) for t in ticks])
        axes.minorticks_off()
        axes.set_ylim(0, 1.02)
        axes.grid(axis="y")
        axes.set_xlabel("widest principal axes of the training rows (dotted: chance)")
        axes.set_title("linear probe: balanced accuracy")
        drawing.legend(axes, loc="lower right")
    return figure


def draw_curves(result: ProbeResult) -> Figure:
    """Draw the MLP's loss and accuracy per epoch: thin a seed, thick their mean.

    Seeds stop early at different epochs; the mean ends where the first of them does, for beyond
    it would be that of the few that went on.
    """
    curves = result.tables["curves"]
    targets = curves["task"].unique(maintain_order=True).to_list()
    with drawing.styled():
        figure = drawing.new_figure(7.2, 2.1 * len(targets) + 0.3)
        panels = figure.subplots(len(targets), 2, squeeze=False)
        for row, target in zip(panels, targets, strict=True):
            own = curves.filter(pl.col("task") == target)
            heading = "demographic group" if target == "group" else drawing.short(target, 24)
            for axes, metric in zip(row, ("loss", "accuracy"), strict=True):
                for k, side in enumerate(("train", "validation")):
                    _lines(axes, own, f"{side}_{metric}", drawing.PALETTE[k], side)
                axes.set_title(f"{heading}: {metric}")
                axes.grid(axis="y")
                axes.xaxis.get_major_locator().set_params(integer=True)
            row[0].set_ylim(bottom=0)
            row[1].set_ylim(0, 1.03)
        for axes in panels[-1]:
            axes.set_xlabel("epoch (thin: one seed; thick: their mean)")
        drawing.legend(panels[0, 1], loc="lower right")
    return figure


def _lines(axes: Any, curves: pl.DataFrame, column: str, shade: str, label: str) -> None:
    for _, one in curves.group_by("seed", maintain_order=True):
        axes.plot(one["epoch"].to_numpy(), one[column].to_numpy(), color=shade, lw=0.8, alpha=0.35)
    last = curves.group_by("seed").agg(pl.col("epoch").max())["epoch"].min()
    shared = curves.filter(pl.col("epoch") <= last).group_by("epoch").agg(pl.col(column).mean())
    mean = shared.sort("epoch")
    axes.plot(mean["epoch"].to_numpy(), mean[column].to_numpy(), color=shade, lw=2, label=label)
