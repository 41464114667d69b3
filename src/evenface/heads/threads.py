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

SMALL_STEP = 5e8
"""Multiplications a step of gradient descent up to which one thread makes it."""


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
    return min(jobs, MOST_JOBS, os.cpu_count() or 1) if rows > SMALL_ROWS else 1


@contextmanager
def one_torch_thread_below(multiplications: float) -> Iterator[None]:
    """Let torch use one thread while a step is small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if multiplications < SMALL_STEP else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
