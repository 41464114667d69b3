"""The public API as a stranger uses it; mypy reads it strictly, and nothing runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy.typing import NDArray

import evenface as ef
from evenface.embed.streams import Batch
from evenface.heads.streamed import fit_streamed
from evenface.stats.comparisons import holm
from evenface.stats.pair_counts import PairCounts
from evenface.stats.pairs import pair_rate
from evenface.stats.power import identities_needed
from evenface.stats.rates import Scores, equal_error, fmr


class Mean:
    """An embedder of one's own."""

    @property
    def card(self) -> ef.ModelCard:
        """What it is."""
        return ef.MODELS["sface"].with_fields(name="mean", dimension=3)

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the mean colour of each crop."""
        return np.asarray(crops.mean(axis=(1, 2)), dtype=np.float32)


def faces_to_vectors(folder: Path) -> ef.Embeddings:
    """Read, choose, embed."""
    faces = assert_type(ef.read_faces(folder), ef.Faces)
    chosen = assert_type(ef.select_faces(faces, per_group=10, by=["gender"]), ef.Faces)
    embedder: ef.Embedder = Mean()
    embedder = ef.load_embedder("hog")
    assert_type(ef.extract(chosen, embedder, "emb", align="none", held=ef.Held()), ef.Store)
    made = ef.embed_faces(chosen, embedder, "emb", batch=8, dtype="float16")
    assert_type(made.vectors, NDArray[np.float32])
    assert_type(made.rows, pl.DataFrame)
    assert_type(made.attributes, tuple[str, ...])
    assert_type(ef.check_embeddings("emb"), tuple[str, ...])
    return assert_type(made.take([0, 1]), ef.Embeddings)


def ask(embeddings: ef.Embeddings) -> list[str]:
    """Ask a study, with options and splits of one's own."""
    common = ef.CommonOptions(seeds=2, level=0.9)
    splits = assert_type(ef.make_splits(embeddings.rows, [None] * len(embeddings)), list[ef.Split])
    found = ef.probe(embeddings, ef.ProbeOptions(probes=("linear",)), common, splits=splits)
    assert_type(found, ef.ProbeResult)
    assert_type(found.plot(), Figure)
    assert_type(found.frame(), pl.DataFrame)
    number = assert_type(found.estimate(metric="balanced_accuracy", target="gender"), ef.Estimate)
    assert_type(number.value, float | None)
    assert_type(ef.transfer(embeddings), ef.TransferResult)
    assert_type(ef.verify(embeddings, ef.VerifyOptions(fmr=(0.01,))), ef.VerifyResult)
    assert_type(ef.map_space(embeddings), ef.MapResult)
    assert_type(ef.spaces(embeddings), ef.SpacesResult)
    assert_type(ef.bias(embeddings), ef.BiasResult)
    assert_type(ef.erase(embeddings), ef.EraseResult)
    assert_type(ef.checks(embeddings), ef.ChecksResult)
    assert_type(ef.compare("out/a", "out/b"), ef.Comparison)
    return assert_type(found.reading(), list[str])


def take_out(x: NDArray[np.float32], y: NDArray[np.int64]) -> NDArray[np.float32]:
    """Fit an eraser, keep it, use it."""
    eraser = ef.fit_eraser("leace", x, y, attributes=["gender"], classes=[["female", "male"]])
    assert_type(ef.save_eraser(eraser, Path("e.safetensors")), Path)
    read, card = ef.load_eraser(Path("e.safetensors"))
    assert_type(read, ef.Eraser)
    assert_type(card, dict[str, Any])
    return assert_type(read.at(0.5)(x), NDArray[np.float32])


def stream(folder: str) -> NDArray[np.float64]:
    """Go through a store without loading it."""
    store = assert_type(ef.open_store(folder), ef.Store)
    assert_type(store.batches(size=64, columns=["gender"]), Iterator[Batch])
    moments = store.moments()

    def passes() -> Iterator[tuple[NDArray[np.float32], NDArray[np.intp]]]:
        for batch in store.batches():
            yield batch.vectors, np.zeros(len(batch.vectors), dtype=np.intp)

    learned = fit_streamed(passes, 2, moments.mean, moments.covariance)
    assert_type(learned.predict(np.zeros((1, store.dimension), dtype=np.float32)), NDArray[np.intp])
    return moments.mean


def rates(scores: NDArray[np.float64]) -> float:
    """Count errors of pairs."""
    both = assert_type(Scores.of(scores), Scores)
    assert_type(fmr(both, 0.5), NDArray[np.float64])
    counts = PairCounts.listed([0], [1], [True])
    assert_type(pair_rate(counts, level=0.9), ef.Estimate)
    assert_type(holm(np.array([0.1, 0.2])), NDArray[np.float64])
    assert_type(identities_needed(0.01, 0.3), NDArray[np.float64])
    return assert_type(equal_error(both, both).value, float)


def from_elsewhere(x: NDArray[np.float64]) -> ef.Embeddings:
    """Bring vectors in, put folders together, take them out again."""
    made = ef.embeddings_from_arrays(x, {"identity": ["a", "b"], "gender": ["female", "male"]})
    assert_type(ef.import_vectors("x.npy", "emb/x", labels="labels.csv"), ef.Embeddings)
    assert_type(ef.join_embeddings(["emb/x", "emb/y"], "emb/all"), ef.Embeddings)
    assert_type(ef.export_embeddings(made, "x.parquet"), Path)
    eraser, card = ef.load_eraser(Path("e.safetensors"))
    assert_type(ef.apply_eraser(eraser, made, card=card), ef.Embeddings)
    assert_type(ef.place(x, x[:, :2], x), NDArray[np.float64])
    return assert_type(ef.open_embeddings("emb/all"), ef.Embeddings)


def whole_run() -> Path:
    """From faces to a report."""
    seen: list[str] = []

    def told(step: ef.Step) -> None:
        seen.append(step.stage)

    assert_type(ef.demo("out/demo", identities=5), Path)
    assert_type(ef.build_report(Path("out/demo")), Path)
    made = ef.write_faces(ef.SyntheticPopulation(5, 2, overlap=0.5), "faces")
    return assert_type(ef.run(made, "out", ef.StudyConfig(), on_step=told), Path)


# What must not pass: each of these lines has an error, or mypy says that it needs no ignoring.
ef.frobnicate()  # type: ignore[attr-defined]
ef.probe("emb")  # type: ignore[arg-type]
ef.ProbeOptions(prubes=("linear",))  # type: ignore[call-arg]
ef.embed_faces(ef.read_faces("x"), ef.load_embedder("hog"), "y", batch="8")  # type: ignore[arg-type]
ef.Estimate.missing("no")  # type: ignore[call-arg]
