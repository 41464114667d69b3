"""Ray writes the folder that one machine writes, with an actor killed on the way too."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from evenface.embed.extract import RayEngine, extract
from evenface.embed.models import load_embedder
from evenface.embed.prepare import Crop, Failure, Known
from evenface.embed.ray import pack, unpack
from evenface.errors import ModelError, SourceError
from evenface.faces.table import Faces

HOG = partial(load_embedder, "hog")


def test_what_is_packed_comes_out_again() -> None:
    pixels = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    items = [
        Failure({"sample_id": "a", "age": None}, "read", "gone", None),
        Crop({"sample_id": "b"}, pixels),
        Known({"sample_id": "c"}, np.array([1, 2], np.float16)),
        Crop({"sample_id": "d"}, pixels + 1),
    ]
    found = unpack(pack(list(items)))
    assert [type(f) for f in found] == [type(i) for i in items]
    assert found[0] == items[0]
    assert [f.row for f in found[1:]] == [i.row for i in items[1:]]  # type: ignore[union-attr]
    assert (found[1].pixels == pixels).all()  # type: ignore[union-attr]
    assert (found[3].pixels == pixels + 1).all()  # type: ignore[union-attr]
    assert found[2].vector.tolist() == [1, 2]  # type: ignore[union-attr]
    assert unpack(pack([items[0]])) == [items[0]]


@pytest.mark.parametrize(("actors", "gpus"), [(0, 0.0), (1, -1.0)])
def test_actors_that_can_not_be_are_refused(
    make_faces: Callable[..., Faces], tmp_path: Path, actors: int, gpus: float
) -> None:
    with pytest.raises(ModelError, match="actors must be 1 or more"):
        extract(make_faces(3), HOG(), tmp_path / "out", engine=RayEngine(HOG, actors, gpus))


def actors_of(name: str) -> list[int]:
    found = []
    for process in Path("/proc").iterdir():
        try:
            if name.encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except (OSError, ValueError):
            continue
    return found


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.mark.filterwarnings("ignore")
def test_ray_writes_the_same_bytes_though_an_actor_is_killed(
    make_faces: Callable[..., Faces], tmp_path: Path
) -> None:
    ray = pytest.importorskip("ray")
    faces, out = make_faces(320, side=24), tmp_path / "ray"
    (faces.root / "0007.png").write_bytes(b"")
    (faces.root / "0200.png").unlink()
    extract(faces, HOG(), tmp_path / "local", part_rows=4, batch=3)
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not over.is_set() and len(list(out.glob("chunk-*.json"))) < 2:
            time.sleep(0.005)
        for process in actors_of("ray::MapWorker(Map(EmbedChunk))")[:1]:
            os.kill(process, signal.SIGKILL)
            killed.append(len(list(out.glob("chunk-*.json"))))

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False)
        extract(faces, HOG(), out, part_rows=4, batch=3, engine=RayEngine(HOG, 2))
        over.set()
        thread.join()
        assert killed, "no actor was found to kill"
        assert killed[0] < 80, "the actor must be killed before the end"
        assert content(out) == content(tmp_path / "local")
        with pytest.raises(ModelError, match="leave none of Ray's 4 CPUs"):
            extract(faces, HOG(), tmp_path / "b", engine=RayEngine(HOG, 4))
        with pytest.raises(ModelError, match="Ray has 0"):
            extract(faces, HOG(), tmp_path / "b", engine=RayEngine(HOG, 1, 1.0))
        lost = Faces(faces.frame, tmp_path / "nowhere", "test")
        with pytest.raises(SourceError, match="not one of 320 pictures"):
            extract(lost, HOG(), tmp_path / "c", engine=RayEngine(HOG, 2))
    finally:
        over.set()
        ray.shutdown()
