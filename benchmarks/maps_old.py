"""t-SNE: openTSNE's tree on one thread, as its maps repeat, against all pairs in blocks.

Clusters in 64 dimensions; both ways get the same affinities and the same start, so what is timed
is the descent. Then what the maps keep. With ``--crossover``, a step of each way at growing sizes.

    python benchmarks/map.py [rows] [--crossover]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits
from timing import compare, machine, seconds

from evenface.studies import neighbours as nb
from evenface.studies.tsne import ALGORITHMS, affinities, graph_width, start
from evenface.studies.tsne_exact import Forces

PERPLEXITY, ROUNDS = 30.0, 3
SIZES = (3_000, 6_000, 12_000, 18_000)


def clusters(rows: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return 1.2 * rng.normal(size=(6, 64))[np.arange(rows) % 6] + rng.normal(size=(rows, 64))


def graph(space: np.ndarray, distances: nb.Distances) -> object:
    around, squared = distances.nearest(graph_width(len(space), PERPLEXITY))
    return affinities(around, squared, PERPLEXITY)


def whole(rows: int) -> None:
    space = clusters(rows)
    distances = nb.Distances(space)
    joint = graph(space, distances)
    around = distances.nearest(10)[0]
    for dims in (2, 3):
        begin = start(space, dims, 0)
        made = {}

        def place(way: str, made: dict = made, begin: np.ndarray = begin) -> None:
            made[way] = ALGORITHMS[way](joint, begin)

        print(f"{rows} rows in {dims} dimensions, perplexity {PERPLEXITY:g}, {machine()}")
        compare(partial(place, "tree"), partial(place, "exact"), rounds=ROUNDS)
        for way, placed in made.items():
            mapped = nb.nearest(placed, 10)
            with ThreadPoolExecutor(1) as pool:
                divergence = Forces(joint, pool).divergence(placed)
            print(f"  {way:6s} KL {divergence:.4f}, neighbours kept "
                  f"{nb.preservation(around, mapped).mean():.4f}, trustworthiness "
                  f"{nb.trustworthiness(distances, mapped).mean():.4f}")  # fmt: skip


def crossover() -> None:
    """Time a step on discs and balls as wide as finished maps are."""
    from openTSNE import tsne as theirs
    from scipy import sparse

    fft = {"n_interpolation_points": 3, "min_num_intervals": 50, "ints_in_interval": 1}
    print(f"milliseconds a step, {machine()}")
    rng = np.random.default_rng(0)
    for rows in SIZES:
        space = clusters(rows)
        joint = graph(space, nb.Distances(space))
        matrix = sparse.csr_matrix(joint)
        for dims in (2, 3):
            placed = rng.normal(size=(rows, dims))
            placed /= np.linalg.norm(placed, axis=1, keepdims=True)
            placed *= rng.random((rows, 1)) ** (1 / dims)
            placed *= 0.85 * np.sqrt(rows) if dims == 2 else 3.5 * np.cbrt(rows)
            with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as pool:
                ways: dict[str, Callable[[], object]] = {
                    "exact": partial(Forces(joint, pool), placed),
                    "tree": partial(theirs.kl_divergence_bh, placed, matrix, 1, {"theta": 0.5}),
                }
                if dims == 2:
                    ways["interpolation"] = partial(
                        theirs.kl_divergence_fft, placed, matrix, 1, fft
                    )
                times = np.array([[seconds(w) for w in ways.values()] for _ in range(6)])[1:]
            said = ", ".join(
                f"{name} {1e3 * np.median(t):.0f} ({1e3 * t.min():.0f} to {1e3 * t.max():.0f})"
                for name, t in zip(ways, times.T, strict=True)
            )
            print(f"{rows:6d} rows, {dims}-D: {said}")


def main() -> None:
    asked = [a for a in sys.argv[1:] if a.isdigit()]
    if "--crossover" in sys.argv:
        crossover()
    else:
        whole(int(asked[0]) if asked else 3_000)


if __name__ == "__main__":
    main()
