"""Jobs whose networks have one shape take their steps together, each with its own rows and loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby, pairwise
from threading import Event

import numpy as np
import torch
from torch import Tensor

from evenface.heads.jobs import Job, Outcome, Recipe
from evenface.heads.ledger import Ledger, Mean, Means
from evenface.heads.losses import Batch, gather
from evenface.heads.networks import Stack
from evenface.heads.parts import Part
from evenface.heads.sampling import batches
from evenface.heads.updates import Update


class Stacked:
    """Jobs of one shape, side by side.

    Parameters
    ----------
    jobs : sequence of Job
    recipe : Recipe
    inputs : sequence of Tensor
        Each job's `x` in the kind that products are computed in.
    stop : threading.Event, optional
        Ends training after the epoch in which it is set.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        recipe: Recipe,
        inputs: Sequence[Tensor],
        stop: Event | None = None,
    ) -> None:
        self.jobs, self.recipe, self.inputs, self.stop = jobs, recipe, inputs, stop
        sizes = (jobs[0].x.shape[1], *recipe.hidden, jobs[0].dims)
        self.stack = Stack(
            sizes, [job.seed for job in jobs], dropout=recipe.dropout, device=recipe.device,
            kind=inputs[0].dtype, starts=[job.start for job in jobs],
        )  # fmt: skip
        self.parts = [Part(list(own), recipe) for _, own in groupby(jobs, lambda job: job.kind)]
        ends = np.cumsum([len(part.jobs) for part in self.parts])
        self.slices = [
            slice(int(end) - len(p.jobs), int(end)) for end, p in zip(ends, self.parts, strict=True)
        ]
        self.blocks = [self._update([b.value], b.place) for b in self.stack.blocks]
        self.rest = list(self._rest())
        self.x = inputs[0] if all(x is inputs[0] for x in inputs) else None

    @property
    def multiplications(self) -> float:
        """Of one step."""
        sizes, rows = self.stack.sizes, batches(len(self.jobs[0].rows), self.recipe.batch)[1]
        return float(len(self.jobs) * rows * sum(a * b for a, b in pairwise(sizes)))

    def _update(self, values: Sequence[Tensor], place: int) -> Update:
        job = self.jobs[place]
        return Update(values, job.rate, self.recipe, held=job.start is not None)

    def _rest(self) -> Iterator[tuple[Update, Callable[[], list[Tensor]]]]:
        """Yield what is updated once all slopes are known, and where they are found."""
        learned = [p.criterion.learned(k) for p in self.parts for k in range(len(p.jobs))]
        start = self.stack.rest
        if len({job.rate for job in self.jobs}) == 1:
            # All parameters as one: what is done for each tensor adds up.
            values, slopes = [self.stack.flat[start:]], [self.stack.slope[start:]]
            yield self._with(values, slopes, [one for each in learned for one in each], 0)
            return
        first = 1 if start else 0
        for k, one in enumerate(learned):
            own = [p[k] for p in self.stack.parameters[first:]]
            yield self._with(own, [g[k] for g in self.stack.gradients[first:]], one, k)

    def _with(
        self, values: list[Tensor], slopes: list[Tensor], learned: list[Tensor], place: int
    ) -> tuple[Update, Callable[[], list[Tensor]]]:
        def known() -> list[Tensor]:
            # Autograd may put a new tensor into what a criterion learns.
            return [*slopes, *(one.grad for one in learned if one.grad is not None)]

        return self._update([*values, *(one.detach() for one in learned)], place), known

    def train(self) -> list[Outcome]:
        """Train until the last epoch, or until none has got better for long."""
        held = [p.validation() for p in self.parts] if len(self.jobs[0].validation) else None
        ledger = [Ledger() if job.hidden is None else Mean(self.recipe.epochs) for job in self.jobs]
        for epoch in range(self.recipe.epochs):
            figures = self._epoch()
            if held is not None:
                figures = [a | b for a, b in zip(figures, self._validate(held), strict=True)]
            for k, (one, own) in enumerate(zip(ledger, figures, strict=True)):
                if not one.done:
                    one.enter(epoch, own, self.recipe.patience, partial(self.stack.copy, k))
            if all(one.done for one in ledger) or (self.stop and self.stop.is_set()):
                break
        return [Outcome(o.network, o.history, o.best, o.diverged) for o in ledger]

    def _inputs(self, rows: Tensor) -> Tensor:
        """Gather inputs (K, m, r) of rows (K, m)."""
        if self.x is not None:
            return self.x.index_select(0, rows.reshape(-1)).view(*rows.shape, -1)
        pairs = zip(self.inputs, rows, strict=True)
        return torch.stack([x.index_select(0, own) for x, own in pairs])

    def _epoch(self) -> list[dict[str, float]]:
        """Take every step of an epoch; return its mean loss and accuracy for each network."""
        made = [part.epoch() for part in self.parts]
        rows = torch.cat([index for index, _ in made], dim=1)
        figures = [Means("train") for _ in self.parts]
        for step, own in enumerate(rows):
            z = self.stack.forward(self._inputs(own))
            slopes = []
            for part, place, (_, found), seen in zip(
                self.parts, self.slices, made, figures, strict=True
            ):
                batch = replace(found[step], z=z[place])
                made_of = part.criterion.slopes(batch)
                seen.count(made_of.losses, made_of.logits, batch.y)
                slopes.append(made_of.slope)
            self.stack.backward(
                slopes[0] if len(slopes) == 1 else torch.cat(slopes),
                lambda number, slope: self.blocks[number].step([slope]),
            )
            for update, known in self.rest:
                update.step(known())
        return [own for seen in figures for own in seen.means()]

    @torch.no_grad()
    def _validate(self, held: Sequence[list[Batch]]) -> list[dict[str, float]]:
        places = [torch.from_numpy(job.validation).to(self.recipe.device) for job in self.jobs]
        self.stack.refresh()
        z = torch.stack(
            [self.stack.outputs(k, self.inputs[k].index_select(0, p)) for k, p in enumerate(places)]
        )
        figures = []
        for part, place, found in zip(self.parts, self.slices, held, strict=True):
            seen = Means("validation")
            for batch in found:
                own = replace(batch, z=gather(z[place], batch.rows))
                seen.count(part.criterion(own), part.criterion.logits(own.z), own.y)
            figures += seen.means()
        return figures
