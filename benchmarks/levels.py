"""How often permutation tests reject at 5 % where nothing is the matter.

    python benchmarks/levels.py [--draws 2000] [--identities 30 100 400 2000]

``paired``  two models that are equally good, on the same persons of K classes; differences in
            balanced accuracy. ``unlike``: one model errs on all persons alike, the other on some
            persons nearly always.
``groups``  the largest and the smallest of K groups of persons, whose shares are the same.
            ``unlike``: the largest has few pictures a person and skills far apart, the smallest
            many and skills close. ``turned``: the other way round.

Persons have several pictures and a skill of their own; classes and groups differ in size, by up
to 2. Beside the test by identity stands the same test by row, which takes pictures of one person
for independent, and the test by identity with ties broken by noise: where only that one holds 5 %,
p has too few values to choose from. ``few`` is the share of draws in which the test itself says
that too few persons are hit or spared. A cell outside 4 to 6 % is drawn again, three times as
often, and all draws are put together. Nothing here says anything about faces.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evenface.stats.permutation import UNEVEN, independent, paired
from evenface.stats.permuted import Permutation

LOW, HIGH = 0.04, 0.06
PERMUTATIONS = 999
TOGETHER = 10
"""Draws that share numbers of pictures and permutations, so errors are taken over batches."""
NOISE = 1e-6
BY_ROW = 4
"""One of so many batches is also tested by row."""


@dataclass(frozen=True)
class Cell:
    test: str
    how: str
    kinds: int
    identities: int
    accuracy: float

    def sizes(self) -> np.ndarray:
        """Return persons of each class or group, the first twice as many as the last."""
        shares = np.linspace(2, 1, self.kinds)
        ends = np.round(np.cumsum(shares) / shares.sum() * self.identities).astype(int)
        return np.diff(ends, prepend=0)


class Tally:
    """Shares of each batch's draws, by what is counted."""

    def __init__(self) -> None:
        self.batches: dict[str, list[float]] = {}

    def add(self, what: str, hits: np.ndarray) -> None:
        self.batches.setdefault(what, []).append(float(hits.mean()))

    def rate(self, what: str) -> float:
        return float(np.mean(self.batches[what]))

    def error(self, what: str) -> float:
        """Return the standard error of the rate; draws of a batch aren't independent."""
        return float(np.std(self.batches[what], ddof=1) / np.sqrt(len(self.batches[what])))

    @property
    def outside(self) -> bool:
        return not LOW <= self.rate("identity") <= HIGH


def correct(
    rng: np.random.Generator, pictures: np.ndarray, accuracy: float, spread: float
) -> np.ndarray:
    """Return which pictures are right, shape (rows, draws), by beta-binomial persons."""
    a, b = accuracy * spread, (1 - accuracy) * spread
    skill = rng.beta(a, b, size=(pictures.size, TOGETHER))
    rows = np.repeat(skill, pictures, axis=0)
    return (rng.random(rows.shape) < rows).astype(float)


def rejected(tests: tuple[Permutation, ...]) -> np.ndarray:
    return np.array([t.p is not None and t.p <= 0.05 for t in tests])


def of_models(cell: Cell, rng: np.random.Generator, tally: Tally, by_row: bool) -> None:
    classes = np.repeat(np.arange(cell.kinds), cell.sizes())
    pictures = rng.integers(1, 7, classes.size)
    person = np.repeat(np.arange(classes.size), pictures)
    spreads = (3, 3 if cell.how == "alike" else 30)
    right = [correct(rng, pictures, cell.accuracy, s) for s in spreads]
    d, y = right[0] - right[1], np.repeat(classes, pictures)
    seeds = iter(rng.integers(2**32, size=3))
    how = {"permutations": PERMUTATIONS}
    tally.add("identity", rejected(paired(d, person, y, seed=next(seeds), **how)))
    noisy = d + NOISE * rng.normal(size=d.shape)
    tally.add("no ties", rejected(paired(noisy, person, y, seed=next(seeds), **how)))
    if by_row:
        tally.add("row", rejected(paired(d, np.arange(y.size), y, seed=next(seeds), **how)))
    tally.add("few", np.zeros(TOGETHER))


def of_groups(cell: Cell, rng: np.random.Generator, tally: Tally, by_row: bool) -> None:
    sizes = cell.sizes()[[0, -1]]
    few, many = (1, 4, 3), (4, 8, 30)
    kinds = {"alike": (few, few), "unlike": (few, many), "turned": (many, few)}[cell.how]
    pictures = [rng.integers(k[0], k[1] + 1, n) for n, k in zip(sizes, kinds, strict=True)]
    right = [correct(rng, r, cell.accuracy, k[2]) for r, k in zip(pictures, kinds, strict=True)]
    hit = np.concatenate(right)
    person = np.repeat(np.arange(sizes.sum()), np.concatenate(pictures))
    first = person < sizes[0]
    seeds = iter(rng.integers(2**32, size=3))
    how = {"permutations": PERMUTATIONS}
    tests = independent(hit, person, first, seed=next(seeds), **how)
    tally.add("identity", rejected(tests))
    tally.add("few", np.array([UNEVEN in t.method for t in tests]))
    noisy = hit * (1 - NOISE) + NOISE * rng.random(hit.shape)
    tally.add("no ties", rejected(independent(noisy, person, first, seed=next(seeds), **how)))
    if by_row:
        rows = np.arange(person.size)
        tally.add("row", rejected(independent(hit, rows, first, seed=next(seeds), **how)))


def measure(cell: Cell, draws: int, seed: int) -> Tally:
    """Return how often each test rejects."""
    rng = np.random.default_rng([seed, cell.kinds, cell.identities, int(100 * cell.accuracy)])
    run = of_models if cell.test == "paired" else of_groups
    tally, batches = Tally(), max(draws // TOGETHER, 2)
    for k in range(4 * batches):
        if k == batches and not tally.outside:
            break
        run(cell, rng, tally, by_row=k < batches and k % BY_ROW == 0)
    return tally


def cells(identities: list[int]) -> Iterator[Cell]:
    for test in ("paired", "groups"):
        for how in ("alike", "unlike") + ("turned",) * (test == "groups"):
            for kinds in (2, 6):
                for n in identities:
                    for accuracy in (0.6, 0.8, 0.95):
                        yield Cell(test, how, kinds, n, accuracy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--identities", type=int, nargs="+", default=[30, 100, 400, 2000])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    start, low, high, count = time.perf_counter(), [], [], 0
    print(
        "| test | models or groups | K | identities | accuracy | by identity, % | ties broken | "
        "by row | few | |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for cell in cells(asked.identities):
        tally = measure(cell, asked.draws, asked.seed)
        count += 1
        shown = (f"{100 * tally.rate(w):.1f}" for w in ("no ties", "row"))
        rate, error = (100 * x for x in (tally.rate("identity"), tally.error("identity")))
        verdict = ("low" if rate < 5 else "HIGH") if tally.outside else ""
        names = f"{cell.how} | {cell.kinds} | {cell.identities}"
        print(
            f"| {cell.test} | {names} | {cell.accuracy} | {rate:.1f} ± {error:.1f} | "
            f"{' | '.join(shown)} | {tally.rate('few'):.2f} | {verdict} |",
            flush=True,
        )
        if tally.outside:
            (low if rate < 5 else high).append((cell, rate, tally.rate("few")))
    print(f"\n{count} cells, {len(low)} below 4 %, {len(high)} above 6 %:")
    for cell, rate, few in low + high:
        print(f"  {rate:4.1f} %, few in {100 * few:3.0f} % of the draws: {cell}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
