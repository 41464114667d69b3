"""Datasets of Hugging Face, saved and as on its Hub, in and out, without `datasets`."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evenface.embed.exchange import export_embeddings, import_vectors
from evenface.embed.folder import write_embeddings
from evenface.embed.store import Embeddings, embeddings_from_arrays, open_embeddings
from evenface.errors import StoreError, VectorError

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
FEATURES = {
    "embedding": {"feature": {"dtype": "float32", "_type": "Value"}, "_type": "Sequence"},
    "gender": {"names": ["male", "female"], "_type": "ClassLabel"},
    "identity": {"dtype": "string", "_type": "Value"},
}
WITH_DATASETS = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="Hugging Face's datasets is not installed"
)


def frame(codes: list[int | None] | None = None, **columns: Any) -> pl.DataFrame:
    vectors = pl.Series(VECTORS, dtype=pl.Array(pl.Float32, 3))
    return pl.DataFrame({"embedding": vectors, "gender": codes or [0, 1, 1, 0],
                         "identity": ["a", "b", "c", "d"], **columns})  # fmt: skip


def save(folder: Path, *shards: pl.DataFrame, **state: Any) -> Path:
    """Write a folder as `save_to_disk` does."""
    folder.mkdir(parents=True)
    names = [f"data-{k:05d}-of-{len(shards):05d}.arrow" for k in range(len(shards))]
    for name, shard in zip(names, shards, strict=True):
        shard.write_ipc_stream(folder / name)
    listed = {"_data_files": [{"filename": name} for name in names], "_split": None, **state}
    (folder / "state.json").write_text(json.dumps(listed))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    return folder


def test_a_saved_dataset_s_classes_get_their_names(tmp_path: Path) -> None:
    whole = frame([0, 1, -1, None], age=[1, 2, 3, 4])
    found = import_vectors(save(tmp_path / "d", whole[:3], whole[3:]), tmp_path / "o")
    assert found.vectors.tolist() == VECTORS.tolist()
    assert found.rows["gender"].to_list() == ["male", "female", None, None]
    assert found.rows["age"].to_list() == ["1", "2", "3", "4"]
    assert (found.source["layout"], found.card["file"]) == ("imported datasets", "d")
    assert len(found.card["sha256"]) == 64


@pytest.mark.parametrize("key", ["_indices_data_files", "_indices_files"])
def test_a_selection_is_applied_in_its_order(tmp_path: Path, key: str) -> None:
    folder = save(tmp_path / "d", frame(), **{key: [{"filename": "indices.arrow"}]})
    rows = pl.DataFrame({"indices": pl.Series([3, 0, 3], dtype=pl.UInt64)})
    rows.write_ipc_stream(folder / "indices.arrow")
    found = import_vectors(folder, tmp_path / "o")
    assert found.rows["identity"].to_list() == ["d", "a", "d"]
    assert found.vectors.tolist() == VECTORS[[3, 0, 3]].tolist()
    (rows + 1).write_ipc_stream(folder / "indices.arrow")
    with pytest.raises(VectorError, match=r"indices\.arrow should say which of 4 rows"):
        import_vectors(folder, tmp_path / "p")


def test_splits_are_read_as_one_and_say_which(tmp_path: Path) -> None:
    for split, rows in (("train", slice(0, 3)), ("test", slice(3, 4))):
        save(tmp_path / "d" / split, frame()[rows])
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    found = import_vectors(tmp_path / "d", tmp_path / "o")
    assert found.rows["split"].to_list() == ["train"] * 3 + ["test"]
    assert found.rows["gender"].to_list() == ["male", "female", "female", "male"]
    assert found.source["notes"][0]["count"] == 2
    alone = import_vectors(tmp_path / "d" / "train", tmp_path / "p")
    assert alone.attributes == ("gender",)


def parquet(file: Path, shard: pl.DataFrame) -> None:
    file.parent.mkdir(exist_ok=True)
    shard.write_parquet(
        file, metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})}
    )


@pytest.mark.parametrize("place", ["data", "."])
def test_parquet_as_on_the_hub_is_read(tmp_path: Path, place: str) -> None:
    where = tmp_path / "d" / place
    (tmp_path / "d").mkdir()
    for k in range(2):
        parquet(
            where / f"train-{k:05d}-of-00002-0123456789abcdef.parquet", frame()[2 * k : 2 * k + 2]
        )
    found = import_vectors(tmp_path / "d", tmp_path / "o")
    assert found.rows["identity"].to_list() == ["a", "b", "c", "d"]
    assert found.rows["gender"].to_list() == ["male", "female", "female", "male"]
    assert found.attributes == ("gender",)
    parquet(where / "test-00000-of-00001.parquet", frame()[:1])
    both = import_vectors(tmp_path / "d", tmp_path / "p")
    assert both.rows["split"].to_list() == ["test", *["train"] * 4]
    (where / "train-00001-of-00002-0123456789abcdef.parquet").unlink()
    with pytest.raises(VectorError, match="train-00001-of-00002 is not there"):
        import_vectors(tmp_path / "d", tmp_path / "q")


def test_half_precision_is_read_as_it_is(tmp_path: Path) -> None:
    halves = frame().with_columns(pl.col("embedding").cast(pl.Array(pl.Float16, 3)))
    found = import_vectors(save(tmp_path / "d", halves), tmp_path / "o")
    assert (found.vectors == VECTORS.astype(np.float16).astype(np.float32)).all()


def broken(change: Callable[[Path], object]) -> Callable[[Path], None]:
    return lambda folder: (save(folder, frame()), change(folder), None)[-1]


def state(**values: Any) -> Callable[[Path], object]:
    return lambda folder: (folder / "state.json").write_text(json.dumps(values))


def two_kinds(folder: Path) -> None:
    folder.mkdir()
    frame().write_parquet(folder / "a.parquet")
    frame(extra=["x"] * 4).write_parquet(folder / "b.parquet")


def mixed(folder: Path) -> None:
    folder.mkdir()
    for name in ("train-00000-of-00001.parquet", "more.parquet"):
        frame().write_parquet(folder / name)


def own_split(folder: Path) -> None:
    for split in ("train", "test"):
        save(folder / split, frame(split=["x"] * 4))
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder.mkdir(), r"neither a dataset saved with save_to_disk"),
        (broken(state(_data_files=[])), "lists no files"),
        (broken(state(_data_files="x")), "no list of files"),
        (broken(state(_data_files=[{"filename": "../secret.arrow"}])), "no name of a file in it"),
        (broken(state(_data_files=[{"filename": "gone.arrow"}])), r"gone\.arrow is no file"),
        (broken(state(_data_files=[{"filename": "state.json"}])), r"state\.json can't be read"),
        (broken(state(_data_files=[{"filename": "x.arrow", "take": 2}])), "parts of files only"),
        (broken(lambda f: (f / "state.json").write_text("[1]")), "not what `datasets` writes"),
        (broken(lambda f: (f / "dataset_info.json").write_text("{")), r"info\.json can't be read"),
        (lambda folder: save(folder, frame([0, 1, 2, 0])), "2, which is none of its 2 classes"),
        (two_kinds, "different columns"),
        (mixed, r"more\.parquet names no split"),
        (own_split, "a column 'split'"),
        (lambda folder: write_embeddings(embeddings_from_arrays(VECTORS, {"identity": ["a"] * 4}),
                                         folder), "embedding folder already"),
    ],
)  # fmt: skip
def test_folders_that_can_not_be_used_say_why(
    tmp_path: Path, make: Callable[[Path], object], says: str
) -> None:
    make(tmp_path / "d")
    with pytest.raises(VectorError, match=says):
        import_vectors(tmp_path / "d", tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_a_saved_dataset_comes_back_the_same(tmp_path: Path) -> None:
    people = ["a,b", 'say "hi"', "two\nlines", "é😀", " x ", "-1"]
    rows = {"identity": people, "mood": ["0", None, "<b>", "None", "1e5", "007"],
            "face_size": [None, 0, 1, 2, 3, 4], "path": [f"{i}.png" for i in range(6)]}  # fmt: skip
    made = embeddings_from_arrays(np.random.default_rng(0).normal(size=(6, 3)), rows)
    folder = export_embeddings(made, tmp_path / "d", to="datasets")
    back = import_vectors(folder, tmp_path / "o")
    assert back.rows.equals(made.rows)
    assert back.vectors.tobytes() == made.vectors.tobytes()
    again = export_embeddings(made, tmp_path / "e", to="datasets")
    for name in ("state.json", "data-00000-of-00001.arrow"):
        assert (folder / name).read_bytes() == (again / name).read_bytes()


@pytest.fixture
def halves(tmp_path: Path) -> Embeddings:
    """What a folder of half precision holds, with a label missing."""
    rows = {"identity": ["a", "b", "c", "d"], "gender": ["m", None, "f", "f"]}
    write_embeddings(embeddings_from_arrays(VECTORS, rows), tmp_path / "emb", dtype="float16")
    return open_embeddings(tmp_path / "emb")


@pytest.mark.parametrize("kind", ["npz", "csv", "parquet", "datasets"])
def test_folders_of_half_precision_are_exported(
    halves: Embeddings, tmp_path: Path, kind: str
) -> None:
    file = export_embeddings(halves, tmp_path / f"x.{kind}", to=kind)
    back = import_vectors(file, tmp_path / "o")
    assert back.vectors.tobytes() == halves.vectors.tobytes()
    assert back.rows.equals(halves.rows)


def test_large_datasets_are_written_in_several_files(
    halves: Embeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evenface.embed.writers.SHARD", 3)
    folder = export_embeddings(halves, tmp_path / "d", to="datasets")
    assert len(list(folder.glob("data-*-of-00002.arrow"))) == 2
    assert len(import_vectors(folder, tmp_path / "o")) == 4
    with pytest.raises(StoreError, match="isn't empty"):
        export_embeddings(halves, folder, to="datasets")


def test_pyarrow_reads_the_streams(halves: Embeddings, tmp_path: Path) -> None:
    import pyarrow as pa

    folder = export_embeddings(halves, tmp_path / "d", to="datasets")
    with pa.memory_map(str(folder / "data-00000-of-00001.arrow")) as file:
        table = pa.ipc.open_stream(file).read_all()
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 3)
    assert table["gender"].to_pylist() == ["m", None, "f", "f"]


@WITH_DATASETS
def test_datasets_itself_agrees(
    halves: Embeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import datasets

    datasets.disable_progress_bars()
    opened = datasets.load_from_disk(str(export_embeddings(halves, tmp_path / "d", to="datasets")))
    assert opened["gender"] == ["m", None, "f", "f"]
    assert np.asarray(opened["embedding"], np.float32).tobytes() == halves.vectors.tobytes()
    file = export_embeddings(halves, tmp_path / "x.parquet")
    read = datasets.load_dataset("parquet", data_files=str(file), cache_dir=str(tmp_path / "c"))
    assert read["train"]["identity"] == ["a", "b", "c", "d"]
    classes = datasets.ClassLabel(names=["f", "m"])
    changed = opened.cast_column("gender", classes).select([2, 0, 1])
    datasets.DatasetDict(train=changed).save_to_disk(str(tmp_path / "e"))
    back = import_vectors(tmp_path / "e", tmp_path / "o")
    assert back.rows["gender"].to_list() == ["f", "m", None]
    assert back.rows["sample_id"].to_list() == halves.rows["sample_id"][[2, 0, 1]].to_list()
