"""The embedding folder: what opens, what is refused, and with which words."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evenface.embed.folder import check_embeddings, write_embeddings
from evenface.embed.seal import sealed
from evenface.embed.store import Embeddings, embeddings_from_arrays, open_embeddings
from evenface.errors import StoreError, VectorError


def some(n: int = 10, d: int = 4, seed: int = 0) -> Embeddings:
    rng = np.random.default_rng(seed)
    rows = {
        "identity": [f"p{i // 2}" for i in range(n)],
        "gender": ["male", None] * (n // 2),
        "path": [f"a/{i}.jpg" for i in range(n)],
    }
    return embeddings_from_arrays(rng.normal(size=(n, d)), rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_embeddings(some(), tmp_path / "emb", part_rows=4)
    return tmp_path / "emb"


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(sealed(manifest)))


def test_what_was_written_is_what_is_opened(folder: Path) -> None:
    found, wanted = open_embeddings(folder), some()
    assert found.rows.equals(wanted.rows)
    assert (found.vectors == wanted.vectors).all()
    assert found.vectors.flags.c_contiguous
    assert found.vectors.dtype == np.float32
    assert found.card == wanted.card
    assert found.source == wanted.source
    assert found.preprocessing == wanted.preprocessing
    assert check_embeddings(folder) == ()


def test_any_tool_can_read_a_part(folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(folder / "part-00001.parquet")
    assert str(table.schema.field("embedding").type) in (
        "fixed_size_list<item: float>[4]",
        "fixed_size_list<element: float>[4]",
    )
    assert table.num_rows == 4
    assert [f.name for f in table.schema][:5] == [
        "sample_id",
        "path",
        "sha256",
        "identity",
        "faces_found",
    ]


def test_the_same_embeddings_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_embeddings(some(), tmp_path / "again", part_rows=4)
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_used_folder_is_not_written_to(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="isn't empty"):
        write_embeddings(some(), folder)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="is a file"):
        write_embeddings(some(), tmp_path / "file")


def test_what_is_no_folder_of_ours_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="doesn't exist"):
        open_embeddings(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="is a file"):
        open_embeddings(tmp_path / "file")
    with pytest.raises(StoreError, match=r"no manifest\.json"):
        open_embeddings(tmp_path)


def test_the_folder_that_was_meant_is_named(tmp_path: Path) -> None:
    (tmp_path / "faces" / "all" / "women" / "p1").mkdir(parents=True)
    (tmp_path / "faces" / "all" / "women" / "p1" / "a.JPG").touch()
    with pytest.raises(StoreError, match=r"evenface embed \S+faces --out EMB"):
        open_embeddings(tmp_path / "faces")
    (tmp_path / "out").mkdir()
    write_embeddings(some(), tmp_path / "out" / "embeddings")
    with pytest.raises(StoreError, match=r"take \S+out.embeddings, where this run"):
        open_embeddings(tmp_path / "out")
    (tmp_path / "of vectors" / "results").mkdir(parents=True)
    with pytest.raises(StoreError, match="take the embedding folder that the run was given"):
        open_embeddings(tmp_path / "of vectors")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").touch()
    with pytest.raises(StoreError, match=r"so it is no embedding folder$"):
        open_embeddings(tmp_path / "texts")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "read as JSON"),
        ("\xff", "read as JSON"),
        ("[]", "schema None"),
        ('{"schema": "other/1"}', "schema 'other/1'"),
        ('{"schema": 1}', "schema 1"),
        ('{"schema": "evenface.embeddings/3"}', "newer evenface"),
        ('{"schema": "evenface.embeddings/0"}', "old schema"),
        ('{"schema": "evenface.embeddings/2"}', "damaged: model is missing"),
    ],
)
def test_manifests_that_are_none_say_why(folder: Path, text: str, says: str) -> None:
    (folder / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(StoreError, match=says) as caught:
        open_embeddings(folder)
    assert "manifest.json" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["parts"][0].update(name="../part-00000.parquet"),
        lambda m: m["parts"][0].update(name="/etc/part-00000.parquet"),
        lambda m: m["parts"][0].pop("rows"),
        lambda m: m["parts"].append("part-00009.parquet"),
        lambda m: m["source"].pop("attributes"),
        lambda m: m["counts"].pop("rows"),
        lambda m: m.update(dimension=0),
        lambda m: m.update(parts={}),
    ],
)
def test_a_damaged_manifest_is_refused(folder: Path, change: Any) -> None:
    edit(folder, change)
    with pytest.raises(StoreError, match="is damaged"):
        open_embeddings(folder)


def test_an_unfinished_folder_says_how_to_finish(folder: Path) -> None:
    (folder / "manifest.json").rename(folder / "unfinished.json")
    with pytest.raises(StoreError, match="run the same command again, such as `evenface embed`"):
        open_embeddings(folder)
    assert "unfinished" in check_embeddings(folder)[0]


def test_a_missing_part_is_named(folder: Path) -> None:
    (folder / "part-00001.parquet").unlink()
    with pytest.raises(StoreError, match=r"part-00001\.parquet can't be read"):
        open_embeddings(folder)


@pytest.mark.parametrize("kept", [0, 50, -10])
def test_a_cut_part_is_named(folder: Path, kept: int) -> None:
    path = folder / "part-00001.parquet"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(StoreError, match=r"part-00001\.parquet can't be read as Parquet"):
        open_embeddings(folder)


def rewrite(folder: Path, change: Callable[[pl.DataFrame], pl.DataFrame], k: int = 1) -> None:
    path = folder / f"part-0000{k}.parquet"
    change(pl.read_parquet(path)).write_parquet(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f[:3], "has 3 rows; the manifest says 4"),
        (lambda f: f.drop("gender"), "gender is None, not String"),
        (lambda f: f.with_columns(pl.lit("x").alias("more")), "more is unexpected"),
        (
            lambda f: f.with_columns(pl.Series("embedding", np.zeros((4, 3), np.float32))),
            "embedding is Array.*shape=.3.*not Array.*shape=.4",
        ),
        (lambda f: f.with_columns(pl.col("embedding").arr.to_list()), "embedding is List"),
        (lambda f: f.with_columns(identity=pl.lit("someone")), "was changed since"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(folder: Path, change: Any, says: str) -> None:
    rewrite(folder, change)
    with pytest.raises(StoreError, match=says) as caught:
        open_embeddings(folder)
    assert "part-00001.parquet" in str(caught.value)


def test_hashes_are_compared_unless_they_are_not_wanted(folder: Path) -> None:
    rewrite(folder, lambda f: f.with_columns(identity=pl.lit("someone")))
    assert open_embeddings(folder, verify=False).rows["identity"].to_list().count("someone") == 4


def test_counts_that_differ_are_refused(folder: Path) -> None:
    edit(folder, lambda m: m["counts"].update(rows=11))
    with pytest.raises(StoreError, match="10 rows; its manifest says 11"):
        open_embeddings(folder)


def test_missing_failures_are_noticed(folder: Path) -> None:
    (folder / "failures.parquet").unlink()
    with pytest.raises(StoreError, match=r"failures\.parquet is missing"):
        open_embeddings(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_counted_and_named(folder: Path, value: float) -> None:
    def spoil(frame: pl.DataFrame) -> pl.DataFrame:
        vectors = frame["embedding"].to_numpy().copy()
        vectors[[0, 2], 1] = value
        return frame.with_columns(pl.Series("embedding", vectors, dtype=pl.Array(pl.Float32, 4)))

    rewrite(folder, spoil)
    ids = pl.read_parquet(folder / "part-00001.parquet")["sample_id"]
    with pytest.raises(VectorError, match=f"2 of 10 vectors .*{ids[0]}, {ids[2]}"):
        open_embeddings(folder, verify=False)


def test_check_lists_everything_at_once(folder: Path) -> None:
    (folder / "part-00000.parquet").unlink()
    rewrite(folder, lambda f: f.with_columns(identity=pl.lit("someone")))
    (folder / "failures.parquet").write_bytes(b"")
    (folder / "part-00007.parquet").write_bytes(b"")
    faults = "\n".join(check_embeddings(folder))
    assert len(check_embeddings(folder)) == 4
    for says in ("part-00000", "was changed", "failures.parquet can't", "doesn't list"):
        assert says in faults


def test_fingerprints_follow_the_content(tmp_path: Path) -> None:
    a = write_embeddings(some(), tmp_path / "a")
    assert a.fingerprint == open_embeddings(tmp_path / "a").fingerprint
    assert a.fingerprint != write_embeddings(some(seed=1), tmp_path / "b").fingerprint
    assert some().fingerprint == some().fingerprint
    assert some().fingerprint != some(seed=1).fingerprint
    assert a.take([0, 1]).fingerprint != a.fingerprint
    assert a.take([0, 1]).fingerprint != a.take([1, 0]).fingerprint


def test_take_accepts_masks_and_row_numbers() -> None:
    whole = some()
    mask = whole.rows["identity"] == "p1"
    for which in (mask, mask.to_numpy(), [2, 3], np.array([2, 3]), [-8, -7], pl.Series([2, 3])):
        part = whole.take(which)
        assert part.rows["sample_id"].to_list() == ["00000002", "00000003"]
        assert (part.vectors == whole.vectors[2:4]).all()
        assert part.vectors.flags.c_contiguous
    assert whole.take([3, 3, 0]).rows["path"].to_list() == ["a/3.jpg", "a/3.jpg", "a/0.jpg"]
    assert len(whole.take([])) == 0
    assert whole.take([]).dimension == 4
    assert len(whole.take(np.zeros(10, bool))) == 0


@pytest.mark.parametrize("which", [[10], [-11], [True], [[0]], [0.5], ["a"], 3])
def test_take_refuses_what_chooses_nothing(which: Any) -> None:
    with pytest.raises(VectorError):
        some().take(which)


def test_the_repr_says_what_it_is_in_two_lines() -> None:
    text = repr(some())
    assert text.count("\n") == 1
    assert "10 pictures of 5 identities, 4 numbers each" in text
    assert "gender" in text


def test_labels_that_say_nothing_are_missing() -> None:
    rows = {"identity": ["a", "b", "c"], "gender": ["", " Unknown ", " male"], "age": [1, 2, None]}
    found = embeddings_from_arrays(np.ones((3, 2)), rows)
    assert found.rows["gender"].to_list() == [None, None, "male"]
    assert found.rows["age"].to_list() == ["1", "2", None]
    assert found.attributes == ("gender", "age")
    assert found.source["attributes"] == ["gender", "age"]


IDS = {"identity": ["a", "b"]}


@pytest.mark.parametrize(
    ("vectors", "rows", "says"),
    [
        (np.ones(2), IDS, r"shape \(2,\); two axes"),
        (np.ones((2, 2, 2)), IDS, "two axes"),
        (np.ones((0, 4)), {"identity": []}, "no vectors"),
        (np.ones((2, 0)), IDS, "no vectors"),
        ([[1], [1, 2]], IDS, "different lengths"),
        (np.array([["a"], ["b"]]), IDS, "real numbers"),
        (np.ones((2, 2), complex), IDS, "real numbers"),
        (np.array([[1], [None]], object), IDS, "Python objects"),
        ([[1.0], [np.nan]], IDS, "1 of 2 vectors hold NaN.*00000001"),
        ([[1.0], [1e300]], IDS, "1 of 2 vectors hold NaN"),
        (np.ones((3, 2)), IDS, "2 rows of labels don't match 3 vectors"),
        (np.ones((2, 2)), {"person": ["a", "b"]}, "no column `identity` among person"),
        (np.ones((2, 2)), {"identity": ["a", ""]}, "1 rows have no identity.*row 2"),
        (np.ones((2, 2)), {"identity": ["a", " "]}, "1 rows have no identity"),
        (np.ones((2, 2)), {**IDS, "sample_id": ["x", "x"]}, "stand more than once, such as 'x'"),
        (np.ones((2, 2)), {**IDS, "embedding": ["x", "y"]}, "rename"),
        (np.ones((2, 2)), {**IDS, "faces_found": ["x", "y"]}, "face_size numbers"),
        (np.ones((2, 2)), {**IDS, "mood": ["x", "y\x00"]}, "mood holds a NUL"),
    ],
)
def test_arrays_that_can_not_be_used_say_why(vectors: Any, rows: Any, says: str) -> None:
    with pytest.raises(VectorError, match=says):
        embeddings_from_arrays(vectors, rows)


def test_a_card_of_another_dimension_is_refused() -> None:
    with pytest.raises(VectorError, match="card says 512"):
        embeddings_from_arrays(np.ones((2, 2)), IDS, card={"dimension": 512})


def test_importing_the_store_is_light() -> None:
    code = (
        "import sys, evenface.embed.store; "
        "print([m for m in ('cv2', 'onnxruntime', 'torch', 'PIL', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
