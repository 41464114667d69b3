"""Networks of our own, filled from a weight file and run by the engine that is fastest here."""

from __future__ import annotations

from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from evenface.embed.models.cards import ModelCard
from evenface.embed.models.contracts import check_crops, with_contract, with_preprocessing
from evenface.embed.models.engines import Run, Runtime, build_engine, folded
from evenface.embed.models.place import pin, weights_of
from evenface.embed.models.speed import choose
from evenface.errors import ModelError


@final
class NetworkEmbedder:
    """A network of `ARCHITECTURES` with its weights.

    Parameters
    ----------
    card : ModelCard
    weights : Path, optional
        A file of one's own in place of the card's.
    layer : str, optional
        Another output than the card's.
    preprocessing : {"card", "raw-pixels"}
    device : {"cpu", "cuda"}
    dtype, engine : str
        ``auto``, or what must be used; see `Runtime`.

    Attributes
    ----------
    notes : tuple of str
        What a reader should know about the weights.

    Raises
    ------
    ModelError
        Where the weights are missing, fail their hash, are another network's or damaged, or the
        device, dtype, engine or layer isn't there.
    """

    def __init__(
        self,
        card: ModelCard,
        *,
        weights: Path | None = None,
        layer: str | None = None,
        preprocessing: str = "card",
        device: str = "cpu",
        dtype: str = "auto",
        engine: str = "auto",
    ) -> None:
        check_device(device)
        with_preprocessing(card, preprocessing)
        found = weights_of(card, weights)
        layer = layer or card.output
        # Not before: these import torch, and a wrong file should be said at once.
        from evenface.embed.weights import load_network

        network, layout = load_network(card.architecture, found.path, layer)
        if found.file is not None:
            pin(found.file, found.sha256)
        if layout.contract:
            card = with_contract(card, layout.contract)
        card = with_preprocessing(card, preprocessing)
        card = card.with_fields(sha256=found.sha256, output=layer)
        small = folded(network)
        del network

        def build(runtime: Runtime) -> Run:
            return build_engine(small, card, card.size, runtime)

        key = f"{card.architecture} {layer}"
        self._runtime, self._run = choose(
            build, size=card.size, key=key, engine=engine, dtype=dtype, device=device
        )
        dimension = self._run(np.zeros((1, card.size[1], card.size[0], 3), np.uint8)).shape[1]
        self._card: Final = card.with_fields(dimension=dimension)
        self.notes: Final = (found.note,) if found.note else ()

    @property
    def card(self) -> ModelCard:
        """What the network is and wants."""
        return self._card

    @property
    def runtime(self) -> dict[str, str]:
        """What runs it: ``engine``, ``dtype``, ``device``."""
        return self._runtime.to_dict()

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed RGB crops.

        Parameters
        ----------
        crops : uint8 array, shape (n, h, w, 3)
            Of the card's size.

        Returns
        -------
        float32 array, shape (n, d)

        Raises
        ------
        ModelError
            Where crops have another size, or the engine fails on them.
        """
        check_crops(crops, self._card)
        if not len(crops):
            return np.empty((0, self._card.dimension), np.float32)
        return self._run(crops)


def check_device(device: str) -> None:
    """Raise `ModelError` where a device isn't there."""
    if device not in ("cpu", "cuda"):
        raise ModelError(f"device must be cpu or cuda, not {device!r}")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ModelError(
                f"cuda was asked for, but PyTorch {torch.__version__} finds no GPU; install a "
                "CUDA build, or use cpu"
            )
