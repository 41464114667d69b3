"""A run that is killed, again and again, ends in the folder of a run that never was."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evenface.embed.extract import embed_faces
from evenface.embed.folder import write_embeddings
from evenface.embed.models import load_embedder
from evenface.embed.store import open_embeddings
from evenface.errors import StoreError
from evenface.faces.table import Faces

if sys.platform == "win32":
    pytest.skip("there is no SIGKILL", allow_module_level=True)

KILLS = 20
PICTURES = 400

DRIVER = """
import sys
from pathlib import Path
import polars as pl
from evenface.embed.extract import embed_faces
from evenface.embed.models import load_embedder
from evenface.faces.table import Faces

root, table, out = map(Path, sys.argv[1:4])
faces = Faces(pl.read_parquet(table), root, "test")
embedder = load_embedder("hog")

class Slow:
    card = embedder.card
    def __call__(self, crops):
        vectors = embedder(crops)
        # Each picture costs what a network would.
        for _ in range(3):
            embedder(crops)
        return vectors

print("ready", flush=True)
embed_faces(faces, Slow(), out, part_rows=16, batch=8, workers=2)
"""

AT_ONCE = """
import os, signal, sys
from evenface import VectorPopulation
from evenface.embed import folder

write, left = folder.write_part, [int(sys.argv[2])]

def write_or_die(*what):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return write(*what)

folder.write_part = write_or_die
people = VectorPopulation(identities_per_group=20, dimension=8).embeddings()
folder.write_embeddings(people, sys.argv[1], part_rows=16)
"""


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def done(folder: Path) -> int:
    return len(list(folder.glob("part-*.parquet")))


def start(driver: Path, faces: Faces, table: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(driver), str(faces.root), str(table), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_killed_runs_end_in_the_same_bytes(
    make_faces: Callable[..., Faces], tmp_path: Path
) -> None:
    faces = make_faces(PICTURES, side=24)
    (faces.root / "0007.png").write_bytes(b"")
    (faces.root / "0200.png").unlink()
    # The subprocess gets notes from nowhere, so neither has this run.
    faces = Faces(faces.frame, faces.root, "test")
    driver, table = tmp_path / "driver.py", tmp_path / "faces.parquet"
    driver.write_text(DRIVER)
    faces.frame.write_parquet(table)
    out, rng = tmp_path / "out", random.Random(0)

    embed_faces(faces, load_embedder("hog"), tmp_path / "whole", part_rows=16, batch=8, workers=2)
    killed, seen = 0, set()
    for _ in range(KILLS):
        before, waits = done(out), rng.random() < 0.8
        process = start(driver, faces, table, out)
        # Wait for another part at most times, so that the kills move on however slow we are.
        until = time.monotonic() + 10
        while waits and done(out) == before and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
        seen.add(done(out))
    assert killed >= KILLS // 2
    assert len(seen) >= 5, "the kills must fall at different stages"

    process = start(driver, faces, table, out)
    assert process.wait(60) == 0
    process.stdout.close()
    assert content(out) == content(tmp_path / "whole")


def test_a_second_process_is_told_and_a_dead_one_holds_nothing(
    make_faces: Callable[..., Faces], tmp_path: Path
) -> None:
    faces = make_faces(60, side=24)
    faces = Faces(faces.frame, faces.root, "test")
    driver, table = tmp_path / "driver.py", tmp_path / "faces.parquet"
    driver.write_text(
        DRIVER.replace("return vectors", "import time; time.sleep(1); return vectors")
    )
    faces.frame.write_parquet(table)
    out = tmp_path / "out"
    process = start(driver, faces, table, out)
    try:
        while not (out / "unfinished.json").exists():
            assert process.poll() is None
            time.sleep(0.01)
        with pytest.raises(StoreError, match="another process is writing"):
            embed_faces(faces, load_embedder("hog"), out, part_rows=16, batch=8)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert len(embed_faces(faces, load_embedder("hog"), out)) == 60


def test_a_folder_written_at_once_is_written_again_after_a_kill(tmp_path: Path) -> None:
    """What `import`, `apply-eraser` and `vectors` were writing is in nobody's way."""
    driver = tmp_path / "driver.py"
    driver.write_text(AT_ONCE)

    def write(name: str, parts: int) -> int:
        command = [sys.executable, str(driver), str(tmp_path / name), str(parts)]
        return subprocess.run(command, check=False).returncode

    out = tmp_path / "out"
    for parts in (0, 3, 1):
        assert write("out", parts) == -signal.SIGKILL
        assert done(out) == parts
        with pytest.raises(StoreError, match="unfinished; run the same command again"):
            open_embeddings(out)
    assert write("out", 1000) == write("whole", 1000) == 0
    assert content(out) == content(tmp_path / "whole")
    with pytest.raises(StoreError, match="isn't empty"):
        write_embeddings(open_embeddings(tmp_path / "whole"), out)


def test_what_embed_began_is_written_over_by_nothing_else(
    make_faces: Callable[..., Faces], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    embed_faces(make_faces(5, side=24), load_embedder("hog"), out)
    held = open_embeddings(out)
    (out / "manifest.json").rename(out / "unfinished.json")
    before = content(out)
    with pytest.raises(StoreError, match="isn't empty"):
        write_embeddings(held, out)
    assert content(out) == before
