"""What `transfer` found, in words and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenface.studies import drawing
from evenface.studies.heldout import STRONGEST, title
from evenface.studies.label_noise import said_breakdowns
from evenface.studies.training_sets import ALL, MATCHED
from evenface.studies.words import above, listed, plural, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evenface.studies.transfer import TransferResult

LITTLE = 20
NAMED = 3
"""Gaps that are named at most; the table has them all."""


def read_transfer(result: TransferResult) -> list[str]:
    """Return what the gaps say, by their intervals, and what they can't say."""
    target, probe = result.config["target"], result.headline
    gaps = result.where(metric="transfer_gap", probe=probe).filter(
        ~pl.col("train_on").is_in([ALL, MATCHED]) & pl.col("value").is_not_null()
    )
    sentences = []
    if gaps.height == 0:
        sentences.append("No transfer gap could be computed: the groups are too small.")
    else:
        lost = gaps.filter(pl.col("low") > 0)
        level = f"{result.config['level']:.0%}".replace("%", " %")
        sentences.append(
            f"{drawing.short(target, 60).capitalize()} learned on one group and tested on another "
            f"({_reader(result)}): {lost.height} of {gaps.height} gaps have a {level} interval "
            "wholly above zero."
        )
        most = gaps.sort("value", descending=True).row(0, named=True)
        estimate = result.estimate(
            metric="transfer_gap", probe=probe, train_on=most["train_on"], test_on=most["test_on"]
        )
        sentences.append(
            f"The largest gap: on {drawing.short(most['test_on'], 60)}, a model of "
            f"{drawing.short(most['train_on'], 60)} has a balanced accuracy lower by "
            f"{said(estimate)} than a model of the group itself."
            if above(estimate, 0)
            else f"The largest gap, {said(estimate, signed=True)} on "
            f"{drawing.short(most['test_on'], 60)} for a model of "
            f"{drawing.short(most['train_on'], 60)}, does not exclude zero."
        )
        sentences.append(
            f"Being the largest of {gaps.height}, it is on average overstated, and intervals are "
            f"not corrected for looking at many gaps. {_tested(result)}"
        )
    sentences += said_breakdowns(result.tables["label_noise"], clause=_lost)
    sizes = dict(result.tables["sizes"].select("train_on", "identities").rows())
    single = [n for name, n in sizes.items() if name not in (ALL, MATCHED)]
    if single and min(single) < LITTLE:
        sentences.append(
            f"Models of single groups learned from {min(single):.0f} identities on average, too "
            "few to learn much: read the matrix as a rough sketch."
        )
    missed = int(result.tables["untested"]["identities"][0])
    if missed:
        sentences.append(
            f"{plural(missed, 'identity', 'identities')} could not be tested: on their splits a "
            "group had too few people of a class to learn from."
        )
    few = result.tables["left_out"]
    if few.height:
        values = [f"{v} ({n})" for v, n in few.rows()]
        sentences.append(f"Left out for too few identities of a class: {listed(values)}.")
    return sentences


def _lost(row: dict[str, Any]) -> str:
    other, own = row["what"].removesuffix(f" \u2192 {row['about']}"), row["about"]
    return (
        f"a model of {drawing.short(other, 60)} is right less often on {drawing.short(own, 60)} "
        "than a model of the group itself"
    )


def _tested(result: TransferResult) -> str:
    """Say how many gaps a test that is corrected for all of them finds, and what it covers."""
    tests = result.tables["tests"].filter(about=result.headline)
    found = tests.filter(pl.col("p_holm") < 1 - float(result.config["level"]))
    shares = result.where(metric="transfer_gap", probe=result.headline)["training_share"]
    covers = (
        "Intervals and tests cover who was tested and who was learned from, which the spread "
        "between splits shows roughly."
        if shares.drop_nulls().len()
        else "They cover who was tested, not who was learned from: for that at least 3 splits "
        "(--seeds) are needed."
    )
    pairs = [
        f"on {drawing.short(row['a'], 40)} for a model of {drawing.short(row['b'], 40)}"
        for row in found.rows(named=True)
    ]
    named = f": {listed(pairs)}" if 0 < len(pairs) <= NAMED else ""
    return (
        f"After such a correction (permutation tests over identities, Holm) {found.height} of "
        f"{tests.height} gaps differ from zero{named}. {covers}"
    )


