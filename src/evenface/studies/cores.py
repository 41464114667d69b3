"""Work shared out among processor cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evenface.heads.threads import cores


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
