"""Networks of a stack that share a loss: their epochs, ready to be stepped through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evenface.heads.hidden import Reversed
from evenface.heads.jobs import Index, Job, Recipe
from evenface.heads.losses import Batch, Criterion
from evenface.heads.problem import Labels
from evenface.heads.robust import GroupRobust
from evenface.heads.sampling import Plan, batches


class Part:
    """Networks of a stack that are trained with one loss, with the same around it."""

    def __init__(self, jobs: Sequence[Job], recipe: Recipe) -> None:
        self.jobs, self.recipe, loss = jobs, recipe, jobs[0].loss
        self.criterion = _criterion(jobs, recipe)
        self.make = loss.plan if recipe.pairs == "batch" else loss.drawn
        self.rng = [np.random.default_rng([job.seed, 3]) for job in jobs]
        self.offset = None
        if any(job.offset is not None for job in jobs):
            zero = np.zeros(jobs[0].n_classes)
            offsets = [zero if job.offset is None else job.offset for job in jobs]
            self.offset = to_tensor(np.stack(offsets), torch.float32, recipe.device)

    def epoch(self) -> tuple[Tensor, list[Batch]]:
        """Return the rows (steps, K, m) in the jobs' inputs, and all else, of an epoch."""
        steps = batches(len(self.jobs[0].rows), self.recipe.batch)
        plans = [
            self.make(job.y, *steps, rng, job.strata)
            for job, rng in zip(self.jobs, self.rng, strict=True)
        ]
        index = np.stack([j.rows[p.rows] for j, p in zip(self.jobs, plans, strict=True)], axis=1)
        found = self._batches(
            plans, [j.y for j in self.jobs], [_weights(j.weight, j.rows) for j in self.jobs],
            self.offset,
        )  # fmt: skip
        return to_tensor(index, torch.int64, self.recipe.device), found

    def validation(self) -> list[Batch]:
        """Return the validation rows in batches, the same in every epoch."""
        plans = [
            self.make(
                job.y_validation,
                *batches(len(job.validation), self.recipe.batch),
                np.random.default_rng([job.seed, 5]),
            )
            for job in self.jobs
        ]
        weights = [_weights(j.weight_validation, j.validation) for j in self.jobs]
        return self._batches(plans, [j.y_validation for j in self.jobs], weights, None)

    def _batches(
        self,
        plans: Sequence[Plan],
        labels: Sequence[Labels],
        weights: Sequence[Any],
        offset: Tensor | None,
    ) -> list[Batch]:
        def stacked(values: Iterator[Any], kind: torch.dtype) -> Tensor:
            return to_tensor(np.stack(list(values), axis=1), kind, self.recipe.device)

        rows = stacked((p.rows for p in plans), torch.int64)
        y = stacked((y[p.rows] for p, y in zip(plans, labels, strict=True)), torch.int64)
        weight = stacked((w[p.rows] for p, w in zip(plans, weights, strict=True)), torch.float32)
        ties: Any = [None] * len(rows)
        if plans[0].ties is not None:
            ties = stacked((p.ties for p in plans), torch.int64)
        empty = torch.empty(0)
        return [Batch(empty, *step, offset) for step in zip(y, rows, weight, ties, strict=True)]


def _criterion(jobs: Sequence[Job], recipe: Recipe) -> Criterion:
    """Return the loss of jobs of one kind, with what stands around it."""
    first, seeds, device = jobs[0], [job.seed for job in jobs], recipe.device
    found: Criterion = first.loss.criterion(
        seeds, first.n_classes, first.dims, recipe.losses, device
    )
    robust = [job.robust for job in jobs if job.robust]
    if robust:
        found = GroupRobust(found, robust, device)
    hidden = [job.hidden for job in jobs if job.hidden]
    if hidden:
        steps = recipe.epochs * batches(len(first.rows), recipe.batch)[0]
        y = [job.y for job in jobs]
        found = Reversed(found, hidden, y, first.loss.place, steps, device)
    return found


def _weights(given: Any, rows: Index) -> Any:
    return np.ones(len(rows)) if given is None else given


def to_tensor(values: Any, kind: torch.dtype, device: str) -> Tensor:
    """Return an array as a tensor of a kind, on a device."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(device, kind)
