"""Training heads: the textbook loop of `textbook.py` against ours, same network, rows and epochs.

    python benchmarks/heads.py [--rows 18000] [--epochs 15] [--rounds 2] [--only probe,softmax]

Two questions. On the same arithmetic (float32, all 2048 inputs, batch 64, Adam, drawn pairs and
triplets): how near each way is to the rate at which this machine does the bare matrix products
of those shapes. At equal accuracy on people held out, by every means that studies use (leading
principal axes, larger batches at a rate tuned for them, pairs within the batch, bfloat16 where
the processor has it): how much sooner ours is done, learning the axes included. Ours trains two
seeds side by side, as studies do, and `transfer` its four networks; times are per network, or
per four. All ways take turns, each round has other seeds, and everything has run once on a tenth
of the rows before. Vectors are synthetic.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import textbook
import torch
from population import population
from timing import machine, seconds

from evenface.heads.fit import fit
from evenface.heads.jobs import Job, Recipe
from evenface.heads.mlp import LARGE, RATES, input_factor, to_input
from evenface.heads.networks import NARROW, Network
from evenface.heads.objectives import LOGITS, LOSSES
from evenface.heads.problem import balanced_accuracy
from evenface.heads.scaling import COMPONENTS, fit_scaling
from evenface.studies.classify import neighbours_say
from evenface.studies.learning import LearnOptions

BATCH, RATE, NEIGHBOURS, SIDE_BY_SIDE, RATE_EPOCHS = 64, 1e-3, 10, 2, 2
SPACES = ("softmax", "contrastive", "triplet")
PER_ROW = {"contrastive": 2, "triplet": 3}
"""Rows that the textbook embeds for one that it draws; every other task embeds one."""


@dataclass(frozen=True)
class Data:
    """Standardised training rows, other people's rows, classes, and ethnicity."""

    x: np.ndarray
    y: np.ndarray
    held: np.ndarray
    y_held: np.ndarray
    across: np.ndarray


