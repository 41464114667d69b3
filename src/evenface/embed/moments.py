"""Mean and covariance of vectors that don't fit in memory, each looked at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from evenface.embed.streams import Piece
from evenface.embed.threads import default_workers
from evenface.errors import VectorError

ROWS = 8192
"""Rows of a product: OpenBLAS's symmetric one reaches its rate from a few thousand on."""

SLICE = 1024
"""Rows that are widened and centred at a time: few enough to stay in the cache meanwhile."""

FEW = 16
"""Blocks for each thread below which another thread isn't worth its start."""


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


@final
class _Sums:
    """Sums of deviations from a pilot mean, so that a large mean costs no digits.

    With s the sum and S the sum of products of n deviations from the pilot, the covariance is
    (S - s s^T / n) / (n - 1). Products within a block are of the pilot's dtype, sums over blocks
    float64.
    """

    def __init__(self, pilot: NDArray[Any]) -> None:
        d = len(pilot)
        self.n, self.pilot = 0, pilot
        self.total = np.zeros(d)
        self.products = np.zeros((d, d))
        self._room = np.empty((ROWS, d), pilot.dtype)
        self._ones = np.ones(SLICE, pilot.dtype)

    def add(self, block: NDArray[Any]) -> None:
        for start in range(0, len(block), ROWS):
            rows = block[start : start + ROWS]
            x = self._room[: len(rows)]
            for at in range(0, len(rows), SLICE):
                part = x[at : at + SLICE]
                # PyTorch widens float16 by the processor's own instruction, NumPy doesn't.
                torch.from_numpy(part).copy_(torch.from_numpy(rows[at : at + SLICE]))
                if self.pilot.any():
                    part -= self.pilot
                # As a product: NumPy's sum down columns takes ten times as long.
                self.total += self._ones[: len(part)] @ part
            self.n += len(rows)
            # NumPy sees that both sides are one array, and computes half of the products.
            self.products += x.T @ x

    def join(self, other: _Sums) -> None:
        self.n += other.n
        self.total += other.total
        self.products += other.products

    def moments(self) -> Moments:
        if self.n < 2:
            raise VectorError(f"a covariance needs two vectors or more; there are {self.n}")
        centred = self.products - np.outer(self.total, self.total) / self.n
        mean = self.pilot.astype(np.float64) + self.total / self.n
        return Moments(self.n, mean, centred / (self.n - 1))


def _kind(precision: str) -> Any:
    if precision not in ("float32", "float64"):
        raise VectorError(f"precision must be float32 or float64, not {precision!r}")
    return np.dtype(precision)


def _pilot(block: NDArray[Any], kind: Any) -> NDArray[Any]:
    """Return what deviations are taken from: 0 where the mean costs less than a bit anyway."""
    some = block[:SLICE].astype(np.float64)
    mean: NDArray[Any] = some.mean(axis=0)
    return np.zeros_like(mean, kind) if (abs(mean) <= some.std(axis=0)).all() else mean.astype(kind)


def moments_of(
    blocks: Iterable[NDArray[Any]], dimension: int, precision: str = "float32"
) -> Moments:
    """Return mean and covariance of blocks of vectors, each of which is looked at once."""
    kind, sums = _kind(precision), None
    for block in blocks:
        if len(block) and sums is None:
            sums = _Sums(_pilot(block, kind))
        if sums is not None:
            sums.add(block)
    return (sums or _Sums(np.zeros(dimension, kind))).moments()


def moments_of_pieces(
    pieces: Sequence[Piece], dimension: int, precision: str = "float32"
) -> Moments:
    """Return mean and covariance of pieces of parts, read and multiplied by a thread a core.

    Thread w takes pieces w, w + W, ..., and sums are joined in the threads' order, so the same
    number of threads gives the same digits.
    """
    kind = _kind(precision)
    full = next((piece for piece in pieces if piece.stop > piece.start), None)
    if full is None:
        return _Sums(np.zeros(dimension, kind)).moments()
    pilot = _pilot(full.vectors(), kind)

    def work(mine: Sequence[Piece]) -> _Sums:
        sums, room = _Sums(pilot), None
        for piece, after in zip_longest(mine, mine[1:]):
            if after is not None:
                after.expect()
            room = piece.vectors(room)
            sums.add(room)
        return sums

    workers = min(default_workers(), max(1, len(pieces) // FEW))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            threadpool_limits(1),
            ThreadPoolExecutor(workers, thread_name_prefix="evenface-moments") as pool,
        ):
            shares = list(pool.map(work, (pieces[w::workers] for w in range(workers))))
    finally:
        torch.set_num_threads(before)
    for share in shares[1:]:
        shares[0].join(share)
    return shares[0].moments()
