"""Numbers held against a bound, with intervals wide enough for all of them to hold at once.

Of m intervals at 95 % one misses its truth far more often than one time in twenty. Each is
widened to the level ``1 - (1 - level) / m`` (Bonferroni). All that is known of an interval are
its ends, so each side is stretched: by the ratio of the two levels' normal quantiles, or, where
the interval is an exact one of something rare, by the ratio of the logs of their tails, as which
an exact bound grows; no side goes beyond what a number can be. This is an approximation, and too
narrow where few people stand behind a variance: quantiles of t grow faster than normal ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import polars as pl

from evenface.studies.drawing import short
from evenface.studies.gate_text import KNOWN, Claim


@dataclass(frozen=True)
class Weighed:
    """A number that a gate looked at.

    Attributes
    ----------
    where : str
        What tells it from the gate's others, such as ``target gender``; may be empty.
    value, low, high : float or None
        As the study found them; None where it could not.
    simultaneous_low, simultaneous_high : float or None
        Ends of the interval that is wide enough for all the gate's numbers at once.
    margin : float or None
        How far beyond the bound that whole interval lies; below zero if it does not.
    shown : bool
        Whether it lies beyond the bound.
    method : str
        How the interval was made, or why there is no number.
    """

    where: str
    value: float | None
    low: float | None
    high: float | None
    simultaneous_low: float | None
    simultaneous_high: float | None
    margin: float | None
    shown: bool
    method: str

    def said(self, count: int) -> str:
        """Return ``where: value [low, high], for all 3 at once [low, high]``."""
        where = f"{self.where}: " if self.where else ""
        if self.value is None:
            return f"{where}({self.method})"
        ends = (self.value, self.low, self.high, self.simultaneous_low, self.simultaneous_high)
        v, low, high, wide, wider = (f"{x:.3f}".replace("-", "−") for x in ends)
        at_once = f", for all {count} at once [{wide}, {wider}]" if count > 1 else ""
        return f"{where}{v} [{low}, {high}]{at_once}"


def stretch(level: float, count: int, method: str = "") -> float:
    """Return by how much an interval's sides grow for `count` intervals to hold at once.

    Parameters
    ----------
    level : float
        Of the interval, between 0 and 1.
    count : int
        At least 1.
    method : str
        How it was made; an exact interval says so.
    """
    tail = (1 - level) / 2
    if "exact" in method:
        return math.log(tail / count) / math.log(tail)
    normal = NormalDist()
    return normal.inv_cdf(tail / count) / normal.inv_cdf(tail)


def weigh(rows: pl.DataFrame, claim: Claim) -> list[Weighed]:
    """Widen every interval for all to hold at once, and see which lie beyond the claim's bound."""
    own = [c for c in KNOWN[claim.study].columns if c in rows.columns]
    varying = [c for c in own if rows[c].n_unique() > 1]
    computed = [_computed(row) for row in rows.rows(named=True)]
    count = sum(computed)
    found = []
    for row, known in zip(rows.rows(named=True), computed, strict=True):
        where = ", ".join(f"{c} {named(row[c])}" for c in varying if row[c] is not None)
        value, low, high, method = (row[c] for c in ("value", "low", "high", "method"))
        if not known:
            found.append(Weighed(where, None, None, None, None, None, None, False, str(method)))
            continue
        factor = stretch(row["level"], count, str(method))
        least, most = claim.limits
        ends = (
            min(low, max(least, value - factor * (value - low))),
            max(high, min(most, value + factor * (high - value))),
        )
        upward = claim.sign in (">", ">=")
        margin = ends[0] - claim.bound if upward else claim.bound - ends[1]
        shown = margin > 0 or (margin == 0 and "=" in claim.sign)
        found.append(Weighed(where, value, low, high, *ends, margin, shown, str(method)))
    return found


def _computed(row: Mapping[str, Any]) -> bool:
    parts = [row[c] for c in ("value", "low", "high", "level")]
    return all(p is not None and math.isfinite(p) for p in parts) and 0 < row["level"] < 1


def named(value: Any) -> str:
    """Return a value of a column as a person writes it."""
    return f"{value:g}" if isinstance(value, int | float) else short(str(value), 60)
