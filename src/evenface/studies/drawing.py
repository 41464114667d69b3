"""How figures look: one palette, one type, labels that can't break a figure."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.faces.groups import JOINT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# Okabe and Ito (2008), told apart with any common colour vision; yellow and black moved last.
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#7F7F7F", "#B8A800",
)  # fmt: skip
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
INK, FAINT, BLANK = "#222831", "#D8DCE2", "#AEB6C2"
HEAT = ("#FBF6EA", "#CFE3F1", "#6FAEDB")
NO_LABEL = "(not recorded)"
LOOKS = len(PALETTE) * len(MARKERS)
"""Labels that colour and marker can tell apart."""

LINES: tuple[Any, ...] = (
    "-", "--", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 3)), (0, (8, 3)), (0, (6, 2, 1, 2)),
)  # fmt: skip
"""Styles of a line, in the order of `MARKERS`; ``-.`` is left for everybody."""

RASTER = 140
"""Dots an inch of what is drawn as a picture inside a figure: clouds of many points."""

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "legend.frameon": False,
    # A label is text: "$" in it starts no formula.
    "text.parse_math": False,
    "svg.fonttype": "none",
    # Without these the same figure is another file each time.
    "svg.hashsalt": "evenface",
    "pdf.fonttype": 42,
}


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style while a figure is made or written."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # A label may hold characters that no installed font has; a box stands for them.
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*")
        warnings.filterwarnings("ignore", message=".*constrained_layout.*")
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches, that belongs to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def short(label: str | None, length: int = 26) -> str:
    """Return a label fit for a figure: one line, no control characters, at most `length` long."""
    if label is None:
        return NO_LABEL
    text = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in label)
    text = re.sub(r"\s+", " ", text).strip() or "(blank)"
    return text if len(text) <= length else text[: length - 1] + "…"


def colour(place: int) -> str:
    """Return the colour of the n-th label."""
    return PALETTE[place % len(PALETTE)]


def marker(place: int) -> str:
    """Return the marker of the n-th label: with the colour, 64 labels can be told apart."""
    return MARKERS[(place + place // len(PALETTE)) % len(MARKERS)]


def looks(values: Collection[str | None]) -> dict[str | None, tuple[str, int]]:
    """Return each label's colour and place in `MARKERS`, in the order of a legend.

    Where all labels are pairs ("male · Asian") the part with more values gives the colour and the
    other the marker: what two groups share can be seen. A label that is missing is grey, and so
    are those beyond `LOOKS`: no two labels look alike and pass for one.
    """
    known = sorted({v for v in values if v is not None})
    pairs = [v.split(JOINT) for v in known]
    parts = [list(dict.fromkeys(p)) for p in zip(*pairs, strict=False)]
    found: dict[str | None, tuple[str, int]] = {}
    if parts and {len(p) for p in pairs} == {2} and len(known) > max(map(len, parts)):
        hue = int(len(parts[1]) >= len(parts[0]))
        many, few = sorted(parts[hue]), sorted(parts[1 - hue])
        if len(many) <= len(PALETTE) and len(few) <= len(MARKERS):
            for value, pair in zip(known, pairs, strict=True):
                found[value] = (colour(many.index(pair[hue])), few.index(pair[1 - hue]))
    for k, value in enumerate(known):
        found.setdefault(value, (colour(k), k // len(PALETTE)) if k < LOOKS else (BLANK, 0))
    if None in values:
        found[None] = (BLANK, 0)
    return found


@dataclass(frozen=True)
class Mark:
    """An entry of a legend: labels that look alike, and how."""

    values: tuple[str | None, ...]
    colour: str
    shape: str
    label: str

    def of(self, table: pl.DataFrame, column: str) -> pl.DataFrame:
        """Return the rows that carry one of its labels."""
        if self.values == (None,):
            return table.filter(pl.col(column).is_null())
        return table.filter(pl.col(column).is_in(list(self.values)))


def marks(values: Collection[str | None], length: int = 27) -> list[Mark]:
    """Return the entries of a legend: one a label, and one for all that can't be told apart."""
    drawn = looks(values)
    further = tuple(v for v, look in drawn.items() if v is not None and look == (BLANK, 0))
    found = [
        Mark((v,), shade, MARKERS[shape], short(v, length))
        for v, (shade, shape) in drawn.items()
        if v not in further
    ]
    if further:
        found.append(Mark(further, BLANK, MARKERS[1], f"{len(further)} further values"))
    return found


def heat_map() -> Colormap:
    """Return pale sand to blue: dark type can be read on all of it."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("evenface", list(HEAT))


def error_bars(
    axes: Axes,
    where: Sequence[float],
    rows: Sequence[dict[str, float | None]],
    *,
    colour: str,
    marker: str = "o",
    label: str | None = None,
) -> None:
    """Draw estimates with their intervals, one a place along y; missing ones leave a gap."""
    found = [(y, r) for y, r in zip(where, rows, strict=True) if r["value"] is not None]
    x = [r["value"] or 0.0 for _, r in found]
    reach = [
        [max(v - (r["low"] or 0.0), 0.0) for v, (_, r) in zip(x, found, strict=True)],
        [max((r["high"] or 0.0) - v, 0.0) for v, (_, r) in zip(x, found, strict=True)],
    ]
    axes.errorbar(
        x, [y for y, _ in found], xerr=reach, fmt=marker, color=colour, capsize=2.5, ms=5, lw=1.4,
        label=label,
    )  # fmt: skip


def legend(axes: Axes, **look: Any) -> None:
    """Draw a legend, where anything was drawn that it could name."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**look)


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as SVG and PDF; return the two paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_name(stem.name + suffix) for suffix in (".svg", ".pdf")]
    with styled():
        # No date inside: the same numbers give the same file.
        figure.savefig(paths[0], metadata={"Date": None}, dpi=RASTER)
        # Finding places for everything takes as long as drawing: both files have the same.
        figure.set_layout_engine("none")
        figure.savefig(paths[1], metadata={"CreationDate": None}, dpi=RASTER)
    return paths
