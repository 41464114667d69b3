"""No person and no picture stands on two sides, whatever the table looks like."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenface.errors import ConfigError, LeakError, SelectionError
from evenface.faces.duplicates import duplicate_notes
from evenface.faces.split import (
    check_splits,
    frame_persons,
    make_splits,
    persons,
    splits_fingerprint,
    splits_from_column,
)


def table(identity: list[str], sha: list[str | None] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(len(identity))],
            "identity": identity,
            "sha256": sha or [None] * len(identity),
        },
        schema_overrides={"sha256": pl.String},
    )


tables = st.integers(8, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([f"p{i}" for i in range(40)]), min_size=n, max_size=n),
        st.lists(
            st.one_of(st.none(), st.sampled_from([f"h{i}" for i in range(60)])),
            min_size=n, max_size=n,
        ),
        st.lists(st.sampled_from(["a", "b", None]), min_size=n, max_size=n),
        st.integers(1, 7),
        st.integers(3, 6),
    )
)  # fmt: skip


@given(tables)
def test_no_split_shares_an_identity_or_a_picture(drawn: tuple) -> None:
    identity, sha, strata, seeds, folds = drawn
    frame = table(identity, sha)
    if frame_persons(frame).max() + 1 < folds:
        with pytest.raises(SelectionError):
            make_splits(frame, strata, seeds=seeds, folds=folds)
        return
    for split in make_splits(frame, strata, seeds=seeds, folds=folds):
        sides = [split.train, split.validation, split.test]
        assert sorted(np.concatenate(sides).tolist()) == list(range(len(identity)))
        for column in (identity, sha):
            values = [{column[i] for i in side} - {None} for side in sides]
            assert not values[0] & values[1]
            assert not values[0] & values[2]
            assert not values[1] & values[2]


@given(tables, st.randoms())
def test_row_order_changes_no_split(drawn: tuple, random: object) -> None:
    identity, sha, strata, seeds, folds = drawn
    frame = table(identity, sha).with_columns(pl.Series("stratum", strata, dtype=pl.String))
    if frame_persons(frame).max() + 1 < folds:
        return
    order = list(range(len(identity)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = frame[order]
    first = make_splits(frame, strata, seeds=seeds, folds=folds)
    again = make_splits(shuffled, shuffled["stratum"].to_list(), seeds=seeds, folds=folds)
    assert splits_fingerprint(first) == splits_fingerprint(again)


def test_as_many_seeds_as_folds_test_every_row_once() -> None:
    identity = [f"p{i // 2}" for i in range(60)]
    splits = make_splits(table(identity), ["a"] * 60, seeds=5, folds=5)
    tested = np.concatenate([s.test for s in splits])
    assert sorted(tested.tolist()) == list(range(60))


def test_strata_are_dealt_evenly() -> None:
    identity = [f"p{i}" for i in range(100)]
    strata = ["a"] * 50 + ["b"] * 50
    for split in make_splits(table(identity), strata, seeds=5, folds=5):
        assert (split.test < 50).sum() == 10
        assert (split.test >= 50).sum() == 10


def test_another_seed_is_another_deal() -> None:
    frame, strata = table([f"p{i}" for i in range(50)]), ["a"] * 50
    first, again = (make_splits(frame, strata, seed=s) for s in (0, 1))
    assert splits_fingerprint(first) != splits_fingerprint(again)


def test_identities_that_share_a_picture_are_one_person() -> None:
    # a and b share x, b and c share y: all three are linked.
    number = persons(["a", "b", "b", "c", "d"], ["x", "x", "y", "y", "z"])
    assert number[0] == number[1] == number[2] == number[3] != number[4]


def test_a_planted_leak_is_refused() -> None:
    identity = [f"p{i // 2}" for i in range(40)]
    frame = table(identity)
    split = make_splits(frame, ["a"] * 40)[0]
    leaky = dataclasses.replace(split, train=np.append(split.train, split.test[:1]))
    with pytest.raises(LeakError, match="train and test"):
        check_splits([leaky], frame_persons(frame), identity)


def test_a_shared_picture_is_a_leak_even_under_two_names() -> None:
    frame = table(["a", "b", "c", "d"], ["x", "y", "z", "x"])
    said = frame.with_columns(pl.Series("side", ["train", "train", "validation", "test"]))
    with pytest.raises(LeakError):
        splits_from_column(said, "side")


def test_a_dataset_s_own_split_is_taken() -> None:
    frame = table([f"p{i}" for i in range(20)])
    said = frame.with_columns(pl.Series("side", ["train"] * 14 + ["Test"] * 6))
    (split,) = splits_from_column(said, "side")
    assert split.test.tolist() == list(range(14, 20))
    assert split.validation.size == 3


@pytest.mark.parametrize("value", ["holdout", ""])
def test_an_unknown_side_is_refused(value: str) -> None:
    frame = table(["a", "b"]).with_columns(pl.Series("side", ["train", value]))
    with pytest.raises(ConfigError, match="it may hold"):
        splits_from_column(frame, "side")


def test_impossible_splits_are_refused() -> None:
    frame = table(["a", "b", "c", "d", "e"])
    for wrong in ({"seeds": 0}, {"folds": 2}):
        with pytest.raises(ConfigError):
            make_splits(frame, ["x"] * 5, **wrong)
    with pytest.raises(SelectionError, match="4 identities can't be split 5 ways"):
        make_splits(frame.head(4), ["x"] * 4)


def test_duplicates_are_counted_and_contradictions_listed() -> None:
    frame = table(["a", "b", "c"], ["x", "x", "z"]).with_columns(
        pl.Series("path", ["1", "2", "3"]), pl.Series("gender", ["m", "f", "m"])
    )
    found = {n.kind: n for n in duplicate_notes(frame, ["gender"])}
    assert found["duplicates"].count == 2
    assert found["duplicates across identities"].examples == ("1 = 2",)
    assert found["duplicates: gender"].count == 1
    assert duplicate_notes(frame.tail(1), ["gender"]) == []
