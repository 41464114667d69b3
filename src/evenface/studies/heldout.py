"""Training on some persons, predicting others: what `probe` and `transfer` have in common."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.faces.split import Rows
from evenface.heads.probes import PROBES, Answer, Task, train_probes
from evenface.heads.problem import Trained
from evenface.heads.scaling import Vectors

STRONGEST = "strongest"
"""Name of the reader that takes, on each split, the probe that was best on its validation rows.

Choosing once over all splits would be choosing on the test rows: they validate other splits.
"""

OTHERS = "linear_others"
"""Name of the linear probe of `erase` that learned from other people than the eraser did."""


def readers(probes: Sequence[str]) -> tuple[str, ...]:
    """Return what is judged: the probes and, if there are several, each split's strongest."""
    return (*probes, STRONGEST) if len(probes) > 1 else tuple(probes)


def title(reader: str) -> str:
    """Return what a reader calls a probe."""
    if reader in PROBES:
        return PROBES[reader].title
    return "other people's linear" if reader == OTHERS else "strongest on validation"


CURVE_SCHEMA = {
    "task": pl.String,
    "seed": pl.Int64,
    "epoch": pl.Int64,
    "train_loss": pl.Float64,
    "train_accuracy": pl.Float64,
    "validation_loss": pl.Float64,
    "validation_accuracy": pl.Float64,
}


class Tally:
    """What models said about rows while these were held out.

    Parameters
    ----------
    codes : ndarray of intp, shape (n,)
        Recorded classes.
    models : sequence of str
        Names of what predicts.
    """

    def __init__(self, codes: Rows, models: Sequence[str]) -> None:
        self.codes = codes
        self.place = {name: k for k, name in enumerate(models)}
        self.said: dict[int, tuple[Rows, npt.NDArray[np.int16]]] = {}

    def add(self, split: int, model: str, rows: Rows, predicted: Rows) -> None:
        """Take in one model's predictions of the held-out rows of the split of that number."""
        if split not in self.said:
            nothing = np.full((len(rows), len(self.place)), -1, dtype=np.int16)
            self.said[split] = (rows, nothing)
        self.said[split][1][:, self.place[model]] = predicted

    def only(self, models: Sequence[str]) -> Tally:
        """Return what some of the models said: of the others none that is missing is missed."""
        found = Tally(self.codes, models)
        columns = [self.place[name] for name in models]
        found.said = {s: (rows, said[:, columns]) for s, (rows, said) in self.said.items()}
        return found

    def tried(self, column: int | None = None) -> npt.NDArray[np.bool_]:
        """Tell which rows one model, or every model, predicted at least once, shape (n,)."""
        columns = slice(None) if column is None else slice(column, column + 1)
        tried = np.zeros((len(self.codes), len(self.place)), dtype=bool)[:, columns]
        for rows, said in self.said.values():
            tried[rows] |= said[:, columns] >= 0
        return np.asarray(tried.all(axis=1))

    def share(self, rows: Rows) -> npt.NDArray[np.float64]:
        """Return the share of right predictions, shape (len(rows), models)."""
        right, tries = np.zeros((2, len(self.codes), len(self.place)))
        for own, said in self.said.values():
            right[own] += said == self.codes[own][:, None]
            tries[own] += said >= 0
        share: npt.NDArray[np.float64] = right[rows] / np.maximum(tries[rows], 1)
        return share

    def by_split(self) -> Iterator[tuple[int, Rows, npt.NDArray[np.float64]]]:
        """Yield a split's number, its rows, and who was right on them, nan for who said nothing."""
        for split, (rows, said) in self.said.items():
            yield split, rows, np.where(said >= 0, said == self.codes[rows][:, None], np.nan)


class Curves:
    """Loss and accuracy per epoch, and which probes were the strongest, over trainings."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.chosen: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, task: str, seed: int, trained: Mapping[str, Trained]) -> None:
        """Take over what the probes of one task and seed recorded."""
        for probe in trained.values():
            for entry in probe.fitted.history:
                self.rows.append(
                    {"task": task, "seed": seed, **entry, "epoch": int(entry["epoch"])}
                )

    def frame(self) -> pl.DataFrame:
        """Return the curves, one row an epoch."""
        return pl.DataFrame(self.rows, schema=CURVE_SCHEMA)

    def choose(
        self, task: str, trained: Sequence[Mapping[str, Trained]], rows: Sequence[int]
    ) -> str:
        """Return the probe with the best score on one split's validation rows; count it.

        Models of several groups count by their validation rows: one that had none, and so was
        scored on what it learned from, has no say.
        """
        weights = np.array(rows, dtype=np.float64) if any(rows) else np.ones(len(trained))
        scores = {
            name: weights @ [one[name].fitted.validation for one in trained] for name in trained[0]
        }
        best = max(scores, key=lambda name: float(scores[name]))
        self.chosen[task][best] += 1
        return best

    def choices(self, task: str) -> str:
        """Say how often each probe was the strongest: ``linear 3 of 5, MLP 2 of 5``."""
        counts = self.chosen[task].most_common()
        total = sum(n for _, n in counts)
        return ", ".join(f"{title(name)} {n} of {total}" for name, n in counts)


def learn(
    vectors: Vectors,
    tasks: Sequence[Task],
    probes: Sequence[str],
    *,
    on_fit: Callable[[int], None] | None = None,
) -> list[Answer | None]:
    """Train probes on tasks and predict their test rows.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    tasks : sequence of Task
        Best all tasks of a split at once: what they have in common is shared.
    probes : sequence of str
    on_fit : callable, optional
        Called with the number of trainings that have just ended, skipped ones included.

    Returns
    -------
    list of Answer or None
        One for each task; None if the training rows are of fewer than two classes, or if there
        is no row to test.

    Notes
    -----
    Where a small group has no validation rows the training rows stand in for them: settings are
    then chosen less well, but no test row is touched.
    """
    fit = [np.unique(t.codes[t.train]).size > 1 and t.test.size > 0 for t in tasks]
    posed = [
        t if t.validation.size else replace(t, validation=t.train)
        for t, can in zip(tasks, fit, strict=True)
        if can
    ]
    if on_fit and len(posed) < len(tasks):
        on_fit((len(tasks) - len(posed)) * len(probes))
    answers = iter(train_probes(probes, vectors, posed, on_fit=on_fit))
    return [next(answers) if can else None for can in fit]


class Progress:
    """Tells how many trainings of all are done.

    Parameters
    ----------
    on_step : callable, optional
        Called with (done, total).
    total : int
    """

    def __init__(self, on_step: Callable[[int, int], None] | None, total: int) -> None:
        self.on_step, self.total, self.done = on_step, total, 0

    def __call__(self, count: int) -> None:
        """Count trainings that have just ended."""
        self.done += count
        if self.on_step:
            self.on_step(self.done, self.total)
