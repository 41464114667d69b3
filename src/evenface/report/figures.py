"""The figures of a report: written as files, and carried inside the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from evenface.report.drawn import KINDS, Drawn, drawing_key
from evenface.studies.described import made_up
from evenface.studies.drawing import save_figure, short, styled
from evenface.studies.heldout import title
from evenface.studies.result import Result
from evenface.studies.table import STUDIES

SYNTHETIC = {
    "faces": "Synthetic faces: made up, they show nobody; nothing about real people follows.",
    "vectors": "Synthetic vectors: made up, without a face; nothing about real people follows.",
}
"""By what `made_up` says."""

PLAIN = " !$'()*+,-./:;=?@[]^_`{|}~"
"""Characters that may stand in a data URI within a quoted attribute as they are."""


@dataclass(frozen=True)
class Picture:
    """One figure.

    Attributes
    ----------
    name : str
        Stem of its files in ``figures/``.
    alt : str
        What it shows, for those who don't see it.
    uri : str
        The SVG as a data URI: as an image it can't run anything or fetch anything.
    """

    name: str
    alt: str
    uri: str


def draw_figures(results: Mapping[str, Result], folder: Path) -> dict[str, Picture]:
    """Write every figure as SVG and PDF, unless it is there already; return them by name."""
    pictures = {}
    drawn = Drawn(folder)
    keys = {name: drawing_key(result) for name, result in results.items()}
    there = {name: drawn.names(name, key) for name, key in keys.items()}
    # What an earlier run of other studies or sizes drew would stand beside numbers it isn't about.
    for old in folder.glob("*.*"):
        mine = old.suffix in KINDS and old.stem.split("_")[0] in STUDIES
        if mine and old.name not in drawn.keep():
            old.unlink()
    for study, result in results.items():
        names = there[study]
        if names is None:
            names = list(_draw(result, folder))
            drawn.add(study, keys[study], names)
        for name in names:
            text = (folder / f"{name}.svg").read_text(encoding="utf-8")
            pictures[name] = Picture(name, describe(name, result), data_uri(text))
    drawn.save()
    return pictures


def _draw(result: Result, folder: Path) -> Iterator[str]:
    """Write a result's figures; yield their names."""
    for name, figure in result.figures().items():
        if made := made_up([result.context]):
            # The line needs room of its own, or what is below gets less.
            figure.set_figheight(figure.get_figheight() + 0.35)
            with styled():
                figure.suptitle(SYNTHETIC[made], x=0.01, ha="left", fontsize=8, color="#8A4B00")
        save_figure(figure, folder / name)
        yield name


def data_uri(svg: str) -> str:
    """Return an SVG as a percent-encoded data URI, which is shorter than base64."""
    # Inside tags only, where no label stands: a hundredth of a point is fine enough.
    svg = re.sub(r"<[^<>]+>", lambda tag: re.sub(r"(\.\d{2})\d+", r"\1", tag[0]), svg)
    # Line ends only separate: a label in a figure never holds one.
    return "data:image/svg+xml," + quote(re.sub(r"\s*\n\s*", " ", svg), safe=PLAIN)


def describe(name: str, result: Result) -> str:
    """Return a figure's text alternative; the numbers stand in the tables beside it."""
    if name.endswith("_labels"):
        return (
            "Lines of each number with its interval against the share of identities whose labels "
            "are wrong or left out. Where they reach chance or zero is in the table."
        )
    if name.startswith("map_"):
        _, size, dims = name.rsplit("_", 2)
        who = "everybody" if size == "all" else f"{size} identities a group"
        return (
            f"Scatter plot, map in {dims[0]} dimensions of {who}, one panel for each way "
            "to colour it. How pure neighbourhoods are is in the table."
        )
    if name == "probe":
        return (
            "Balanced accuracy of every probe with its interval, one panel for each attribute, "
            "chance dotted. The same numbers are in the table."
        )
    if name == "probe_dimensions":
        return "Balanced accuracy of a linear probe against the number of principal axes it sees."
    if name == "probe_curves":
        return "Loss and accuracy of the MLP probe on training and validation rows, by epoch."
    if name.startswith("transfer"):
        probe = name.removeprefix("transfer_") if name != "transfer" else ""
        return (
            f"Matrix of balanced accuracies for {short(result.config['target'], 40)} "
            f"({title(probe)}): rows trained on, columns tested on. The same numbers are in the "
            "table."
        )
    said = {
        "checks": "Shares of pictures and identities of which something is wrong, a panel a share, "
        "a line a group. The same numbers are in the tables.",
        "spaces": "Scatter plots of held-out people in the learned spaces, a column a loss.",
        "spaces_curves": "Loss by epoch of every learned space, on training and validation rows.",
        "bias": "Lines of accuracy against the majority's share, a column a loss, a line a remedy. "
        "The same numbers are in the table.",
        "verify": "Detection error trade-off curves on normal-deviate axes, a panel for each way "
        "to part people, a line a group. Rates at thresholds are in the tables.",
        "verify_rates": "FMR within groups and FNMR with intervals, a line a group. The same "
        "numbers are in the tables.",
        "verify_matrix": "Matrices of FMR between every two groups. The same numbers are in the "
        "tables.",
        "erase": "Leakage to a linear probe against the equal error rate, a panel for what is "
        "taken out, a line an eraser. The same numbers are in the tables.",
        "erase_probes": "Balanced accuracies of probes on what was taken out, before and after. "
        "The same numbers are in the tables.",
        "bias_spaces": "Scatter plots of held-out people in spaces learned balanced and biased.",
    }
    return said.get(name, f"Figure {name}")
