"""Selections depend on names and a seed, never on the order of a folder."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenface.errors import ConfigError, SelectionError
from evenface.faces.select import select_faces, select_rows
from evenface.faces.source import read_faces


def table(people: int = 8, images: int = 3) -> pl.DataFrame:
    rows = [
        (f"{g}{i}-{k}", f"{g}{i}", g)
        for g in ("f", "m") for i in range(people) for k in range(images)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=["sample_id", "identity", "gender"], orient="row")


@given(st.integers(1, 8), st.integers(1, 3), st.integers(0, 5), st.randoms())
def test_selection_is_exact_and_independent_of_order(
    n: int, images: int, seed: int, random: object
) -> None:
    frame = table()
    order = list(range(frame.height))
    random.shuffle(order)  # type: ignore[attr-defined]
    first = select_rows(frame, per_group=n, images=images, seed=seed)
    again = select_rows(frame[order], per_group=n, images=images, seed=seed)
    assert set(first["sample_id"]) == set(again["sample_id"])
    assert first.height == 2 * n * images
    assert first.group_by("gender").agg(pl.col("identity").n_unique())["identity"].to_list() == [
        n,
        n,
    ]


def test_more_identities_extend_the_choice_and_offsets_continue_it() -> None:
    frame = table()
    some = set(select_rows(frame, per_group=3)["identity"])
    more = set(select_rows(frame, per_group=5)["identity"])
    rest = set(select_rows(frame, per_group=2, offset=3)["identity"])
    assert some < more
    assert some | rest == more


def test_seeds_differ() -> None:
    chosen = {tuple(select_rows(table(30), per_group=3, seed=s)["identity"]) for s in range(4)}
    assert len(chosen) == 4


def test_too_few_identities_name_the_groups() -> None:
    frame = table().filter(pl.col("identity") != "m0")
    with pytest.raises(SelectionError, match=r"m: 7; ask for 7 or fewer"):
        select_rows(frame, per_group=8)


@pytest.mark.parametrize("wrong", [{"per_group": 0}, {"images": 0}, {"offset": -1}, {"offset": 2}])
def test_senseless_numbers_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        select_rows(table(), **wrong)


def test_what_was_not_selected_is_noted(diveface: Path) -> None:
    faces = select_faces(read_faces(diveface), per_group=2, images=1)
    assert len(faces) == 12
    assert [n.count for n in faces.notes if n.kind == "not selected"] == [60]
