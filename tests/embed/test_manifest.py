"""Manifests that were edited or damaged are refused with the file and the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenface.embed.folder import check_embeddings, write_embeddings
from evenface.embed.manifest import is_embedding_folder
from evenface.embed.seal import sealed
from evenface.embed.store import embeddings_from_arrays, open_embeddings
from evenface.errors import StoreError

NOTE = {"kind": "junk", "count": 1, "text": "One.", "examples": ["a"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vectors = np.random.default_rng(0).normal(size=(10, 4))
    rows = {"identity": [f"p{i // 2}" for i in range(10)]}
    write_embeddings(embeddings_from_arrays(vectors, rows), tmp_path / "emb", part_rows=4)
    return tmp_path / "emb"


def put(folder: Path, value: Any, *keys: Any) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    place = manifest
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(sealed(manifest)))


@pytest.mark.parametrize(
    ("keys", "value", "says"),
    [
        (("parts", 0, "rows"), -4, r"parts\[0\]\.rows is -4"),
        (("parts", 1, "rows"), 10**16, r"parts\[1\]\.rows is 10000000000000000"),
        (("parts", 1, "rows"), 1e16, r"parts\[1\]\.rows is 1e\+16"),
        (("parts", 1, "rows"), True, r"parts\[1\]\.rows is True"),
        (("parts", 1, "name"), "part-00000.parquet", r"parts lists part-00000\.parquet 2 times"),
        (("parts", 1, "sha256"), 5, r"parts\[1\]\.sha256 is no text"),
        (("dimension",), 10**12, "dimension is 1000000000000"),
        (("dimension",), True, "dimension is True"),
        (("counts", "rows"), -1, r"counts\.rows is -1"),
        (("counts", "failures"), False, r"counts\.failures is False"),
        (("chunks", "batch"), 0, r"chunks\.batch is 0"),
        (("chunks", "batch"), "32", r"chunks\.batch is '32'"),
        (("chunks", "part_rows"), -5, r"chunks\.part_rows is -5"),
        (("chunks", "part_rows"), 2.5, r"chunks\.part_rows is 2\.5"),
        (("source", "notes"), "none", r"source\.notes is no list"),
        (("source", "notes"), None, r"source\.notes is no list"),
        (("source", "notes"), [NOTE, "x"], r"source\.notes\[1\] is no note with kind, count"),
        (("source", "notes"), [{**NOTE, "count": "1"}], r"source\.notes\[0\]"),
        (("source", "notes"), [{**NOTE, "examples": [1]}], r"source\.notes\[0\]"),
        (("source", "notes"), [{"kind": "junk"}], r"source\.notes\[0\]"),
        (("schema",), "evenface.embeddings/" + "9" * 5000, "has schema"),
        (("schema",), "evenface.embeddings/²", "has schema"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(
    folder: Path, keys: Any, value: Any, says: str
) -> None:
    put(folder, value, *keys)
    for use in (open_embeddings, check_embeddings):
        with pytest.raises(StoreError, match=says) as caught:
            use(folder)
        assert "manifest.json" in str(caught.value)
        assert len(str(caught.value)) < 1000


def test_notes_that_are_notes_are_read(folder: Path) -> None:
    put(folder, [NOTE], "source", "notes")
    assert open_embeddings(folder).source["notes"] == [NOTE]


def test_more_rows_than_memory_holds_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, 2**31 - 1, "parts", 0, "rows")
    put(folder, 2**31 + 5, "counts", "rows")

    def empty(shape: Any, dtype: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(np, "empty", empty)
    with pytest.raises(StoreError, match=r"manifest\.json promises 2147483653 rows \(parts\.rows"):
        open_embeddings(folder)


def test_a_part_under_two_names_is_refused_by_opening_and_named_by_check(folder: Path) -> None:
    parts = json.loads((folder / "manifest.json").read_text())["parts"]
    copy = folder / "part-00003.parquet"
    copy.write_bytes((folder / parts[0]["name"]).read_bytes())
    put(folder, [*parts, {**parts[0], "name": copy.name}], "parts")
    put(folder, 14, "counts", "rows")
    with pytest.raises(StoreError, match="8 rows share a sample_id with another"):
        open_embeddings(folder)
    assert "8 rows share a sample_id with another" in check_embeddings(folder)


def test_brackets_nested_100000_deep_are_no_traceback(folder: Path) -> None:
    (folder / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(StoreError, match=r"manifest\.json can't be read as JSON"):
        open_embeddings(folder)


def test_only_a_folder_with_a_manifest_of_ours_is_an_embedding_folder(
    folder: Path, tmp_path: Path
) -> None:
    assert is_embedding_folder(folder)
    (folder / "manifest.json").write_text('{"schema": "evenface.embeddings/1", damaged')
    assert is_embedding_folder(folder)
    (tmp_path / "manifest.json").write_text('{"schema": "somebody.else/1"}')
    assert not is_embedding_folder(tmp_path)
    assert not is_embedding_folder(tmp_path / "none")


def test_a_row_taken_twice_is_not_written(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="2 rows share a sample_id"):
        write_embeddings(open_embeddings(folder).take([0, 0, 1]), tmp_path / "twice")
    assert not (tmp_path / "twice").exists()
