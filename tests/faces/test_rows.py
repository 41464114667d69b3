"""Tables are the same whatever the number of rows that are handled at a time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenface.errors import SourceError
from evenface.faces import rows, table
from evenface.faces.look import SAMPLE, Look
from evenface.faces.source import read_faces
from evenface.faces.table import RESERVED, build_faces, frame_fingerprint

labels = st.sampled_from([None, "", "Unknown", "male", " male", "female", "é"])
tables = st.lists(st.tuples(st.integers(0, 3), labels, labels), min_size=1, max_size=12)


def faces_of(made: list[Any]) -> Any:
    columns = {
        "path": [f"{(k * 7) % 13}/{k}.png" for k in range(len(made))],
        "identity": [str(person) for person, _, _ in made],
        "gender": [gender for _, gender, _ in made],
        "age": [age for _, _, age in made],
    }
    return build_faces(columns, Path(), "test")


@given(tables)
def test_blocks_of_any_size_give_the_same_table(made: list[Any]) -> None:
    whole = faces_of(made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "BLOCK", 2)
        patch.setattr(table, "SHARE", 1)
        pieces = faces_of(made)
        assert pieces.fingerprint == whole.fingerprint
    assert pieces.frame.equals(whole.frame)
    assert pieces.notes == whole.notes


@given(tables)
def test_the_fingerprint_is_that_of_all_rows_at_once(made: list[Any]) -> None:
    frame = faces_of(made).frame
    columns = ["sample_id", "identity", *sorted(set(frame.columns) - set(RESERVED))]
    digest = hashlib.sha256("\x1f".join(columns).encode())
    for row in sorted(frame.select(columns).rows(), key=lambda r: str(r[0])):
        for value in row:
            digest.update(b"\x00" if value is None else b"\x01" + str(value).encode() + b"\x1f")
        digest.update(b"\x1e")
    assert frame_fingerprint(frame) == digest.hexdigest()[:16]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_rows_are_kept_in_order_and_as_text(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BLOCK", 3)
    gathered = rows.Rows("a", "b")
    for k in range(count):
        gathered.add(str(k), None)
    frame = gathered.frame()
    assert frame["a"].to_list() == [str(k) for k in range(count)]
    assert frame.schema == {"a": pl.String, "b": pl.String}


def test_a_look_remembers_few_names_and_counts_all(tmp_path: Path) -> None:
    for k in range(SAMPLE + 20):
        (tmp_path / f"{k:04d}.jpg").touch()
    for name in ("list.txt", ".hidden.jpg", "Thumbs.db"):
        (tmp_path / name).touch()
    os.symlink("loop.jpg", tmp_path / "loop.jpg")
    os.symlink("loop", tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    here = Look(tmp_path).at(tmp_path)
    assert here.pictures == tuple(f"{k:04d}.jpg" for k in range(SAMPLE))
    assert (here.count, here.folders, here.files) == (
        SAMPLE + 21,
        ("folder",),
        ("list.txt", "loop"),
    )


def test_a_source_that_cant_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scandir(place: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(SourceError, match=rf"{tmp_path}: can't be read: Permission denied"):
        read_faces(tmp_path)
