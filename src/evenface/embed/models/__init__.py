"""Networks that turn face crops into vectors, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evenface.embed.models.cards import ModelCard
from evenface.embed.models.catalogue import MODELS
from evenface.embed.models.options import OnnxOptions
from evenface.errors import ModelError

__all__ = ["MODELS", "Embedder", "ModelCard", "OnnxOptions", "load_embedder"]


class Embedder(Protocol):
    """Anything that turns crops into vectors and says what it is.

    It may also have ``runtime``, a dict of what runs it, and ``notes``, what a reader should know
    about its weights.
    """

    @property
    def card(self) -> ModelCard:
        """What the network is and wants."""

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn RGB crops, shape (n, h, w, 3), into vectors, shape (n, d)."""


def load_embedder(
    model: str,
    *,
    weights: str | Path | None = None,
    layer: str | None = None,
    preprocessing: str = "card",
    device: str = "cpu",
    dtype: str = "auto",
    runtime: str = "auto",
    options: OnnxOptions | None = None,
) -> Embedder:
    """Load a network.

    Parameters
    ----------
    model : str
        A name in `MODELS`, or ``onnx:FILE``.
    weights : path, optional
        A file of one's own in place of the card's; its hash goes into the card.
    layer : str, optional
        Another output of a network of `MODELS` than its card's.
    preprocessing : {"card", "raw-pixels"}
        ``raw-pixels`` gives a network RGB from 0 to 255 whatever it was trained on, to see what
        that does.
    device : {"cpu", "cuda"}
    dtype : {"auto", "float32", "bfloat16", "float16"}
        What a network is computed in. ``auto``: what is fastest here among those whose vectors
        have a cosine similarity of at least 0.9999 to float32.
    runtime : {"auto", "eager", "onnxruntime", "openvino", "compile"}
        What runs it. ``auto``: the fastest here; measured once, then remembered.
    options : OnnxOptions, optional
        How an ONNX network wants its input; goes before what its card says.

    Returns
    -------
    Embedder

    Raises
    ------
    ModelError
        Where the name is unknown, weights are missing or don't fit, or the device isn't there.
    """
    card = MODELS.get(model)
    kind = "onnx" if model.startswith("onnx:") else card.architecture if card else None
    if kind is None:
        hint = f"; did you mean onnx:{model}?" if model.endswith(".onnx") else ""
        raise ModelError(
            f"there is no model {model!r}; known: {', '.join(MODELS)}, or onnx:FILE for a network "
            f"of your own{hint}"
        )
    file = None if weights is None else Path(weights)
    said: dict[str, Any] = {
        "weights": file,
        "layer": layer,
        "preprocessing": preprocessing,
        "device": device,
        "dtype": dtype,
        "runtime": runtime,
        "options": options if options is not None and options.given() else None,
    }
    if kind == "onnx":
        return _onnx(model, card, said)
    _refuse(model, said, "options")
    if card is None or not kind:
        _refuse(model, said, "weights", "layer", "preprocessing", "dtype", "runtime")
        from evenface.embed.models.hog import HogEmbedder

        return HogEmbedder()
    from evenface.embed.models.network import NetworkEmbedder

    return NetworkEmbedder(
        card,
        weights=file,
        layer=layer,
        preprocessing=preprocessing,
        device=device,
        dtype=dtype,
        engine=runtime,
    )


def _onnx(model: str, card: ModelCard | None, said: dict[str, Any]) -> Embedder:
    from evenface.embed.models.onnx import OnnxEmbedder
    from evenface.embed.models.place import weights_of

    # An ONNX file is computed as it was exported.
    _refuse(model, said, "layer", "dtype", "runtime")
    if card is None:
        _refuse(model, said, "weights")
        path, note = Path(model.removeprefix("onnx:")), ""
    else:
        found = weights_of(card, said["weights"])
        path, note = found.path, found.note
    return OnnxEmbedder(
        path,
        notes=(note,) if note else (),
        card=card,
        device=said["device"],
        preprocessing=said["preprocessing"],
        options=said["options"],
    )


def _refuse(model: str, said: dict[str, Any], *names: str) -> None:
    for name in names:
        value = said[name]
        if value in (None, "auto", "card"):
            continue
        if name == "options":
            raise ModelError(
                f"{model} is no ONNX file, so {', '.join(value.given())} can't be set; leave it out"
            )
        raise ModelError(f"--{name} {value} says nothing to {model}; leave it out")
