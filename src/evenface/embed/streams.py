"""Vectors that don't fit in memory, a batch at a time: in sequence, at random, their moments."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.parts import PartVectors
from evenface.embed.threads import in_order
from evenface.errors import VectorError

BLOCK = 256
"""Rows that are read at a time for random batches."""

AHEAD = 3
"""Batches that are read before they are asked for."""

STRIP = 128
"""Columns of a covariance that are computed at a time, from the diagonal on."""

Wanted = Iterable[tuple[PartVectors, "NDArray[np.intp] | None", pl.DataFrame | None]]
"""Parts; which rows of each are wanted, None for all; these rows, None where nobody needs them."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows and their vectors.

    Attributes
    ----------
    rows : polars.DataFrame
        The columns asked for, m rows.
    vectors : float32 array, shape (m, d)
    """

    rows: pl.DataFrame
    vectors: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance of vectors.

    Attributes
    ----------
    n : int
        Vectors.
    mean : float64 array, shape (d,)
    covariance : float64 array, shape (d, d)
        Sum of products of deviations, divided by n - 1; symmetric.
    """

    n: int
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Piece:
    file: PartVectors
    start: int
    stop: int
    rows: pl.DataFrame | None
    at: NDArray[np.intp] | None = None

    def read(self) -> Batch:
        """Read it; without rows asked for, those of the batch have no columns."""
        if self.at is None:
            vectors = self.file.read(self.start, self.stop)
        else:
            vectors = self.file.take(self.at[self.start : self.stop])
        rows = pl.DataFrame() if self.rows is None else self.rows[self.start : self.stop]
        return Batch(rows, as_float32(vectors))


def as_float32(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Widen vectors; PyTorch does so with the processor's own instruction, NumPy doesn't."""
    if vectors.dtype != np.float16:
        return vectors.astype(np.float32, copy=False)
    import torch

    found: NDArray[np.float32] = torch.from_numpy(vectors).float().numpy()
    return found


def _pieces(wanted: Wanted, size: int) -> Iterator[_Piece]:
    if size < 1:
        raise VectorError(f"a batch must have at least one row, not {size}")
    for file, at, rows in wanted:
        n = file.part.rows if at is None else len(at)
        # Nearly all of a part is read faster in sequence, and in one piece, than row by row.
        for start in range(0, n, size):
            yield _Piece(file, start, min(start + size, n), rows, at)


def in_sequence(wanted: Wanted, size: int) -> Generator[Batch, None, None]:
    """Yield batches in sequence, reading ahead on a thread of its own."""
    with ThreadPoolExecutor(1, thread_name_prefix="evenface-read") as pool:
        yield from in_order(pool, _Piece.read, _pieces(wanted, size), AHEAD)


def shuffled(wanted: Wanted, size: int, *, seed: int, window: int) -> Generator[Batch, None, None]:
    """Yield every row once in an order that `seed` decides; see `Store.random_batches`."""
    pieces = list(_pieces(wanted, BLOCK))
    if size < 1:
        raise VectorError(f"a batch must have at least one row, not {size}")
    rng = np.random.default_rng(seed)
    order = iter(rng.permutation(len(pieces)))
    rows: list[pl.DataFrame] = []
    blocks: list[NDArray[np.float32]] = []
    held = 0
    with ThreadPoolExecutor(1, thread_name_prefix="evenface-read") as pool:
        read = in_order(pool, _Piece.read, (pieces[i] for i in order), 8 * AHEAD)
        for batch in read:
            rows.append(batch.rows)
            blocks.append(batch.vectors)
            held += len(batch.vectors)
            if held * batch.vectors.shape[1] * 4 >= window and held >= 2 * size:
                mixed = _mixed(rows, blocks, rng)
                whole = held - held % size
                yield from _cut(mixed, 0, whole, size)
                rows, blocks = [mixed.rows[whole:]], [mixed.vectors[whole:].copy()]
                held -= whole
        if held:
            yield from _cut(_mixed(rows, blocks, rng), 0, held, size)


def _mixed(
    rows: list[pl.DataFrame], blocks: list[NDArray[np.float32]], rng: np.random.Generator
) -> Batch:
    vectors = np.concatenate(blocks)
    order = rng.permutation(len(vectors))
    frame = pl.concat(rows)
    return Batch(frame[order] if frame.width else frame, vectors[order])


def _cut(batch: Batch, start: int, stop: int, size: int) -> Iterator[Batch]:
    for at in range(start, stop, size):
        end = min(at + size, stop)
        yield Batch(batch.rows[at:end], batch.vectors[at:end])


def moments_of(
    blocks: Iterable[NDArray[np.float32]], dimension: int, precision: str = "float32"
) -> Moments:
    """Return mean and covariance of blocks of vectors, each of which is looked at once.

    Deviations are taken from the first block's mean, so that a large mean costs no digits:
    with s the sum and S the sum of products of those, the covariance is (S - s s^T / n) / (n - 1).
    """
    import torch

    if precision not in ("float32", "float64"):
        raise VectorError(f"precision must be float32 or float64, not {precision!r}")
    kind = torch.float32 if precision == "float32" else torch.float64
    n, pilot = 0, torch.zeros(dimension, dtype=kind)
    total = torch.zeros(dimension, dtype=torch.float64)
    products = torch.zeros((dimension, dimension), dtype=torch.float64)
    for block in blocks:
        x = torch.from_numpy(block).to(kind)
        if not n and len(x):
            pilot = x.double().mean(dim=0).to(kind)
        # Each block is a copy of ours, or none at all where it came from a caller's array.
        x = x - pilot
        n += len(x)
        total += x.sum(dim=0, dtype=torch.float64)
        # Above the diagonal only: half the products.
        for i in range(0, dimension, STRIP):
            strip = x[:, i : i + STRIP]
            products[i : i + STRIP, i:] += strip.T @ x[:, i:]
    if n < 2:
        raise VectorError(f"a covariance needs two vectors or more; there are {n}")
    upper = torch.triu(products)
    whole = upper + torch.triu(products, diagonal=1).T
    covariance = (whole - torch.outer(total, total) / n) / (n - 1)
    mean = pilot.double() + total / n
    return Moments(n, mean.numpy(), covariance.numpy())
