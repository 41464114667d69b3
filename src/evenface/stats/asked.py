"""How sure a number is to be, and by which method its interval is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["score", "percentile", "bca"]


@dataclass(frozen=True)
class Asked:
    """What is asked of intervals.

    Attributes
    ----------
    level : float
        Nominal coverage, between 0 and 1.
    method : {"score", "percentile", "bca"}
        ``score``: Wilson's interval at the effective number of trials, which needs no resamples.
        ``percentile``, ``bca``: a bootstrap that draws identities (Efron 1987).
        `benchmarks/coverage_accuracy.py` shows how often each contains the truth.
    resamples : int
        Of a bootstrap.
    seed : int
        Of a bootstrap.
    exact_below : float
        Identities with an error, and with a hit, below which an interval is exact, so rather too
        wide. Five are enough for intervals to hold as often as they say; whoever looks for what
        is rare may want more.
    """

    level: float = 0.95
    method: Method = "score"
    resamples: int = 2000
    seed: int = 0
    exact_below: float = 5
