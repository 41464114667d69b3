"""How far a run is, and at what rate."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

RECENT_SECONDS = 10.0


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    done, total : int
        Pictures behind us, failed ones and those of an earlier run included, and all pictures.
    failures : int
        Pictures without a vector so far.
    rate : float
        Pictures a second over the last ten seconds; 0 where nothing was done yet.
    seconds_left : float or None
        At that rate; None where there is none.
    """

    done: int
    total: int
    failures: int
    rate: float
    seconds_left: float | None


class Reporter:
    """Turns counts into `Progress`."""

    def __init__(self, total: int, tell: Callable[[Progress], None] | None) -> None:
        self._total, self._tell = total, tell
        self._done = self._failures = 0
        self._recent: deque[tuple[float, int]] = deque()

    def resume(self, done: int, failures: int) -> None:
        """Count pictures that this run need not do; they say nothing about its rate."""
        self._done += done
        self._failures += failures

    def __call__(self, done: int, failures: int) -> None:
        """Count pictures and tell."""
        self.resume(done, failures)
        now = time.monotonic()
        self._recent.append((now, self._done))
        while len(self._recent) > 2 and now - self._recent[0][0] > RECENT_SECONDS:
            self._recent.popleft()
        then, before = self._recent[0]
        rate = (self._done - before) / (now - then) if now > then else 0.0
        left = (self._total - self._done) / rate if rate > 0 else None
        if self._tell is not None:
            self._tell(Progress(self._done, self._total, self._failures, rate, left))
