"""Intervals: a loop over resamples, as textbooks do, against one matrix of weights.

24 000 rows of 12 000 persons, two classes, the five models of a transfer matrix.

    python benchmarks/bootstrap.py
"""

from __future__ import annotations

import numpy as np
from timing import compare, machine

from evenface.stats.accuracy import Recalls
from evenface.stats.asked import Asked

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


if __name__ == "__main__":
    main()
