"""Comparing all pairs of pictures: ours against the bare matrix products, and a textbook's way.

    python benchmarks/verify.py [--rows 24000] [--dim 2048] [--rounds 3] [--textbook 8000]
    python benchmarks/verify.py --rows 200000 --dim 512 --part 20

Three pictures of each person, six groups. The bare products are of the very shapes of the blocks
that ours compares, half of the pairs, by as many threads; both take turns. What ours does besides,
counting every score by group and keeping the largest with whose they are, is what the ratio of the
two rates shows. The textbook multiplies blocks of rows with all rows, both halves, and counts each
pair of groups by `numpy.histogram`. Peak memory is that of another process, beyond the vectors as
they are given and the copy of them that is compared. With ``--part`` only one block in so many is
compared, and that takes place of the whole. Vectors are random.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from timing import machine, seconds

from evenface.heads.threads import cores, torch_threads
from evenface.pairs import all_pairs
from evenface.pairs.compared import Compared
from evenface.pairs.people import People
from evenface.pairs.similarity import Prepared

GROUPS, PICTURES, BINS = 6, 3, 1000


def people_of(rows: int) -> People:
    """Three pictures a person, persons dealt to six groups."""
    who = np.arange(rows) // PICTURES
    return People.of(who, who, [f"g{g}" for g in (who % GROUPS).tolist()])


def vectors_of(rows: int, dim: int) -> np.ndarray:
    """A person's vector and as much noise: a genuine pair has a cosine of about 0.5."""
    made = np.random.default_rng(0).standard_normal((rows, dim), dtype=np.float32)
    for k in range(0, rows - rows % PICTURES, PICTURES):
        made[k : k + PICTURES] += np.random.default_rng(k).standard_normal(dim, dtype=np.float32)
    return made


def blocks(people: People, part: int) -> list[all_pairs.Tile]:
    """Return the blocks that are compared, or one in `part` of them."""
    return list(all_pairs._tiles(people.bounds, False))[::part]


def operations(tiles: list[all_pairs.Tile], dim: int) -> float:
    return 2.0 * dim * sum(t.pairs for t in tiles)


def products(prepared: Prepared, tiles: list[all_pairs.Tile]) -> None:
    """The bare matrix products of the same shapes, by as many threads."""
    own, x = threading.local(), prepared.vectors

    def work(tile: all_pairs.Tile) -> None:
        if not hasattr(own, "out"):
            own.out = torch.empty(all_pairs.ROWS * all_pairs.COLUMNS)
        a, b = x[tile.rows], x[tile.columns]
        torch.mm(a, b.T, out=own.out[: len(a) * len(b)].view(len(a), len(b)))

    with torch_threads(1), ThreadPoolExecutor(cores()) as pool:
        for _ in pool.map(work, tiles):
            pass


def ours(prepared: Prepared, people: People, part: int) -> Compared:
    """Everything that `verify` does with all pairs, or with a part of the blocks."""
    whole = all_pairs._tiles
    if part > 1:
        all_pairs._tiles = lambda bounds, gpu: iter(list(whole(bounds, gpu))[::part])
    try:
        return all_pairs.compare_all(prepared, people)
    finally:
        all_pairs._tiles = whole


