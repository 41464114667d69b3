"""What `map` found, in words and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from evenface.studies import drawing
from evenface.studies.label_noise import said_breakdowns
from evenface.studies.map_methods import AXES, NAMES
from evenface.studies.words import above, listed, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evenface.studies.map import MapResult


def read_map(result: MapResult) -> list[str]:
    """Return how groups lie in the space, and how far the maps can be believed."""
    size = max(result.numbers["per_group"].to_list())
    own = result.numbers.filter(pl.col("per_group") == size)
    sentences = []
    names = own.filter(metric="knn_purity", space="original")["labelling"].to_list()
    for name in names:
        where = {"per_group": size, "space": "original", "labelling": name}
        pure = result.estimate(metric="knn_purity", **where)
        beyond = result.estimate(metric="knn_purity_corrected", **where)
        title = "demographic group" if name == "group" else drawing.short(name, 60)
        verdict = (
            "neighbours share it more than chance would have it"
            if above(beyond, 0)
            else "that is not shown to be more than chance"
        )
        sentences.append(
            f"In the space of the embeddings, {said(pure)} of the nearest faces of other people "
            f"carry the same {title}; {verdict} ({said(beyond)} above chance, of at most 1)."
        )
    sentences += said_breakdowns(
        result.tables["label_noise"], clause=_shared, tested="mapped",
        meanwhile="who is whose neighbour staying as it is",
    )  # fmt: skip
    unshown = result.context.get("unshown", [])
    if unshown:
        sentences.append(
            "Not shown, because nearly everybody has a value of their own or it repeats paths or "
            f"identities: {listed(unshown)}."
        )
    for dims in sorted(set(own.filter(space="map")["dims"].to_list())):
        kept = result.estimate(per_group=size, dims=dims, metric="knn_preservation")
        method = own.filter(space="map")["method_map"][0]
        sentences.append(
            f"The {dims}-D map by {NAMES[method]} keeps {said(kept)} of each face's nearest "
            f"neighbours: {_CAUTION.get(method, CAUTION)}"
        )
    return sentences


CAUTION = (
    "a cluster in it is a hint to check in the numbers, and distances between clusters mean "
    "nothing."
)
_CAUTION = {
    "pca": "what lies apart in it lies apart in the space, but what lies together need not lie "
    "together there."
}


def _shared(row: dict[str, Any]) -> str:
    title = "demographic group" if row["what"] == "group" else drawing.short(row["what"], 60)
    return f"nearest faces share their {title} more than chance would have it"


MANY = 1000
"""Points above which a panel's cloud is drawn as a picture: as shapes it would be megabytes."""


def draw_map(result: MapResult, size: int, dims: int) -> Figure:
    """Draw one map, a panel a labelling."""
    points = result.tables["points"].filter(per_group=size, dims=dims)
    # Attributes may be called anything, x and y included.
    labels = result.tables["rows"].rename(lambda c: c if c == "sample_id" else f"label {c}")
    table = points.join(labels, on="sample_id", how="left", maintain_order="left")
    labellings = [
        n
        for n in dict.fromkeys(result.numbers["labelling"].to_list())
        if f"label {n}" in table.columns
    ]
    flat = dims == 2
    method = result.numbers.filter(space="map")["method_map"][0]
    with drawing.styled():
        # Legends stand in a row of their own, high enough for the longest.
        entries = [len(drawing.marks(table[f"label {n}"].to_list())) for n in labellings]
        below = 0.2 + 0.17 * ((max(entries, default=0) + 1) // 2)
        columns = max(len(labellings), 1)
        figure = drawing.new_figure(3.9 * columns, 4.1 + below)
        grid = figure.add_gridspec(2, columns, height_ratios=[4.1, below])
        for k, name in enumerate(labellings):
            axes = figure.add_subplot(grid[0, k], projection=None if flat else "3d")
            _draw_panel(axes, table, name, flat)
            legend = figure.add_subplot(grid[1, k])
            legend.set_axis_off()
            legend.legend(
                *axes.get_legend_handles_labels(), fontsize=7, loc="upper center", ncols=2,
                markerscale=1.3, columnspacing=1.0, handletextpad=0.2,
            )  # fmt: skip
            named = {f"{a}label": f"{AXES[method]} {i + 1}" for i, a in enumerate("xyz"[:dims])}
            axes.set(**named)
    return figure


def _draw_panel(axes: Any, table: pl.DataFrame, name: str, flat: bool) -> None:
    for mark in drawing.marks(table[f"label {name}"].to_list()):
        own = mark.of(table, f"label {name}")
        places = [own[c].to_numpy() for c in ("x", "y", "z")[: 2 if flat else 3]]
        axes.scatter(
            *places, s=13 if table.height <= MANY else 5, color=mark.colour, alpha=0.8,
            linewidths=0, marker=mark.shape, label=mark.label,
            rasterized=table.height > MANY,
        )  # fmt: skip
    axes.set_title("demographic group" if name == "group" else drawing.short(name, 28), loc="left")
    axes.set(xticks=[], yticks=[])
    if flat:
        # Axes have no unit, but one scale.
        x, y = table["x"].to_numpy(), table["y"].to_numpy()
        reach = 0.53 * max(np.ptp(x), np.ptp(y), 1e-9)
        for centre, limits in ((x, axes.set_xlim), (y, axes.set_ylim)):
            middle = (centre.min() + centre.max()) / 2
            limits(middle - reach, middle + reach)
        axes.set_aspect("equal")
        axes.spines[:].set_visible(True)
    else:
        axes.set(zticks=[])
        axes.set_box_aspect((1, 1, 1), zoom=1.0)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_pane_color("#F6F7F9")
            axis.line.set_color(drawing.FAINT)
