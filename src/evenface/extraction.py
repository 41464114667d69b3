"""Faces to an embedding folder as a study file says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from evenface.config import EmbedOptions, StudyConfig
from evenface.embed.extract import Held, RayEngine, extract
from evenface.embed.models import Embedder, load_embedder
from evenface.embed.progress import Progress
from evenface.embed.resume import begun_runtime
from evenface.embed.store import Store
from evenface.errors import ConfigError
from evenface.faces.places import as_place
from evenface.faces.table import Faces
from evenface.step import Step, Tell, silent


def embed(
    faces: Faces,
    out: Path,
    config: StudyConfig,
    on_step: Tell | None = None,
    *,
    held: Held | None = None,
) -> Store:
    """Embed faces as a study file says; go on where an earlier run was stopped.

    `held` says how to treat what the folder holds; re-use and re-reading are as the file says.
    """
    options, tell = config.embed, on_step or silent

    def show(p: Progress) -> None:
        left = "" if p.seconds_left is None else f", {p.seconds_left:.0f} s left"
        failed = f", {p.failures} failed" if p.failures else ""
        tell(Step("embed", p.done, p.total, f"{p.rate:.0f}/s{left}{failed}"))

    tell(Step("model", 0, 1, options.model))
    begun = begun_runtime(as_place(out))
    load = partial(
        load_embedder,
        options.model,
        weights=options.weights,
        layer=options.layer,
        preprocessing=options.preprocessing,
        device=options.device,
        dtype=begun.get("dtype", "auto") if options.dtype == "auto" else options.dtype,
        runtime=begun.get("engine", "auto") if options.runtime == "auto" else options.runtime,
        options=options.onnx,
    )
    embedder = load()
    said = [" ".join(getattr(embedder, "runtime", {}).values()), *getattr(embedder, "notes", ())]
    tell(Step("model", 1, 1, "; ".join(filter(None, [options.model, *said]))))
    return extract(
        faces,
        embedder,
        out,
        align=options.align,
        detector=options.detector,
        batch=options.batch,
        workers=options.workers,
        max_pixels=options.max_pixels,
        dtype=options.store,
        held=replace(
            held or Held(), recheck=options.recheck, reuse=tuple(map(as_place, options.reuse))
        ),
        engine=_engine(options, load, embedder),
        on_progress=show,
        on_note=lambda text: tell(Step("folder", 1, 1, text)),
    )


def _engine(
    options: EmbedOptions, load: Callable[..., Embedder], embedder: Embedder
) -> RayEngine | None:
    if options.engine == "local":
        if options.address or options.gpus or options.actors != 1:
            raise ConfigError("actors, gpus and address are Ray's; say --engine ray too")
        return None
    # Every actor runs what was chosen here, or vectors would differ from machine to machine.
    chosen = dict(getattr(embedder, "runtime", None) or {})
    if "engine" in chosen and embedder.card.architecture not in ("", "onnx"):
        load = partial(load, runtime=chosen["engine"], dtype=chosen["dtype"])
    return RayEngine(load, options.actors, options.gpus, options.address)
