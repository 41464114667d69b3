"""Manifests, pictures and folders at an address are what they are on a disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from evenface.embed.extract import Held, extract
from evenface.embed.folder import check_embeddings
from evenface.embed.models import load_embedder
from evenface.embed.store import open_embeddings, open_store
from evenface.errors import SourceError, StoreError
from evenface.faces.places import as_place, is_local, is_url
from evenface.faces.source import read_faces
from evenface.faces.table import Faces

HOG = partial(load_embedder, "hog")


@pytest.fixture
def bucket(make_faces: Callable[..., Faces]) -> str:
    """Return the address of a store in memory with a manifest and its pictures."""
    faces = make_faces(10, side=24)
    place = as_place("memory://bucket/faces")
    for path in faces.frame["path"]:
        (place / path).write_bytes((faces.root / path).read_bytes())
    (place / "0003.png").write_bytes(b"")
    (faces.root / "0003.png").write_bytes(b"")
    (place / "0004.png").unlink()
    (faces.root / "0004.png").unlink()
    table = faces.frame.drop("sample_id").write_csv()
    (place / "manifest.csv").write_text(table)
    (faces.root / "manifest.csv").write_text(table)
    return str(place)


def test_an_address_gives_the_bytes_of_a_disk(bucket: str, tmp_path: Path) -> None:
    there = read_faces(f"{bucket}/manifest.csv")
    # The command line's paths lose one of two slashes.
    assert read_faces(Path(f"{bucket}/manifest.csv")).frame.equals(there.frame)
    here = read_faces(tmp_path / "pictures" / "manifest.csv")
    emb = "memory://bucket/emb"
    store = extract(there, HOG(), emb, part_rows=4, batch=3)
    extract(Faces(here.frame, here.root, there.layout), HOG(), tmp_path / "emb", part_rows=4,
            batch=3)  # fmt: skip
    parts = sorted(p.name for p in as_place(emb).iterdir() if p.name.startswith("part"))
    assert parts
    for name in parts:
        assert (as_place(emb) / name).read_bytes() == (tmp_path / "emb" / name).read_bytes()
    assert check_embeddings(emb) == ()
    failures = dict(store.failures().select("path", "reason").iter_rows())
    assert failures == {"0003.png": "the file is empty", "0004.png": "the file doesn't exist"}
    vectors = open_embeddings(emb).vectors
    assert (vectors == open_embeddings(tmp_path / "emb").vectors).all()
    batches = list(open_store(emb).batches(3, where={"gender": "male"}))
    assert 0 < sum(len(b.vectors) for b in batches) < 8
    # It goes on, is extended, and serves other folders too.
    (as_place(bucket) / "0003.png").write_bytes((as_place(bucket) / "0001.png").read_bytes())
    assert len(extract(there, HOG(), emb)) == 9
    copy = extract(here, HOG(), tmp_path / "copy", held=Held(reuse=(as_place(emb),)))
    assert len(copy) == 8


def test_what_an_address_can_not_be_is_said(bucket: str) -> None:
    with pytest.raises(SourceError, match="a manifest is needed"):
        read_faces(bucket)
    with pytest.raises(SourceError, match="no such file or folder"):
        read_faces("memory://nowhere/manifest.csv")
    with pytest.raises(StoreError, match="doesn't exist"):
        open_store("memory://nowhere/emb")
    with pytest.raises(SourceError, match=r"nothing installed can read nonsense://"):
        as_place("nonsense://a/b")


def test_places_are_told_apart(tmp_path: Path) -> None:
    assert is_local(as_place(tmp_path))
    assert not is_local(as_place("memory://x"))
    assert not is_url("C:/faces")
    assert is_url(Path("s3://bucket/x"))
    assert str(as_place(Path("memory://bucket/x"))) == "memory://bucket/x"
