"""Mean and covariance of vectors that don't fit in memory, each looked at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from evenface.embed.streams import Piece
from evenface.embed.threads import default_workers
from evenface.errors import VectorError

ROWS = 1024
"""Rows of a product: few enough to stay in the cache between their steps."""

STRIP = 64
"""Columns of a covariance that are computed at a time, from the diagonal on."""

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
    (S - s s^T / n) / (n - 1). Products within a block are of `kind`, sums over blocks float64.
    """

    def __init__(self, pilot: torch.Tensor) -> None:
        d = len(pilot)
        self.n, self.pilot = 0, pilot
        self.total = torch.zeros(d, dtype=torch.float64)
        self.products = torch.zeros((d, d), dtype=torch.float64)
        self._room = torch.empty((ROWS, d), dtype=pilot.dtype)

    def add(self, block: NDArray[Any]) -> None:
        for start in range(0, len(block), ROWS):
            rows = torch.from_numpy(block[start : start + ROWS])
            x = self._room[: len(rows)]
            x.copy_(rows)
            x.sub_(self.pilot)
            self.n += len(x)
            self.total += x.sum(dim=0)
            # Above the diagonal only: little more than half the products.
            for i in range(0, x.shape[1], STRIP):
                self.products[i : i + STRIP, i:] += x[:, i : i + STRIP].T @ x[:, i:]

    def join(self, other: _Sums) -> None:
        self.n += other.n
        self.total += other.total
        self.products += other.products

    def moments(self) -> Moments:
        if self.n < 2:
            raise VectorError(f"a covariance needs two vectors or more; there are {self.n}")
        upper = torch.triu(self.products)
        whole = upper + torch.triu(self.products, diagonal=1).T
        covariance = (whole - torch.outer(self.total, self.total) / self.n) / (self.n - 1)
        mean = self.pilot.double() + self.total / self.n
        return Moments(self.n, mean.numpy(), covariance.numpy())


def _kind(precision: str) -> torch.dtype:
    kinds = {"float32": torch.float32, "float64": torch.float64}
    if precision not in kinds:
        raise VectorError(f"precision must be float32 or float64, not {precision!r}")
    return kinds[precision]


def moments_of(
    blocks: Iterable[NDArray[Any]], dimension: int, precision: str = "float32"
) -> Moments:
    """Return mean and covariance of blocks of vectors, each of which is looked at once."""
    kind, sums = _kind(precision), None
    for block in blocks:
        if len(block) and sums is None:
            sums = _Sums(torch.from_numpy(block[:ROWS]).double().mean(dim=0).to(kind))
        if sums is not None:
            sums.add(block)
    return (sums or _Sums(torch.zeros(dimension, dtype=kind))).moments()


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
        return _Sums(torch.zeros(dimension, dtype=kind)).moments()
    pilot = torch.from_numpy(full.vectors()[:ROWS]).double().mean(dim=0).to(kind)

    def work(mine: Sequence[Piece]) -> _Sums:
        sums, room = _Sums(pilot), None
        for piece in mine:
            room = piece.vectors(room)
            sums.add(room)
        return sums

    workers = min(default_workers(), max(1, len(pieces) // FEW))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers, thread_name_prefix="evenface-moments") as pool:
            shares = list(pool.map(work, (pieces[w::workers] for w in range(workers))))
    finally:
        torch.set_num_threads(before)
    for share in shares[1:]:
        shares[0].join(share)
    return shares[0].moments()
