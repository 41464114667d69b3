"""How often intervals of accuracies and gaps contain the truth, where it is known.

    python benchmarks/coverage_accuracy.py [--draws 1000] [--sizes 20,50,200] [--method score]
    python benchmarks/coverage_accuracy.py --training [--draws 400]

A picture is right if what its person and what the picture adds, both normal, is below the
threshold of which the accuracy is known; two models share what the person adds and part of what
the picture adds. `let out` is the share of draws with a nominal interval; of the others some have
an exact one or a bound, which count in `all`. `rows` is the interval that a bootstrap of rows, not
persons, tends to. Cells are marked if an interval is let out in at least half of the draws and
`all` is outside 93 to 97 %. Nothing here says anything about faces.

With `--training` linear discriminants learn from three of five hands of a Gaussian population and
are tested on another, on their own group (``own``) and on one whose classes lie apart in another
direction (``carried``). The truth is their mean accuracy over populations.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.stats import norm
from timing import machine

from evenface.faces.split import Split
from evenface.stats.accuracy import RESAMPLED, SCORE, Recalls
from evenface.stats.asked import Asked
from evenface.studies.heldout import Tally
from evenface.studies.judged import Judged, Repeats

ACCURACIES = ((0.6, 0.6), (0.8, 0.7), (0.95, 0.9), (0.99, 0.97))
IMAGES = {"1": (1,), "3": (3,), "mixed": (1, 1, 2, 3, 5, 10)}
EFFECTS = {"none": 0.0, "strong": 0.5}
WITHIN = (0.93, 0.97)


def drawn(
    rng: np.random.Generator, classes: int, size: int, kind: str, effect: float,
    accuracies: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return who was right under two models, shape (n, 2), classes and persons of rows."""
    pictures = rng.choice(IMAGES[kind], size=classes * size)
    person = np.repeat(np.arange(classes * size), pictures)
    level = rng.normal(size=classes * size)[person] * np.sqrt(effect)
    one, new = rng.normal(size=(2, person.size)) * np.sqrt(1 - effect)
    scores = np.stack([level + one, level + 0.6 * one + 0.8 * new], axis=1)
    return (scores < norm.ppf(accuracies)).astype(float), person // size, person


def coverage(
    classes: int, size: int, kind: str, effect: str, accuracies: tuple[float, float],
    draws: int, method: str,
) -> np.ndarray:  # fmt: skip
    """Return shares of draws for the balanced accuracy and the gap, shape (2, 3)."""
    rng = np.random.default_rng([classes, size, draws, *map(ord, kind + effect)])
    nominal = (SCORE, *RESAMPLED.values())
    found = np.zeros((draws, 2, 3))
    for d in range(draws):
        right, codes, person = drawn(rng, classes, size, kind, EFFECTS[effect], accuracies)
        asked = Asked(method=method, resamples=400, seed=d)  # type: ignore[arg-type]
        people = Recalls(right, codes, person, asked)
        rows = Recalls(right, codes, np.arange(len(codes)), asked)
        truths = (accuracies[0], accuracies[0] - accuracies[1])
        numbers = (people.balanced(0, least_classes=1),
                   people.difference(0, 1, least_classes=1))  # fmt: skip
        errors = [np.sqrt(rows.variance(0, other)[0]) for other in (None, 1)]
        for k, (truth, number, error) in enumerate(zip(truths, numbers, errors, strict=True)):
            holds = number.low is not None and number.low <= truth <= number.high
            alone = number.value is not None and abs(number.value - truth) <= 1.96 * error
            found[d, k] = number.method in nominal, holds, alone
    return found.mean(axis=0)


