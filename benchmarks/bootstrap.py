"""Intervals: a loop over resamples, as textbooks do, against one matrix of weights.

24 000 rows of 12 000 persons, two classes, the five models of a transfer matrix. Then all numbers
of that matrix, with five probes (25 models) on three groups of 24 000 rows: intervals from 2000
resamples, training noise from five splits, and tests of the gaps.

    python benchmarks/bootstrap.py
"""

from __future__ import annotations

import resource

import numpy as np
import polars as pl
from timing import compare, machine, seconds

from evenface.faces.split import Split
from evenface.stats.accuracy import Recalls
from evenface.stats.asked import Asked
from evenface.studies.carried import Asks, weigh
from evenface.studies.data import CommonOptions, Labels, StudyData
from evenface.studies.heldout import Tally
from evenface.studies.judged import Repeats
from evenface.studies.training_sets import ALL, MATCHED

ROWS, PERSONS, MODELS, RESAMPLES = 24_000, 12_000, 5, 200


def main() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(PERSONS), ROWS // PERSONS)
    classes = (person % 2).astype(np.intp)
    right = (rng.random((ROWS, MODELS)) < 0.9).astype(float)
    rows_of = [np.flatnonzero(person == p) for p in range(PERSONS)]

    def textbook() -> np.ndarray:
        drawn = []
        for _ in range(RESAMPLES):
            people = rng.integers(0, PERSONS, PERSONS)
            rows = np.concatenate([rows_of[p] for p in people])
            recalls = [right[rows][classes[rows] == k].mean(axis=0) for k in (0, 1)]
            drawn.append(np.mean(recalls, axis=0))
        return np.quantile(drawn, [0.025, 0.975], axis=0)

    def ours() -> object:
        asked = Asked(method="percentile", resamples=RESAMPLES)
        return Recalls(right, classes, person, asked).balanced(0)

    print(f"{ROWS} rows, {PERSONS} persons, {MODELS} models, {RESAMPLES} resamples, {machine()}")
    compare(textbook, ours)
    matrix()


def matrix() -> None:
    rng = np.random.default_rng(0)
    groups, genders = ("a", "b", "c"), ("f", "m")
    person = np.arange(ROWS)
    target = Labels((person % 2).astype(np.intp), genders, {})
    across = Labels((person // 2 % 3).astype(np.intp), groups, {})
    asks = Asks(groups, (*groups, MATCHED, ALL), ("linear", "mlp", "rbf", "knn", "strongest"))
    tally = Tally(target.codes, asks.columns)
    hand, splits = rng.permutation(ROWS) % 5, []
    for s in range(5):
        test, held = hand == s, hand == (s + 1) % 5
        sides = [np.flatnonzero(side) for side in (~test & ~held, held, test)]
        splits.append(Split(*sides, s, ""))
        for column in asks.columns:
            wrong = rng.random(sides[2].size) < 0.1
            tally.add(s, column, sides[2], target.codes[sides[2]] ^ wrong)
    data = StudyData(np.zeros((ROWS, 1), np.float32), pl.DataFrame(), person, (), {})
    repeats = Repeats.of(splits, person)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for method in ("percentile", "bca", "score"):
        common = CommonOptions(interval=method, resamples=2000)
        times = sorted(
            seconds(lambda c=common: weigh(data, target, across, tally, asks, c, repeats))
            for _ in range(3)
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"transfer matrix, {method}: {times[1]:.2f} s ({times[0]:.2f} to {times[-1]:.2f}), "
              f"peak memory {before:.2f} GiB before, {peak:.2f} GiB with it")  # fmt: skip


if __name__ == "__main__":
    main()
