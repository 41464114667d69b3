"""How good models are on people held out, and how sure that is.

A number's uncertainty has two sources: who was tested, and who was learned from. The first comes
from persons' outcomes, the second from how a number varies between splits beyond that
(`evenface.stats.repeats`). Differences are tested by swapping both results of persons; what
training adds to the variance weakens the test as it widens the interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from evenface.faces.split import Rows, Split
from evenface.stats.accuracy import Recalls
from evenface.stats.asked import Asked
from evenface.stats.comparisons import holm
from evenface.stats.intervals import Estimate
from evenface.stats.permutation import paired
from evenface.stats.permuted import Permutation
from evenface.stats.repeats import Noise, overlap_of, training_noise

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Repeats:
    """How the splits of a study hang together.

    Attributes
    ----------
    deals : ndarray of intp, shape (S,)
        Splits of one deal test different people.
    overlap : float
        Share of the people learned from that two splits have in common.
    same_rows : bool
        Whether all splits test the same rows.
    """

    deals: Rows
    overlap: float
    same_rows: bool

    @classmethod
    def of(cls, splits: Sequence[Split], person: Rows) -> Repeats:
        """Look at splits."""
        deals, seen, deal = [], np.zeros(len(person), dtype=bool), 0
        for split in splits:
            if seen[split.test].any():
                deal, seen = deal + 1, np.zeros(len(person), dtype=bool)
            seen[split.test] = True
            deals.append(deal)
        first = splits[0].test
        same = len(splits) > 1 and all(np.array_equal(s.test, first) for s in splits)
        overlap = overlap_of([person[s.train] for s in splits])
        return cls(np.array(deals, dtype=np.intp), overlap, same)

    def frame(self) -> pl.DataFrame:
        """Return what `of_frame` makes the same of: one row a split."""
        return pl.DataFrame(
            {
                "split": pl.Series(range(len(self.deals)), dtype=pl.Int64),
                "deal": pl.Series(self.deals.tolist(), dtype=pl.Int64),
                "overlap": pl.Series([self.overlap] * len(self.deals), dtype=pl.Float64),
                "same_rows": pl.Series([self.same_rows] * len(self.deals), dtype=pl.Boolean),
            }
        )

    @classmethod
    def of_frame(cls, frame: pl.DataFrame) -> Repeats:
        """Read a saved table."""
        first = frame.row(0, named=True)
        deals = frame.sort("split")["deal"].to_numpy().astype(np.intp)
        return cls(deals, float(first["overlap"]), bool(first["same_rows"]))


class Tried(Protocol):
    """Who was right: a `Tally`, or what two of them make (`evenface.studies.matched.Mixed`)."""

    def share(self, rows: Rows) -> Values:
        """Return shares of right predictions, shape (len(rows), models)."""

    def by_split(self) -> Iterator[tuple[int, Rows, Values]]:
        """Yield a split's number, its rows, and who was right on them."""


