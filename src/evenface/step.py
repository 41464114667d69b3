"""How far a run is, told to whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

STATES = ("waiting", "running", "done", "skipped")


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
    state : str
        One of `STATES`; running and done are told by the counts where none is given.
    """

    stage: str
    done: int
    total: int
    detail: str = ""
    state: str = ""

    def __post_init__(self) -> None:
        if not self.state:
            object.__setattr__(self, "state", "done" if self.done >= self.total else "running")


Tell = Callable[[Step], None]


def silent(step: Step) -> None:
    """Say nothing."""
    del step
