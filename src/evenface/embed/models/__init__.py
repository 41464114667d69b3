"""Networks that turn face crops into vectors, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evenface.embed.models.cards import MODELS, ModelCard
from evenface.embed.models.options import OnnxOptions
from evenface.errors import ModelError

__all__ = ["MODELS", "Embedder", "ModelCard", "OnnxOptions", "load_embedder"]


class Embedder(Protocol):
    """Anything that turns crops into vectors and says what it is."""

    @property
    def card(self) -> ModelCard:
        """What the network is and wants."""

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn RGB crops, shape (n, h, w, 3), into vectors, shape (n, d)."""


def load_embedder(
    model: str, *, device: str = "cpu", options: OnnxOptions | None = None
) -> Embedder:
    """Load a network.

    Parameters
    ----------
    model : str
        A name in `MODELS`, or ``onnx:FILE``.
    device : {"cpu", "cuda"}
        Where an ONNX network runs.
    options : OnnxOptions, optional
        How an ONNX network wants its input; goes before what its card says.

    Raises
    ------
    ModelError
        Where the name is unknown, the file doesn't fit, or the device isn't there.
    """
    if model.startswith("onnx:"):
        from evenface.embed.models.onnx import OnnxEmbedder

        return OnnxEmbedder(Path(model.removeprefix("onnx:")), device=device, options=options)
    if options is not None and options.given():
        raise ModelError(
            f"{model} is no ONNX file, so {', '.join(options.given())} can't be set; leave it out"
        )
    if model == "hog":
        from evenface.embed.models.hog import HogEmbedder

        return HogEmbedder()
    hint = f"; did you mean onnx:{model}?" if model.endswith(".onnx") else ""
    raise ModelError(
        f"there is no model {model!r}; known: {', '.join(MODELS)}, or onnx:FILE for a network "
        f"of your own{hint}"
    )
