"""The page that shows what changed between two runs: one HTML file, like a report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from evenface._version import __version__
from evenface.report.figures import SYNTHETIC, Picture, data_uri
from evenface.report.page import make_environment, policy
from evenface.report.tables import Cell, cell, shown_p
from evenface.studies.compare import Compared
from evenface.studies.compare_view import draw_compared, main_rows, read_compared, what
from evenface.studies.drawing import save_figure
from evenface.studies.table import STUDIES


@dataclass(frozen=True)
class Change:
    """One number of both runs, ready to be printed."""

    metric: str
    what: str
    a: str
    b: str
    change: Cell
    p: str
    paired: bool


def write_page(
    file: Path,
    about: Sequence[str],
    studies: Sequence[Compared],
    level: float,
    *,
    synthetic: str,
) -> None:
    """Write a comparison's page and, in ``figures`` beside it, its figures.

    Parameters
    ----------
    file : Path
        The page.
    about : sequence of str
        Who was compared.
    studies : sequence of Compared
    level : float
        Nominal coverage of the intervals.
    synthetic : str
        What is made up, as `made_up` says; empty if nothing is.
    """
    views = [_view(one, file.parent / "figures", level) for one in studies]
    style = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
    html = (
        make_environment()
        .get_template("comparison.html.j2")
        .render(
            version=__version__,
            policy=policy([]),
            style=Markup(style),
            synthetic=synthetic,
            synthetic_text=SYNTHETIC[synthetic].split(": ", 1) if synthetic else (),
            about=about,
            views=views,
            level=f"{100 * level:g} %",
        )
    )
    draft = file.with_suffix(".tmp")
    draft.write_bytes(html.encode("utf-8", errors="replace"))
    os.replace(draft, file)


def _view(one: Compared, folder: Path, level: float) -> dict[str, Any]:
    picture = None
    figure = draw_compared(one)
    if figure is not None:
        name = f"{one.study}_changes"
        svg = save_figure(figure, folder / name)[0].read_text(encoding="utf-8")
        alt = "Changes of the main numbers with their intervals; the same are in the table."
        picture = Picture(name, alt, data_uri(svg))
    main = main_rows(one)
    return {
        "study": one.study,
        "question": STUDIES[one.study].question,
        "reading": read_compared(one, level),
        "picture": picture,
        "main": [_change(row) for row in main.rows(named=True)],
        "all": one.frame.height,
    }


def _change(row: dict[str, Any]) -> Change:
    a, b = ("\u2013" if row[k] is None else f"{row[k]:.3f}" for k in ("a", "b"))
    name, p = row["metric"].replace("_", " "), shown_p(row["p_holm"])
    return Change(name, what(row), a, b, cell(row, signed=True), p, bool(row["paired"]))