def textbook(vectors: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Blocks of rows with all rows, both halves; a histogram of each pair of groups."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = np.zeros((GROUPS, GROUPS, BINS))
    for start in range(0, len(unit), 1000):
        scores = unit[start : start + 1000] @ unit.T
        for g in range(GROUPS):
            for h in range(GROUPS):
                mine = scores[group[start : start + 1000] == g][:, group == h]
                found[g, h] += np.histogram(mine, BINS, (-1, 1))[0]
    return found


def spread(values: np.ndarray, form: str = ".2f") -> str:
    return f"{np.median(values):{form}} ({values.min():{form}} to {values.max():{form}})"


def in_turns(rounds: int, *ways: Callable[[], object]) -> np.ndarray:
    """Return seconds, shape (ways, rounds)."""
    return np.array([[seconds(way) for way in ways] for _ in range(rounds)]).T


def measure_rate(rows: int, dim: int, rounds: int, part: int) -> None:
    people = people_of(rows)
    prepared = Prepared.of(vectors_of(rows, dim), people.order, "cosine")
    tiles = blocks(people, part)
    some = tiles[: max(len(tiles) // 20, 1)]
    products(prepared, some)
    compared = ours(prepared, people, part * 20)
    bare, full, again = in_turns(
        rounds, lambda: products(prepared, tiles), lambda: ours(prepared, people, part),
        lambda: products(prepared, tiles),
    )  # fmt: skip
    # The products once more: what else the machine does changes by the minute.
    bare = (bare + again) / 2
    rate = operations(tiles, dim) / 1e9
    print(f"{rows} x {dim}, {'all' if part == 1 else f'one in {part}'} of the blocks, "
          f"{sum(t.pairs for t in tiles) / 1e6:.0f} million pairs, cut at {compared.cut:.3f}: "
          f"products alone {spread(bare, '.1f')} s, {np.median(rate / bare):.0f} GFLOP/s; "
          f"ours {spread(full, '.1f')} s, {spread(bare / full)} of that rate",
          flush=True)  # fmt: skip


def measure_textbook(rows: int, dim: int, rounds: int) -> None:
    people, vectors = people_of(rows), vectors_of(rows, dim)
    group = np.arange(rows) // PICTURES % GROUPS

    def go() -> None:
        ours(Prepared.of(vectors, people.order, "cosine"), people, 1)

    go()
    slow, fast = in_turns(rounds, lambda: textbook(vectors, group), go)
    print(f"{rows} x {dim}: textbook {spread(slow, '.1f')} s, ours {spread(fast, '.1f')} s: "
          f"{spread(slow / fast, '.1f')} times as fast", flush=True)  # fmt: skip


def resident(kind: str) -> float:
    """Resident memory of this process in MiB, now (VmRSS) or at its peak (VmHWM); Linux only."""
    with open("/proc/self/status", encoding="utf-8") as status:
        line = next(line for line in status if line.startswith(kind))
    return int(line.split()[1]) / 1024


def measure_memory(rows: int, dim: int, part: int) -> None:
    """Print how far memory rises while comparing above what it is with the vectors made ready."""
    people = people_of(rows)
    small = people_of(600)
    ours(Prepared.of(vectors_of(600, 8), small.order, "cosine"), small, 1)
    vectors = vectors_of(rows, dim)
    prepared = Prepared.of(vectors, people.order, "cosine")
    # The peak starts anew: making the vectors must not hide what comparing them takes.
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as peak:
        peak.write("5")
    before, start = resident("VmRSS"), time.perf_counter()
    ours(prepared, people, part)
    print(f"{rows} x {dim}: {before:.0f} MiB with vectors (twice {vectors.nbytes / 2**20:.0f}), "
          f"peak {resident('VmHWM') - before:.0f} MiB beyond, "
          f"{time.perf_counter() - start:.0f} s", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=24_000)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", type=int, default=1, help="compare one block in so many")
    parser.add_argument("--textbook", type=int, default=8000, help="rows; 0 for none")
    parser.add_argument("--memory-only", action="store_true")
    args = parser.parse_args()
    if args.memory_only:
        measure_memory(args.rows, args.dim, args.part)
        return
    print(f"{args.rounds} rounds, {machine()}", flush=True)
    given = ["--rows", str(args.rows), "--dim", str(args.dim), "--part", str(args.part)]
    subprocess.run([sys.executable, __file__, *given, "--memory-only"], check=True)
    measure_rate(args.rows, args.dim, args.rounds, args.part)
    if args.textbook:
        measure_textbook(min(args.textbook, args.rows), args.dim, args.rounds)


if __name__ == "__main__":
    main()
