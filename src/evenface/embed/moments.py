"""Mean and covariance of vectors that don't fit in memory, each looked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeVar, final

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

T = TypeVar("T")
R = TypeVar("R")


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
class Sums:
    """Sums of deviations from a pilot mean, so that a large mean costs no digits.

    With s the sum and S the sum of products of n deviations from the pilot, the covariance is
    (S - s s^T / n) / (n - 1). Products within a block are of the pilot's dtype, sums over blocks
    float64.

    Attributes
    ----------
    n : int
        Rows summed.
    pilot : ndarray, shape (d,)
    total : float64 array, shape (d,)
        s.
    products : float64 array, shape (d, d)
        S.
    marked : float64 array, shape (k, d)
        Sums of the deviations of rows that bear each of `marks` marks.
    """

    def __init__(self, pilot: NDArray[Any], marks: int = 0) -> None:
        d = len(pilot)
        self.n, self.pilot = 0, pilot
        self.total = np.zeros(d)
        self.products = np.zeros((d, d))
        self.marked = np.zeros((marks, d))
        self._room = np.empty((ROWS, d), pilot.dtype)
        self._ones = np.ones(SLICE, pilot.dtype)

    def add(
        self,
        block: NDArray[Any],
        marks: NDArray[Any] | None = None,
        kept: NDArray[np.bool_] | None = None,
    ) -> None:
        """Sum a block of rows.

        Parameters
        ----------
        block : ndarray of float16, float32 or float64, shape (m, d)
        marks : ndarray of the pilot's dtype, shape (k, m), optional
            1 where a row bears a mark, 0 elsewhere.
        kept : ndarray of bool, shape (m,), optional
            Rows to sum; all if not given. What the others hold, even NaN, is not looked at.
        """
        for start in range(0, len(block), ROWS):
            rows = block[start : start + ROWS]
            x = self._room[: len(rows)]
            for at in range(0, len(rows), SLICE):
                part, here = x[at : at + SLICE], slice(start + at, start + at + SLICE)
                _widen(rows[at : at + SLICE], part)
                if self.pilot.any():
                    part -= self.pilot
                if kept is not None:
                    part[~kept[here][: len(part)]] = 0
                # As products: NumPy's sum down columns takes ten times as long.
                self.total += self._ones[: len(part)] @ part
                if marks is not None:
                    self.marked += marks[:, here][:, : len(part)] @ part
            whole = slice(start, start + len(rows))
            self.n += len(rows) if kept is None else int(kept[whole].sum())
            # NumPy sees that both sides are one array, and computes half of the products.
            self.products += x.T @ x

    def join(self, other: Sums) -> None:
        """Add the sums of other rows, of deviations from the same pilot."""
        self.n += other.n
        self.total += other.total
        self.products += other.products
        self.marked += other.marked

    def centred(self) -> NDArray[np.float64]:
        """Return the sum of products of deviations from the rows' own mean, shape (d, d)."""
        found: NDArray[np.float64] = self.products - np.outer(self.total, self.total) / self.n
        return found

    def mean(self) -> NDArray[np.float64]:
        """Return the rows' mean, shape (d,)."""
        found: NDArray[np.float64] = self.pilot.astype(np.float64) + self.total / self.n
        return found

    def moments(self) -> Moments:
        """Return mean and covariance, or raise `VectorError` where there are fewer than 2 rows."""
        if self.n < 2:
            raise VectorError(f"a covariance needs two vectors or more; there are {self.n}")
        return Moments(self.n, self.mean(), self.centred() / (self.n - 1))


def _widen(rows: NDArray[Any], out: NDArray[Any]) -> None:
    if rows.dtype == np.float16:
        # PyTorch widens float16 by the processor's own instruction, NumPy doesn't.
        torch.from_numpy(out).copy_(torch.from_numpy(rows))
    else:
        np.copyto(out, rows, casting="same_kind")


def kind_of(precision: str) -> Any:
    """Return the dtype of products, or raise `VectorError` where there is none of that name."""
    if precision not in ("float32", "float64"):
        raise VectorError(f"precision must be float32 or float64, not {precision!r}")
    return np.dtype(precision)


def pilot_of(block: NDArray[Any], kind: Any) -> NDArray[Any]:
    """Return what deviations are taken from: 0 where the mean costs less than a bit anyway."""
    some = block[:SLICE].astype(np.float64)
    mean: NDArray[Any] = some.mean(axis=0)
    return np.zeros_like(mean, kind) if (abs(mean) <= some.std(axis=0)).all() else mean.astype(kind)


def moments_of(
    blocks: Iterable[NDArray[Any]], dimension: int, precision: str = "float32"
) -> Moments:
    """Return mean and covariance of blocks of vectors, each of which is looked at once."""
    kind, sums = kind_of(precision), None
    for block in blocks:
        if len(block) and sums is None:
            sums = Sums(pilot_of(block, kind))
        if sums is not None:
            sums.add(block)
    return (sums or Sums(np.zeros(dimension, kind))).moments()


def moments_of_pieces(
    pieces: Sequence[Piece], dimension: int, precision: str = "float32"
) -> Moments:
    """Return mean and covariance of pieces of parts, read and multiplied by a thread a core.

    Thread w takes pieces w, w + W, ..., and sums are joined in the threads' order, so the same
    number of threads gives the same digits.
    """
    kind = kind_of(precision)
    full = next((piece for piece in pieces if piece.stop > piece.start), None)
    if full is None:
        return Sums(np.zeros(dimension, kind)).moments()
    pilot = pilot_of(full.vectors(), kind)

    def work(mine: Sequence[Piece]) -> Sums:
        sums, room = Sums(pilot), None
        for piece, after in zip_longest(mine, mine[1:]):
            if after is not None:
                after.expect()
            room = piece.vectors(room)
            sums.add(room)
        return sums

    shares = in_shares(work, pieces)
    for share in shares[1:]:
        shares[0].join(share)
    return shares[0].moments()


def in_shares(work: Callable[[Sequence[T]], R], pieces: Sequence[T]) -> list[R]:
    """Share pieces out to a thread a core, each of which multiplies by itself.

    Thread w takes pieces w, w + W, ...; results stand in the threads' order.
    """
    workers = min(default_workers(), max(1, len(pieces) // FEW))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            threadpool_limits(1),
            ThreadPoolExecutor(workers, thread_name_prefix="evenface-moments") as pool,
        ):
            return list(pool.map(work, (pieces[w::workers] for w in range(workers))))
    finally:
        torch.set_num_threads(before)
