"""How far a run is, told to whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """How far one stage of a run is.

    Attributes
    ----------
    stage : str
        ``render``, ``faces``, ``embed``, the name of a study, or ``report``.
    done, total : int
    detail : str
        A rate, a count of failures, or why a stage was skipped.
    """

    stage: str
    done: int
    total: int
    detail: str = ""


Tell = Callable[[Step], None]


def silent(step: Step) -> None:
    """Say nothing."""
    del step
