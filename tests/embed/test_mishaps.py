"""Mishaps one upon another: a folder ends as a fresh one would, or says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from embed_means import Means, StoppedError, paint, rows, run, some, stop_after
from evenface.embed import folder
from evenface.embed.extract import Held, extract
from evenface.embed.files import file_sha256, remove
from evenface.embed.folder import check_embeddings
from evenface.embed.store import open_embeddings, open_store
from evenface.errors import StoreError, VectorError
from evenface.faces.table import Faces, build_faces

MakeFaces = Callable[..., Faces]


def stopped(faces: Faces, out: Path, done: int) -> None:
    with pytest.raises(StoppedError):
        run(faces, out, on_progress=stop_after(done))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("finished", [True, False])
def test_sources_that_grow_between_stops(
    make_faces: MakeFaces, tmp_path: Path, finished: bool
) -> None:
    faces, out = make_faces(40), tmp_path / "out"
    if finished:
        run(some(faces, slice(0, 16)), out)
    stopped(some(faces, slice(0, 24)), out, 22)
    stopped(some(faces, slice(0, 32)), out, 29)
    run(faces, out)
    run(faces, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")


def test_what_changed_after_a_stop_is_noticed(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces, out = make_faces(16), tmp_path / "out"
    whole = (faces.root / "0001.png").read_bytes()
    (faces.root / "0001.png").write_bytes(b"")
    stopped(faces, out, 9)
    (faces.root / "0001.png").write_bytes(whole)
    paint(faces, "0002.png", 5)
    run(faces, out)
    run(faces, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")
    assert open_store(out).failures().height == 0


def test_the_newest_vector_of_a_lost_picture_is_kept(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces, out = make_faces(16), tmp_path / "out"
    run(faces, out)
    paint(faces, "0001.png", 77)
    paint(faces, "0005.png", 78)
    digest = file_sha256(faces.root / "0001.png")
    # After the part with the first of them is written.
    stopped(faces, out, 13)
    (faces.root / "0001.png").unlink()
    relabelled = faces.with_frame(faces.frame.with_columns(gender=pl.lit("other")))
    run(relabelled, out)
    kept = open_store(out).rows(["path", "sha256"]).filter(path="0001.png")
    assert kept["sha256"].to_list() == [digest]


def test_damage_does_not_live_on_in_new_parts(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces, out = make_faces(8), tmp_path / "out"
    run(faces, out)
    flip(out / "part-00000.parquet", open_store(out).parts[0].vectors_at or 0)
    relabelled = faces.with_frame(
        faces.frame.with_columns(
            gender=pl.when(path="0000.png").then(pl.lit("other")).otherwise("gender")
        )
    )
    with pytest.raises(StoreError, match=r"part-00000\.parquet was changed.*--repair"):
        run(relabelled, out)
    with pytest.raises(StoreError, match=r"part-00000\.parquet was changed"):
        extract(faces, Means(), tmp_path / "b", held=Held(reuse=(out,)))
    with pytest.raises(StoreError, match=r"part-00000\.parquet was changed"):
        open_store(out).load({"gender": "male"})
    assert run(relabelled, out, held=Held(repair=True)) == 4
    run(relabelled, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")


def test_an_extension_that_was_stopped_can_be_repaired_or_reverted(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces, out = make_faces(24), tmp_path / "out"
    fewer = some(faces, slice(0, 12))
    run(fewer, out)
    stopped(faces, out, 18)
    (out / "part-00001.parquet").unlink()
    with pytest.raises(StoreError, match=r"part-00001\.parquet is missing.*--repair"):
        run(faces, out)
    run(faces, out, held=Held(repair=True))
    run(faces, tmp_path / "whole")
    assert rows(out) == rows(tmp_path / "whole")
    run(fewer, tmp_path / "other")
    stopped(faces, tmp_path / "other", 18)
    # What was begun and never finished may go without a word.
    run(fewer, tmp_path / "other")
    assert len(open_store(tmp_path / "other")) == 12


def test_pictures_that_were_all_broken_for_a_while_are_mended(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces, out = make_faces(6), tmp_path / "out"
    run(faces, out)
    before = {p.name: p.read_bytes() for p in faces.root.iterdir()}
    for name in before:
        (faces.root / name).write_bytes(b"")
    with pytest.raises(Exception, match="not one of 6"):
        run(faces, out)
    for name, data in before.items():
        (faces.root / name).write_bytes(data)
    run(faces, out)
    assert len(open_store(out)) == 6


def test_a_row_at_an_address_that_nobody_can_read_is_a_failure(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces = make_faces(3)
    paths = [*faces.frame["path"], "nonsense://x/a.png", "memory://nowhere/a.png"]
    made = build_faces({"path": paths, "identity": list("abcde")}, faces.root, "test")
    run(made, tmp_path / "out")
    failed = dict(open_store(tmp_path / "out").failures().select("path", "reason").iter_rows())
    assert "nothing installed can read nonsense" in failed["nonsense://x/a.png"]
    assert failed["memory://nowhere/a.png"] == "the file doesn't exist"


def test_a_run_killed_while_it_tidies_up_has_nothing_left_to_do(
    make_faces: MakeFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces, out = make_faces(12), tmp_path / "out"
    run(faces, out)
    paint(faces, "0001.png", 4)

    def killed(*what: Any) -> None:
        remove(*what)
        raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr(folder, "remove", killed)
        with pytest.raises(StoppedError):
            run(faces, out)
    # Only the folder's own vector is left of it.
    (faces.root / "0001.png").unlink()
    before = rows(out)
    assert run(faces, out) == 0
    assert rows(out) == before
    assert not [p for p in out.iterdir() if p.name.startswith(("chunk", "unfinished"))]


@pytest.mark.parametrize(
    ("key", "value"),
    [("dimension", 2), ("vectors_at", 8), ("dtype", "float16"), ("failures", None)],
)
def test_an_edited_manifest_is_refused(
    make_faces: MakeFaces, tmp_path: Path, key: str, value: object
) -> None:
    out = tmp_path / "out"
    run(make_faces(6), out)
    manifest = json.loads((out / "manifest.json").read_text())
    (manifest["parts"][0] if key == "vectors_at" else manifest)[key] = value
    (out / "manifest.json").write_text(json.dumps(manifest))
    for use in (open_embeddings, open_store, check_embeddings):
        with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
            use(out)


def test_filters_that_are_no_filters_are_said(make_faces: MakeFaces, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(make_faces(10), out)
    store = open_store(out)
    assert store.rows(where={}).height == 10
    assert store.moments(pl.lit(value=True)).n == 10
    for where in ({"gender": 5}, {"gender": None}, {"gender": []}, pl.col("gender") > 5):
        with pytest.raises(VectorError, match=r"where|chosen"):
            store.rows(where=where)
    with pytest.raises(VectorError, match=r"say \['gender'\]"):
        store.rows("gender")
    with pytest.raises(VectorError, match=r"at least one row, not 2\.5"):
        list(store.batches(2.5))  # type: ignore[arg-type]
    with pytest.raises(VectorError, match="seed must be"):
        list(store.random_batches(4, seed=-1))
