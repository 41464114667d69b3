"""Folders brought up to date, repaired and shared, through the command line."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from evenface.cli import main
from evenface.embed.store import open_store
from support import write_picture


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for k in range(12):
        write_picture(tmp_path / "faces" / f"{k:02d}.png", seed=k)
    rows = {
        "path": [f"{k:02d}.png" for k in range(12)],
        "identity": [f"p{k // 2}" for k in range(12)],
        "gender": ["male" if k < 6 else "female" for k in range(12)],
    }
    file = tmp_path / "faces" / "manifest.csv"
    pl.DataFrame(rows).write_csv(file)
    return file


def embed(source: Path, out: Path, *more: str) -> int:
    return main(["embed", str(source), "--model", "hog", "--out", str(out), *more])


def test_a_folder_is_extended_pruned_and_repaired(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, table = tmp_path / "emb", pl.read_csv(source, infer_schema=False)
    table[:8].write_csv(source)
    assert embed(source, out) == 0
    table.write_csv(source)
    assert embed(source, out) == 0
    said = capsys.readouterr()
    assert "folder: done (new pictures: 4)" in said.err
    assert "Store: 12 pictures, 1764 numbers each as float32 (hog), 2 parts" in said.out
    table[:10].write_csv(source)
    assert embed(source, out) == 2
    assert "holds 2 pictures that are not among these faces" in capsys.readouterr().err
    assert embed(source, out, "--prune") == 0
    assert len(open_store(out)) == 10

    part = sorted(out.glob("part-*"))[0]
    part.write_bytes(part.read_bytes()[:-50])
    assert main(["check", str(out)]) == 2
    said = capsys.readouterr()
    assert part.name in said.err
    assert "--repair" in said.err
    assert embed(source, out, "--repair") == 0
    assert main(["check", str(out)]) == 0
    assert "every part is whole" in capsys.readouterr().out


def test_vectors_are_taken_from_other_folders_in_half_the_room(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert embed(source, tmp_path / "a") == 0
    # Without its pictures only the other folder can give the vectors of the same bytes.
    assert embed(source, tmp_path / "b", "--reuse", str(tmp_path / "a"), "--store", "float16") == 0
    whole, half = open_store(tmp_path / "a"), open_store(tmp_path / "b")
    assert half.dtype == "float16"
    assert whole.load().vectors == pytest.approx(half.load().vectors, abs=1e-3)
    assert embed(source, tmp_path / "c", "--reuse", str(tmp_path / "b")) == 2
    assert "keeps float16 only" in capsys.readouterr().err


def test_a_report_is_never_about_other_pictures_than_it_says(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(source.parent / "00.png", seed=99)
    out = tmp_path / "out"
    assert embed(source, out / "embeddings") == 0
    (out / "study.toml").write_text('schema = "evenface.study/1"\n')
    write_picture(source.parent / "00.png", seed=100)
    argv = ["run", str(source), "--out", str(out), "--only", "probe", "--folds", "3"]
    argv += ["--group-by", "gender", "--seeds", "1", "--resamples", "100"]
    assert main(argv) == 2
    assert "changed pictures: 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--actors", "2"], "say --engine ray too"),
        (["--address", "auto"], "say --engine ray too"),
        (["--engine", "ray", "--actors", "0"], "actors"),
        (["--store", "float8"], "float8"),
        (["--reuse", "nowhere"], "nowhere doesn't exist"),
    ],
)
def test_options_that_make_no_sense_are_said(
    source: Path, tmp_path: Path, more: list[str], says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert embed(source, tmp_path / "emb", *more) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
