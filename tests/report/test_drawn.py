from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from evenface.report.drawn import NOTE, drawing_key
from evenface.report.figures import draw_figures
from evenface.studies.probe import ProbeResult
from evenface.studies.result import Result


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count how often a result draws itself."""
    found: list[str] = []
    draw: Callable[[Result], object] = ProbeResult.figures

    def counted(self: Result) -> object:
        found.append(self.study)
        return {"probe": draw(self)["probe"]}  # type: ignore[index]

    monkeypatch.setattr(ProbeResult, "figures", counted)
    return found


def test_what_did_not_change_is_not_drawn_again(
    plain: dict[str, Result], tmp_path: Path, drawings: list[str]
) -> None:
    only = {"probe": plain["probe"]}
    first = draw_figures(only, tmp_path)
    files = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    assert set(files) == {"probe.svg", "probe.pdf", NOTE}
    assert draw_figures(only, tmp_path) == first
    assert drawings == ["probe"]
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == files


@pytest.mark.parametrize("harm", ["svg", "pdf", "note", "note is a list"])
def test_what_somebody_changed_is_drawn_again(
    plain: dict[str, Result],
    tmp_path: Path,
    drawings: list[str],
    harm: str,
    forget_fonts: Callable[[], None],
) -> None:
    only = {"probe": plain["probe"]}
    first = draw_figures(only, tmp_path)
    pdf = (tmp_path / "probe.pdf").read_bytes()
    if harm == "svg":
        (tmp_path / "probe.svg").write_text("<svg/>", encoding="utf-8")
    elif harm == "pdf":
        (tmp_path / "probe.pdf").unlink()
    else:
        (tmp_path / NOTE).write_text("[1]" if harm != "note" else "{", encoding="utf-8")
    forget_fonts()
    assert draw_figures(only, tmp_path) == first
    assert (tmp_path / "probe.pdf").read_bytes() == pdf
    assert len(drawings) == 2


def test_other_numbers_are_drawn_anew(
    plain: dict[str, Result], tmp_path: Path, drawings: list[str]
) -> None:
    draw_figures({"probe": plain["probe"]}, tmp_path)
    first = (tmp_path / "probe.svg").read_bytes()
    numbers = plain["probe"].numbers.with_columns(pl.col("low") - 0.01)
    moved = replace(plain["probe"], numbers=numbers)
    assert drawing_key(moved) != drawing_key(plain["probe"])
    draw_figures({"probe": moved}, tmp_path)
    assert len(drawings) == 2
    assert (tmp_path / "probe.svg").read_bytes() != first


def test_figures_of_studies_that_left_are_removed(
    plain: dict[str, Result], tmp_path: Path, drawings: list[str]
) -> None:
    (tmp_path / "map_all_2d.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path / "probe_old.pdf").write_text("", encoding="utf-8")
    (tmp_path / "mine.svg").write_text("<svg/>", encoding="utf-8")
    draw_figures({"probe": plain["probe"]}, tmp_path)
    assert {f.name for f in tmp_path.iterdir()} == {"probe.svg", "probe.pdf", "mine.svg", NOTE}
