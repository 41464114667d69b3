"""A folder is brought up to date, and no vector is computed twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from embed_means import Means, StoppedError, paint, rows, run, some, stop_after
from evenface.embed.extract import Held, extract
from evenface.embed.folder import check_embeddings
from evenface.embed.store import open_store
from evenface.errors import StoreError
from evenface.faces.table import Faces, build_faces

MakeFaces = Callable[..., Faces]


def test_new_pictures_join_as_new_parts(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces, out = make_faces(20), tmp_path / "out"
    assert run(some(faces, slice(0, 8)), out) == 8
    before = {p.name: p.stat().st_mtime_ns for p in out.glob("part-*")}
    said: list[str] = []
    assert run(faces, out, on_note=said.append) == 12
    assert said == ["new pictures: 12"]
    after = {p.name: p.stat().st_mtime_ns for p in out.glob("part-*")}
    assert before.items() <= after.items()
    run(faces, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")
    assert run(faces, out) == 0


def test_a_changed_picture_is_noticed_and_its_neighbours_are_not_embedded_again(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces, out = make_faces(12), tmp_path / "out"
    run(faces, out)
    paint(faces, "0005.png", 9)
    assert run(faces, out, held=Held(recheck=False)) == 0
    said: list[str] = []
    assert run(faces, out, on_note=said.append) == 1
    assert said == ["changed pictures: 1"]
    run(faces, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")
    names = sorted(p.name for p in out.glob("part-*"))
    assert names == ["part-00000.parquet", "part-00002.parquet", "part-00003.parquet"]


def test_other_labels_and_columns_cost_no_embedding(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces, out = make_faces(12), tmp_path / "out"
    run(faces, out)
    frame = faces.frame.with_columns(
        pl.when(pl.col("path") == "0001.png").then(pl.lit("x")).otherwise("gender").alias("gender")
    )
    assert run(faces.with_frame(frame), out) == 0
    assert open_store(out).rows(["path", "gender"], {"gender": "x"}).rows() == [("0001.png", "x")]
    wider = frame.with_columns(mood=pl.lit("calm"))
    assert run(faces.with_frame(wider), out) == 0
    assert open_store(out).attributes == ("gender", "age", "mood")
    run(faces.with_frame(wider), tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")


def test_pictures_that_the_source_lacks_are_kept_unless_they_may_go(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces, out = make_faces(12), tmp_path / "out"
    run(faces, out)
    fewer = some(faces, slice(0, 6))
    with pytest.raises(StoreError, match=r"holds 6 pictures .* such as '0006\.png'.*--prune"):
        run(fewer, out)
    assert len(open_store(out)) == 12
    assert run(fewer, out, held=Held(prune=True)) == 0
    assert open_store(out).rows()["path"].to_list() == fewer.frame["path"].to_list()


def test_a_vector_outlives_its_picture(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces, out = make_faces(8), tmp_path / "out"
    run(faces, out)
    before = rows(out)
    (faces.root / "0001.png").unlink()
    assert run(faces, out) == 0
    # A neighbour in the same part changes, so the part is written again.
    paint(faces, "0002.png", 7)
    assert run(faces, out) == 1
    assert len(rows(out) & before) == 7
    assert open_store(out).failures().height == 0


def test_failures_are_tried_again_once_their_picture_is_another(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces, out = make_faces(10), tmp_path / "out"
    whole = {n: (faces.root / n).read_bytes() for n in ("0001.png", "0006.png", "0007.png")}
    (faces.root / "0001.png").write_bytes(b"")
    (faces.root / "0006.png").unlink()
    (faces.root / "0007.png").write_bytes(b"no picture")
    run(faces, out)
    assert open_store(out).failures()["gender"].null_count() == 0
    assert run(faces, out) == 0
    for name in ("0001.png", "0006.png"):
        (faces.root / name).write_bytes(whole[name])
    assert run(faces, out) == 2
    assert open_store(out).failures()["path"].to_list() == ["0007.png"]


def test_vectors_are_taken_from_another_data_set(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces = make_faces(12)
    run(faces, tmp_path / "a")
    # The same bytes under other names, and two pictures of its own.
    other = tmp_path / "copies"
    other.mkdir()
    names = [f"x{i}.png" for i in range(6)]
    for i, name in enumerate(names):
        (other / name).write_bytes((faces.root / f"{i:04d}.png").read_bytes())
    more = make_faces(2, "more")
    for i in range(2):
        Image.new("RGB", (30, 30), (i, 50, 0)).save(other / f"y{i}.png")
    names += ["y0.png", "y1.png"]
    copies = build_faces({"path": names, "identity": names}, other, "test")
    assert run(copies, tmp_path / "b", held=Held(reuse=(tmp_path / "a",))) == 2
    run(copies, tmp_path / "whole")
    assert rows(tmp_path / "b") == rows(tmp_path / "whole")
    strange = Means()
    strange.card = replace(Means.card, name="medians")
    with pytest.raises(StoreError, match=r"can't be used in.*model\.name"):
        extract(more, strange, tmp_path / "c", held=Held(reuse=(tmp_path / "a",)))


@pytest.mark.parametrize("stop", [0, 5, 9])
def test_an_extension_that_was_stopped_goes_on_and_readers_see_the_old_folder(
    make_faces: MakeFaces, tmp_path: Path, stop: int
) -> None:
    faces, out = make_faces(24), tmp_path / "out"
    run(some(faces, slice(0, 8)), out)
    old = rows(out)
    paint(faces, "0002.png", 3)
    with pytest.raises(StoppedError):
        run(faces, out, on_progress=stop_after(8 + stop))
    assert rows(out) == old
    assert "being extended" in check_embeddings(out)[0]
    run(faces, out)
    run(faces, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")
    assert not list(out.glob("chunk-*")) + list(out.glob("unfinished*"))


def test_a_source_that_grew_meanwhile_is_gone_on_with(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces, out = make_faces(20), tmp_path / "out"
    with pytest.raises(StoppedError):
        run(some(faces, slice(0, 16)), out, on_progress=stop_after(9))
    assert run(faces, out) <= 12
    run(faces, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")


def test_a_run_with_results_refuses_to_change_what_they_are_about(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces, out = make_faces(8), tmp_path / "out"
    run(faces, out)
    paint(faces, "0002.png", 3)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(StoreError, match=r"changed pictures: 1.*--reuse"):
        run(faces, out, held=Held(extend=False))
    with pytest.raises(StoreError, match=r"another embedding: source\.fingerprint"):
        run(some(faces, slice(0, 4)), out, held=Held(extend=False))
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


@pytest.mark.parametrize("damage", ["flipped", "missing", "cut", "failures"])
def test_only_damaged_parts_are_embedded_again(
    make_faces: MakeFaces, tmp_path: Path, damage: str
) -> None:
    faces, out = make_faces(16), tmp_path / "out"
    (faces.root / "0015.png").write_bytes(b"")
    run(faces, out)
    whole = rows(out)
    part = out / "part-00001.parquet"
    data = part.read_bytes()
    if damage == "flipped":
        part.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    elif damage == "missing":
        part.unlink()
    elif damage == "cut":
        part.write_bytes(data[:-9])
    else:
        (out / "failures.parquet").write_bytes(b"")
    assert ("part-00001" in check_embeddings(out)[0]) == (damage != "failures")
    assert run(faces, out, held=Held(repair=True)) == (0 if damage == "failures" else 4)
    assert rows(out) == whole
    assert open_store(out).failures().height == 1


def test_float16_holds_half_and_what_it_can_not_hold_is_a_failure(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    class Large(Means):
        def __call__(self, crops: np.ndarray) -> np.ndarray:
            vectors = super().__call__(crops)
            vectors[0] = 1e6
            return vectors

    faces, out = make_faces(6), tmp_path / "out"
    store = extract(faces, Large(), out, batch=3, dtype="float16")
    assert store.dtype == "float16"
    assert pl.read_parquet_schema(out / "part-00000.parquet")["embedding"] == pl.Array(
        pl.Float16, 3
    )
    assert store.failures().select("path", "stage").rows() == [
        ("0000.png", "embed"),
        ("0003.png", "embed"),
    ]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["parts"][0]["vectors_at"] > 0
    with pytest.raises(StoreError, match="dtype is 'float16' there and 'float32' now"):
        extract(faces, Large(), out)
