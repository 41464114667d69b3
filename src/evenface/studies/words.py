"""Turning numbers into sentences."""

from __future__ import annotations

from collections.abc import Sequence

from evenface.stats.intervals import Estimate
from evenface.studies.drawing import short


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


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 identity`` or ``3 identities``."""
    return f"{count:,} {one if count == 1 else (many or one + 's')}".replace(",", " ")
