"""The engine for clusters: the same chunks on Ray Data, decoded by tasks, embedded by actors.

Every chunk is written by the actor that embeds it, under the name and with the bytes that it
would have on one machine. A chunk whose actor or machine is lost is done again elsewhere.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evenface.embed.chunks import Done, Item, embed_chunk, write_chunk
from evenface.embed.files import first_line
from evenface.embed.models import Embedder
from evenface.embed.parts import DTYPES, Part
from evenface.embed.prepare import Crop, Failure, Known, Preparer
from evenface.embed.threads import one_opencv_thread, usable_cores
from evenface.errors import EvenfaceError, ModelError, StoreError, install_extra
from evenface.faces.places import as_place

if TYPE_CHECKING:
    from evenface.embed.local import Job


@dataclass(frozen=True)
class RayEngine:
    """Runs a job on Ray.

    Attributes
    ----------
    load : callable
        Makes the embedder in each actor, as ``functools.partial(load_embedder, "hog")``. What it
        needs, such as a weight file, must lie at the same place on every machine.
    actors : int
        Networks that work at a time.
    gpus : float
        GPUs for each of them; a fraction shares one.
    address : str, optional
        Of a cluster: ``auto``, ``host:6379`` or ``ray://host:10001``. Ray starts on this machine
        if not given.
    """

    load: Callable[[], Embedder]
    actors: int = 1
    gpus: float = 0.0
    address: str | None = None

    def __call__(
        self, job: Job, on_done: Callable[[int, Done], None], tell: Callable[[int, int], None]
    ) -> None:
        """Do every chunk; `on_done` and `tell` are called here as chunks end, in any order.

        Raises
        ------
        ModelError
            Where Ray isn't installed, the cluster can't be reached, or has too little for the
            actors.
        StoreError
            Where a chunk failed for good.
        """
        self.check()
        ray = _ray()
        ours = not ray.is_initialized()
        try:
            if ours:
                self._start(ray)
            _refuse_small(ray, self)
            for number, done in _run(ray, job, self):
                on_done(number - job.work.number(0), done)
                tell(done.part.rows + len(done.failures), len(done.failures))
        except EvenfaceError:
            raise
        except Exception as error:
            raise _ours(error) from error
        finally:
            if ours:
                ray.shutdown()

    def check(self) -> None:
        """Refuse what can be seen to be wrong before a folder is made.

        Raises
        ------
        ModelError
            Where a number makes no sense, Ray isn't installed, or no cluster answers.
        """
        if self.actors < 1 or not 0 <= self.gpus < float("inf"):
            raise ModelError("actors must be 1 or more, and gpus 0 or more")
        _ray()
        named = re.fullmatch(r"(?:ray://)?([^:/]+):([0-9]{1,5})", self.address or "")
        if named is None:
            return
        # Ray itself would wait for minutes.
        try:
            socket.create_connection((named[1], int(named[2])), timeout=10).close()
        except (OSError, OverflowError) as error:
            raise _no_cluster(self.address, error) from error

    def _start(self, ray: Any) -> None:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        quiet = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}
        if self.address is None:
            # Its core warns of what Ray Data itself does, on every run.
            os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
            # Actors wait for pictures most of the time; decoding needs the cores.
            ray.init(address="local", num_cpus=usable_cores() + self.actors, **quiet)
            return
        try:
            ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")
        except Exception as error:
            raise _no_cluster(self.address, error) from error


def _no_cluster(address: str | None, error: Exception) -> ModelError:
    return ModelError(
        f"no Ray cluster answers at {address}: {first_line(error)}; start one with "
        "`ray start --head`, or leave --address out"
    )


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ModelError(
            f"Ray isn't installed ({error}): {install_extra('ray')}, or leave --engine ray out"
        ) from error
    return ray


def _refuse_small(ray: Any, engine: RayEngine) -> None:
    there = ray.cluster_resources()
    cores, gpus = there.get("CPU", 0), there.get("GPU", 0)
    if gpus < engine.gpus * engine.actors:
        raise ModelError(
            f"{engine.actors} actors of {engine.gpus:g} GPUs were asked for; Ray has {gpus:g}"
        )
    if cores <= engine.actors:
        raise ModelError(
            f"{engine.actors} actors leave none of Ray's {cores:g} CPUs to decode pictures; ask "
            f"for fewer"
        )


def _run(ray: Any, job: Job, engine: RayEngine) -> Iterator[tuple[int, Done]]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # An actor is sent what it needs to write a part, not what a long run has kept.
    manifest = {k: job.work.manifest[k] for k in ("model", "dimension", "dtype", "chunks")}
    manifest["source"] = {"attributes": job.work.manifest["source"]["attributes"]}
    items = [{"number": job.work.number(k), "rows": job.rows(k).write_json()} for k in job.todo]
    chunks = ray.data.from_items(items, override_num_blocks=len(items))
    prepared = chunks.map(_prepare, fn_args=(ray.put(job.preparer),), num_cpus=1)
    written = prepared.map(
        EmbedChunk,
        fn_constructor_args=(engine.load, str(job.out), manifest),
        compute=ray.data.ActorPoolStrategy(size=min(engine.actors, len(items))),
        # Not what the tasks ask for, or Ray would decode in the actors too.
        num_cpus=0.9,
        num_gpus=engine.gpus or None,
    )
    for row in written.iter_rows():
        said = json.loads(row["done"])
        yield int(row["number"]), Done(Part.of(said["part"]), said["failures"])


def _prepare(chunk: dict[str, Any], preparer: Any) -> dict[str, Any]:
    """Prepare a chunk's pictures, in a task; plain bytes travel best."""
    import ray

    prepare: Preparer = ray.get(preparer)
    with one_opencv_thread():
        items = [prepare(row) for row in json.loads(chunk["rows"])]
    return {"number": chunk["number"], **pack(items)}


