"""How often `bias` says that one loss loses less than another, where none does and where one does.

    python benchmarks/claims.py [--runs 200] [--only nothing,twins,ordering]

``nothing``   vectors that know nothing of the groups: every loss is at chance at every share.
``twins``     vectors that do, and two losses that are one: softmax, fed other batches.
``ordering``  minorities that resemble each other and not the majority. Softmax parts them by the
              number of their rows; the pairs of two minorities that contrastive learning needs
              are as rare as the square of it, so it loses more.

A claim is a comparison with p < 0.05 after Holm. Every run draws its population anew. Nothing
here says anything about faces.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
from scipy.stats import binomtest
from timing import machine

from evenface.embed.embeddings import Embeddings, embeddings_from_arrays
from evenface.heads import objectives, sampling
from evenface.studies.bias import BiasOptions, bias
from evenface.studies.data import CommonOptions

GROUPS = [(e, g) for e in ("Asian", "Black", "Caucasian") for g in ("female", "male")]
MAJORITY = 1
SMALL = {"hidden": (32, 16), "rates": (0.01,), "epochs": 10, "batch": 32, "remedies": ()}


def people(centres: np.ndarray, identities: int, seed: int, most: int = 1) -> Embeddings:
    """Return `identities` of each group about its centre, `most` times as many of the majority."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(GROUPS)), identities)
    group = np.concatenate([group, np.full((most - 1) * identities, MAJORITY)])
    x = centres[group] + rng.normal(size=(group.size, centres.shape[1]))
    rows = [(f"{i}", f"{i}", GROUPS[g][1], GROUPS[g][0]) for i, g in enumerate(group)]
    schema = ["sample_id", "identity", "gender", "ethnicity"]
    return embeddings_from_arrays(
        x.astype(np.float32), pl.DataFrame(rows, schema=schema, orient="row")
    )


def alike(apart: float) -> np.ndarray:
    return apart * np.eye(len(GROUPS), 8)


def close_minorities(apart: float = 3.0, away: float = 8.0) -> np.ndarray:
    """Return centres of minorities near each other, far from the majority."""
    centres = alike(apart)
    centres[MAJORITY] = 0
    centres[MAJORITY, 7] = away
    return centres


def fed_otherwise(y, steps, rows, rng, strata=None):  # type: ignore[no-untyped-def]
    rng.random()
    return sampling.rows_only(y, steps, rows, rng, strata)


def nothing(seed: int) -> pl.DataFrame:
    return tests(people(alike(0.0), 40, seed), seed)


def twins(seed: int) -> pl.DataFrame:
    twin = replace(objectives.LOSSES["softmax"], title="twin", plan=fed_otherwise)
    objectives.LOSSES["twin"] = twin
    return tests(people(close_minorities(), 40, seed), seed, losses=("softmax", "twin"))


def ordering(seed: int) -> pl.DataFrame:
    # Many people of the majority: where few set the total, what is lost to few rows hides the rest.
    crowd = people(close_minorities(), 300, seed, most=4)
    return tests(crowd, seed, losses=("softmax", "contrastive"))


def tests(embeddings: Embeddings, seed: int, **options: object) -> pl.DataFrame:
    found = bias(
        embeddings,
        BiasOptions(**SMALL, **options),
        CommonOptions(seed=1000 * seed, resamples=100),
    )
    return found.tables["tests"]


QUESTIONS: dict[str, Callable[[int], pl.DataFrame]] = {
    "nothing": nothing, "twins": twins, "ordering": ordering,
}  # fmt: skip


def one(asked: tuple[str, int]) -> tuple[bool, bool, float]:
    """Return whether a run claims that the first loss loses less, or more, and its difference."""
    name, seed = asked
    import torch

    torch.set_num_threads(1)
    found = QUESTIONS[name](seed)
    claims = found.filter(pl.col("p_holm") < 0.05)["value"]
    mean = found.filter(what="all")["value"].mean()
    return bool((claims < 0).any()), bool((claims > 0).any()), float(mean)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--only", default="nothing,twins,ordering")
    args = parser.parse_args()
    print(f"{args.runs} runs each, {machine()}")
    with multiprocessing.get_context("spawn").Pool() as pool:
        for name in args.only.split(","):
            start = time.perf_counter()
            found = pool.map(one, [(name, seed) for seed in range(args.runs)], chunksize=1)
            less, more, mean = np.array(found).T
            any_claim = int(np.sum((less > 0) | (more > 0)))
            low, high = binomtest(any_claim, args.runs).proportion_ci()
            print(f"{name:9s} claims in {any_claim} of {args.runs} "
                  f"({any_claim / args.runs:.1%}, 95 % interval {low:.1%} to {high:.1%}); "
                  f"first loses less {int(less.sum())}, more {int(more.sum())}; difference "
                  f"{mean.mean():+.3f}; {time.perf_counter() - start:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
