"""Tables of a page that several studies share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from evenface.report.tables import doubt_table, needed_table
from evenface.studies.label_noise import LABEL_NOISE
from evenface.studies.needed import NEEDED
from evenface.studies.result import Result


def noise(what: str, about: str, ways: dict[str, float], group: str = "all") -> pl.DataFrame:
    """Lower ends of 0.1, and at a share of 0.2 what is said."""
    rows = [
        {"about": about, "what": what, "way": way, "group": group, "share": share, "bound": 0.0,
         "value": low + 0.1, "low": low, "high": low + 0.2, "n_identities": 9, "method": "hand"}
        for way, last in ways.items() for share, low in ((0.0, 0.1), (0.2, last))
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=LABEL_NOISE, orient="row")


def test_what_was_not_asked_is_neither_borne_nor_not(plain: dict[str, Result]) -> None:
    own = noise("group", "group", {"random": 0.05, "worst": -0.1})
    more = noise(
        "A: above others", "gender", {"random": 0.0, "worst": -0.3, "left_out": 0.1}, "women"
    )
    tables = {**plain["probe"].tables, "label_noise": own, "tests_label_noise": more}
    first, second = doubt_table(replace(plain["probe"], tables=tables))
    assert first == {
        "what": "demographic group", "group": "all tested", "random": "> 20 %",
        "worst": "10.0 %", "left_out": "\u2013",
    }  # fmt: skip
    assert second == {
        "what": "A: above others (gender)", "group": "women", "random": "20.0 %",
        "worst": "5.0 %", "left_out": "> 20 %",
    }  # fmt: skip


def test_people_needed_are_a_row_a_number(plain: dict[str, Result]) -> None:
    rows = [("accuracy", "gender: A", p, n, 30, 0.123, 0.0)
            for p, n in ((0.01, None), (0.02, 900.0), (0.05, 144.0))]  # fmt: skip
    needed = pl.DataFrame(rows, schema=NEEDED, orient="row")
    result = replace(plain["probe"], tables={**plain["probe"].tables, "needed": needed})
    assert needed_table(result) == [
        {"what": "gender: A", "have": 30, "counts": ["none", "900", "144"], "resolved": "0.12"}
    ]


def test_the_page_shows_both(plain: dict[str, Result], plain_page: Path) -> None:
    html = plain_page.read_text(encoding="utf-8")
    probe = html.split('<section aria-labelledby="probe"')[1].split("</section>")[0]
    assert "How many people it would take" in probe
    assert probe.count('<th scope="row">') >= len(needed_table(plain["probe"])) > 0
    maps = html.split('<section aria-labelledby="map"')[1].split("</section>")[0]
    assert "If recorded labels were wrong" in maps
    assert "figures/map_labels.svg" in maps
