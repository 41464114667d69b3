"""All sign flips and choices of a group, or many drawn at random, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evenface.stats.bootstrap import Array

ROUNDING = 1e-12
"""What is nearer to 0 than this share of the largest is 0."""
BLOCK = 2**22
"""Numbers in the largest array that is held: 32 MiB."""


class Studentised:
    """Differences of two groups' shares, for many choices of the first group at once."""

    def __init__(self, hits: Array, rows: Array) -> None:
        r = rows[:, None]
        # Residuals from the common share: sums of squares about it cancel less than about 0.
        z = hits - hits.sum(axis=0) / r.sum() * r
        self.m = hits.shape[1]
        self.columns = np.concatenate([z, z * z, z * r, r, r * r, np.ones_like(r)], axis=1)
        self.total = self.columns.sum(axis=0)

    def __call__(self, member: Array) -> tuple[Array, Array]:
        """Return differences as they are and studentised, shape (choices, m) each."""
        sums = member @ self.columns
        with np.errstate(divide="ignore", invalid="ignore"):
            one, v = self._share(sums)
            other, w = self._share(self.total - sums)
            apart, variance = one - other, v + w
            t = apart / np.sqrt(variance)
        return apart, np.where((variance == 0) & (np.abs(apart) <= ROUNDING), 0.0, t)

    def _share(self, sums: Array) -> tuple[Array, Array]:
        z, zz, zr = (sums[:, i * self.m : (i + 1) * self.m] for i in range(3))
        r, rr, n = sums[:, -3:-2], sums[:, -2:-1], sums[:, -1:]
        away = z / r
        squares = zz - 2 * away * zr + away**2 * rr
        # What the subtraction leaves of sums over thousands of persons who are all alike.
        squares[squares <= 100 * ROUNDING * (zz + away**2 * rr)] = 0.0
        return away, squares / r**2 * (n / (n - 1))


def _tied(size: Array) -> Array:
    """Return from where on other sizes count as the same or larger."""
    return size * (1 - 1e-9) - ROUNDING


def among_all(sizes: Iterator[Array], seen: Array) -> tuple[Array, Array]:
    """Return p and the smallest that any outcome could have had."""
    every = np.concatenate(list(sizes))
    return (every >= _tied(seen)).mean(axis=0), (every >= _tied(every.max(axis=0))).mean(axis=0)


def among_drawn(sizes: Iterator[Array], seen: Array) -> tuple[Array, Array]:
    """Return p and the smallest it could have been, what was seen counted as one more."""
    count, drawn = np.zeros(seen.shape), 0
    for size in sizes:
        count += (size >= _tied(seen)).sum(axis=0)
        drawn += len(size)
    return (count + 1) / (drawn + 1), np.full(seen.shape, 1 / (drawn + 1))


def _blocks(count: int, width: int) -> Iterator[tuple[int, int]]:
    step = max(BLOCK // max(width, 1), 1)
    return ((a, min(a + step, count)) for a in range(0, count, step))


def turned(flips: Iterator[Array], contributions: Array) -> Iterator[Array]:
    """Return sizes of the sums when those of 0 and 1 that are 1 keep their sign."""
    return (np.abs(2 * (x @ contributions) - contributions.sum(axis=0)) for x in flips)


def all_flips(n: int) -> Iterator[Array]:
    """Return all rows of n numbers 0 and 1."""
    for a, b in _blocks(2**n, n):
        yield (np.arange(a, b)[:, None] >> np.arange(n) & 1).astype(np.float64)


def random_flips(rng: np.random.Generator, count: int, n: int, m: int) -> Iterator[Array]:
    """Return `count` rows of n numbers 0 or 1, for m columns."""
    for a, b in _blocks(count, max(n, m)):
        # Whole words a row, so that the size of a block changes nothing.
        words = rng.integers(2**64 - 1, size=(b - a, -(-n // 64)), dtype=np.uint64, endpoint=True)
        yield np.unpackbits(words.view(np.uint8), axis=1, count=n).astype(np.float64)


def all_subsets(n: int, k: int) -> Iterator[Array]:
    """Return all choices of k among n as rows of 0 and 1."""
    small = min(k, n - k)
    chosen = np.zeros((1, 0), dtype=np.intp)
    following = np.zeros(1, dtype=np.intp)
    for _ in range(small):
        left = n - following
        chosen = np.repeat(chosen, left, axis=0)
        start = np.repeat(np.cumsum(left) - left, left)
        new = np.arange(left.sum()) - start + np.repeat(following, left)
        chosen, following = np.column_stack([chosen, new]), new + 1
    for a, b in _blocks(len(chosen), n):
        member = np.zeros((b - a, n))
        np.put_along_axis(member, chosen[a:b], 1.0, axis=1)
        yield member if small == k else 1 - member


def random_subsets(rng: np.random.Generator, count: int, n: int, k: int, m: int) -> Iterator[Array]:
    """Return `count` choices of k among n as rows of 0 and 1, for m columns."""
    for a, b in _blocks(count, max(n, 5 * m)):
        # Persons with the k smallest of n keys: a third of the time of shuffling. Two keys that
        # are the same at the border, once in 2^32 / n rows, make a group one larger.
        keys = rng.integers(2**32 - 1, size=(b - a, n), dtype=np.uint32, endpoint=True)
        border = np.partition(keys, k - 1, axis=1)[:, k - 1 : k]
        yield (keys <= border).astype(np.float64)