def make_data(rows: int) -> dict[str, Data]:
    """Return what gender is read from, and what groups are."""
    whole = population(rows // 6 * 4 // 3, strength=0.45)
    place = np.arange(len(whole)) % (len(whole) // 6)
    train, held = place < rows // 6, place >= rows // 6
    group = np.arange(len(whole)) // (len(whole) // 6)
    mean, spread = whole.vectors[train].mean(axis=0), whole.vectors[train].std(axis=0)
    x = (whole.vectors - mean) / np.where(spread > 0, spread, 1)
    return {
        name: Data(x[train], y[train], x[held], y[held], group[train] // 2)
        for name, y in (("gender", group % 2), ("group", group))
    }


def jobs_of(task: str, data: Data, x: torch.Tensor, seeds: Sequence[int], rate: float) -> list[Job]:
    """Return the networks of a task; no validation rows, as the textbook has none."""
    none = np.zeros(0, dtype=np.intp)
    classes = int(data.y.max()) + 1
    loss = LOSSES.get(task, LOGITS)
    dims = 2 if task in SPACES else classes
    parts = [np.arange(len(data.y))]
    if task == "transfer":
        parts = [np.flatnonzero(data.across == g) for g in np.unique(data.across)] + parts
    return [Job(x, rows, data.y[rows], none, none, classes, dims, loss, seed, rate)
            for seed in seeds for rows in parts]  # fmt: skip


def seeds_of(task: str, seed: int) -> list[int]:
    """Return the seeds that ours trains side by side; `transfer` has four networks anyway."""
    return [seed] if task == "transfer" else list(range(seed, seed + SIDE_BY_SIDE))


def same(task: str, data: Data, epochs: int, seed: int) -> list[Network]:
    """Ours with the textbook's arithmetic."""
    recipe = Recipe(
        hidden=(1000, 128) if task in SPACES else (1000,), epochs=epochs, batch=BATCH,
        patience=epochs, pairs="drawn", precision="float32",
    )  # fmt: skip
    return trained(
        jobs_of(task, data, torch.from_numpy(data.x), seeds_of(task, seed), RATE), recipe
    )


def quick(task: str, data: Data, epochs: int, seed: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Ours as studies do it; what is learned about the scale of the rows is part of the time."""
    scaling = fit_scaling(data.x, COMPONENTS)
    inputs = scaling(data.x)
    factor = input_factor(inputs)
    if task in SPACES:
        options = LearnOptions()
        recipe, rate = options.recipe(task), options.rates[-1]
    else:
        recipe, rate = LARGE, RATES[LARGE]
    recipe = replace(recipe, epochs=epochs, patience=epochs)
    jobs = jobs_of(task, data, to_input(inputs, factor), seeds_of(task, seed), rate)
    network = trained(jobs, recipe)[-1]
    return lambda x: network(to_input(scaling(x.numpy()), factor))


def trained(jobs: Sequence[Job], recipe: Recipe) -> list[Network]:
    outcomes = fit(jobs, recipe)
    assert all(o.network is not None and o.diverged is None for o in outcomes)
    return [o.network for o in outcomes if o.network is not None]


def by_the_book(task: str, data: Data, epochs: int, seed: int) -> torch.nn.Module:
    classes = int(data.y.max()) + 1
    given = {"epochs": epochs, "batch": BATCH, "rate": RATE, "seed": seed}
    if task == "transfer":
        return textbook.transfer(data.x, data.y, data.across, classes=classes, **given)[-1]
    if task in ("probe", "softmax"):
        return getattr(textbook, task)(data.x, data.y, classes=classes, **given)
    return getattr(textbook, task)(data.x, data.y, **given)


@torch.no_grad()
def accuracy(task: str, data: Data, place: Callable[[torch.Tensor], torch.Tensor]) -> float:
    """Return balanced accuracy on people held out: the network's, or their neighbours'."""
    z = place(torch.from_numpy(data.held))
    if task not in SPACES:
        return balanced_accuracy(data.y_held, z.argmax(dim=1).numpy())
    # Every second person votes on the others.
    one, other = z[0::2].numpy(), z[1::2].numpy()
    said = neighbours_say(one, data.y_held[0::2], other, NEIGHBOURS)
    return balanced_accuracy(data.y_held[1::2], said)


class Products:
    """The bare matrix products of one epoch of a task, at the textbook's batch."""

    def __init__(self, task: str, data: Data) -> None:
        out = 2 if task in SPACES else int(data.y.max()) + 1
        self.sizes = [data.x.shape[1], 1000, *([128] if task in SPACES else []), out]
        self.m = BATCH * PER_ROW.get(task, 1)
        rows = len(data.y) * (2 if task == "transfer" else 1)
        self.steps = rows // BATCH
        self.z = [torch.rand(self.m, s) for s in self.sizes]
        self.w = [torch.rand(a, b) for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        self.dz = [torch.empty_like(z) for z in self.z]
        self.dw = [torch.empty_like(w) for w in self.w]

    @property
    def operations(self) -> float:
        """Of an epoch: the first layer passes nothing back."""
        products = [a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        return 2.0 * self.steps * self.m * (3 * sum(products) - products[0])

    def __call__(self) -> None:
        for _ in range(self.steps):
            for k, w in enumerate(self.w):
                product(self.z[k], w, self.dz[k + 1])
            for k in reversed(range(len(self.w))):
                product(self.z[k].T, self.dz[k + 1], self.dw[k])
                if k:
                    product(self.dz[k + 1], self.w[k].T, self.dz[k])


def product(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> None:
    """Multiply the way round that is fast: with few rows rather than few columns."""
    if b.shape[1] <= NARROW:
        torch.mm(b.T, a.T)
    else:
        torch.mm(a, b, out=out)


def spread(values: np.ndarray, form: str = ".2f") -> str:
    return f"{np.median(values):{form}} ({values.min():{form}} to {values.max():{form}})"


def measure(task: str, data: Data, epochs: int, rounds: int) -> None:
    """Print what one task takes."""
    products, found = Products(task, data), []
    share = len(seeds_of(task, 0))
    for seed in range(0, SIDE_BY_SIDE * rounds, SIDE_BY_SIDE):
        made: dict[str, Any] = {}
        bare = seconds(products)
        slow = seconds(lambda s=seed, m=made: m.update(book=by_the_book(task, data, epochs, s)))
        like = seconds(lambda s=seed: same(task, data, RATE_EPOCHS, s)) / share / RATE_EPOCHS
        fast = seconds(lambda s=seed, m=made: m.update(ours=quick(task, data, epochs, s))) / share
        # The products once more: what else the machine does changes by the minute.
        bare = (bare + seconds(products)) / 2
        right = [accuracy(task, data, made[name]) for name in ("book", "ours")]
        found.append([bare, slow, like, fast, *right])
    bare, slow, like, fast, book, ours = np.array(found).T
    rate = products.operations / bare / 1e9
    print(f"{task}: products alone {spread(bare)} s an epoch, {np.median(rate):.0f} GFLOP/s")
    print(f"  an epoch on the same arithmetic: textbook {spread(slow / epochs)} s, "
          f"{spread(bare * epochs / slow)} of that rate; ours {spread(like)} s, "
          f"{spread(bare / like)} of it")  # fmt: skip
    print(f"  {epochs} epochs: textbook {spread(slow, '.1f')} s, accuracy {spread(book, '.3f')}; "
          f"ours as in studies {spread(fast, '.1f')} s, accuracy {spread(ours, '.3f')}: "
          f"{spread(slow / fast, '.1f')} times as fast, accuracy {spread(ours - book, '+.3f')}",
          flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=18_000)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="probe,softmax,contrastive,triplet,transfer")
    args = parser.parse_args()
    tasks = args.only.split(",")
    print(f"{args.rows} x 2048, {args.epochs} epochs, {args.rounds} rounds, {machine()}")
    small, data = make_data(args.rows // 10), make_data(args.rows)
    for task in tasks:
        kind = "group" if task in SPACES else "gender"
        for once in (by_the_book, same, quick):
            once(task, small[kind], 1, 0)
        measure(task, data[kind], args.epochs, args.rounds)


if __name__ == "__main__":
    main()
