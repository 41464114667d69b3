"""Whole maps, from vectors to places: ours against scikit-learn's t-SNE and openTSNE's.

Six clusters in 2048 dimensions whose spectrum falls like that of real embeddings; each way gets the
same rows, others each round, runs with its defaults (openTSNE with two threads) and takes its turn
in one process. Beside each time: the share of the 10 nearest rows that the map keeps, and its
trustworthiness.

    python benchmarks/maps.py [--rows N] [--rounds N] [--only sklearn,opentsne] [--dims 2,3]
    python benchmarks/maps.py --only ours --rows 100000
    python benchmarks/maps.py --crossover
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits
from timing import machine, seconds

from evenface.studies import neighbours as nb
from evenface.studies.tsne import affinities, graph_width, start, tsne
from evenface.studies.tsne_descent import Forces
from evenface.studies.tsne_exact import AllPairs
from evenface.studies.tsne_fourier import Field

PERPLEXITY, DIMENSION = 30.0, 2048
SIZES = (2_000, 4_000, 6_000, 12_000, 20_000, 30_000)


def embeddings(rows: int, seed: int = 0) -> np.ndarray:
    """Rows in six clusters; 50 of 2048 axes have two thirds of the variance, 500 nine tenths."""
    rng = np.random.default_rng(seed)
    scale = np.arange(1, DIMENSION + 1) ** -0.5
    centres = 0.6 * rng.normal(size=(6, DIMENSION))
    points = (centres[np.arange(rows) % 6] + rng.normal(size=(rows, DIMENSION))) * scale
    turn = np.linalg.qr(rng.normal(size=(DIMENSION, DIMENSION)))[0]
    return np.asarray(points @ turn, dtype=np.float32)


def ours(vectors: np.ndarray, dims: int) -> np.ndarray:
    space = nb.comparable(vectors, cosine=False)
    joint = graph(space)
    return tsne(joint, start(space, dims, 0))


def graph(space: np.ndarray) -> object:
    around, squared = nb.Distances(space).nearest(graph_width(len(space), PERPLEXITY))
    return affinities(around, squared, PERPLEXITY)


def theirs(name: str, vectors: np.ndarray, dims: int) -> np.ndarray:
    if name == "sklearn":
        from sklearn.manifold import TSNE

        return TSNE(dims, random_state=0).fit_transform(vectors)
    import openTSNE

    logging.getLogger("openTSNE").setLevel(logging.ERROR)
    # Its own choice for 3-D and many rows, interpolation, is not made for it.
    way = "auto" if dims == 2 else "bh"
    asked = openTSNE.TSNE(dims, n_jobs=2, random_state=0, negative_gradient_method=way)
    return np.asarray(asked.fit(vectors))


def whole(rows: int, dims: int, name: str, rounds: int) -> None:
    # The first of each loads what it needs.
    few = embeddings(300)
    ours(few, dims), theirs(name, few, dims)
    times, faithful = np.empty((2, rounds)), np.empty((2, rounds, 2))
    for k in range(rounds):
        # Other rows each round: what a map keeps depends on where its descent happens to end.
        vectors = embeddings(rows, seed=k)
        distances = nb.Distances(vectors.astype(np.float64))
        around = distances.nearest(10)[0]
        made: dict[str, np.ndarray] = {}

        def run(way: str, vectors: np.ndarray = vectors, made: dict = made) -> None:
            made[way] = ours(vectors, dims) if way == "ours" else theirs(way, vectors, dims)

        for w, way in enumerate((name, "ours")):
            times[w, k] = seconds(partial(run, way))
            mapped = nb.nearest(made[way], 10)
            faithful[w, k] = (
                nb.preservation(around, mapped).mean(),
                nb.trustworthiness(distances, mapped).mean(),
            )
    ratio = times[0] / times[1]
    slow, fast = np.median(times, axis=1)
    print(f"{rows} x {DIMENSION} to {dims}-D: {name} {slow:.1f} s, ours {fast:.1f} s, ratio "
          f"{np.median(ratio):.1f}x (from {ratio.min():.1f} to {ratio.max():.1f}, "
          f"{rounds} rounds)")  # fmt: skip
    for way, own in zip((name, "ours"), faithful, strict=True):
        kept, trust = (
            f"{column.mean():.4f} (from {column.min():.4f} to {column.max():.4f})"
            for column in own.T
        )
        print(f"  {way:8s} neighbours kept {kept}, trustworthiness {trust}", flush=True)


def alone(rows: int, dims: int) -> None:
    """Time ours where the others would take hours."""
    vectors = embeddings(rows)
    ours(embeddings(300), dims)
    made: list[np.ndarray] = []
    took = seconds(lambda: made.append(ours(vectors, dims)))
    some = np.random.default_rng(0).choice(rows, 2000, replace=False)
    kept = nb.preservation(among(vectors, some), among(made[0], some)).mean()
    print(f"{rows} x {DIMENSION} to {dims}-D: ours {took:.1f} s, neighbours kept {kept:.4f}",
          flush=True)  # fmt: skip


def among(points: np.ndarray, some: np.ndarray, k: int = 10) -> np.ndarray:
    """Return the nearest rows of some rows."""
    points = points - points.mean(axis=0)
    squares = (points**2).sum(axis=1)
    far = squares - 2 * points[some] @ points.T
    far[np.arange(len(some)), some] = np.inf
    part = np.argpartition(far, k, axis=1)[:, :k]
    order = np.argsort(np.take_along_axis(far, part, axis=1), axis=1)
    return np.asarray(np.take_along_axis(part, order, axis=1))


def crossover() -> None:
    """Time a step's repulsion on discs and balls as wide as finished maps are."""
    from openTSNE import tsne as other
    from scipy import sparse

    rng = np.random.default_rng(0)
    for rows in SIZES:
        joint = graph(1.2 * rng.normal(size=(6, 64))[np.arange(rows) % 6]
                      + rng.normal(size=(rows, 64)))  # fmt: skip
        matrix = sparse.csr_matrix(joint)
        for dims in (2, 3):
            placed = rng.normal(size=(rows, dims))
            placed /= np.linalg.norm(placed, axis=1, keepdims=True)
            placed *= rng.random((rows, 1)) ** (1 / dims)
            placed *= 0.85 * np.sqrt(rows) if dims == 2 else 1.6 * np.cbrt(rows)
            with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(2) as pool:
                ways: dict[str, Callable[[], object]] = {
                    "all pairs": partial(Forces(joint, pool, AllPairs(rows, pool)), placed),
                    "openTSNE's tree, 2 threads": partial(
                        other.kl_divergence_bh, placed, matrix, 2, {"theta": 0.5}
                    ),
                }
                ways["grid"] = partial(Forces(joint, pool, Field(rows, pool)), placed)
                times = np.array([[seconds(w) for w in ways.values()] for _ in range(6)])[1:]
            said = ", ".join(
                f"{name} {1e3 * np.median(t):.1f} ({1e3 * t.min():.1f} to {1e3 * t.max():.1f})"
                for name, t in zip(ways, times.T, strict=True)
            )
            print(f"{rows:6d} rows, {dims}-D, milliseconds a step: {said}", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, default=6_000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--only", default="sklearn,opentsne")
    asked.add_argument("--dims", default="2,3")
    asked.add_argument("--crossover", action="store_true")
    given = asked.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{machine()}, load before {load:.1f}")
    if given.crossover:
        crossover()
        return
    for dims in (int(d) for d in given.dims.split(",")):
        for name in given.only.split(","):
            if name == "ours":
                alone(given.rows, dims)
            else:
                whole(given.rows, dims, name, given.rounds)


if __name__ == "__main__":
    main()