def shares(args: argparse.Namespace) -> None:
    print("number   classes persons images effect   at   let out    all   rows")
    cells, outside = 0, []
    for classes in map(int, args.classes.split(",")):
        for size in map(int, args.sizes.split(",")):
            for kind in IMAGES:
                for effect in EFFECTS if kind != "1" else ("none",):
                    for at in ACCURACIES:
                        found = coverage(classes, size, kind, effect, at, args.draws, args.method)
                        names = ("accuracy" if classes == 1 else "balanced", "gap")
                        for name, (out, every, rows) in zip(names, found, strict=True):
                            row = (f"{name:8s} {classes:7d} {size:7d} {kind:>6s} {effect:>6s} "
                                   f"{at[0]:.2f} {out:8.3f} {every:6.3f} {rows:6.3f}")  # fmt: skip
                            wrong = int(out >= 0.5 and not WITHIN[0] <= every <= WITHIN[1])
                            cells += out >= 0.5
                            outside += [row] * wrong
                            print(row + " *" * wrong, flush=True)
    print(f"{len(outside)} of {cells} cells outside {WITHIN[0]:.0%} to {WITHIN[1]:.0%}")
    print(*outside, sep="\n")


def population(
    rng: np.random.Generator, people: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors, classes and groups of two groups of two classes, 2.5 apart."""
    code = np.tile(np.repeat([0, 1], people), 2)
    group = np.repeat([0, 1], 2 * people)
    axes = np.zeros((2, width))
    axes[0, 0], axes[1, :2] = 1.0, (np.cos(0.9), np.sin(0.9))
    vectors = rng.normal(size=(4 * people, width)) + (2.5 * (code - 0.5))[:, None] * axes[group]
    return vectors, code, group


def discriminant(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    means = [x[y == k].mean(axis=0) for k in (0, 1)]
    scatter = sum(np.cov(x[y == k].T) for k in (0, 1)) / 2
    axis = np.linalg.solve(scatter, means[1] - means[0])
    return axis, float(axis @ (means[0] + means[1]) / 2)


def trained(people: int, width: int, splits: int, draws: int) -> None:
    """Print how often intervals of models of the first group hold, on it and on the second."""
    rng = np.random.default_rng([people, width, splits])
    rows = []
    for _ in range(draws):
        x, y, group = population(rng, people, width)
        person, made = np.arange(len(y)), []
        tally = Tally(y, ["model"])
        for s in range(splits):
            if s % 5 == 0:
                hand = rng.permuted(np.tile(np.arange(len(y) // 4) % 5, (4, 1)), axis=1).ravel()
            test, held = hand == s % 5, hand == (s + 1) % 5
            sides = [np.flatnonzero(side) for side in (~test & ~held, held, test)]
            made.append(Split(*sides, s, ""))
            own = sides[0][group[sides[0]] == 0]
            axis, threshold = discriminant(x[own], y[own])
            tally.add(s, "model", sides[2], (x[sides[2]] @ axis > threshold).astype(np.intp))
        repeats = Repeats.of(made, person)
        found = []
        for g in (0, 1):
            judged = Judged(tally, np.flatnonzero(group == g), y, person, y, Asked(), repeats)
            alone, whole = judged.recalls.balanced(), judged.balanced([0])[0]
            found.append((whole.value, whole.low, whole.high, alone.low, alone.high))
        rows.append(found)
    values = np.array(rows, dtype=float)
    for g, name in enumerate(("own", "carried")):
        truth = values[:, g, 0].mean()
        with_training, without = (
            float(((values[:, g, a] <= truth) & (truth <= values[:, g, a + 1])).mean())
            for a in (1, 3)
        )
        wide = np.median(values[:, g, 2] - values[:, g, 1])
        ideal = 2 * 1.96 * values[:, g, 0].std()
        print(f"{name:8s} {people:7d} {width:6d} {splits:7d} {with_training:9.3f} {without:8.3f} "
              f"{wide:8.3f} {ideal:6.3f}", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--classes", default="1,2,6")
    parser.add_argument("--sizes", default="20,50,200")
    parser.add_argument("--method", default="score", choices=["score", "percentile", "bca"])
    parser.add_argument("--training", action="store_true")
    args = parser.parse_args()
    start = time.perf_counter()
    print(f"{args.draws} draws each, {args.method}, {machine()}")
    if args.training:
        print("tested   persons width  splits  intervals  without   width  ideal")
        for people, width, splits in ((50, 16, 5), (200, 16, 5), (200, 64, 5), (50, 16, 25)):
            trained(people, width, splits, args.draws)
    else:
        shares(args)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
