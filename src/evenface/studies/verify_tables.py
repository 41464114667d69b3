"""The tables of `verify` beside its numbers."""

from __future__ import annotations

from typing import Any

import polars as pl

_WHERE = {"attribute": pl.String, "fmr_target": pl.Float64, "threshold": pl.Float64}
_NUMBER = {
    "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "level": pl.Float64,
    "n": pl.Int64, "n_identities": pl.Int64, "method": pl.String,
}  # fmt: skip

TABLES: dict[str, dict[str, Any]] = {
    "points": {"fmr_target": pl.Float64, "threshold": pl.Float64, "source": pl.String,
               "reason": pl.String},
    "counts": {"attribute": pl.String, "group": pl.String, "identities": pl.Int64,
               "images": pl.Int64, "identities_with_pairs": pl.Int64, "genuine_pairs": pl.Int64,
               "impostor_pairs": pl.Int64},
    "curves": {"attribute": pl.String, "group": pl.String, "threshold": pl.Float64,
               "fmr": pl.Float64, "fnmr": pl.Float64, "fnmr_low": pl.Float64,
               "fnmr_high": pl.Float64},
    "tests": {**_WHERE, "metric": pl.String, "p": pl.Float64, "expected": pl.Float64,
              "extreme": pl.Float64, "bound": pl.Boolean},
    "remedies": {"remedy": pl.String, "fmr_target": pl.Float64, "threshold": pl.Float64,
                 "metric": pl.String, "group": pl.String, **_NUMBER, "change": pl.Float64,
                 "change_low": pl.Float64, "change_high": pl.Float64},
    "remedies_left_out": {"remedy": pl.String, "fmr_target": pl.Float64, "reason": pl.String},
    "associations": {"targets": pl.String, "x": pl.String, "y": pl.String,
                     "attribute": pl.String, "a": pl.String, "b": pl.String, **_NUMBER,
                     "p": pl.Float64, "partitions": pl.Int64, "exact": pl.Boolean},
    "protocol": {"group": pl.String, **_NUMBER, "mean": pl.Float64,
                 "standard_error": pl.Float64, "folds": pl.Int64, "published": pl.Boolean},
    "left_out": {"reason": pl.String, "pictures": pl.Int64},
}  # fmt: skip
"""Columns of each table."""
