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
class Piece:
    """Some rows of a part: from `start` to `stop`, among those at `at` where not all are wanted."""

    file: PartVectors
    start: int
    stop: int
    rows: pl.DataFrame | None
    at: NDArray[np.intp] | None = None

    def read(self) -> Batch:
        """Read it; without rows asked for, those of the batch have no columns."""
        rows = pl.DataFrame() if self.rows is None else self.rows[self.start : self.stop]
        return Batch(rows, as_float32(self.vectors()))

    def vectors(self, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read its vectors as they are kept, into `out` where that serves."""
        if self.at is None:
            return self.file.read(self.start, self.stop, out)
        return self.file.take(self.at[self.start : self.stop])

    def expect(self) -> None:
        """Have the system read it while something else is done."""
        if self.at is None:
            self.file.expect(self.start, self.stop)


def as_float32(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Widen vectors; PyTorch does so with the processor's own instruction, NumPy doesn't."""
    if vectors.dtype != np.float16:
        return vectors.astype(np.float32, copy=False)
    import torch

    found: NDArray[np.float32] = torch.from_numpy(vectors).float().numpy()
    return found


def _refuse(size: Any) -> None:
    if not isinstance(size, int) or size < 1:
        raise VectorError(f"a batch must have at least one row, not {size!r}")


def pieces_of(wanted: Wanted, size: int) -> Iterator[Piece]:
    """Cut parts into pieces of at most `size` rows."""
    _refuse(size)
    for file, at, rows in wanted:
        n = file.part.rows if at is None else len(at)
        for start in range(0, n, size):
            yield Piece(file, start, min(start + size, n), rows, at)


def in_sequence(wanted: Wanted, size: int) -> Generator[Batch, None, None]:
    """Yield batches in sequence, reading ahead on a thread of its own."""
    with ThreadPoolExecutor(1, thread_name_prefix="evenface-read") as pool:
        yield from in_order(pool, Piece.read, pieces_of(wanted, size), AHEAD)


def shuffled(wanted: Wanted, size: int, *, seed: int, window: int) -> Generator[Batch, None, None]:
    """Yield every row once in an order that `seed` decides; see `Store.random_batches`."""
    _refuse(size)
    if seed < 0:
        raise VectorError(f"seed must be 0 or more, not {seed}")
    pieces = list(pieces_of(wanted, BLOCK))
    rng = np.random.default_rng(seed)
    order = iter(rng.permutation(len(pieces)))
    rows: list[pl.DataFrame] = []
    blocks: list[NDArray[np.float32]] = []
    held = 0
    with ThreadPoolExecutor(1, thread_name_prefix="evenface-read") as pool:
        read = in_order(pool, Piece.read, (pieces[i] for i in order), 8 * AHEAD)
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
