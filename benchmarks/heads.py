"""Training heads: the textbook loop of `textbook.py` against ours, same network, rows and epochs.

    python benchmarks/heads.py [--rows 18000] [--epochs 5] [--rounds 5] [--only probe,softmax]

Two questions. On the same arithmetic (float32, all 2048 inputs, batch 64, Adam, drawn pairs and
triplets): how near each way is to the rate at which this machine does the bare matrix products
of those shapes. At equal accuracy on people held out, by every means that studies use (leading
principal axes, larger batches at a rate tuned for them, pairs within the batch, bfloat16 where
the processor has it): how much sooner ours is done. Textbook and ours take turns, each round has
another seed, and the first round, which warms up, doesn't count. Vectors are synthetic.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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

BATCH, RATE, NEIGHBOURS = 64, 1e-3, 10
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


def jobs_of(task: str, data: Data, x: torch.Tensor, seed: int, rate: float) -> list[Job]:
    """Return the networks of a task; no validation rows, as the textbook has none."""
    none = np.zeros(0, dtype=np.intp)
    classes = int(data.y.max()) + 1
    loss = LOSSES.get(task, LOGITS)
    dims = 2 if task in SPACES else classes
    parts = [np.arange(len(data.y))]
    if task == "transfer":
        parts = [np.flatnonzero(data.across == g) for g in np.unique(data.across)] + parts
    return [Job(x, rows, data.y[rows], none, none, classes, dims, loss, seed, rate)
            for rows in parts]  # fmt: skip


def same(task: str, data: Data, epochs: int, seed: int) -> list[Network]:
    """Ours with the textbook's arithmetic."""
    recipe = Recipe(
        hidden=(1000, 128) if task in SPACES else (1000,),
        epochs=epochs, batch=BATCH, patience=epochs, pairs="drawn",
    )  # fmt: skip
    x = to_input(data.x, input_factor(data.x))
    return trained(jobs_of(task, data, x, seed, RATE), replace(recipe, precision="float32"))


def quick(task: str, data: Data, epochs: int, seed: int) -> Callable[[np.ndarray], torch.Tensor]:
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
    networks = trained(jobs_of(task, data, to_input(inputs, factor), seed, rate), recipe)
    return lambda x: networks[-1](to_input(scaling(x), factor))


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
    products = Products(task, data)
    found = []
    for seed in range(rounds + 1):
        networks: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}

        def keep(name: str, made: Callable[..., torch.Tensor], into: dict = networks) -> None:
            into[name] = made

        bare = seconds(products)
        slow = seconds(lambda s=seed: keep("book", by_the_book(task, data, epochs, s)))
        like = seconds(lambda s=seed: keep("same", same(task, data, epochs, s)[-1]))
        fast = seconds(lambda s=seed: keep("quick", quick(task, data, epochs, s)))
        # The products once more: what else the machine does changes by the minute.
        bare = epochs * (bare + seconds(products)) / 2
        right = {
            "book": accuracy(task, data, networks["book"]),
            "same": accuracy(task, data, lambda x, n=networks: n["same"](x * input_factor(data.x))),
            "quick": accuracy(task, data, lambda x, n=networks: n["quick"](x.numpy())),
        }
        found.append([bare, slow, like, fast, *right.values()])
    bare, slow, like, fast, *right = np.array(found[1:]).T
    rate = epochs * products.operations / bare / 1e9
    print(f"\n{task}: products alone {spread(bare, '.1f')} s, {np.median(rate):.0f} GFLOP/s")
    for name, time, share in (("textbook", slow, right[0]), ("same arithmetic", like, right[1]),
                              ("as studies do it", fast, right[2])):  # fmt: skip
        said = f"  {name:17s} {spread(time, '.1f')} s"
        if name != "as studies do it":
            said += f", {spread(bare / time)} of the rate of products alone"
        print(f"{said}, accuracy {spread(share, '.3f')}")
    gain = right[2] - right[0]
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    print(f"  times textbook    {spread(slow / like, '.1f')} on the same arithmetic, "
          f"{spread(slow / fast, '.1f')} as studies do it; accuracy there {gain.mean():+.4f} "
          f"+- {error:.4f} (standard error)", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=18_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="probe,softmax,contrastive,triplet,transfer")
    args = parser.parse_args()
    data = make_data(args.rows)
    print(f"{args.rows} x 2048, {args.epochs} epochs, {args.rounds} rounds, {machine()}")
    for task in args.only.split(","):
        measure(task, data["group" if task in SPACES else "gender"], args.epochs, args.rounds)


if __name__ == "__main__":
    main()
