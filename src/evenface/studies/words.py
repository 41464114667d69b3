"""Turning numbers into sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evenface.stats.intervals import Estimate
from evenface.studies.drawing import short

LEAST = 0.000001
"""Per cent below which nothing is spelled out."""


def said(estimate: Estimate, *, signed: bool = False) -> str:
    """Return ``0.94 [0.91, 0.96]``, or why there is no number."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"({estimate.method})"
    form = "{:+.2f} [{:+.2f}, {:+.2f}]" if signed else "{:.2f} [{:.2f}, {:.2f}]"
    return form.format(estimate.value, estimate.low, estimate.high).replace("-", "−")


def listed(items: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    names = [short(i, 60) for i in items]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def above(estimate: Estimate, bound: float) -> bool:
    """Tell whether the whole interval lies above a bound."""
    return estimate.low is not None and estimate.low > bound


def below(estimate: Estimate, bound: float) -> bool:
    """Tell whether the whole interval lies below a bound."""
    return estimate.high is not None and estimate.high < bound


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 identity`` or ``3 identities``."""
    return f"{count:,} {one if count == 1 else (many or one + 's')}".replace(",", " ")


def percent(x: float) -> str:
    """Return a share in per cent, with two digits that count: ``0.012 %``, ``0.00012 %``."""
    y = 100 * x
    if y == 0:
        return "0 %"
    if y >= 99.95:
        return "100 %" if x == 1 else "> 99.9 %"
    if y >= 9.95:
        return f"{y:.1f} %"
    if y < LEAST:
        return f"< {LEAST:f} %"
    digits = 2 if y >= 0.095 else 1 - math.floor(math.log10(y / 0.95) + 1e-9)
    return f"{y:.{digits}f} %"


def said_rate(e: Estimate) -> str:
    """Return ``0.12 % [0.08 %, 0.19 %]``, or why there is no rate."""
    if e.value is None or e.low is None or e.high is None:
        return f"({e.method.removeprefix('not computed: ')})"
    return f"{percent(e.value)} [{percent(e.low)}, {percent(e.high)}]"


def plain(x: float) -> str:
    """Return a number above 0 with two digits that count and no exponent: ``0.00001``."""
    digits = max(1 - math.floor(math.log10(x)), 0)
    return f"{x:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{x:.0f}"


def shown_p(p: float) -> str:
    """Return a p value, never as 0."""
    return f"{p:.3f}" if p >= 0.0005 else "< 0.001"
