"""Faces to a folder: failures, resuming, contracts, order, progress."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from embed_means import StoppedError, stop_after
from evenface.embed import extract
from evenface.embed.extract import Progress, embed_faces
from evenface.embed.models import load_embedder
from evenface.embed.models.cards import ModelCard
from evenface.embed.store import open_embeddings
from evenface.errors import ModelError, SourceError, StoreError
from evenface.faces.table import Faces, Note

MakeFaces = Callable[..., Faces]


class Means:
    """An embedder that returns the mean colour, and counts its calls."""

    card = ModelCard(name="means", size=(16, 16), dimension=3, alignment="none")

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        self.batches.append(len(crops))
        return crops.reshape(len(crops), -1, 3).mean(axis=1).astype(np.float32)


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_rows_and_vectors_are_in_the_tables_order(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces = make_faces(11)
    found = embed_faces(faces, Means(), tmp_path / "out", part_rows=4, batch=3, workers=4)
    assert found.rows["sample_id"].to_list() == faces.frame["sample_id"].to_list()
    assert found.rows.drop("sha256", "faces_found", "face_size").equals(faces.frame)
    for row, vector in zip(found.rows.iter_rows(named=True), found.vectors, strict=True):
        data = (faces.root / row["path"]).read_bytes()
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        pixels = np.asarray(Image.open(faces.root / row["path"]))
        assert np.abs(vector - pixels.reshape(-1, 3).mean(axis=0)).max() < 2
    assert found.rows["faces_found"].null_count() == 11


def test_batches_never_reach_beyond_a_chunk(make_faces: MakeFaces, tmp_path: Path) -> None:
    embedder = Means()
    embed_faces(make_faces(11), embedder, tmp_path / "out", part_rows=4, batch=3)
    assert embedder.batches == [3, 1, 3, 1, 3]


def test_workers_change_nothing(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces = make_faces(30)
    for workers in (1, 5):
        embed_faces(faces, Means(), tmp_path / str(workers), workers=workers, part_rows=7, batch=4)
    assert content(tmp_path / "1") == content(tmp_path / "5")


def test_a_finished_folder_holds_parts_failures_and_a_manifest_only(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    embed_faces(make_faces(5), Means(), tmp_path / "out", part_rows=3)
    names = ["failures.parquet", "manifest.json", "part-00000.parquet", "part-00001.parquet"]
    assert list(content(tmp_path / "out")) == names
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["counts"] == {"pictures": 5, "rows": 5, "failures": 0}
    assert str(tmp_path) not in json.dumps(manifest)


def test_notes_of_the_source_are_kept(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces = make_faces(3)
    faces = faces.with_frame(
        faces.frame, Note("junk", 2, "2 files are junk.", ("._a", "bad\udc80"))
    )
    found = embed_faces(faces, Means(), tmp_path / "out")
    note = found.source["notes"][-1]
    assert note == {
        "kind": "junk",
        "count": 2,
        "text": "2 files are junk.",
        "examples": ["._a", "bad\udc80"],
    }
    assert embed_faces(faces, Means(), tmp_path / "out").source == found.source


def test_pictures_that_fail_are_recorded_and_skipped(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces = make_faces(9)
    (faces.root / "0000.png").unlink()
    (faces.root / "0003.png").write_bytes(b"")
    whole = (faces.root / "0004.png").read_bytes()
    (faces.root / "0004.png").write_bytes(whole[: len(whole) // 2])
    Image.new("L", (300, 300)).save(faces.root / "0008.png")
    found = embed_faces(faces, Means(), tmp_path / "out", part_rows=2, max_pixels=80_000)
    failed = {r["path"]: (r["stage"], r["reason"]) for r in found.failures.iter_rows(named=True)}
    assert failed["0000.png"] == ("read", "the file doesn't exist")
    assert failed["0003.png"] == ("decode", "the file is empty")
    assert failed["0004.png"][0] == "decode"
    assert "300 x 300" in failed["0008.png"][1]
    assert len(failed) == 4
    assert found.rows["path"].to_list() == [f"000{i}.png" for i in (1, 2, 5, 6, 7)]
    assert found.failures["identity"].to_list() == ["p0", "p1", "p2", "p4"]


def test_vectors_that_are_not_finite_fail_at_embed(make_faces: MakeFaces, tmp_path: Path) -> None:
    class Sometimes(Means):
        def __call__(self, crops: np.ndarray) -> np.ndarray:
            vectors = super().__call__(crops)
            vectors[0, 0] = np.nan if len(self.batches) == 1 else np.inf
            return vectors

    found = embed_faces(make_faces(6), Sometimes(), tmp_path / "out", batch=3)
    assert found.failures.select("path", "stage").rows() == [
        ("0000.png", "embed"),
        ("0003.png", "embed"),
    ]
    assert len(found) == 4


def test_if_every_picture_fails_the_commonest_reason_is_said(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces = replace(make_faces(5), root=tmp_path / "elsewhere")
    with pytest.raises(SourceError, match=r"not one of 5 .* 5 of them .*doesn't exist.*elsewhere"):
        embed_faces(faces, Means(), tmp_path / "out", part_rows=2)
    assert not (tmp_path / "out").exists()
    # With the right root the same folder can be used.
    right = replace(faces, root=tmp_path / "pictures")
    assert len(embed_faces(right, Means(), tmp_path / "out")) == 5


def test_no_faces_are_refused(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces = make_faces(3)
    with pytest.raises(SourceError, match="no pictures"):
        embed_faces(faces.with_frame(faces.frame.clear()), Means(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_network_that_belies_its_card_is_refused(make_faces: MakeFaces, tmp_path: Path) -> None:
    class Liar(Means):
        def __call__(self, crops: np.ndarray) -> np.ndarray:
            return np.zeros((len(crops), 4), np.float32)

    with pytest.raises(ModelError, match=r"means returned shape \(3, 4\); \(3, 3\)"):
        embed_faces(make_faces(3), Liar(), tmp_path / "out")


def test_a_stopped_run_goes_on_with_what_is_left(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces, out = make_faces(20), tmp_path / "out"
    with pytest.raises(StoppedError):
        embed_faces(faces, Means(), out, part_rows=4, batch=3, on_progress=stop_after(11))
    with pytest.raises(StoreError, match="run the same command again, such as `evenface embed`"):
        open_embeddings(out)
    (out / ".part-00003.parquet.tmp").write_bytes(b"half")
    embedder = Means()
    # Other chunks and batches are asked for now; the folder's own are kept.
    embed_faces(faces, embedder, out, part_rows=7, batch=32)
    embed_faces(faces, Means(), tmp_path / "whole", part_rows=4, batch=3)
    assert content(out) == content(tmp_path / "whole")
    assert sum(embedder.batches) == 12
    assert max(embedder.batches) == 3


@pytest.mark.parametrize("damage", ["cut", "missing record", "other rows"])
def test_a_damaged_chunk_of_a_stopped_run_is_done_again(
    make_faces: MakeFaces, tmp_path: Path, damage: str
) -> None:
    faces, out = make_faces(20), tmp_path / "out"
    with pytest.raises(StoppedError):
        embed_faces(faces, Means(), out, part_rows=4, on_progress=stop_after(12))
    part = out / "part-00001.parquet"
    if damage == "cut":
        part.write_bytes(part.read_bytes()[:100])
    elif damage == "missing record":
        (out / "chunk-00001.json").unlink()
    else:
        part.write_bytes((out / "part-00000.parquet").read_bytes())
    embed_faces(faces, Means(), out)
    embed_faces(faces, Means(), tmp_path / "whole", part_rows=4)
    assert content(out) == content(tmp_path / "whole")


def test_a_finished_folder_is_opened_without_work(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces, out = make_faces(6), tmp_path / "out"
    first = embed_faces(faces, Means(), out, part_rows=4)
    before = {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    (out / "failures-00000.parquet").write_bytes(b"left by a run killed at its very end")
    embedder = Means()
    again = embed_faces(faces, embedder, out, part_rows=2)
    assert embedder.batches == []
    assert again.fingerprint == first.fingerprint
    assert {p.name: p.stat().st_mtime_ns for p in out.iterdir()} == before


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("what", ["model", "weights", "align", "max_pixels"])
def test_another_contract_is_refused_and_nothing_is_touched(
    make_faces: MakeFaces, tmp_path: Path, what: str, finished: bool
) -> None:
    faces, out = make_faces(6), tmp_path / "out"
    if finished:
        embed_faces(faces, Means(), out)
    else:
        with pytest.raises(StoppedError):
            embed_faces(faces, Means(), out, part_rows=2, on_progress=stop_after(4))
    before = content(out)
    other, more, says = Means(), {}, ""
    if what == "model":
        other.card, says = replace(Means.card, name="medians"), "'means' there and 'medians' now"
    elif what == "weights":
        other.card, says = replace(Means.card, sha256="f" * 64), "model.sha256"
    elif what == "align":
        other.card, says = replace(Means.card, alignment="arcface5"), "preprocessing.reason"
    else:
        more, says = {"max_pixels": 5}, "preprocessing.max_pixels is 64000000 there and 5 now"
    with pytest.raises(StoreError, match="another embedding.*" + says) as caught:
        embed_faces(faces, other, out, **more)
    assert "delete" in str(caught.value)
    assert content(out) == before


@pytest.mark.parametrize("name", ["thesis.txt", "part-00000.parquet", "folder"])
def test_a_folder_of_something_else_is_left_alone(
    make_faces: MakeFaces, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    (out / name).mkdir(parents=True) if name == "folder" else out.mkdir()
    if name != "folder":
        (out / name).write_text("mine")
    with pytest.raises(StoreError, match=f"holds something else.*{name}"):
        embed_faces(make_faces(3), Means(), out)
    assert [p.name for p in out.iterdir()] == [name]


def test_a_file_in_the_folders_place_is_left_alone(make_faces: MakeFaces, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(StoreError, match="is a file"):
        embed_faces(make_faces(3), Means(), tmp_path / "out")
    with pytest.raises(StoreError, match="can't be made"):
        embed_faces(make_faces(3, "more"), Means(), tmp_path / "out" / "inside")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_run_killed_before_its_manifest_can_start_again(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".manifest.json.tmp").write_bytes(b"{")
    assert len(embed_faces(make_faces(3), Means(), out)) == 3
    assert ".manifest.json.tmp" not in content(out)


def test_a_second_writer_is_told(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces, out = make_faces(8), tmp_path / "out"
    inside, go = threading.Event(), threading.Event()

    class Slow(Means):
        def __call__(self, crops: np.ndarray) -> np.ndarray:
            inside.set()
            assert go.wait(20)
            return super().__call__(crops)

    thread = threading.Thread(target=embed_faces, args=(faces, Slow(), out))
    thread.start()
    try:
        assert inside.wait(20)
        with pytest.raises(StoreError, match="another process is writing"):
            embed_faces(faces, Means(), out)
    finally:
        go.set()
        thread.join(20)
    assert len(open_embeddings(out)) == 8


def test_the_lock_is_let_go(make_faces: MakeFaces, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(StoppedError):
        embed_faces(make_faces(4), Means(), out, on_progress=stop_after(0))
    handle = os.open(out, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(handle)


def test_progress_counts_to_the_end(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces = make_faces(20)
    (faces.root / "0005.png").unlink()
    told: list[Progress] = []
    embed_faces(faces, Means(), tmp_path / "out", part_rows=8, batch=3, on_progress=told.append)
    done = [p.done for p in told]
    assert done[0] == 0
    assert done == sorted(done)
    assert (told[-1].done, told[-1].total, told[-1].failures) == (20, 20, 1)
    assert told[-1].rate > 0
    assert told[-1].seconds_left == 0
    assert told[0].seconds_left is None


def test_a_resumed_run_starts_where_it_was_and_its_rate_is_its_own(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces, out = make_faces(20), tmp_path / "out"
    with pytest.raises(StoppedError):
        embed_faces(faces, Means(), out, part_rows=4, on_progress=stop_after(12))
    told: list[Progress] = []
    embed_faces(faces, Means(), out, on_progress=told.append)
    assert (told[0].done, told[0].rate) == (8, 0)


def test_few_pictures_are_held_at_a_time(
    make_faces: MakeFaces, tmp_path: Path, monkeypatch
) -> None:
    prepared: Counter[str] = Counter()
    ahead: list[int] = []
    inner = extract.Preparer.__call__

    def counted(self: object, picture: dict) -> object:
        prepared["n"] += 1
        return inner(self, picture)

    monkeypatch.setattr(extract.Preparer, "__call__", counted)

    class Watch(Means):
        def __call__(self, crops: np.ndarray) -> np.ndarray:
            vectors = super().__call__(crops)
            ahead.append(prepared["n"] - sum(self.batches))
            return vectors

    embed_faces(make_faces(60), Watch(), tmp_path / "out", batch=4, workers=2)
    assert max(ahead) <= 2 * 4 + 2


def test_yunet_without_a_file_says_where_to_get_one(
    make_faces: MakeFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EVENFACE_MODELS", raising=False)
    with pytest.raises(ModelError, match=r"OpenCV Zoo.*--detector FILE"):
        embed_faces(make_faces(2), Means(), tmp_path / "out", align="yunet")
    with pytest.raises(ModelError, match="auto, yunet, none"):
        embed_faces(make_faces(2, "more"), Means(), tmp_path / "out", align="mtcnn")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("alignment", "align", "reason"),
    [
        ("none", "auto", None),
        ("arcface5", "auto", "no face detector was given"),
        ("arcface5", "none", "no alignment was asked for"),
    ],
)
def test_unaligned_crops_are_said_with_the_reason(
    make_faces: MakeFaces, tmp_path: Path, alignment: str, align: str, reason: str | None
) -> None:
    embedder = Means()
    embedder.card = replace(Means.card, alignment=alignment)
    found = embed_faces(make_faces(2), embedder, tmp_path / "out", align=align)  # type: ignore[arg-type]
    assert found.preprocessing["aligned"] is False
    assert found.preprocessing["align"] == "none"
    if reason is None:
        assert found.preprocessing["reason"] is None
    else:
        assert reason in found.preprocessing["reason"]


def test_hog_is_bit_equal_between_runs(make_faces: MakeFaces, tmp_path: Path) -> None:
    faces = make_faces(6)
    for name in ("a", "b"):
        embed_faces(faces, load_embedder("hog"), tmp_path / name, workers=2)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def london(real: Path) -> Faces:
    frame = pl.read_csv(real / "london" / "manifest.csv", infer_schema=False)
    from evenface.faces.table import build_faces

    return build_faces({c: frame[c].to_list() for c in frame.columns}, real / "london", "manifest")


def test_real_faces_are_told_apart(real: Path, tmp_path: Path) -> None:
    embedder = load_embedder(f"onnx:{real / 'models' / 'mobilefacenet.onnx'}")
    detector = real / "models" / "face_detection_yunet.onnx"
    found = embed_faces(london(real), embedder, tmp_path / "out", detector=detector)
    assert found.failures.height == 0
    assert found.preprocessing["aligned"] is True
    assert found.rows["faces_found"].to_list() == [1] * 204
    unit = found.vectors / np.linalg.norm(found.vectors, axis=1, keepdims=True)
    people = found.rows["identity"].to_numpy()
    first, second = np.triu_indices(204, 1)
    cosine, same = (unit @ unit.T)[first, second], people[first] == people[second]
    assert same.sum() == 102
    assert cosine[same].mean() > 0.85
    assert cosine[~same].mean() < 0.08


def test_a_real_network_gives_the_same_bytes_after_a_stop(real: Path, tmp_path: Path) -> None:
    faces = london(real)
    faces = faces.with_frame(faces.frame[:40])
    options = {"detector": real / "models" / "face_detection_yunet.onnx", "batch": 8}
    model = f"onnx:{real / 'models' / 'mobilefacenet.onnx'}"
    out = tmp_path / "out"
    for stop in (9, 30):
        with pytest.raises(StoppedError):
            embed_faces(
                faces, load_embedder(model), out, part_rows=12, **options,
                workers=stop % 4 + 1, on_progress=stop_after(stop),
            )  # fmt: skip
    embed_faces(faces, load_embedder(model), out, **options)
    embed_faces(faces, load_embedder(model), tmp_path / "whole", part_rows=12, **options)
    assert content(out) == content(tmp_path / "whole")


def test_without_a_face_a_picture_fails_at_detect(
    real: Path, make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces = make_faces(3)
    face = real / "london" / "images" / "001_neutral.jpg"
    (faces.root / "0001.png").write_bytes(face.read_bytes())
    detector = real / "models" / "face_detection_yunet.onnx"
    found = embed_faces(faces, Means(), tmp_path / "out", align="yunet", detector=detector)
    assert found.rows["path"].to_list() == ["0001.png"]
    assert set(found.failures.select("stage", "reason").rows()) == {("detect", "no face was found")}
    assert found.preprocessing["detector"]["sha256"]
