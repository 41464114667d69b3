"""Rows that are gathered a block at a time: 200 000 pictures are no lists of Python objects."""

from __future__ import annotations

import polars as pl

BLOCK = 4096


class Rows:
    """Rows of text that grow at their end.

    Parameters
    ----------
    *columns : str
        Their names.
    """

    def __init__(self, *columns: str) -> None:
        self._columns = columns
        self._open: list[list[str | None]] = [[] for _ in columns]
        self._blocks: list[pl.DataFrame] = []

    def add(self, *values: str | None) -> None:
        """Add a row; None where nothing is known."""
        for column, value in zip(self._open, values, strict=True):
            column.append(value)
        if len(self._open[0]) == BLOCK:
            self._close_block()

    def frame(self) -> pl.DataFrame:
        """Return all rows; every column holds text."""
        self._close_block()
        return pl.concat(self._blocks)

    def _close_block(self) -> None:
        block = {
            name: pl.Series(name, values, dtype=pl.String)
            for name, values in zip(self._columns, self._open, strict=True)
        }
        self._blocks.append(pl.DataFrame(block))
        self._open = [[] for _ in self._columns]
