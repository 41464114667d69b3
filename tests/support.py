"""Helpers that all tests share."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def wanted(module: str) -> Any:
    """Return a module that some tests need; skip without it, unless everything should be there."""
    if os.environ.get("CI"):
        return import_module(module)
    return pytest.importorskip(module, reason=f"{module} is not installed (it is in [dev])")


def real_data() -> Path | None:
    """Return the folder of real faces: EVENFACE_REAL_DATA, else shared/real beside the checkout."""
    said = os.environ.get("EVENFACE_REAL_DATA")
    folder = Path(said) if said else ROOT.parent / "shared" / "real"
    return folder if folder.is_dir() else None


def shared_folder(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """Return a copy of a folder that is made once, by whichever test process needs it first.

    Parameters
    ----------
    factory : pytest.TempPathFactory
    name : str
    make : callable
        ``make(folder)`` fills it.
    """
    base = factory.getbasetemp()
    # Each process has a folder of its own below the common one.
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    first, done = root / name, root / f"{name}.done"
    root.mkdir(exist_ok=True)
    try:
        first.mkdir()
    except FileExistsError:
        while not done.exists():
            time.sleep(0.2)
        if done.read_text() != "made":
            pytest.fail(f"{name} could not be made; see the test that tried")
    else:
        said = "failed"
        try:
            make(first)
            said = "made"
        finally:
            done.with_suffix(".tmp").write_text(said)
            done.with_suffix(".tmp").rename(done)
    own = factory.mktemp(name) / name
    shutil.copytree(first, own, symlinks=True)
    return own


def write_picture(file: Path, *, seed: int = 0, size: int = 48) -> Path:
    """Write a small picture that no other seed gives."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, size=(6, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((size, size)).save(file)
    return file


def break_some(root: Path, names: list[str]) -> dict[str, str]:
    """Spoil a picture in each way; return what its failure must say."""
    said = {}
    for k, name in enumerate(names):
        path = root / name
        kind = list(BREAKS)[k % len(BREAKS)]
        if kind == "no permission" and os.geteuid() == 0:
            continue  # Root may read everything.
        whole = path.read_bytes()
        path.unlink()
        BREAKS[kind][0](path, whole)
        said[name] = BREAKS[kind][1]
    return said


def _bomb(path: Path, _whole: bytes) -> None:
    Image.new("1", (4000, 4000)).save(path, format="PNG")


def _locked(path: Path, whole: bytes) -> None:
    path.write_bytes(whole)
    path.chmod(0)


BREAKS: dict[str, tuple[Callable[[Path, bytes], object], str]] = {
    "truncated": (lambda p, w: p.write_bytes(w[: len(w) // 2]), "damaged or unsupported"),
    "wrong type": (lambda p, w: p.write_text("<html>not found</html>"), "no picture in a known"),
    "zero bytes": (lambda p, w: p.write_bytes(b""), "the file is empty"),
    "bomb": (_bomb, "4000 x 4000 is more than the limit"),
    "loop": (lambda p, w: p.symlink_to(p.name), "Too many levels of symbolic links"),
    "no permission": (_locked, "no permission to read"),
}