def pack(items: list[Item]) -> dict[str, Any]:
    """Return items as text and bytes, which Arrow carries as they are."""
    rows: list[Any] = []
    pixels: list[bytes] = []
    vectors: list[bytes] = []
    shape: list[int] = []
    dtype = "float32"
    for item in items:
        if isinstance(item, Failure):
            rows.append(["failure", item.picture, item.stage, item.reason, item.sha256])
        elif isinstance(item, Known):
            rows.append(["known", item.row])
            vectors.append(item.vector.tobytes())
            dtype = item.vector.dtype.name
        else:
            rows.append(["crop", item.row])
            pixels.append(item.pixels.tobytes())
            shape = list(item.pixels.shape)
    said = json.dumps({"rows": rows, "shape": shape, "dtype": dtype})
    return {"said": said, "pixels": b"".join(pixels), "vectors": b"".join(vectors)}


def unpack(packed: dict[str, Any]) -> list[Item]:
    """Return the items that were packed."""
    said = json.loads(packed["said"])
    kinds = [row[0] for row in said["rows"]]
    shape = (kinds.count("crop"), *said["shape"]) if said["shape"] else (0,)
    crops = iter(np.frombuffer(packed["pixels"], np.uint8).reshape(shape))
    known = kinds.count("known")
    flat = np.frombuffer(packed["vectors"], DTYPES[said["dtype"]][0])
    vectors = iter(flat.reshape(known, -1) if known else flat)
    made: dict[str, Callable[..., Item]] = {
        "failure": Failure,
        "known": lambda row: Known(row, next(vectors)),
        "crop": lambda row: Crop(row, next(crops)),
    }
    return [made[kind](*rest) for kind, *rest in said["rows"]]


class EmbedChunk:
    """An actor: holds the network, embeds chunks and writes their parts."""

    def __init__(self, load: Callable[[], Embedder], out: str, manifest: dict[str, Any]) -> None:
        self._embedder, self._out, self._manifest = load(), as_place(out), manifest
        if self._embedder.card.to_dict() != manifest["model"]:
            raise ModelError(
                f"this machine has another {manifest['model']['name']} than the one that started "
                "the job; put the same files at the same place on every machine"
            )

    def __call__(self, packed: dict[str, Any]) -> dict[str, Any]:
        """Embed a chunk and write it; its pictures go no further."""
        items = unpack(packed)
        chunk = embed_chunk(iter(items), len(items), self._embedder, self._manifest)
        done = write_chunk(self._out, int(packed["number"]), chunk, self._manifest)
        said = json.dumps({"part": done.part.entry(), "failures": done.failures})
        return {"number": int(packed["number"]), "done": said}


def _ours(error: BaseException) -> EvenfaceError:
    """Return what an actor or task said, if it was evenface's; or what Ray says, shortened."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EvenfaceError):
            return type(cause)(str(cause)) if type(cause).__init__ is Exception.__init__ else cause
        inner = getattr(cause, "cause", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return StoreError(
        f"a chunk failed on Ray: {lines[-1][:300]}. What is done is kept; run the same command "
        "again to go on"
    )