class Judged:
    """Recalls of models over a set of rows, with what training adds.

    Parameters
    ----------
    tally : Tried
        One column a model.
    rows : ndarray of intp, shape (n,)
        Held-out rows that every model was tried on.
    classes : ndarray of intp, shape (N,)
        Classes of all rows of the study, whose recalls are averaged; zeros for plain accuracy.
    person : ndarray of intp, shape (N,)
    strata : ndarray of intp, shape (N,)
        What persons were sampled as.
    asked : Asked
    repeats : Repeats
    """

    def __init__(
        self,
        tally: Tried,
        rows: Rows,
        classes: Rows,
        person: Rows,
        strata: Rows,
        asked: Asked,
        repeats: Repeats,
    ) -> None:
        self.tally, self.rows, self.classes, self.person = tally, rows, classes, person
        self.asked, self.repeats = asked, repeats
        self.recalls = Recalls(tally.share(rows), classes[rows], person[rows], asked, strata[rows])

    @cached_property
    def _by_split(self) -> dict[int, Recalls]:
        """Recalls on each split's part of the rows, without splits that lack a class."""
        chosen = np.zeros(len(self.person), dtype=bool)
        chosen[self.rows] = True
        found = {}
        for split, tested, right in self.tally.by_split():
            own = chosen[tested] & np.isfinite(right).all(axis=1)
            rows = tested[own]
            one = Recalls(right[own], self.classes[rows], self.person[rows], self.asked)
            if one.present.size == self.recalls.present.size and one.missing(1) is None:
                found[split] = one
        return found

    def noise(self, asked: Sequence[tuple[int, int | None]]) -> list[Noise | None]:
        """Return what training adds to alike numbers: of one model each, or of two.

        Parameters
        ----------
        asked : sequence of (model, other or None)
        """
        splits = list(self._by_split)
        values, testing = np.empty((2, len(splits), len(asked)))
        for s, recalls in enumerate(self._by_split.values()):
            for k, (model, other) in enumerate(asked):
                point = recalls.point[:, model]
                values[s, k] = (point if other is None else point - recalls.point[:, other]).mean()
                testing[s, k] = recalls.variance(model, other)[0]
        return training_noise(
            values,
            testing,
            self.repeats.deals[splits],
            self.repeats.overlap,
            same_rows=self.repeats.same_rows,
        )

    def balanced(self, models: Sequence[int], *, least_classes: int = 2) -> list[Estimate]:
        """Balanced accuracies of alike models (training of some must not be rougher than others').

        Parameters
        ----------
        models : sequence of int
        least_classes : int
            Classes that must be among the rows.
        """
        return [
            self.recalls.balanced(m, noise=noise, least_classes=least_classes)
            for m, noise in zip(models, self.noise([(m, None) for m in models]), strict=True)
        ]

    def differences(
        self, pairs: Sequence[tuple[int, int]], *, least_classes: int = 2
    ) -> list[Estimate]:
        """Balanced accuracies of models minus those of others, on the same rows."""
        return [
            self.recalls.difference(a, b, noise=noise, least_classes=least_classes)
            for (a, b), noise in zip(pairs, self.noise(list(pairs)), strict=True)
        ]

    def deviation(self, model: int, other: int | None = None) -> float:
        """Return the standard deviation of a person's influence on a number."""
        variance = self.recalls.variance(model, other)[0]
        return float(np.sqrt(variance * self.recalls.persons))

    def tests(self, pairs: Sequence[tuple[int, int]]) -> tuple[Permutation, ...]:
        """Test whether two models are equally good on the same people."""
        share = self.recalls.correct
        apart = np.stack([share[:, a] - share[:, b] for a, b in pairs], axis=1)
        return paired(
            apart,
            self.person[self.rows],
            self.classes[self.rows],
            permutations=self.asked.resamples - 1,
            seed=self.asked.seed,
        )


def weakened(test: Permutation, found: Estimate) -> float | None:
    """Return the p-value of a difference when training varies too, in (0, 1].

    A test of the people tested takes the models as they are. Its p as a normal deviate, times the
    root of the part of the variance that the people tested make, is what remains.

    Parameters
    ----------
    test : Permutation
    found : Estimate
        Of the difference.
    """
    deviate = test.deviate
    if test.p is None or deviate is None or not found.training_share:
        return test.p
    left = 2 * stats.norm.sf(deviate * np.sqrt(1 - found.training_share))
    return max(float(left), test.p)


TESTS = {
    "metric": pl.String, "about": pl.String, "a": pl.String, "b": pl.String,
    "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "p": pl.Float64,
    "p_holm": pl.Float64, "n_identities": pl.Int64, "method": pl.String,
}  # fmt: skip
"""Columns of a table of tests: a minus b, about what, and p within its family."""


def with_holm(rows: list[dict[str, Any]], family: Sequence[str]) -> pl.DataFrame:
    """Return a table of tests, p adjusted (Holm 1979) among rows that agree in some columns.

    Parameters
    ----------
    rows : list of dict
        With the columns of `TESTS`; filled in place.
    family : sequence of str
        Columns that tell families apart.
    """
    families: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if row["p"] is not None:
            families.setdefault(tuple(row[c] for c in family), []).append(row)
    for own in families.values():
        for row, p in zip(own, holm([r["p"] for r in own]), strict=True):
            row["p_holm"] = float(p)
    return pl.DataFrame(rows, schema=TESTS, orient="row")
