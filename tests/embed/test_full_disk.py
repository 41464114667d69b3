"""A disk that is full, or a place that can't be written to."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenface.embed.exchange import export_embeddings
from evenface.embed.files import write_whole
from evenface.embed.folder import write_embeddings
from evenface.embed.store import Embeddings, embeddings_from_arrays
from evenface.errors import StoreError


def some() -> Embeddings:
    return embeddings_from_arrays(np.ones((4, 3)), {"identity": ["a", "a", "b", "b"]})


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.usefixtures("full")
def test_a_full_disk_is_named_and_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(b"before")
    with pytest.raises(StoreError, match=r"manifest\.json can't be written: No space .*make room"):
        write_whole(path, b"after")
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]
    assert path.read_bytes() == b"before"


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("kind", ["npz", "csv", "parquet"])
def test_an_export_to_a_full_disk_leaves_nothing(tmp_path: Path, kind: str) -> None:
    with pytest.raises(StoreError, match=rf"x\.{kind} can't be written: No space"):
        export_embeddings(some(), tmp_path / f"x.{kind}")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_on_the_way_leaves_the_folder_free_for_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, []

    def fsync(handle: int) -> Any:
        calls.append(handle)
        if len(calls) == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(StoreError, match="No space"):
            write_embeddings(some(), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert len(write_embeddings(some(), tmp_path / "out")) == 4


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="inside can't be written: Not a directory"):
        write_embeddings(some(), tmp_path / "file" / "inside")
