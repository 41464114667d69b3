"""LEACE of more vectors than memory holds: each looked at once, on a thread a core."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from evenface.embed.moments import ROWS
from evenface.embed.store import Store
from evenface.embed.threads import default_workers
from evenface.embed.where import Where
from evenface.erasers.eraser import Maps, joint
from evenface.erasers.leace import LeaceFitter
from evenface.erasers.rows import SAME, Block, codes_of, refuse_unscaled
from evenface.errors import VectorError
from evenface.heads.threads import torch_threads

AHEAD = 2
"""Blocks for each thread that wait or are worked on: what is held in memory."""


def stream_leace(
    blocks: Iterable[Block],
    sizes: Sequence[int],
    precision: str = "float32",
    workers: int | None = None,
) -> Maps:
    """Return LEACE's map of blocks, which threads take in turns.

    Thread w takes blocks w, w + W, ..., and sums are joined in the threads' order, so the same
    number of threads gives the same digits.

    Parameters
    ----------
    blocks : iterable of (vectors, codes)
        Of shapes (m, d), float16, float32 or float64, and (m,) or (m, attributes), -1 where a
        label is unknown and the row takes no part; best some thousand rows each. A block must
        not be written to once it was handed over.
    sizes : sequence of int
        Classes of each attribute.
    precision : {"float32", "float64"}
        Of products within a block; sums over blocks are float64.
    workers : int, optional
        Threads; one a core by default, but not above 8.

    Raises
    ------
    VectorError
        If blocks don't fit each other or their labels, a value is not finite, there are fewer
        than two labelled rows, or an attribute has one class only.
    """
    count = default_workers() if workers is None else workers
    if count < 1:
        raise VectorError(f"there must be one thread or more, not {count}")
    source = _checked(blocks, sizes)
    first = LeaceFitter(sizes, precision)
    with threadpool_limits(1), torch_threads(1), ExitStack() as stack:
        # Of it come the mean that all deviations are taken from, and so what can be joined.
        for vectors, codes in source:
            _take(first, vectors, codes)
            if first.sums is not None:
                break
        fitters = [first, *(first.beside() for _ in range(count - 1))]
        pools = [
            stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="evenface-leace"))
            for _ in fitters
        ]
        pending: deque[Future[None]] = deque()
        for k, (vectors, codes) in enumerate(source):
            w = k % count
            pending.append(pools[w].submit(_take, fitters[w], vectors, codes))
            if len(pending) >= AHEAD * count:
                pending.popleft().result()
        while pending:
            pending.popleft().result()
    for other in fitters[1:]:
        first.join(other)
    # A factorisation on several threads has them meet at every column.
    with threadpool_limits(1):
        return first.maps()


def _take(fitter: LeaceFitter, vectors: npt.NDArray[Any], codes: npt.NDArray[Any]) -> None:
    # What is not finite is told once, of the sums.
    with np.errstate(over="ignore", invalid="ignore"):
        fitter.update(vectors, codes)


def _checked(blocks: Iterable[Block], sizes: Sequence[int]) -> Iterator[Block]:
    """Yield blocks, once they fit the first of them and their labels."""
    width: int | None = None
    for k, (vectors, codes) in enumerate(blocks):
        if (
            vectors.ndim != 2
            or vectors.dtype.kind != "f"
            or vectors.shape[1] != (width := vectors.shape[-1] if width is None else width)
        ):
            wanted = "rows of numbers" if width is None else f"vectors of {width} numbers"
            raise VectorError(
                f"block {k} is {vectors.dtype} of shape {vectors.shape}; expected {wanted}"
            )
        joint(codes, sizes, len(vectors))
        yield vectors, codes


def differing(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield blocks, and after the last refuse labelled vectors that are all the same or unscaled.

    Codes are of shape (m, attributes).
    """
    first: npt.NDArray[Any] | None = None
    same, largest = True, 0.0
    for vectors, codes in blocks:
        largest = max(largest, *(float(abs(end(vectors, initial=0))) for end in (np.min, np.max)))
        if same:
            own = vectors[(codes >= 0).all(axis=1)]
            first = own[0] if first is None and len(own) else first
            same = first is None or bool((own == first).all())
        yield vectors, codes
    refuse_unscaled(largest)
    if same and first is not None:
        raise VectorError(SAME)


def blocks_of(
    vectors: npt.NDArray[Any], codes: npt.NDArray[Any], size: int = ROWS
) -> Iterator[Block]:
    """Cut an array, which may be mapped from a file, into blocks of at most `size` rows."""
    if len(vectors) != len(codes):
        raise VectorError(f"{len(codes)} labels for {len(vectors)} vectors: expected one a row")
    for start in range(0, len(vectors), size):
        yield vectors[start : start + size], codes[start : start + size]


def store_blocks(
    store: Store,
    attributes: Sequence[str],
    classes: Sequence[Sequence[str]],
    where: Where | None = None,
    size: int = ROWS,
) -> Iterator[Block]:
    """Read an embedding folder's vectors and classes a block at a time, reading ahead.

    Parameters
    ----------
    store : Store
    attributes : sequence of str
    classes : sequence of sequences of str
        Of each attribute, in the order of their codes; any other label counts as unknown.
    where : mapping or polars.Expr, optional
        Which rows, as in `Store.rows`.
    size : int
        Rows of a block, at most.
    """
    for batch in store.batches(size, columns=list(attributes), where=where):
        yield batch.vectors, codes_of(batch.rows, attributes, classes)
