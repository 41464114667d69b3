"""LEACE of many vectors: against the bare product, the reference's fitter, and how much memory.

Vectors are made block by block from a seed and written to a file, which is mapped. The bare
product is `X.T @ X` of the same blocks in float32, nothing else: each block on all cores, and each
on a core of its own, as we do it. Rates count 2 n d^2 operations for all alike, though each
multiplies half of a symmetric product; a full product of two different arrays is timed too.

    python benchmarks/erase.py [--rows 1000000] [--dim 512] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits
from timing import machine, seconds

from evenface.embed.moments import ROWS
from evenface.embed.threads import default_workers
from evenface.erasers.eraser import Maps
from evenface.erasers.leace import fit_leace
from evenface.erasers.streaming import blocks_of, stream_leace

SIZES = (2, 7)


def make(file: Path, rows: int, dim: int) -> np.ndarray:
    """Write vectors, and return two attributes' codes that they differ by; a tenth is unknown."""
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, rows) for size in SIZES], axis=1)
    means = [rng.standard_normal((size, dim), dtype=np.float32) / 4 for size in SIZES]
    spread = np.linspace(0.2, 2, dim, dtype=np.float32)
    out = np.lib.format.open_memmap(file, "w+", np.float32, (rows, dim))
    for start in range(0, rows, ROWS):
        part = slice(start, min(start + ROWS, rows))
        block = rng.standard_normal((part.stop - start, dim), dtype=np.float32) * spread
        for mean, of in zip(means, codes[part].T, strict=True):
            block += mean[of]
        out[part] = block + 1
    out.flush()
    codes[rng.random(rows) < 0.1, 1] = -1
    return codes


def product(vectors: np.ndarray) -> np.ndarray:
    total = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), ROWS):
        block = vectors[start : start + ROWS]
        total += block.T @ block
    return total


def product_apart(vectors: np.ndarray) -> np.ndarray:
    """Have each thread multiply blocks by itself: on a busy machine none waits for another."""

    def work(w: int) -> np.ndarray:
        total = np.zeros((vectors.shape[1],) * 2)
        for start in range(w * ROWS, len(vectors), workers * ROWS):
            block = vectors[start : start + ROWS]
            total += block.T @ block
        return total

    workers = default_workers()
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(work, range(workers)))


def reference(vectors: np.ndarray, codes: np.ndarray) -> object:
    """Fit concept-erasure's in float32, block by block."""
    import torch
    from concept_erasure import LeaceFitter

    # By default it shrinks the covariance, and mixes in another projection: other maps than LEACE.
    fitter = LeaceFitter(
        vectors.shape[1], sum(SIZES), shrinkage=False, constrain_cov_trace=False, svd_tol=1e-4
    )
    for block, of in blocks_of(vectors, codes):
        known = (of >= 0).all(axis=1)
        marks = [np.eye(size, dtype=np.float32)[c] for size, c in zip(SIZES, of[known].T,
                                                                      strict=True)]  # fmt: skip
        fitter.update(torch.from_numpy(block[known]), torch.from_numpy(np.hstack(marks)))
    return fitter.eraser


def spread(values: np.ndarray, form: str = ".2f") -> str:
    return f"{np.median(values):{form}} ({values.min():{form}} to {values.max():{form}})"


def in_turns(rounds: int, *ways: Callable[[], object]) -> np.ndarray:
    """Return seconds, shape (ways, rounds)."""
    return np.array([[seconds(way) for way in ways] for _ in range(rounds)]).T


def measure_rate(vectors: np.ndarray, codes: np.ndarray, rounds: int) -> None:
    some = slice(0, 8 * ROWS)
    product(vectors[some]), stream_leace(blocks_of(vectors[some], codes[some]), SIZES)
    # The products on both sides: what else the machine does changes by the minute.
    together, apart, ours, again, apart_again = in_turns(
        rounds, lambda: product(vectors), lambda: product_apart(vectors),
        lambda: stream_leace(blocks_of(vectors, codes), SIZES),
        lambda: product(vectors), lambda: product_apart(vectors),
    )  # fmt: skip
    work = 2 * vectors.shape[0] * vectors.shape[1] ** 2 / 1e9
    print(f"{len(vectors)} x {vectors.shape[1]}: LEACE {spread(ours, '.1f')} s, "
          f"{np.median(work / ours):.0f} GFLOP/s")  # fmt: skip
    for name, bare in (("on all cores", (together + again) / 2),
                       ("a thread a core", (apart + apart_again) / 2)):  # fmt: skip
        print(f"  product alone, {name}: {spread(bare, '.1f')} s, "
              f"{np.median(work / bare):.0f} GFLOP/s; LEACE at {spread(bare / ours)} of that rate",
              flush=True)  # fmt: skip


