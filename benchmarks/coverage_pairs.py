"""How often the intervals of error rates over pairs contain the truth, where it is known.

    python benchmarks/coverage_pairs.py [--draws 1000] [--sizes 20,50,200] [--only fmr,cross,fnmr]

``fmr``    all pairs of pictures of different identities.
``cross``  all pairs of a picture of one half of the identities and one of the other half.
``fnmr``   all pairs of pictures of one identity.

A score is normal: what either identity adds, what either picture adds, and what the pair adds;
an error is a score above the threshold of which the rate is known. (For FNMR turn the sign.)
`let out` is the share of draws with a nominal interval; of the others some have a bound or an
exact interval, which count in `all`. `alone` is the interval that takes pairs for independent:
Wald's, which is what a bootstrap of pairs tends to. Nothing here says anything about faces.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy import stats
from timing import machine

from evenface.stats.pair_counts import PairCounts
from evenface.stats.pairs import METHODS, pair_rate

RATES = (0.4, 0.1, 0.05, 0.01)
THRESHOLDS = stats.norm.isf(RATES).astype(np.float32)
# Parts of a score's variance that identities and pictures make, two of each in an impostor pair.
EFFECTS = {"none": (0.0, 0.0), "mild": (0.1, 0.1), "strong": (0.4, 0.2)}
IMAGES = {"2": (2,), "3": (3,), "mixed": (1, 1, 2, 3, 5)}
WITHIN = (0.93, 0.97)
SCORES = 400_000


def images(kind: str, identities: int) -> np.ndarray:
    """Return pictures of each identity, in order."""
    return np.sort(np.resize(IMAGES[kind], identities))


def impostor_errors(rng: np.random.Generator, m: np.ndarray, effect: str) -> np.ndarray:
    """Return errors of each pair of identities i < j at every threshold, shape (rates, k, k)."""
    of_identity, of_image = EFFECTS[effect]
    k, n, start = m.size, int(m.sum()), np.cumsum(m) - m
    level = np.sqrt(of_identity / 2) * rng.standard_normal(k).repeat(m)
    level = (level + np.sqrt(of_image / 2) * rng.standard_normal(n)).astype(np.float32)
    spread = np.float32(np.sqrt(1 - of_identity - of_image))
    found = np.zeros((k, k), dtype=np.uint32)
    step = max(SCORES // (n * int(m.max())), 1)
    for i in range(0, k, step):
        j = min(i + step, k)
        top, end = start[i], start[j - 1] + m[j - 1]
        score = rng.standard_normal((end - top, n - top), dtype=np.float32) * spread
        score += level[top:end, None] + level[top:]
        # A byte for each threshold, so that one sum counts for all.
        above = np.zeros(score.shape, dtype=np.uint32)
        for q, threshold in enumerate(THRESHOLDS):
            above += (score >= threshold).astype(np.uint32) << np.uint32(8 * q)
        rows = np.add.reduceat(above, start[i:j] - top, axis=0)
        found[i:j, i:] = np.add.reduceat(rows, start[i:] - top, axis=1)
    found = np.triu(found, 1)
    return np.stack([(found >> np.uint32(8 * q)) & np.uint32(255) for q in range(len(RATES))])


def genuine_errors(rng: np.random.Generator, m: np.ndarray, effect: str) -> np.ndarray:
    """Return errors within each identity at every threshold, shape (rates, k)."""
    of_identity, of_image = EFFECTS[effect]
    found = np.zeros((len(RATES), m.size))
    for count in np.unique(m[m > 1]):
        who = np.flatnonzero(m == count)
        one, other = np.triu_indices(count, 1)
        level = np.sqrt(of_identity) * rng.standard_normal((who.size, 1))
        image = np.sqrt(of_image / 2) * rng.standard_normal((who.size, count))
        pair = rng.standard_normal((who.size, one.size)) * np.sqrt(1 - of_identity - of_image)
        score = level + image[:, one] + image[:, other] + pair
        for q, threshold in enumerate(THRESHOLDS):
            found[q, who] = (score >= threshold).sum(axis=1)
    return found


def drawn(what: str, rng: np.random.Generator, m: np.ndarray, effect: str) -> list[PairCounts]:
    """Return what comes of one draw, by rate."""
    if what == "fnmr":
        who = np.flatnonzero(m > 1)
        errors = genuine_errors(rng, m, effect)[:, who]
        return [PairCounts.listed(who, who, e, m[who] * (m[who] - 1) // 2) for e in errors]
    found = []
    half = np.arange(m.size) % 2
    for errors in impostor_errors(rng, m, effect):
        if what == "cross":
            errors[half[:, None] == half] = 0
        i, j = np.nonzero(errors)
        if what == "cross":
            found.append(PairCounts.between(m * half, m * (1 - half), i, j, errors[i, j]))
        else:
            found.append(PairCounts.among(m, i, j, errors[i, j]))
    return found


def coverage(
    what: str, identities: int, kind: str, effect: str, draws: int, method: str = "wilson"
) -> np.ndarray:
    """Return four shares of draws, by rate, shape (rates, 4).

    In which an interval is nominal; holds, or its bound; is nominal and holds, of the nominal;
    in which that of independent pairs holds.
    """
    rng = np.random.default_rng([identities, *map(ord, what + kind + effect)])
    m = images(kind, identities)
    found = np.zeros((draws, len(RATES), 3))
    for d in range(draws):
        for q, counts in enumerate(drawn(what, rng, m, effect)):
            rate, estimate = RATES[q], pair_rate(counts, method=method, resamples=400, seed=d)
            holds = estimate.low is not None and estimate.low <= rate <= estimate.high
            wide = 1.96 * np.sqrt(counts.rate * (1 - counts.rate) / counts.total)
            alone = abs(counts.rate - rate) <= wide
            found[d, q] = estimate.method == METHODS[method], holds, alone
    nominal, holds, alone = found.transpose(2, 1, 0)
    with np.errstate(invalid="ignore"):
        of_nominal = (nominal * holds).sum(axis=1) / nominal.sum(axis=1)
    return np.stack([nominal.mean(1), holds.mean(1), of_nominal, alone.mean(1)], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--sizes", default="20,50,200")
    parser.add_argument("--only", default="fmr,cross,fnmr")
    parser.add_argument("--images", default=",".join(IMAGES))
    parser.add_argument("--effects", default=",".join(EFFECTS))
    parser.add_argument("--method", default="wilson", choices=list(METHODS))
    args = parser.parse_args()
    print(f"{args.draws} draws each, {args.method}, {machine()}")
    print("rate  identities images effects  at   let out    all nominal  alone")
    start, cells, outside = time.perf_counter(), 0, []
    for what in args.only.split(","):
        for k in map(int, args.sizes.split(",")):
            for kind in args.images.split(","):
                for effect in args.effects.split(","):
                    found = coverage(what, k, kind, effect, args.draws, args.method)
                    for rate, (out, every, nominal, alone) in zip(RATES, found, strict=True):
                        row = (f"{what:5s} {k:10d} {kind:>6s} {effect:>7s} {rate:.2f} "
                               f"{out:8.3f} {every:7.3f} {nominal:7.3f} {alone:6.3f}")  # fmt: skip
                        counts = out >= 0.5
                        cells += counts
                        wrong = int(counts and not WITHIN[0] <= nominal <= WITHIN[1])
                        outside += [row] * wrong
                        print(row + " *" * wrong, flush=True)
    print(f"{len(outside)} of {cells} cells outside {WITHIN[0]:.0%} to {WITHIN[1]:.0%}; "
          f"{time.perf_counter() - start:.0f} s")  # fmt: skip
    print(*outside, sep="\n")


if __name__ == "__main__":
    main()
