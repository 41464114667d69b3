"""Helpers that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def real_data() -> Path | None:
    """Return the folder of real faces: EVENFACE_REAL_DATA, else shared/real beside the checkout."""
    said = os.environ.get("EVENFACE_REAL_DATA")
    folder = Path(said) if said else ROOT.parent / "shared" / "real"
    return folder if folder.is_dir() else None


def write_picture(file: Path, *, seed: int = 0, size: int = 48) -> Path:
    """Write a small picture that no other seed gives."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, size=(6, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((size, size)).save(file)
    return file
