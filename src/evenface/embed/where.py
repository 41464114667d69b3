"""Which rows of a store are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from evenface.errors import VectorError

AT = "_row of its part"
Where = Mapping[str, "str | Sequence[str]"] | pl.Expr


def chosen_rows(where: Where | None, schema: Mapping[str, Any]) -> pl.Expr | None:
    """Return the expression that says yes to the rows asked for; None for all.

    Raises
    ------
    VectorError
        Where a value isn't of its column's kind.
    """
    if where is None or isinstance(where, pl.Expr):
        return where
    if not isinstance(where, Mapping):
        raise VectorError(f"where must be a mapping of columns to values, not {where!r}")
    chosen = pl.lit(value=True)
    for column, value in where.items():
        values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
        if column not in schema:
            continue  # Named by `_schema`, with the columns there are.
        kind = str if schema[column] == pl.String else int
        if not values or not all(isinstance(v, kind) for v in values):
            raise VectorError(
                f"where: {column} must be {kind.__name__} or several of them, not {value!r}"
            )
        chosen = chosen & pl.col(column).is_in(values)
    return chosen