def _reader(result: TransferResult) -> str:
    if result.headline != STRONGEST:
        return f"{title(result.headline)} probe"
    chosen = result.tables["headline"]["chosen"][0]
    return f"with the probe strongest on each split's validation rows: {chosen} splits"


def models(result: TransferResult) -> list[str]:
    """Return what was trained on, in the order of the matrix: groups, then all."""
    return list(dict.fromkeys(result.numbers["train_on"].to_list()))


def tested(result: TransferResult) -> list[str]:
    """Return what was tested on, in the order of the matrix."""
    return list(dict.fromkeys(result.numbers["test_on"].to_list()))


def draw_transfer(result: TransferResult, probe: str) -> Figure:
    """Draw the matrix of balanced accuracies: rows trained on, columns tested on."""
    from matplotlib.patches import Rectangle

    rows, columns = models(result), tested(result)
    own = result.where(metric="balanced_accuracy", probe=probe)
    cells = {(r["train_on"], r["test_on"]): r for r in own.rows(named=True)}
    values = np.array(
        [[_value(cells[i, j]["value"]) for j in columns] for i in rows], dtype=np.float64
    )
    sizes = dict(result.tables["sizes"].select("train_on", "identities").rows())
    with drawing.styled():
        figure = drawing.new_figure(max(2.9 + 1.0 * len(columns), 6.2), 1.7 + 0.5 * len(rows))
        axes = figure.subplots()
        shades = drawing.heat_map()
        low = min(0.5, np.nan_to_num(values, nan=0.5).min())
        image = axes.imshow(values, cmap=shades, vmin=low, vmax=1.0, aspect="auto")
        for y, i in enumerate(rows):
            for x, j in enumerate(columns):
                cell = cells[i, j]
                if cell["value"] is None:
                    axes.text(x, y, "not\ncomputed", ha="center", va="center", fontsize=7)
                    continue
                axes.text(x, y - 0.16, f"{cell['value']:.2f}", ha="center", va="center", fontsize=9)
                text = f"[{cell['low']:.2f}, {cell['high']:.2f}]"
                axes.text(x, y + 0.22, text, ha="center", va="center", fontsize=6.5)
                if i == j:
                    corner = (x - 0.46, y - 0.46)
                    axes.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, ec=drawing.INK))
        axes.set_xticks(range(len(columns)), [drawing.short(c, 18) for c in columns])
        axes.set_yticks(
            range(len(rows)), [f"{drawing.short(r, 24)} ({sizes.get(r, 0):.0f})" for r in rows]
        )
        axes.tick_params(axis="x", length=0)
        if len(columns) > 4 or max(map(len, columns)) > 10:
            for tick in axes.get_xticklabels():
                tick.set(rotation=30, ha="right", rotation_mode="anchor")
        axes.tick_params(axis="y", length=0)
        axes.spines[:].set_visible(False)
        axes.set_xticks(np.arange(0.5, len(columns) - 1), minor=True)
        axes.set_yticks(np.arange(0.5, len(rows) - 1), minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="minor", length=0)
        axes.set_xlabel("tested on (framed: the group learned on)")
        axes.set_ylabel("trained on (identities)")
        axes.set_title(
            f"{drawing.short(result.config['target'], 20)}: balanced accuracy\n({title(probe)})"
        )
        bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=24)
        bar.outline.set_visible(False)
    return figure


def _value(value: float | None) -> float:
    return float("nan") if value is None else value