def full_product(vectors: np.ndarray) -> float:
    """Return GFLOP/s of a product that is not symmetric, of all 2 n d^2 operations."""
    block = np.ascontiguousarray(vectors[:ROWS])
    other = block.copy()
    block.T @ other
    times = [seconds(lambda: block.T @ other) for _ in range(9)]
    return float(2 * len(block) * block.shape[1] ** 2 / 1e9 / np.median(times))


def measure_reference(vectors: np.ndarray, codes: np.ndarray, rounds: int) -> None:
    stream_leace(blocks_of(vectors[:ROWS], codes[:ROWS]), SIZES)
    theirs, ours = in_turns(
        rounds, lambda: reference(vectors, codes),
        lambda: stream_leace(blocks_of(vectors, codes), SIZES),
    )  # fmt: skip
    exact = projection(fit_leace(blocks_of(vectors, codes), SIZES, "float64"))
    own = projection(stream_leace(blocks_of(vectors, codes), SIZES))
    other = reference(vectors, codes)
    taken = (other.proj_left @ other.proj_right).numpy()  # type: ignore[attr-defined]
    print(f"{len(vectors)} x {vectors.shape[1]}: concept-erasure {spread(theirs, '.2f')} s, ours "
          f"{spread(ours, '.2f')} s: {spread(theirs / ours, '.1f')} times as fast; largest error "
          f"of the projection against double precision {abs(taken - exact).max():.1e} and "
          f"{abs(own - exact).max():.1e}", flush=True)  # fmt: skip


def projection(maps: Maps) -> np.ndarray:
    return np.asarray(maps.out[0] @ maps.into[0])


def resident(kind: str) -> float:
    """Resident memory of this process in MiB: VmHWM at its peak, RssAnon but for files; Linux."""
    with open("/proc/self/status", encoding="utf-8") as status:
        line = next(line for line in status if line.startswith(kind))
    return int(line.split()[1]) / 1024


def measure_memory(file: Path, codes: np.ndarray) -> None:
    """Print how far memory of our own rises; pages of a mapped file are the system's to drop."""
    vectors = np.load(file, mmap_mode="r")
    stream_leace(blocks_of(vectors[:ROWS], codes[:ROWS]), SIZES)
    before, highest = resident("RssAnon"), 0.0

    def watched() -> object:
        nonlocal highest
        for block in blocks_of(vectors, codes):
            highest = max(highest, resident("RssAnon"))
            yield block

    start = time.perf_counter()
    stream_leace(watched(), SIZES)  # type: ignore[arg-type]
    took = time.perf_counter() - start
    highest = max(highest, resident("RssAnon"))
    print(f"{vectors.shape[0]} x {vectors.shape[1]}: {before:.0f} MiB before, "
          f"{highest - before:.0f} MiB beyond at its peak, of {vectors.nbytes / 2**20:.0f} MiB of "
          f"vectors; peak with the mapped file's pages {resident('VmHWM'):.0f} MiB; "
          f"{took:.0f} s", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reference", type=int, default=100_000, help="rows; 0 for none")
    parser.add_argument("--out", type=Path, help="folder on a disk with room for the vectors")
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory:
        measure_memory(args.memory / "vectors.npy", np.load(args.memory / "codes.npy"))
        return
    with tempfile.TemporaryDirectory(dir=args.out) as folder:
        file = Path(folder) / "vectors.npy"
        codes = make(file, args.rows, args.dim)
        np.save(Path(folder) / "codes.npy", codes)
        print(f"{args.rounds} rounds, {machine()}, load {os.getloadavg()[0]:.1f}", flush=True)
        subprocess.run([sys.executable, __file__, "--memory", folder], check=True)
        vectors = np.load(file, mmap_mode="r")
        print(f"a full product: {full_product(vectors):.0f} GFLOP/s", flush=True)
        measure_rate(vectors, codes, args.rounds)
        if args.reference:
            few = slice(0, min(args.reference, args.rows))
            measure_reference(np.array(vectors[few]), codes[few], args.rounds)
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
