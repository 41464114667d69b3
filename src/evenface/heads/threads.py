"""How many threads small problems are given: one.

Threads that meet at the end of every small product gain little on an idle machine and lose up to
thirtyfold on a busy one, where each waits, spinning, for one that has no core.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import ThreadpoolController

SMALL_ROWS = 1500
"""Training rows up to which a whole problem is solved by one thread."""

MOST_JOBS = 2
"""Jobs at most that are held in memory side by side."""

SMALL_STEP = 5e7
"""Multiplications a step of gradient descent up to which one thread makes it."""


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_thread_below(rows: int) -> Iterator[None]:
    """Let linear algebra use one thread while there are few rows."""
    if rows > SMALL_ROWS:
        yield
    else:
        with one_thread():
            yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Let linear algebra use one thread, as do factorisations, which meet at every column."""
    with ThreadpoolController().limit(limits=1):
        yield


def workers(jobs: int, rows: int) -> int:
    """Return how many jobs to run side by side, each on one thread.

    Whole jobs side by side never wait for each other; small ones are not worth it.
    """
    return min(jobs, MOST_JOBS, cores()) if rows > SMALL_ROWS else 1


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads for what the calling thread asks of it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
