"""The data sets of `protocol.py`: made-up vectors, and real faces where they are present."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image
from protocol_file import Study

from evenface.embed.align import align_face
from evenface.embed.detect import Detector
from evenface.embed.embeddings import Embeddings
from evenface.embed.extract import embed_faces
from evenface.embed.models import load_embedder
from evenface.embed.vector_population import VectorPopulation
from evenface.errors import SourceError
from evenface.faces.source import Faces, read_faces
from evenface.heads.scaling import Vectors
from evenface.studies.data import StudyData, prepare

NAMES = ("synthetic", "london", "fairface360")
REAL = NAMES[1:]

# Three groups as in the report, and two of London, where all but one are of a dozen people.
GROUPS = {
    "fairface360": {
        "East Asian": "Asian", "Southeast Asian": "Asian", "Black": "Black", "White": "Caucasian",
    },
    "london": {"white": "white"},
}  # fmt: skip
ELSE = {"fairface360": None, "london": "others"}
"""What all others are called. In FairFace they are of no group: only gender is asked of them."""


@dataclass(frozen=True)
class Subject:
    """A data set, ready.

    Attributes
    ----------
    name, title : str
    data : StudyData
    spoilt : dict of str to ndarray, shape (n, d)
        Vectors of the same pictures with the network's input spoilt, by the way it was.
    speed : str
        What extraction one picture at a time does; empty where there are no pictures.
    """

    name: str
    title: str
    data: StudyData
    spoilt: dict[str, Vectors] = field(default_factory=dict)
    speed: str = ""

    @property
    def pictures(self) -> int:
        """Pictures of a person, at most."""
        return int(np.bincount(self.data.person).max())


def synthetic(study: Study) -> Subject:
    """Draw the population of vectors."""
    population = VectorPopulation(identities_per_group=study.careful.people)
    data = prepare(population.embeddings(), study.careful.common)
    people = int(data.person.max()) + 1
    title = f"`synthetic`: {people} people, {len(data.vectors)} vectors; spaces by "
    return Subject("synthetic", f"{title}{study.spaces.synthetic}", data)


def real(name: str, folder: Path, study: Study) -> Subject:
    """Embed one of the folders of real faces with MobileFaceNet, aligned by YuNet.

    Raises
    ------
    SourceError
        Where it isn't there.
    """
    manifest = folder / name / "manifest.csv"
    network = folder / "models" / "mobilefacenet.onnx"
    detector = folder / "models" / "face_detection_yunet.onnx"
    for file in (manifest, network, detector):
        if not file.is_file():
            raise SourceError(f"{file} is missing; name the folder that holds it with --real")
    faces = read_faces(manifest)
    with tempfile.TemporaryDirectory() as place:

        def embedded(way: str) -> Embeddings:
            options = study.pixels[way].onnx if way else None
            model = load_embedder(f"onnx:{network}", options=options)
            return embed_faces(faces, model, Path(place) / (way or "own"), detector=str(detector))

        start = time.perf_counter()
        own = embedded("")
        took = time.perf_counter() - start
        spoilt = {}
        for way in study.pixels if study.flaws.raw_pixels else ():
            other = embedded(way)
            if other.rows["sample_id"].to_list() != own.rows["sample_id"].to_list():
                raise SourceError(f"{name}: other pictures were embedded the second time")
            spoilt[way] = other.vectors
    speed = _speed(faces, own, network, detector, took) if study.flaws.one_at_a_time else ""
    data = prepare(_regrouped(own, name), study.careful.common)
    people = int(data.person.max()) + 1
    title = f"`{name}`: {people} people, {len(own)} pictures; spaces by {study.spaces.of(name)}"
    return Subject(name, title, data, spoilt, speed)


def _regrouped(found: Embeddings, name: str) -> Embeddings:
    """Return embeddings whose ethnicities are the few that are compared here."""
    group = pl.col("ethnicity").replace_strict(
        GROUPS[name], default=ELSE[name], return_dtype=pl.String
    )
    rows = found.rows.with_columns(group.alias("ethnicity"))
    return replace(found, rows=rows, stored_fingerprint=None)


def _speed(faces: Faces, own: Embeddings, network: Path, detector: Path, took: float) -> str:
    """Embed pictures one by one, as tutorials do, and say how long it takes and what changes."""
    model, finder = load_embedder(f"onnx:{network}"), Detector(detector)
    start = time.perf_counter()
    vectors = []
    for path in own.rows["path"]:
        picture = np.asarray(Image.open(faces.root / path).convert("RGB"))
        crop = align_face(picture, finder.detect(picture)[0].landmarks, model.card.size)
        vectors.append(model(crop[None])[0])
    alone = time.perf_counter() - start
    away = float(np.abs(np.array(vectors) - own.vectors).max() / np.abs(own.vectors).max())
    n = len(own)
    same = f"vectors differ by {away:.0e} of the largest at most" if away else "the same vectors"
    return (
        f"no number changes: {same}; {n / took:.0f}/s with hashes and files \u2192 "
        f"{n / alone:.0f}/s without them"
    )
