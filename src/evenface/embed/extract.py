"""The loop from faces to an embedding folder; a run that was killed goes on where it was.

Chunk k is rows ``k * part_rows`` and on, in the table's order. It is done when its part is there;
its batches never reach beyond it, so a vector is the same to the bit however often a run stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.decode import MAX_PIXELS
from evenface.embed.embeddings import Embeddings
from evenface.embed.files import (
    FAILURE_SCHEMA,
    chunk_failures_name,
    one_writer,
    part_name,
    read_parquet,
    write_parquet,
)
from evenface.embed.manifest import describe_source, new_manifest
from evenface.embed.models import Embedder
from evenface.embed.prepare import Crop, Failure, Preparer, plan_preprocessing
from evenface.embed.progress import Progress, Reporter
from evenface.embed.resume import adopt, discard, make_folder
from evenface.embed.store import (
    finish_folder,
    open_embeddings,
    part_frame,
    row_schema,
)
from evenface.embed.threads import default_workers, in_order, one_opencv_thread
from evenface.errors import ModelError, SourceError, StoreError
from evenface.faces.table import Faces

__all__ = ["Progress", "embed_faces"]


def embed_faces(
    faces: Faces,
    embedder: Embedder,
    out: str | Path,
    *,
    align: Literal["auto", "yunet", "none"] = "auto",
    detector: str | Path | None = None,
    batch: int = 32,
    workers: int | None = None,
    part_rows: int = 1024,
    max_pixels: int = MAX_PIXELS,
    on_progress: Callable[[Progress], None] | None = None,
) -> Embeddings:
    """Embed pictures into a folder, or go on with one, or open one that is finished.

    Parameters
    ----------
    faces : Faces
        At least one row.
    embedder : Embedder
        From `load_embedder`, or anything with a card that is called with crops.
    out : path
        Absent, empty, or a folder of the same embedding: same faces in the same order, network,
        alignment and limit on pixels.
    align : {"auto", "yunet", "none"}
        ``yunet``: warp to ArcFace's five points, with the largest and most central face where
        there are several. ``none``: cut the centre. ``auto``: the former where the network wants
        it and `detector` is given; else the latter, with the reason in the manifest.
    detector : path, optional
        YuNet's ONNX file.
    batch : int
        Pictures for one call of `embedder`. A resumed folder keeps its own `batch`.
    workers : int, optional
        Threads that read, decode and align; as many as there are cores, but not above 8.
    part_rows : int
        Pictures a part. A resumed folder keeps its own.
    max_pixels : int
        Pictures with more are recorded as failures.
    on_progress : callable, optional
        Called with a `Progress` after each batch, in the calling thread.

    Raises
    ------
    StoreError
        Where `out` holds something else, or another process writes to it.
    ModelError
        Where the detector is missing or doesn't fit, or the network returns something else than
        its card says.
    SourceError
        Where there are no faces, or not one of them could be embedded: then nothing is kept.
    """
    if not len(faces):
        raise SourceError(f"there are no pictures to embed ({faces.layout} at {faces.root})")
    for name, number in (("batch", batch), ("part_rows", part_rows), ("max_pixels", max_pixels)):
        if number < 1:
            raise ModelError(f"{name} must be at least 1, not {number}")
    out = Path(out)
    plan, found_by = plan_preprocessing(embedder.card, align, detector, max_pixels)
    manifest = new_manifest(
        embedder.card.to_dict(),
        plan,
        describe_source(faces),
        {"part_rows": part_rows, "batch": batch},
        len(faces),
        getattr(embedder, "runtime", None),
    )
    made = make_folder(out)
    with one_writer(out):
        manifest = adopt(out, manifest)
        if not manifest["finished"]:
            preparer = Preparer(faces.root, embedder.card, found_by, max_pixels)
            run = _Run(faces, embedder, out, manifest, preparer, on_progress)
            with one_opencv_thread():
                run.finish(default_workers() if workers is None else max(1, workers))
            if not run.embedded:
                discard(out, made)
                (stage, reason), times = run.reasons.most_common(1)[0]
                raise SourceError(
                    f"not one of {len(faces)} pictures could be embedded; {times} of them "
                    f"failed at {stage}: {reason}. Pictures were looked for in {faces.root}"
                )
            finish_folder(out, manifest, len(run.chunks))
    return open_embeddings(out)


class _Run:
    """One run over the chunks that are not done."""

    def __init__(
        self,
        faces: Faces,
        embedder: Embedder,
        out: Path,
        manifest: dict[str, Any],
        preparer: Preparer,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.embedder, self.out, self.preparer = embedder, out, preparer
        self.dimension = int(manifest["dimension"])
        self.schema = row_schema(manifest)
        self.batch = int(manifest["chunks"]["batch"])
        rows, size = faces.frame, int(manifest["chunks"]["part_rows"])
        self.chunks = [rows[start : start + size] for start in range(0, len(faces), size)]
        self.embedded = 0
        self.reasons: Counter[tuple[str, str]] = Counter()
        self._report = Reporter(len(faces), on_progress)

    def finish(self, workers: int) -> None:
        """Do all chunks that are not done."""
        todo = [k for k in range(len(self.chunks)) if not self._is_done(k)]
        if not todo:
            return
        self._report(0, 0)
        window = 2 * self.batch + workers
        with ThreadPoolExecutor(workers, thread_name_prefix="evenface-decode") as pool:
            rows = (row for k in todo for row in self.chunks[k].iter_rows(named=True))
            prepared = in_order(pool, self.preparer, rows, window)
            try:
                for k in todo:
                    self._chunk(k, prepared)
            finally:
                prepared.close()
                pool.shutdown(cancel_futures=True)

    def _is_done(self, k: int) -> bool:
        """Say whether a chunk's files are there, whole, and hold each of its pictures once."""
        part, failed = self.out / part_name(k), self.out / chunk_failures_name(k)
        if not part.exists() or not failed.exists():
            return False
        try:
            failures, rows = read_parquet(failed), read_parquet(part)
        except StoreError:
            return False
        if dict(failures.schema) != FAILURE_SCHEMA or list(rows.columns[:-1]) != list(self.schema):
            return False
        ids = {*rows["sample_id"].to_list(), *failures["sample_id"].to_list()}
        if ids != set(self.chunks[k]["sample_id"].to_list()):
            return False
        self._count(rows.height, failures)
        self._report.resume(rows.height + failures.height, failures.height)
        return True

    def _count(self, embedded: int, failures: pl.DataFrame) -> None:
        self.embedded += embedded
        self.reasons.update(failures.select("stage", "reason").iter_rows())

    def _chunk(self, k: int, prepared: Iterator[Crop | Failure]) -> None:
        rows: list[dict[str, Any]] = []
        vectors: list[NDArray[np.float32]] = []
        failures: list[dict[str, Any]] = []
        waiting: list[Crop] = []
        unreported = failed = 0
        height = self.chunks[k].height
        for i in range(height):
            item = next(prepared)
            unreported += 1
            if isinstance(item, Failure):
                failures.append(item.row())
            else:
                waiting.append(item)
            if len(waiting) == self.batch or (i == height - 1 and waiting):
                for crop, vector in zip(waiting, self._embed(waiting), strict=True):
                    if np.isfinite(vector).all():
                        rows.append(crop.row)
                        vectors.append(vector)
                    else:
                        reason = "the network returned NaN or infinity"
                        failures.append(Failure(crop.row, "embed", reason).row())
                waiting = []
            if unreported >= self.batch or i == height - 1:
                self._report(unreported, len(failures) - failed)
                unreported, failed = 0, len(failures)
        failed_rows = pl.DataFrame(failures, schema=FAILURE_SCHEMA)
        array = np.array(vectors, np.float32).reshape(len(rows), self.dimension)
        frame = pl.DataFrame(rows, schema=self.schema)
        # The part last: it is what makes the chunk done.
        write_parquet(self.out / chunk_failures_name(k), failed_rows)
        write_parquet(self.out / part_name(k), part_frame(frame, array))
        self._count(len(rows), failed_rows)

    def _embed(self, crops: list[Crop]) -> NDArray[np.float32]:
        vectors = np.asarray(self.embedder(np.stack([crop.pixels for crop in crops])))
        wanted = (len(crops), self.dimension)
        if vectors.shape != wanted:
            raise ModelError(
                f"{self.embedder.card.name} returned shape {vectors.shape}; {wanted} was expected"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            return vectors.astype(np.float32)
