"""One loop that trains many small networks at once, on tensors that stay where they are.

Networks of one shape are stacked (`stacked.py`); stacks are trained side by side, a thread each,
so that none waits for another in the middle of a step. No network touches another: each ends as
it would alone. What is compared is thereby trained alike: the same rows, epochs, batch size and
optimizer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby, pairwise
from threading import Event
from typing import Any

import numpy as np
import torch

from evenface.heads.jobs import Job, Outcome, Recipe, check_device
from evenface.heads.sampling import batches
from evenface.heads.stacked import Stacked
from evenface.heads.threads import SMALL_STEP, cores, torch_threads

CACHE = 24e6
"""Bytes of weights, gradients and moments that processors keep near at hand."""

AT_ONCE = 16
"""Networks in a stack, at most, on a processor."""

WIDE = 100_000
"""Weights of a first layer from which on products in bfloat16 repay rounding to it."""


def fit(
    jobs: Sequence[Job], recipe: Recipe, *, on_step: Callable[[int], None] | None = None
) -> list[Outcome]:
    """Train networks; return their outcomes in the order of the jobs.

    Parameters
    ----------
    jobs : sequence of Job
    recipe : Recipe
    on_step : callable, optional
        Called with the number of networks trained so far.
    """
    check_device(recipe.device)
    shared = {id(job.x): job.x.to(product_kind(recipe, job.x.shape[1])) for job in jobs}
    stop = Event()

    def train(places: list[int]) -> list[Outcome]:
        own = [jobs[k] for k in places]
        stacked = Stacked(own, recipe, [shared[id(job.x)] for job in own], stop)
        with torch_threads(1 if stacked.multiplications < SMALL_STEP else each):
            return stacked.train()

    found: dict[int, Outcome] = {}
    # The longest first: begun last, it would leave the other threads idle.
    stacks = sorted(_stacks(jobs, recipe), key=lambda own: -len(jobs[own[0]].rows) * len(own))
    count = min(len(stacks), cores()) if recipe.device == "cpu" else 1
    each = max(cores() // max(count, 1), 1)
    with ExitStack() as left:
        trained: Iterable[list[Outcome]] = map(train, stacks)
        if count > 1:
            pool = left.enter_context(ThreadPoolExecutor(count))
            # Whoever interrupts or fails is not kept waiting for the other stacks.
            left.callback(pool.shutdown, wait=False, cancel_futures=True)
            left.callback(stop.set)
            trained = pool.map(train, stacks)
        for places, outcomes in zip(stacks, trained, strict=True):
            found.update(zip(places, outcomes, strict=True))
            if on_step:
                on_step(len(found))
    return [found[k] for k in range(len(jobs))]


def product_kind(recipe: Recipe, width: int) -> torch.dtype:
    """Return what products of inputs of some width are computed in.

    Bfloat16 has float32's range and 8 bits of its digits; sums stay float32, so a step's
    rounding errors are small against the noise of drawing its rows.
    """
    # The last layer stays float32, so a linear map does.
    if recipe.precision == "float32" or width * (*recipe.hidden, 0)[0] < WIDE:
        return torch.float32
    if recipe.device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    has = torch.cpu.get_capabilities()
    return torch.bfloat16 if has.get("avx512_bf16") or has.get("amx_bf16") else torch.float32


def _stacks(jobs: Sequence[Job], recipe: Recipe) -> Iterator[list[int]]:
    """Yield places of jobs that can be trained side by side, losses of one kind together."""

    def key(k: int) -> tuple[Any, ...]:
        job = jobs[k]
        alone = job.loss.title if recipe.pairs == "drawn" else ""
        steps = batches(len(job.rows), recipe.batch)
        return (job.x.shape[1], job.n_classes, job.dims, *steps, len(job.validation),
                job.strata is None, job.start is None, alone)  # fmt: skip

    order = sorted(range(len(jobs)), key=key)
    for (width, *_), places in groupby(order, key):
        alike = sorted(places, key=lambda k: (jobs[k].kind, k))
        size = _at_once((width, *recipe.hidden, jobs[alike[0]].dims), recipe, len(alike))
        yield from (alike[i : i + size] for i in range(0, len(alike), size))


def _at_once(sizes: Sequence[int], recipe: Recipe, alike: int) -> int:
    if recipe.device == "cuda":
        return 256
    numbers = sum(a * b for a, b in pairwise(sizes))
    share = -(-alike // cores())
    return int(np.clip(CACHE // (16 * numbers * cores()), 1, min(AT_ONCE, share)))
