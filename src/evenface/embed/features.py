"""What Hugging Face's `datasets` notes about columns: names of classes that are kept as numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from evenface.errors import VectorError

METADATA = "huggingface"
NO_CLASS = -1
"""What `datasets` writes where a class is unknown."""


def features_of_parquet(path: Path) -> Mapping[str, Any]:
    """Return the features noted in a Parquet file; empty where there are none."""
    try:
        noted = pl.read_parquet_metadata(path).get(METADATA)
        return features_of(json.loads(noted) if noted else None, "info")
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return {}


def features_of(noted: Any, *keys: str) -> Mapping[str, Any]:
    """Return the mapping of features at ``noted[key]...["features"]``, if that is what is there."""
    for key in (*keys, "features"):
        noted = noted.get(key) if isinstance(noted, dict) else None
    return noted if isinstance(noted, dict) else {}


def with_class_names(path: Path, frame: pl.DataFrame, features: Mapping[str, Any]) -> pl.DataFrame:
    """Replace numbers of classes by the classes' names.

    Raises
    ------
    VectorError
        Where a number has no name.
    """
    named = []
    for column, feature in features.items():
        names = _names(feature)
        if names is None or column not in frame.columns or not frame[column].dtype.is_integer():
            continue
        codes = frame[column]
        codes = codes.set(codes == NO_CLASS, None).cast(pl.Int64)
        wrong = codes.filter((codes < 0) | (codes >= len(names)))
        if wrong.len():
            raise VectorError(
                f"{path}: column {column!r} holds {wrong[0]}, which is none of its "
                f"{len(names)} classes (0 to {len(names) - 1}); write the dataset again"
            )
        named.append(pl.Series(column, names, dtype=pl.String).gather(codes))
    return frame.with_columns(named)


def _names(feature: Any) -> list[str] | None:
    if not isinstance(feature, dict) or feature.get("_type") != "ClassLabel":
        return None
    names = feature.get("names")
    good = isinstance(names, list) and all(isinstance(n, str) for n in names)
    return names if good and names else None
