"""Fifty kills of a run, killed Ray workers, ten thousand files with broken ones among them.

    python benchmarks/hardships.py [--kills 50] [--files 10000] [--pictures 3000] [--ray]

Prints what was done and whether the folder is the one of an undisturbed run, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

COMMAND = [sys.executable, "-m", "evenface", "embed"]


def pictures(root: Path, count: int, side: int = 24) -> Path:
    root.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(root / f"{i:06d}.png")
    rows = {"path": [f"{i:06d}.png" for i in range(count)],
            "identity": [f"p{i // 3}" for i in range(count)],
            "gender": [("male", "female")[i % 2] for i in range(count)]}  # fmt: skip
    pl.DataFrame(rows).write_csv(root / "manifest.csv")
    return root / "manifest.csv"


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def kills(source: Path, place: Path, times: int) -> None:
    """Kill runs at random moments; the last is left alone."""
    out, rng = place / "killed", random.Random(0)
    command = [*COMMAND, str(source), "--model", "hog", "--batch", "8", "--out", str(out)]
    whole = place / "whole"
    start = time.perf_counter()
    subprocess.run([*command[:-1], str(whole)], check=True, capture_output=True)
    alone = time.perf_counter() - start
    killed, stages = 0, Counter[int]()
    while killed < times:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(rng.uniform(0.3, 0.95) * alone)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        stages[len(list(out.glob("chunk-*.json"))) if out.exists() else -1] += 1
        if (out / "manifest.json").exists():
            # Done: the next runs are killed from the start on again.
            assert content(out) == content(whole)
            shutil.rmtree(out)
    subprocess.run(command, check=True, capture_output=True)
    print(f"{killed} runs killed, at {len(stages)} stages (chunks done: runs) {dict(stages)}")
    print(f"the same bytes as undisturbed: {content(out) == content(whole)}")


def ray_kills(source: Path, place: Path, times: int) -> None:
    """Kill a worker of Ray at random, again and again, while one run goes on."""
    out, rng = place / "ray", random.Random(1)
    command = [*COMMAND, str(source), "--model", "hog", "--batch", "8", "--out", str(out),
               "--engine", "ray", "--actors", "2"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    killed = Counter[str]()
    while process.poll() is None:
        time.sleep(rng.uniform(0.2, 1.0))
        workers = [(pid, name) for pid, name in processes() if name.startswith("ray::")
                   and ("EmbedChunk" in name or "_prepare" in name)]  # fmt: skip
        if workers and sum(killed.values()) < times and (out / "unfinished.json").exists():
            pid, name = rng.choice(workers)
            os.kill(pid, signal.SIGKILL)
            killed["actor" if "EmbedChunk" in name else "task"] += 1
    said = process.stderr.read().decode()[-300:] if process.returncode else ""
    print(f"Ray: exit {process.returncode} {said}; killed {dict(killed)}")
    same = out.exists() and content(out) == content(place / "whole")
    print(f"the same bytes as on threads, undisturbed: {same}")


def processes() -> list[tuple[int, str]]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            found.append((int(entry.name), (entry / "cmdline").read_bytes().decode()))
        except (OSError, ValueError):
            continue
    return found


def broken(place: Path, files: int) -> None:
    """One file in a hundred is broken, each in one of the ways that the tests know."""
    from evenface.embed.store import open_store
    from support import break_some

    root = place / "many"
    source = pictures(root, files)
    names = [f"{i:06d}.png" for i in range(0, files, 100)]
    said = break_some(root, names)
    start = time.perf_counter()
    result = subprocess.run(
        [*COMMAND, str(source), "--model", "hog", "--max-pixels", "1000000",
         "--out", str(place / "b")], check=False, capture_output=True, text=True)  # fmt: skip
    store = open_store(place / "b")
    failures = dict(store.failures().select("path", "reason").iter_rows())
    right = sum(text in failures.get(name, "") for name, text in said.items())
    print(f"exit {result.returncode} in {time.perf_counter() - start:.0f} s: {len(store)} of "
          f"{files - len(said)} good pictures embedded, {right} of {len(said)} broken ones in "
          f"failures with their reason, {len(failures) - right} others")  # fmt: skip
    for (stage, reason), n in Counter(
        store.failures().select("stage", "reason").iter_rows()
    ).items():
        print(f"  {n:4d} {stage}: {reason[:90]}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--pictures", type=int, default=6_000)
    parser.add_argument("--ray", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if args.files:
            broken(place, args.files)
        if args.kills:
            source = pictures(place / "faces", args.pictures)
            kills(source, place, args.kills)
            if args.ray:
                ray_kills(source, place, 20)


if __name__ == "__main__":
    main()
