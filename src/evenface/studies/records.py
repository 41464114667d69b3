"""What is written down while spaces are learned: curves, rates, sizes, places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from evenface.faces.split import Rows
from evenface.studies.learning import Condition, Learned

CURVE = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


class Records:
    """Tables that fill up split by split."""

    def __init__(self) -> None:
        self.curves: list[dict[str, Any]] = []
        self.rates: list[dict[str, Any]] = []
        self.sizes: list[dict[str, Any]] = []
        self.placed: list[pl.DataFrame] = []

    def add(
        self, condition: Condition, tried: Sequence[Learned], best: Learned | None, **where: Any
    ) -> None:
        """Write down every rate tried for a condition, and the curves of the best."""
        own = {"loss": condition.loss, "dims": condition.dims, "remedy": condition.remedy, **where}
        for one in tried:
            epoch = one.outcome.diverged
            lost = one.test is None
            self.rates.append(
                {
                    **own,
                    "rate": one.rate,
                    "score": None if np.isnan(one.score) else one.score,
                    "taken": one is best,
                    "diverged": (epoch or len(one.outcome.history)) if lost else None,
                }
            )
        if best is not None:
            for entry in best.outcome.history:
                figures = {name: entry.get(name) for name in CURVE}
                self.curves.append({**own, "epoch": int(entry["epoch"]), **figures})

    def size(self, identities: int, rows: int, **where: Any) -> None:
        """Write down how large a training set was."""
        self.sizes.append({**where, "identities": identities, "rows": rows})

    def points(
        self, ids: pl.Series, rows: Rows, condition: Condition, one: Learned, balance: str
    ) -> None:
        """Write down where test rows lie."""
        assert one.test is not None
        z = np.zeros((len(rows), 3))
        z[:, : condition.dims] = one.test
        self.placed.append(
            pl.DataFrame(
                {
                    "loss": [condition.loss] * len(rows),
                    "balance": [balance] * len(rows),
                    "dims": pl.Series([condition.dims] * len(rows), dtype=pl.Int64),
                    "sample_id": ids[rows],
                    "x": z[:, 0], "y": z[:, 1], "z": z[:, 2],
                }
            )
        )  # fmt: skip

    def why(self) -> str:
        """Say in which epochs trainings diverged."""
        lost = sorted({f"{r['loss']} at rate {r['rate']:g}" for r in self.rates if r["diverged"]})
        return (
            f"every training diverged, its loss no number any more ({', '.join(lost)}); lower "
            "--rates, or look for extreme values in the vectors"
            if lost
            else "no split has test rows of known group"
        )

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the tables."""
        where = {"loss": pl.String, "dims": pl.Int64, "remedy": pl.String}
        kinds: dict[str, Any] = {
            "balance": pl.String, "majority": pl.String, "share": pl.Float64, "seed": pl.Int64,
            "rate": pl.Float64, "score": pl.Float64, "taken": pl.Boolean, "diverged": pl.Int64,
            "epoch": pl.Int64, "identities": pl.Int64, "rows": pl.Int64,
            **dict.fromkeys(CURVE, pl.Float64), **where,
        }  # fmt: skip

        def table(rows: list[dict[str, Any]]) -> pl.DataFrame:
            names = list(rows[0]) if rows else []
            return pl.DataFrame(rows, schema={n: kinds[n] for n in names}, orient="row")

        empty = {"loss": pl.String, "balance": pl.String, "dims": pl.Int64, "sample_id": pl.String,
                 "x": pl.Float64, "y": pl.Float64, "z": pl.Float64}  # fmt: skip
        return {
            "curves": table(self.curves),
            "rates": table(self.rates),
            "sizes": table(self.sizes),
            "points": pl.concat(self.placed) if self.placed else pl.DataFrame(schema=empty),
        }
