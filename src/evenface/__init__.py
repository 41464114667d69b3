"""What a face embedding knows about gender and ethnicity, and how unequally it serves groups.

>>> import evenface as ef
>>> faces = ef.read_faces("faces/")                               # doctest: +SKIP
>>> embeddings = ef.embed_faces(faces, ef.load_embedder("hog"), "emb")  # doctest: +SKIP
>>> ef.probe(embeddings)                                          # doctest: +SKIP

Names are loaded when they are first used, so importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from evenface._version import __version__

if TYPE_CHECKING:
    from evenface.comparison import Comparison, compare
    from evenface.config import StudyConfig
    from evenface.embed.embeddings import Embeddings, embeddings_from_arrays
    from evenface.embed.exchange import export_embeddings, import_vectors
    from evenface.embed.extract import Held, RayEngine, embed_faces, extract
    from evenface.embed.folder import check_embeddings
    from evenface.embed.join import join_embeddings
    from evenface.embed.models import Embedder, ModelCard, OnnxOptions, load_embedder
    from evenface.embed.models.catalogue import MODELS
    from evenface.embed.store import Store, open_embeddings, open_store
    from evenface.embed.vector_population import VectorPopulation
    from evenface.erasers.eraser import Eraser
    from evenface.erasers.methods import ERASERS, fit_eraser
    from evenface.erasers.saved import apply_eraser, load_eraser, save_eraser
    from evenface.errors import EvenfaceError
    from evenface.faces.datasets import DATASETS
    from evenface.faces.select import select_faces
    from evenface.faces.source import read_faces
    from evenface.faces.split import Split, make_splits
    from evenface.faces.synthetic import SyntheticPopulation, write_faces
    from evenface.faces.table import Faces
    from evenface.report.page import build_report
    from evenface.stats.intervals import Estimate
    from evenface.step import Step
    from evenface.studies.bias import BiasOptions, BiasResult, bias
    from evenface.studies.checks import ChecksOptions, ChecksResult, checks
    from evenface.studies.data import CommonOptions
    from evenface.studies.erase import EraseOptions, EraseResult, erase
    from evenface.studies.map import MapOptions, MapResult, map_space
    from evenface.studies.placing import place
    from evenface.studies.probe import ProbeOptions, ProbeResult, probe
    from evenface.studies.spaces import SpacesOptions, SpacesResult, spaces
    from evenface.studies.transfer import TransferOptions, TransferResult, transfer
    from evenface.studies.verify import VerifyResult, verify
    from evenface.studies.verify_options import VerifyOptions
    from evenface.study import demo, run

_HOMES = {
    "comparison": ("Comparison", "compare"),
    "config": ("StudyConfig",),
    "embed.embeddings": ("Embeddings", "embeddings_from_arrays"),
    "embed.exchange": ("export_embeddings", "import_vectors"),
    "embed.extract": ("Held", "RayEngine", "embed_faces", "extract"),
    "embed.join": ("join_embeddings",),
    "embed.models": ("Embedder", "ModelCard", "OnnxOptions", "load_embedder"),
    "embed.models.catalogue": ("MODELS",),
    "embed.folder": ("check_embeddings",),
    "embed.store": ("Store", "open_embeddings", "open_store"),
    "embed.vector_population": ("VectorPopulation",),
    "erasers.eraser": ("Eraser",),
    "erasers.methods": ("ERASERS", "fit_eraser"),
    "erasers.saved": ("apply_eraser", "load_eraser", "save_eraser"),
    "errors": ("EvenfaceError",),
    "faces.datasets": ("DATASETS",),
    "faces.select": ("select_faces",),
    "faces.source": ("read_faces",),
    "faces.split": ("Split", "make_splits"),
    "faces.synthetic": ("SyntheticPopulation", "write_faces"),
    "faces.table": ("Faces",),
    "report.page": ("build_report",),
    "stats.intervals": ("Estimate",),
    "studies.bias": ("BiasOptions", "BiasResult", "bias"),
    "studies.checks": ("ChecksOptions", "ChecksResult", "checks"),
    "studies.data": ("CommonOptions",),
    "studies.erase": ("EraseOptions", "EraseResult", "erase"),
    "studies.map": ("MapOptions", "MapResult", "map_space"),
    "studies.placing": ("place",),
    "studies.probe": ("ProbeOptions", "ProbeResult", "probe"),
    "studies.spaces": ("SpacesOptions", "SpacesResult", "spaces"),
    "studies.transfer": ("TransferOptions", "TransferResult", "transfer"),
    "studies.verify": ("VerifyResult", "verify"),
    "studies.verify_options": ("VerifyOptions",),
    "step": ("Step",),
    "study": ("demo", "run"),
}
_PLACE = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "DATASETS",
    "ERASERS",
    "MODELS",
    "BiasOptions",
    "BiasResult",
    "ChecksOptions",
    "ChecksResult",
    "CommonOptions",
    "Comparison",
    "Embedder",
    "Embeddings",
    "EraseOptions",
    "EraseResult",
    "Eraser",
    "Estimate",
    "EvenfaceError",
    "Faces",
    "Held",
    "MapOptions",
    "MapResult",
    "ModelCard",
    "OnnxOptions",
    "ProbeOptions",
    "ProbeResult",
    "RayEngine",
    "SpacesOptions",
    "SpacesResult",
    "Split",
    "Step",
    "Store",
    "StudyConfig",
    "SyntheticPopulation",
    "TransferOptions",
    "TransferResult",
    "VectorPopulation",
    "VerifyOptions",
    "VerifyResult",
    "__version__",
    "apply_eraser",
    "bias",
    "build_report",
    "check_embeddings",
    "checks",
    "compare",
    "demo",
    "embed_faces",
    "embeddings_from_arrays",
    "erase",
    "export_embeddings",
    "extract",
    "fit_eraser",
    "import_vectors",
    "join_embeddings",
    "load_embedder",
    "load_eraser",
    "make_splits",
    "map_space",
    "open_embeddings",
    "open_store",
    "place",
    "probe",
    "read_faces",
    "run",
    "save_eraser",
    "select_faces",
    "spaces",
    "transfer",
    "verify",
    "write_faces",
]


if not TYPE_CHECKING:  # Or every name that doesn't exist would have a type.

    def __getattr__(name: str) -> Any:
        if name not in _PLACE:
            raise AttributeError(f"module 'evenface' has no attribute {name!r}")
        return getattr(import_module(f"evenface.{_PLACE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
