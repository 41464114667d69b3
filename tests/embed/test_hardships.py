"""Full disks, read-only folders, files that vanish, and all that can be wrong with a picture."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evenface.cli import main
from evenface.embed.extract import Progress, embed_faces
from evenface.embed.models import load_embedder
from evenface.embed.store import open_embeddings, open_store
from evenface.faces.table import Faces
from support import break_some

MakeFaces = Callable[..., Faces]


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes Linux and permission")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def as_manifest(faces: Faces) -> str:
    file = faces.root / "manifest.csv"
    faces.frame.drop("sample_id").write_csv(file)
    return str(file)


def test_a_full_disk_is_said_and_gone_on_from(
    make_faces: MakeFaces, small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = as_manifest(make_faces(60, side=24))
    out = small_disk / "emb"
    assert main(["embed", source, "--model", "hog", "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert "can't be written: No space left on device; make room" in said
    assert "Traceback" not in said
    assert not list(out.glob("*.tmp"))
    grow = ["mount", "-o", "remount,size=8m", str(small_disk)]
    subprocess.run(grow, check=True)
    assert main(["embed", source, "--model", "hog", "--out", str(out)]) == 0
    assert main(["embed", source, "--model", "hog", "--out", str(tmp_path / "whole")]) == 0
    assert content(out) == content(tmp_path / "whole")


def test_a_read_only_folder_is_said(
    make_faces: MakeFaces, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = as_manifest(make_faces(4, side=24))
    (small_disk / "emb").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for out in (small_disk / "emb", small_disk / "new"):
        assert main(["embed", source, "--model", "hog", "--out", str(out)]) == 2
        said = capsys.readouterr().err
        assert "Read-only file system" in said
        assert "Traceback" not in said


def test_pictures_that_vanish_meanwhile_are_failures_and_the_rest_is_whole(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces = make_faces(60, side=24)

    def lose(progress: Progress) -> None:
        if progress.done >= 16:
            for i in range(40, 45):
                (faces.root / f"{i:04d}.png").unlink(missing_ok=True)

    found = embed_faces(
        faces, load_embedder("hog"), tmp_path / "out", batch=4, part_rows=8, workers=2,
        on_progress=lose,
    )  # fmt: skip
    lost = [f"{i:04d}.png" for i in range(40, 45)]
    assert found.failures["path"].to_list() == lost
    assert set(found.failures["reason"]) == {"the file doesn't exist"}
    ids = [*found.rows["sample_id"], *found.failures["sample_id"]]
    assert sorted(ids) == sorted(faces.frame["sample_id"])
    again = embed_faces(faces, load_embedder("hog"), tmp_path / "again", batch=4, part_rows=8)
    assert content(tmp_path / "out") == content(tmp_path / "again")
    assert len(again) == 55


def test_every_kind_of_broken_file_is_recorded_and_every_good_one_embedded(
    make_faces: MakeFaces, tmp_path: Path
) -> None:
    faces = make_faces(60, side=24)
    broken = break_some(faces.root, [f"{i:04d}.png" for i in range(0, 60, 10)])
    found = embed_faces(faces, load_embedder("hog"), tmp_path / "out", max_pixels=10**6)
    failed = dict(found.failures.select("path", "reason").iter_rows())
    assert len(found) == 60 - len(broken)
    assert set(failed) == set(broken)
    for name, says in broken.items():
        assert says in failed[name], (name, failed[name])
    assert open_store(tmp_path / "out").failures().height == len(broken)
    assert len(open_embeddings(tmp_path / "out")) == 60 - len(broken)
