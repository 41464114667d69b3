"""What the page on responsible use says of data sets and of deleting people."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from evenface.cli import main
from evenface.embed.store import open_embeddings
from evenface.faces.datasets import DATASETS
from evenface.faces.synthetic import SyntheticPopulation, write_faces
from support import ROOT

PAGE = ROOT / "docs" / "responsible-use.md"


def cards() -> list[str]:
    return [
        f"| `{c.name}` | {c.licence} | {c.paper or '–'} | {f'<{c.url}>' if c.url else '–'} |"
        for c in DATASETS.values()
    ]


def test_the_page_has_every_data_set_with_its_licence() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith(tuple(f"| `{n}` |" for n in DATASETS))] == (
        cards()
    )


def test_pruning_leaves_nothing_of_a_person_in_a_folder(tmp_path: Path) -> None:
    faces = write_faces(SyntheticPopulation(1, 2), tmp_path / "faces")
    ask = ["embed", str(faces), "--out", str(tmp_path / "emb")]
    assert main(ask) == 0
    before = open_embeddings(tmp_path / "emb")
    name = before.rows["identity"][0]
    gone = before.take(before.rows["identity"] == name)
    for path in gone.rows["path"].to_list():
        shutil.rmtree((faces / path).parent, ignore_errors=True)
    assert main([*ask, "--prune"]) == 0
    after = open_embeddings(tmp_path / "emb")
    assert len(after) == len(before) - len(gone)
    assert name not in after.rows["identity"].to_list()
    written = [f.read_bytes() for f in (tmp_path / "emb").rglob("*") if f.is_file()]
    kept = np.ascontiguousarray(after.vectors[0]).tobytes()
    assert any(kept in data for data in written)
    for vector, digest in zip(gone.vectors, gone.rows["sha256"], strict=True):
        assert not any(np.ascontiguousarray(vector).tobytes() in data for data in written)
        assert not any(digest.encode() in data for data in written)
