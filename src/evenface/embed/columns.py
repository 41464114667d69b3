"""Which columns of a table of numbers make up the vector."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from evenface.embed.embeddings import ROW_SCHEMA
from evenface.errors import VectorError

LABEL_NAMES = frozenset({"age", "gender", "sex", "ethnicity", "race", "label", "id", "index"})
"""Numeric columns of these names are never taken for a part of the vector unasked."""

EXPORT_PREFIX = "e"
# Nine digits: no vector has more numbers, and Python refuses to read thousands.
_NUMBERED = re.compile(r"((?:.*\D)?)([0-9]{1,9})")
_RANGE = re.compile(r"((?:.*\D)?)([0-9]{1,9})\.\.((?:.*\D)?)([0-9]{1,9})")
_LONGEST = 2**20


def vector_columns(
    path: Path, frame: pl.DataFrame, chosen: str | None, names: Sequence[str]
) -> list[str]:
    """Return the columns that make up the vector, in their order.

    `chosen` as a range or a prefix; else the one set of columns that are numbered in sequence
    (``e0, e1, ...``); else all that hold numbers only and don't bear a label's name.

    Raises
    ------
    VectorError
        Where there are none, or several sets.
    """
    have = ", ".join(name[:80] for name in frame.columns[:20])
    if chosen is not None:
        columns = _asked_for(frame.columns, chosen)
        missing = [c for c in columns if c not in frame.columns]
        if missing or not columns:
            lack = "any of them"
            if missing and columns != [chosen]:
                lack = f"{len(missing)} of them, such as {missing[0]!r}"
            shown = chosen if len(chosen) <= 80 else chosen[:80] + "..."
            raise VectorError(f"{path} lacks vectors {shown!r}: {lack}. It has {have}")
        return columns
    families: dict[str, list[int]] = {}
    for column in frame.columns:
        match = _NUMBERED.fullmatch(column)
        if match and column == match[1] + str(int(match[2])) and column not in names:
            families.setdefault(match[1], []).append(int(match[2]))
    exported = {"sample_id", "faces_found", f"{EXPORT_PREFIX}0"} <= set(frame.columns)
    candidates = {
        prefix: sorted(numbers)
        for prefix, numbers in families.items()
        if (exported and prefix == EXPORT_PREFIX)
        or (
            not exported
            and len(numbers) > 1
            and _in_sequence(numbers)
            and _any_number(frame[f"{prefix}{min(numbers)}"])
        )
    }
    if len(candidates) > 1:
        raise VectorError(
            f"{path} has several sets of numbered columns "
            f"({', '.join(f'{p}{n[0]}..{p}{n[-1]}' for p, n in candidates.items())}); "
            "choose one with --vectors"
        )
    if candidates:
        ((prefix, numbers),) = candidates.items()
        return [f"{prefix}{n}" for n in numbers]
    kept = {*names, *ROW_SCHEMA, *LABEL_NAMES}
    columns = [c for c in frame.columns if c.lower() not in kept and c not in kept]
    columns = [c for c in columns if _all_numbers(frame[c])]
    if not columns:
        raise VectorError(f"{path} has no columns of numbers that could be vectors; it has {have}")
    return columns


def _asked_for(columns: Sequence[str], chosen: str) -> list[str]:
    span = _RANGE.fullmatch(chosen)
    if span and span[1] == span[3]:
        numbers = range(int(span[2]), int(span[4]) + 1)
        return [f"{span[1]}{n}" for n in numbers] if len(numbers) <= _LONGEST else []
    numbered = [
        (int(c[len(chosen) :]), c)
        for c in columns
        if c.startswith(chosen) and re.fullmatch("[0-9]{1,9}", c[len(chosen) :])
    ]
    return [c for _, c in sorted(numbered)] or [chosen]


def _in_sequence(numbers: list[int]) -> bool:
    return sorted(numbers) == list(range(min(numbers), min(numbers) + len(numbers)))


def is_plain(column: pl.Series) -> bool:
    """Say whether a column could hold numbers, as such or as text."""
    return column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean, pl.Null)


def _any_number(column: pl.Series) -> bool:
    return is_plain(column) and column.cast(pl.Float64, strict=False).count() > 0


def _all_numbers(column: pl.Series) -> bool:
    if column.dtype.is_nested() or not (column.dtype.is_numeric() or column.dtype == pl.String):
        return False
    return len(column) > 0 and column.cast(pl.Float64, strict=False).null_count() == 0
