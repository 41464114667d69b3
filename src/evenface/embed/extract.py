"""From faces to an embedding folder; a run that was killed goes on where it was.

A folder's rows are dealt into chunks in the table's order. A chunk is done when its record is
there, after its part; engines differ in who does it, never in what is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from evenface.embed.chunks import Done, read_chunk
from evenface.embed.contract import refuse_to_reuse
from evenface.embed.decode import MAX_PIXELS
from evenface.embed.embeddings import Embeddings
from evenface.embed.files import MANIFEST, one_writer, refuse_unreachable
from evenface.embed.folder import finish_folder, tidy
from evenface.embed.local import Job, run_here
from evenface.embed.manifest import describe_source, new_manifest
from evenface.embed.models import Embedder
from evenface.embed.parts import DTYPES
from evenface.embed.prepare import Preparer, plan_preprocessing
from evenface.embed.progress import Progress, Reporter
from evenface.embed.ray import RayEngine
from evenface.embed.resume import Held, begin, discard, make_folder
from evenface.embed.store import Store, open_store
from evenface.embed.threads import default_workers
from evenface.errors import ModelError, SourceError
from evenface.faces.places import as_place
from evenface.faces.table import Faces

__all__ = ["Held", "Progress", "RayEngine", "embed_faces", "extract"]

DEFAULT = Held()
MANY = 2**20
"""Pictures from which on parts are larger: ten thousand files are enough for a folder."""


class ExtractOptions(TypedDict, total=False):
    """Options of `extract`, which says what they are."""

    align: Literal["auto", "yunet", "none"]
    detector: str | Path | None
    batch: int
    workers: int | None
    part_rows: int | None
    max_pixels: int
    dtype: Literal["float32", "float16"]
    held: Held
    engine: RayEngine | None
    on_progress: Callable[[Progress], None] | None
    on_note: Callable[[str], None] | None


def embed_faces(
    faces: Faces, embedder: Embedder, out: str | Path, **options: Unpack[ExtractOptions]
) -> Embeddings:
    """Embed pictures into a folder and read it into memory.

    Parameters
    ----------
    faces : Faces
        At least one row.
    embedder : Embedder
        From `load_embedder`, or anything with a card that is called with crops.
    out : path or address
        Absent, empty, or a folder of the same contract.
    **options
        Those of `extract`.

    Returns
    -------
    Embeddings

    Raises
    ------
    EvenfaceError
        As `extract`.
    """
    return extract(faces, embedder, out, **options).load()


def extract(
    faces: Faces,
    embedder: Embedder,
    out: str | Path,
    *,
    align: Literal["auto", "yunet", "none"] = "auto",
    detector: str | Path | None = None,
    batch: int = 32,
    workers: int | None = None,
    part_rows: int | None = None,
    max_pixels: int = MAX_PIXELS,
    dtype: Literal["float32", "float16"] = "float32",
    held: Held = DEFAULT,
    engine: RayEngine | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Store:
    """Embed pictures into a folder, or go on with one, or bring a finished one up to date.

    No vector is computed twice: pictures that the folder holds, and those of `held.reuse`, are
    known by the hash of their bytes. What is finished is never changed in place; new parts join
    it, and readers see the old folder until the new one is whole.

    Parameters
    ----------
    faces : Faces
        At least one row.
    embedder : Embedder
        From `load_embedder`, or anything with a card that is called with crops.
    out : path or address
        Absent, empty, or a folder of the same contract: network, alignment and limit on pixels.
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
    part_rows : int, optional
        Pictures a part; by default 1024, or 8192 where there are more than a million. A resumed
        folder keeps its own.
    max_pixels : int
        Pictures with more are recorded as failures.
    dtype : {"float32", "float16"}
        What vectors are kept as.
    held : Held
        How to treat what is there already.
    engine : RayEngine, optional
        Runs the job on Ray; on this machine's threads if not given.
    on_progress : callable, optional
        Called with a `Progress` after each batch, in the calling thread.
    on_note : callable, optional
        Called with a sentence about what the folder held already, if that is to change.

    Returns
    -------
    Store

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
    if part_rows is None:
        part_rows = 1024 if len(faces) <= MANY else 8192
    for name, number in (("batch", batch), ("part_rows", part_rows), ("max_pixels", max_pixels)):
        if number < 1:
            raise ModelError(f"{name} must be at least 1, not {number}")
    if dtype not in DTYPES:
        raise ModelError(f"vectors can be kept as {' or '.join(DTYPES)}, not as {dtype!r}")
    out = as_place(out)
    plan, found_by = plan_preprocessing(embedder.card, align, detector, max_pixels)
    manifest = new_manifest(
        embedder.card.to_dict(),
        plan,
        describe_source(faces),
        {"part_rows": part_rows, "batch": batch},
        len(faces),
        getattr(embedder, "runtime", None),
        dtype,
    )
    refuse_unreachable(out)
    if engine is not None:
        engine.check()
    for place in held.reuse:
        there = open_store(place)
        refuse_to_reuse(there.manifest, manifest, (str(there.folder), str(out)))
    made = make_folder(out)
    threads = default_workers() if workers is None else max(1, workers)
    with one_writer(out):
        work = begin(out, manifest, faces, held, threads)
        if work is None:
            tidy(out)
            return open_store(out)
        if work.said and on_note is not None:
            on_note(work.said)
        reporter = Reporter(len(faces), on_progress)
        reporter.resume(len(faces) - sum(c.height for c in work.chunks), 0)
        done = {k: d for k, rows in enumerate(work.chunks)
                if (d := read_chunk(out, work.number(k), rows)) is not None}  # fmt: skip
        for one in done.values():
            reporter.resume(one.part.rows + len(one.failures), len(one.failures))
        todo = tuple(k for k in range(len(work.chunks)) if k not in done)
        preparer = Preparer(faces.root, embedder.card, found_by, max_pixels, work.bank)
        job = Job(out, work, todo, preparer, embedder, workers)
        if todo:
            reporter(0, 0)
            try:
                (run_here if engine is None else engine)(job, done.__setitem__, reporter)
            except ModelError:
                # Asked for what can't be; a folder that holds nothing yet would be in the way.
                if not done and not work.manifest["parts"] and not (out / MANIFEST).exists():
                    discard(out, made)
                raise
        finished = [done[k] for k in range(len(work.chunks))]
        _refuse_nothing(faces, finished, work.manifest, out, made)
        finish_folder(out, work.manifest, finished)
    return open_store(out)


def _refuse_nothing(
    faces: Faces, done: list[Done], manifest: Mapping[str, Any], out: Path, made: bool
) -> None:
    """Raise `SourceError`, and keep nothing, where not one picture has a vector."""
    if manifest["parts"] or any(d.part.rows for d in done):
        return
    reasons = Counter(
        (row["stage"], row["reason"])
        for row in (*manifest.get("kept_failures", ()), *(r for d in done for r in d.failures))
    )
    if not (out / MANIFEST).exists():
        discard(out, made)
    (stage, reason), times = reasons.most_common(1)[0]
    raise SourceError(
        f"not one of {len(faces)} pictures could be embedded; {times} of them "
        f"failed at {stage}: {reason}. Pictures were looked for in {faces.root}"
    )
