"""Who was right about which picture: what a study keeps so that two runs can be compared.

One row a picture and split on which it was held out, one column a model, named by the JSON of
what the model is. Predictions themselves are not kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenface.errors import StoreError
from evenface.faces.split import Rows
from evenface.studies.heldout import Tally

FIXED = {
    "topic": pl.String, "split": pl.Int64, "sample_id": pl.String, "person": pl.Int64,
    "recorded": pl.String, "group": pl.String,
}  # fmt: skip
"""Columns of outcomes before those of the models."""


def model_column(**key: Any) -> str:
    """Return the name of a model's column."""
    return json.dumps(key, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True)
class Topic:
    """What models said about one kind of label.

    Attributes
    ----------
    name : str
        The attribute.
    tally : Tally
    keys : mapping of str to mapping
        What each of the tally's columns is: ``{"probe": "linear"}``.
    names : sequence of str
        Classes, by the tally's codes.
    groups : sequence of str or None
        Group of every row of the study.
    """

    name: str
    tally: Tally
    keys: Mapping[str, Mapping[str, Any]]
    names: Sequence[str]
    groups: Sequence[str | None]

    def frame(self, sample_id: pl.Series, person: Rows) -> pl.DataFrame:
        """Return the outcomes: true, false, or nothing where a model said nothing."""
        parts = []
        recorded = np.array([*self.names, None], dtype=object)
        groups = np.array(self.groups, dtype=object)
        for split, rows, right in self.tally.by_split():
            fixed = {
                "topic": [self.name] * len(rows), "split": [split] * len(rows),
                "sample_id": sample_id[rows], "person": person[rows],
                "recorded": recorded[self.tally.codes[rows]].tolist(),
                "group": groups[rows].tolist(),
            }  # fmt: skip
            models = {
                model_column(**key): pl.Series(right[:, self.tally.place[c]], dtype=pl.Float64)
                .fill_nan(None)
                .cast(pl.Boolean)
                for c, key in self.keys.items()
            }
            parts.append(pl.DataFrame({**fixed, **models}, schema_overrides=FIXED))
        return pl.concat(parts) if parts else pl.DataFrame(schema=FIXED)


def outcomes_of(topics: Sequence[Topic], sample_id: pl.Series, person: Rows) -> pl.DataFrame:
    """Return the outcomes of several topics; a model that is in some alone is null in others."""
    frames = [topic.frame(sample_id, person) for topic in topics]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame(schema=FIXED)


def read_outcomes(file: Path) -> pl.DataFrame:
    """Read outcomes back, whole and as `outcomes_of` made them.

    Raises
    ------
    StoreError
        If the file can't be read or is not like that.
    """
    try:
        found = pl.read_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StoreError(f"{file}: can't be read ({error}); run the study again") from None
    keys = ["topic", "split", "sample_id"]
    wrong = [f"no column {c!r}" for c in FIXED if c not in found.columns]
    if not wrong:
        types = {**dict.fromkeys(found.columns, pl.Boolean), **FIXED}
        wrong = [
            f"{found[c].dtype} in column {c!r}, expected {kind}"
            for c, kind in types.items() if found[c].dtype != kind
        ]  # fmt: skip
    if not wrong:
        wrong = [f"empty cells in column {c!r}" for c in (*keys, "person") if found[c].has_nulls()]
    if not wrong and found.select(keys).is_duplicated().any():
        wrong = ["a picture twice in one split"]
    if wrong:
        raise StoreError(f"{file}: has {wrong[0]}; run the study again")
    return found
