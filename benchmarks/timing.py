"""Two ways of doing one thing, timed in turns in one process."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable

import numpy as np


def machine() -> str:
    """Return what this runs on, in a line."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            name = next(
                line.split(":")[1].strip() for line in info if line.startswith("model name")
            )
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores, Python {platform.python_version()}"


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(textbook: Callable[[], object], ours: Callable[[], object], *, rounds: int = 5) -> None:
    """Time both in turns; print medians and the ratio with its spread over the rounds."""
    seconds(ours), seconds(textbook)
    times = np.array([[seconds(textbook), seconds(ours)] for _ in range(rounds)])
    ratio = times[:, 0] / times[:, 1]
    slow, fast = np.median(times, axis=0)
    print(f"textbook {slow:8.3f} s   ours {fast:8.3f} s   "
          f"ratio {np.median(ratio):.1f}x (from {ratio.min():.1f} to {ratio.max():.1f}, "
          f"{rounds} rounds)")  # fmt: skip
