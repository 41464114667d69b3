"""Peak memory of `evenface embed` with ten times the pictures: it must stay flat.

python benchmarks/memory.py [--pictures 20000 200000]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image


def source(root: Path, count: int) -> Path:
    """Make small pictures, a thousand different ones under as many names as are asked for."""
    root.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        path = root / f"{i:07d}.png"
        if i < 1000:
            Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).save(path)
        else:
            os.link(root / f"{i % 1000:07d}.png", path)
    rows = {"path": [f"{i:07d}.png" for i in range(count)],
            "identity": [f"p{i // 5}" for i in range(count)],
            "gender": [("male", "female")[i % 2] for i in range(count)],
            "ethnicity": [("Asian", "Black", "White")[i % 3] for i in range(count)]}  # fmt: skip
    pl.DataFrame(rows).write_csv(root / "manifest.csv")
    return root / "manifest.csv"


def peak(command: list[str]) -> tuple[float, float]:
    """Run a command; return its peak resident memory in MiB and its seconds."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"{command} ended with {status}"
    return usage.ru_maxrss / 1024, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, nargs="+", default=[20_000, 200_000])
    args = parser.parse_args()
    found = []
    for count in args.pictures:
        with tempfile.TemporaryDirectory() as folder:
            faces = source(Path(folder) / "faces", count)
            out = Path(folder) / "out"
            command = [sys.executable, "-m", "evenface", "embed", str(faces), "--model", "hog",
                       "--store", "float16", "--out", str(out)]  # fmt: skip
            first, seconds = peak(command)
            again, _ = peak(command)
            print(f"{count} pictures: peak {first:.0f} MiB ({count / seconds:.0f} pictures/s); "
                  f"run again on the finished folder: {again:.0f} MiB", flush=True)  # fmt: skip
            found.append((first, again))
    for name, k in (("embedding", 0), ("running again", 1)):
        print(f"{name}: {found[-1][k] / found[0][k]:.2f} times the memory")


if __name__ == "__main__":
    main()
