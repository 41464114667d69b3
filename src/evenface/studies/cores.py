"""Work shared out among processor cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def cores() -> int:
    """Return how many cores this process may use."""
    have = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return have or 1


def on_cores(work: Callable[[Any], None], parts: Sequence[Any]) -> None:
    """Do some work on all parts, one a core at a time."""
    from threadpoolctl import threadpool_limits

    if len(parts) < 2:
        for part in parts:
            work(part)
        return
    # Products by one thread each: beside them, what is done to their results is shared out too.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores()) as pool:
        for done in pool.map(work, parts):
            del done
