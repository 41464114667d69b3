"""The engine of one machine: threads that prepare pictures, a network, a writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from evenface.embed.chunks import Done, embed_chunk, write_chunk
from evenface.embed.models import Embedder
from evenface.embed.prepare import Preparer
from evenface.embed.resume import Work
from evenface.embed.threads import default_workers, in_order, one_opencv_thread

Tell = Callable[[int, int], None]
OnDone = Callable[[int, Done], None]


@dataclass(frozen=True)
class Job:
    """What an engine is given; the same for all engines.

    Attributes
    ----------
    out : path
    work : Work
    todo : tuple of int
        Chunks that are not done.
    preparer : Preparer
    embedder : Embedder
    workers : int or None
        Pictures that are prepared at a time.
    """

    out: Path
    work: Work
    todo: tuple[int, ...]
    preparer: Preparer
    embedder: Embedder
    workers: int | None = None

    def rows(self, k: int) -> pl.DataFrame:
        """Return the rows of a chunk."""
        return self.work.chunks[k]


def run_here(job: Job, on_done: OnDone, tell: Tell) -> None:
    """Do every chunk on this machine, in order, with a bounded number of pictures in memory."""
    workers = default_workers() if job.workers is None else max(1, job.workers)
    batch = int(job.work.manifest["chunks"]["batch"])
    window = 2 * batch + workers
    with (
        one_opencv_thread(),
        ThreadPoolExecutor(workers, thread_name_prefix="evenface-decode") as pool,
    ):
        pictures: Iterable[dict[str, object]] = (
            row for k in job.todo for row in job.rows(k).iter_rows(named=True)
        )
        prepared = in_order(pool, job.preparer, pictures, window)
        try:
            for k in job.todo:
                chunk = embed_chunk(
                    prepared, job.rows(k).height, job.embedder, job.work.manifest, tell
                )
                number = job.work.number(k)
                on_done(k, write_chunk(job.out, number, chunk, job.work.manifest))
        finally:
            prepared.close()
            pool.shutdown(cancel_futures=True)
