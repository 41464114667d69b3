"""One loop that trains many small networks at once, on tensors that stay where they are.

Networks of one shape are stacked and take their steps together, each with its own rows, loss,
rate and start; none touches another, so each ends as it would alone. What is compared is thereby
trained alike: the same rows, epochs, batch size and optimizer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evenface.heads.jobs import Job, Outcome, Recipe, check_device
from evenface.heads.ledger import Ledger, Means
from evenface.heads.losses import Batch, gather
from evenface.heads.networks import Stack
from evenface.heads.parts import Part
from evenface.heads.sampling import batches
from evenface.heads.threads import one_torch_thread_below

CACHE = 24e6
"""Bytes of weights, gradients and moments that processors keep near at hand."""

AT_ONCE = 16
"""Networks in a stack, at most, on a processor."""


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
    found: dict[int, Outcome] = {}
    for places in _stacks(jobs, recipe):
        work = _Stacked([jobs[k] for k in places], recipe)
        with one_torch_thread_below(work.multiplications):
            outcomes = work.train()
        found.update(zip(places, outcomes, strict=True))
        if on_step:
            on_step(len(found))
    return [found[k] for k in range(len(jobs))]


def _stacks(jobs: Sequence[Job], recipe: Recipe) -> Iterator[list[int]]:
    """Yield places of jobs that can be trained side by side, losses of one kind together."""

    def key(k: int) -> tuple[Any, ...]:
        job = jobs[k]
        alone = job.loss.title if recipe.pairs == "drawn" else ""
        steps = batches(len(job.rows), recipe.batch)
        return (job.x.shape[1], job.n_classes, job.dims, *steps, len(job.validation),
                job.strata is None, alone)  # fmt: skip

    order = sorted(range(len(jobs)), key=key)
    for (width, *_), places in groupby(order, key):
        alike = sorted(places, key=lambda k: (jobs[k].loss.title, k))
        size = _at_once((width, *recipe.hidden, jobs[alike[0]].dims), recipe)
        yield from (alike[i : i + size] for i in range(0, len(alike), size))


def _at_once(sizes: Sequence[int], recipe: Recipe) -> int:
    if recipe.device == "cuda":
        return 256
    numbers = sum(a * b for a, b in pairwise(sizes))
    return int(np.clip(CACHE // (16 * numbers), 1, AT_ONCE))


class _Stacked:
    """Jobs of one shape, side by side."""

    def __init__(self, jobs: Sequence[Job], recipe: Recipe) -> None:
        self.jobs, self.recipe = jobs, recipe
        sizes = (jobs[0].x.shape[1], *recipe.hidden, jobs[0].dims)
        self.stack = Stack(
            sizes, [job.seed for job in jobs], dropout=recipe.dropout, device=recipe.device
        )
        self.parts = [
            Part(list(own), recipe) for _, own in groupby(jobs, lambda job: job.loss.title)
        ]
        ends = np.cumsum([len(part.jobs) for part in self.parts])
        self.slices = [
            slice(int(end) - len(p.jobs), int(end)) for end, p in zip(ends, self.parts, strict=True)
        ]
        self.optimizer = self._optimizer()
        self.x = jobs[0].x if all(job.x is jobs[0].x for job in jobs) else None

    @property
    def multiplications(self) -> float:
        """Of one step."""
        sizes, rows = self.stack.sizes, batches(len(self.jobs[0].rows), self.recipe.batch)[1]
        return float(len(self.jobs) * rows * sum(a * b for a, b in pairwise(sizes)))

    def _optimizer(self) -> torch.optim.Optimizer:
        recipe = self.recipe
        learned = [p.criterion.learned(k) for p in self.parts for k in range(len(p.jobs))]
        groups = []
        for k, job in enumerate(self.jobs):
            own = []
            for values, slopes in zip(self.stack.parameters, self.stack.gradients, strict=True):
                one = values[k]
                one.grad = slopes[k]
                own.append(one)
            groups.append({"params": [*own, *learned[k]], "lr": job.rate})
        if recipe.optimizer == "sgd":
            return torch.optim.SGD(
                groups, momentum=recipe.momentum, weight_decay=recipe.decay, fused=True
            )
        return torch.optim.AdamW(groups, weight_decay=recipe.decay, fused=True)

    def train(self) -> list[Outcome]:
        """Train until the last epoch, or until none has got better for long."""
        held = [p.validation() for p in self.parts] if len(self.jobs[0].validation) else None
        ledger = [Ledger() for _ in self.jobs]
        for epoch in range(self.recipe.epochs):
            figures = self._epoch()
            if held is not None:
                figures |= self._validate(held)
            for k, one in enumerate(ledger):
                if not one.done:
                    own = {name: float(values[k]) for name, values in figures.items()}
                    one.enter(epoch, own, self.recipe.patience, partial(self.stack.copy, k))
            if all(one.done for one in ledger):
                break
        return [Outcome(o.network, o.history, o.best, o.diverged) for o in ledger]

    def _inputs(self, rows: Tensor) -> Tensor:
        """Gather inputs (K, m, r) of rows (K, m)."""
        if self.x is not None:
            return self.x.index_select(0, rows.reshape(-1)).view(*rows.shape, -1)
        pairs = zip(self.jobs, rows, strict=True)
        return torch.stack([job.x.index_select(0, own) for job, own in pairs])

    def _epoch(self) -> dict[str, Tensor]:
        """Take every step of an epoch; return its mean loss and accuracy for each network."""
        made = [part.epoch() for part in self.parts]
        rows = torch.cat([index for index, _ in made], dim=1)
        figures = Means(len(self.jobs), "train", self.recipe.device)
        for step, own in enumerate(rows):
            z = self.stack.forward(self._inputs(own)).requires_grad_()
            losses = []
            for part, place, (_, found) in zip(self.parts, self.slices, made, strict=True):
                part.criterion.zero_grad()
                batch = replace(found[step], z=z[place])
                losses.append(part.criterion(batch))
                figures.count(place, losses[-1], part.criterion, batch)
            torch.autograd.backward(torch.cat(losses).sum())
            assert z.grad is not None
            self.stack.backward(z.grad)
            self.optimizer.step()
        return figures.means()

    @torch.no_grad()
    def _validate(self, held: Sequence[list[Batch]]) -> dict[str, Tensor]:
        figures = Means(len(self.jobs), "validation", self.recipe.device)
        places = [torch.from_numpy(job.validation).to(self.recipe.device) for job in self.jobs]
        z = torch.stack(
            [self.stack.view(k)(self.jobs[k].x.index_select(0, p)) for k, p in enumerate(places)]
        )
        for part, place, found in zip(self.parts, self.slices, held, strict=True):
            for batch in found:
                own = replace(batch, z=gather(z[place], batch.rows))
                figures.count(place, part.criterion(own), part.criterion, own)
        return figures.means()
