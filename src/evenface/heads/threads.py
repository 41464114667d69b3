"""How many threads small problems are given: one.

Threads that meet at the end of every small product gain little on an idle machine and lose up to
thirtyfold on a busy one, where each waits, spinning, for one that has no core.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import ThreadpoolController

SMALL_ROWS = 1500
"""Training rows up to which a whole problem is solved by one thread."""

SMALL_STEP = 5e8
"""Multiplications a step of gradient descent up to which one thread makes it."""


@contextmanager
def one_thread_below(rows: int) -> Iterator[None]:
    """Let linear algebra use one thread while there are few rows."""
    if rows > SMALL_ROWS:
        yield
        return
    with ThreadpoolController().limit(limits=1):
        yield


@contextmanager
def one_torch_thread_below(multiplications: float) -> Iterator[None]:
    """Let torch use one thread while a step is small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if multiplications < SMALL_STEP else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
