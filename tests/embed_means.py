"""An embedder whose vectors are plain to see, and short ways to run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evenface.embed.extract import Progress, extract
from evenface.embed.folder import check_embeddings
from evenface.embed.models.cards import ModelCard
from evenface.embed.store import open_embeddings
from evenface.faces.table import Faces


class Means:
    """An embedder that returns the mean colour, and counts its pictures."""

    card = ModelCard(name="means", size=(16, 16), dimension=3, alignment="none")

    def __init__(self) -> None:
        self.pictures = 0

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        self.pictures += len(crops)
        return crops.reshape(len(crops), -1, 3).mean(axis=1).astype(np.float32)


def run(faces: Faces, out: Path, **more: Any) -> int:
    """Embed, and return how many pictures the network saw."""
    embedder = Means()
    extract(faces, embedder, out, part_rows=4, batch=3, **more)
    assert check_embeddings(out) == ()
    return embedder.pictures


def rows(folder: Path) -> set[tuple[Any, ...]]:
    """Return a folder's rows with their vectors, in no order."""
    found = open_embeddings(folder)
    return {
        (*row, *vector)
        for row, vector in zip(found.rows.rows(), found.vectors.tolist(), strict=True)
    }


def some(faces: Faces, keep: Any) -> Faces:
    return faces.with_frame(faces.frame[keep])


def paint(faces: Faces, name: str, colour: int) -> None:
    Image.new("RGB", (40, 40), (colour, 0, 0)).save(faces.root / name)


class StoppedError(Exception):
    pass


def stop_after(n: int) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        if progress.done >= n:
            raise StoppedError

    return tell
