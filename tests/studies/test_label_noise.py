"""Wrong labels of a study's held-out rows: the table, what it is read as, and its figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from evenface.stats.accuracy import Recalls
from evenface.stats.asked import Asked
from evenface.stats.flips import SHARES, WAYS
from evenface.stats.repeats import Noise
from evenface.studies.drawing import save_figure
from evenface.studies.heldout import Tally
from evenface.studies.label_noise import (
    BREAKDOWNS,
    LABEL_NOISE,
    Conclusion,
    breakdowns,
    label_noise_rows,
    said_breakdowns,
)
from evenface.studies.label_noise_view import draw_label_noise

MODELS = ("good", "fair", "chance")
ACCURACIES = (0.93, 0.84, 0.5)


def study(people: int = 160, pictures: int = 3, splits: int = 3) -> tuple[Tally, Any, Any]:
    """Three models' predictions on overlapping test sets; the last 30 rows are never tested."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(people), pictures)
    codes = person % 2
    tally = Tally(codes, MODELS)
    for s in range(splits):
        tested = np.flatnonzero(rng.random(people) < 0.7)
        rows = np.flatnonzero(np.isin(person, tested) & (np.arange(person.size) < codes.size - 30))
        for model, accuracy in zip(MODELS, ACCURACIES, strict=True):
            right = rng.random(rows.size) < accuracy
            tally.add(s, model, rows, np.where(right, codes[rows], 1 - codes[rows]))
    return tally, codes, person


CONCLUSIONS = (
    Conclusion("good", 0, bound=0.5),
    Conclusion("chance", 2, bound=0.5),
    Conclusion("good − fair", 0, 1, noise=Noise(1e-4, 4.0)),
)


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    tally, codes, person = study()
    rows = np.flatnonzero(tally.tried())
    told = (tally, rows, codes, person, CONCLUSIONS, Asked())
    made = label_noise_rows(*told, about="gender")
    made += label_noise_rows(
        tally, rows, codes, person, CONCLUSIONS[:1], Asked(), about="gender",
        group="B", doubted=person % 4 >= 2, strata=person // 2 % 2,
    )  # fmt: skip
    return pl.DataFrame(made, schema=LABEL_NOISE, orient="row")


def test_the_table_starts_with_the_study_s_own_numbers(frame: pl.DataFrame) -> None:
    tally, codes, person = study()
    rows = np.flatnonzero(tally.tried())
    recalls = Recalls(tally.share(rows), codes[rows], person[rows], Asked())
    expected = [recalls.balanced(0), recalls.balanced(2),
                recalls.difference(0, 1, noise=CONCLUSIONS[2].noise)]  # fmt: skip
    assert frame.height == 4 * len(WAYS) * len(SHARES)
    for conclusion, e in zip(CONCLUSIONS, expected, strict=True):
        own = frame.filter(what=conclusion.what, group="all", share=0.0)
        assert own["way"].to_list() == list(WAYS)
        for row in own.rows(named=True):
            assert (row["value"], row["low"], row["high"]) == pytest.approx(
                (e.value, e.low, e.high)
            )
            assert (row["bound"], row["n_identities"]) == (conclusion.bound, e.n_identities)


def test_breakdowns_of_what_stands_and_what_does_not(frame: pl.DataFrame) -> None:
    found = breakdowns(frame)
    assert found.schema == pl.Schema(BREAKDOWNS)
    good, chance, gap, group = found.rows(named=True)
    assert chance["low"] < 0.5
    assert (chance["random"], chance["worst"], chance["left_out"]) == (0, 0, 0)
    assert good["random"] is None
    assert 0 < gap["worst"] < gap["left_out"] <= 0.2
    assert gap["worst"] < 0.1
    assert group["group"] == "B"
    assert group["worst"] is None


def test_the_frailest_conclusion_is_told(frame: pl.DataFrame) -> None:
    first, second = said_breakdowns(frame)
    share = breakdowns(frame).filter(what="good − fair")["worst"][0]
    assert f"If {100 * share:.1f} % of the recorded labels of the identities tested" in first
    assert "the conclusion that good − fair lies above 0 would no longer stand" in first
    assert "Of 2 conclusions" in first
    assert "step by step" in second
    told = said_breakdowns(frame.filter(what="good"), clause=lambda row: row["what"].upper())
    assert "that GOOD would" in told[0]
    (nothing,) = said_breakdowns(frame.filter(what="chance"))
    assert "no conclusion stands" in nothing
    assert said_breakdowns(frame.clear()) == []


def row(way: str, share: float, low: float | None, what: str = "a", **more: Any) -> dict[str, Any]:
    value, high = (None, None) if low is None else (low + 0.1, low + 0.2)
    return {"about": "t", "what": what, "way": way, "group": "all", "share": share, "bound": 0.5,
            "value": value, "low": low, "high": high, "n_identities": 9, "method": "hand",
            **more}  # fmt: skip


def test_sentences_by_hand() -> None:
    lows = {"random": (0.6, 0.58), "worst": (0.6, 0.45), "left_out": (0.6, 0.52)}
    rows = [row(way, s, low) for way, pair in lows.items()
            for s, low in zip((0.0, 0.15), pair, strict=True)]  # fmt: skip
    made = pl.DataFrame(rows, schema=LABEL_NOISE, orient="row")
    (found,) = breakdowns(made).rows(named=True)
    assert found["worst"] == pytest.approx(0.1)
    assert (found["low"], found["random"], found["left_out"]) == (0.6, None, None)
    first = said_breakdowns(made)[0]
    assert first.startswith("If 10 % of")
    assert first.endswith("wrong at random, it would take more than 15 %.")
    firm = made.with_columns(low=pl.lit(0.6), group=pl.lit("women"))
    first = said_breakdowns(firm)[0]
    assert first.startswith("Even if 15 % of the recorded labels of women were wrong")


def test_a_figure_is_drawn_whatever_the_table_holds(frame: pl.DataFrame, tmp_path: Any) -> None:
    figure = draw_label_noise(frame)
    panels = [a for a in figure.axes if a.lines]
    # The frailest first, what does not stand last.
    assert [a.get_title(loc="left") for a in panels] == ["good − fair", "good", "good\nin doubt: B",
                                                         "chance"]  # fmt: skip
    assert all(path.stat().st_size for path in save_figure(figure, tmp_path / "noise"))
    many = [row(w, s, 0.6 - s, f"$x_{k}", method="m")
            for k in range(9) for w in WAYS for s in (0.0, 0.2)]  # fmt: skip
    figure = draw_label_noise(pl.DataFrame(many, schema=LABEL_NOISE, orient="row"))
    assert sum(bool(a.lines) for a in figure.axes) == 8
    gaps = [row(w, s, None if s else 0.6) for w in WAYS for s in (0.0, 0.1)]
    draw_label_noise(pl.DataFrame(gaps, schema=LABEL_NOISE, orient="row"))
    assert draw_label_noise(frame.clear()).axes


def test_tiny_groups_do_not_fail() -> None:
    for people in (1, 2, 3, 4):
        codes = np.arange(people) % 2
        tally = Tally(codes, ["one"])
        tally.add(0, "one", np.arange(people), codes)
        made = label_noise_rows(tally, np.arange(people), codes, np.arange(people),
                                [Conclusion("one", 0, bound=0.5)], Asked(), about="t")  # fmt: skip
        table = pl.DataFrame(made, schema=LABEL_NOISE, orient="row")
        assert breakdowns(table).height == 1
        draw_label_noise(table)
        assert said_breakdowns(table)
