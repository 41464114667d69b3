"""Networks from ONNX files, run by ONNX Runtime."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from evenface.embed.files import file_sha256
from evenface.embed.models.cards import ModelCard
from evenface.embed.models.contracts import (
    RAW_FIELDS,
    check_crops,
    network_input,
    with_preprocessing,
)
from evenface.embed.models.options import LARGEST_SIDE, OnnxOptions, read_sidecar
from evenface.embed.models.session import open_session, shortened
from evenface.errors import ModelError

FLOATS: Final = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}
DEFAULT_SIDE: Final = 112
MOST_PIXELS: Final = 2**26
"""Of all pictures that a network wants at a time; as floats they are 12 bytes each."""
ASSUMABLE: Final = ("size", "color", "mean", "scale", "layout", "alignment")
SAY: Final = "say it in the card beside the file or as an option"


@final
class OnnxEmbedder:
    """An ONNX file with one picture input and an embedding output.

    What the network wants is taken from, in this order: `options`, `card` or else the card beside
    the file (``net.onnx.json`` or ``net.json``, keys as in `ModelCard`), the file's own shapes, and
    else RGB, unscaled pixels 0 to 255, ArcFace alignment, 112 x 112. ``card.assumed`` names the
    fields that nobody stated.

    Parameters
    ----------
    path : Path
        The ONNX file.
    card : ModelCard, optional
        What is known of the file; a card beside it is then not read.
    device : {"cpu", "cuda"}
        Where it runs.
    preprocessing : {"card", "raw-pixels"}
    options : OnnxOptions, optional
    notes : tuple of str
        What a reader should know about the weights.

    Raises
    ------
    ModelError
        Where the file, its card or the options don't fit together, or the device is missing.
    """

    def __init__(
        self,
        path: Path,
        *,
        card: ModelCard | None = None,
        device: str = "cpu",
        preprocessing: str = "card",
        options: OnnxOptions | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.path, self.device, self.notes = path, device, notes
        given = (options or OnnxOptions()).checked()
        stated = {**(read_sidecar(path) if card is None else _known(card)), **given}
        if given:
            stated.pop("contract", None)
        # Before the file is opened; one that isn't there is for `open_session` to name.
        digest = file_sha256(path) if path.is_file() else ""
        if digest and stated.get("sha256", digest) != digest:
            raise ModelError(
                f"{path} has sha256 {digest}; its card says {stated['sha256']}. It was not opened. "
                "Get the right file, or correct the card"
            )
        self._session = open_session(path, device)
        source = self._input()
        self._name: str = source.name
        self._dtype = FLOATS[source.type]
        found = {**self._shape_fields(source.shape, stated), **stated, "sha256": digest}
        # A name that isn't UTF-8 couldn't be printed.
        found.setdefault("name", "onnx:" + path.name.encode("utf-8", "replace").decode())
        said = found.keys() | (RAW_FIELDS.keys() if preprocessing == "raw-pixels" else set())
        assumed = tuple(name for name in ASSUMABLE if name not in said)
        draft = ModelCard(**{"size": (DEFAULT_SIDE, DEFAULT_SIDE), "dimension": 0, **found})
        # Zero: any number of pictures at a time.
        self._fixed = max(source.shape[0], 0) if isinstance(source.shape[0], int) else 0
        if self._fixed * draft.size[0] * draft.size[1] > MOST_PIXELS:
            raise self._fault(
                f"input shape {source.shape} asks for {self._fixed} pictures at a time, "
                f"more than {MOST_PIXELS} pixels; export the network for fewer"
            )
        if draft.alignment == "box" and draft.box is None:
            raise self._fault("alignment is box, but nothing says how large; give the card a box")
        self._card = draft = with_preprocessing(draft, preprocessing)
        output, dimension = self._probe(stated.get("output"))
        if stated.get("dimension", dimension) != dimension:
            raise self._fault(
                f"the card says dimension {stated['dimension']}, output {output!r} has {dimension}"
            )
        if "output" not in stated and len(self._session.get_outputs()) > 1:
            assumed += ("output",)
        self._card = draft.with_fields(output=output, dimension=dimension, assumed=assumed)

    @property
    def card(self) -> ModelCard:
        """What the network is and wants."""
        return self._card

    @property
    def runtime(self) -> dict[str, str]:
        """What runs it: ``engine``, ``dtype``, ``device``."""
        return {
            "engine": "onnxruntime",
            "dtype": str(np.dtype(self._dtype)),
            "device": self.device,
        }

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
            Where crops have another size, or the network fails on them.
        """
        check_crops(crops, self._card)
        vectors = np.empty((len(crops), self._card.dimension), np.float32)
        step = self._fixed or max(len(crops), 1)
        for start in range(0, len(crops), step):
            block = crops[start : start + step]
            (found,) = self._run(self._tensor(block), [self._card.output])
            if found.shape[0] < len(block) or found[0].size != self._card.dimension:
                raise self._fault(f"{len(block)} pictures gave shape {found.shape}")
            with np.errstate(over="ignore"):
                vectors[start : start + step] = found.reshape(len(found), -1)[: len(block)]
        return vectors

    def _tensor(self, crops: NDArray[np.uint8]) -> NDArray[Any]:
        if self._fixed > len(crops):
            fill = np.zeros((self._fixed - len(crops), *crops.shape[1:]), np.uint8)
            crops = np.concatenate([crops, fill])
        return network_input(crops, self._card).astype(self._dtype, copy=False)

    def _run(self, tensor: NDArray[Any], outputs: list[str]) -> list[NDArray[Any]]:
        try:
            found = self._session.run(outputs, {self._name: tensor})
        except Exception as error:
            raise self._fault(
                f"the network fails on input {tensor.shape}: {shortened(error)}"
            ) from error
        return [np.asarray(output) for output in found]

    def _input(self) -> Any:
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            listed = ", ".join(f"{i.name} {i.shape}" for i in inputs) or "none"
            raise self._fault(f"one input was expected; there are {len(inputs)} ({listed})")
        (source,) = inputs
        if source.type not in FLOATS:
            raise self._fault(
                f"input {source.name!r} is {source.type}; floating-point numbers were expected. "
                "Export the network with a float input"
            )
        if len(source.shape) != 4:
            raise self._fault(
                f"input {source.name!r} has shape {source.shape}; four axes were expected "
                "(pictures, channels, height, width, or with channels last)"
            )
        return source

    def _shape_fields(self, shape: list[Any], stated: dict[str, Any]) -> dict[str, Any]:
        """Return what the input's shape says, checked against what was stated."""
        fixed = [n if isinstance(n, int) and n > 0 else None for n in shape]
        fields: dict[str, Any] = {}
        layout = stated.get("layout")
        if layout is None:
            if fixed[1] == 3 or fixed[3] == 3:
                layout = fields["layout"] = "NCHW" if fixed[1] == 3 else "NHWC"
            else:
                layout = "NCHW"
        channels = fixed[1 if layout == "NCHW" else 3]
        other = fixed[3 if layout == "NCHW" else 1]
        if channels not in (None, 3):
            hint = f"; {SAY} that the layout is another" if other == 3 else ""
            raise self._fault(
                f"input shape {shape} as {layout} has {channels} channels; 3 were expected{hint}"
            )
        height, width = fixed[2:] if layout == "NCHW" else fixed[1:3]
        if max(height or 0, width or 0) > LARGEST_SIDE:
            raise self._fault(
                f"input shape {shape} fixes a side above {LARGEST_SIDE} pixels, which no network "
                "for faces has; get the right file, or export it with another size"
            )
        if "size" in stated:
            for name, has, says in zip(
                ("width", "height"), (width, height), stated["size"], strict=True
            ):
                if has not in (None, says):
                    raise self._fault(
                        f"the input's {name} is fixed at {has}, but size says {says}; "
                        f"leave size out or correct it"
                    )
        elif width and height:
            fields["size"] = (width, height)
        elif width or height:
            raise self._fault(f"input shape {shape} fixes one side only; {SAY} which size")
        return fields

    def _probe(self, chosen: str | None) -> tuple[str, int]:
        """Run on black pictures and return the output to use and its dimension."""
        names = [output.name for output in self._session.get_outputs()]
        if chosen is not None and chosen not in names:
            raise self._fault(f"there is no output {chosen!r}; there are {', '.join(names)}")
        width, height = self._card.size
        wanted = names if chosen is None else [chosen]
        count = self._fixed or 2
        black = np.zeros((count, height, width, 3), np.uint8)
        try:
            found = self._run(self._tensor(black), wanted)
        except ModelError:
            if self._fixed:
                raise
            # Exported with one picture and an axis that only looks free.
            count = self._fixed = 1
            found = self._run(self._tensor(black[:1]), wanted)
        if not self._fixed and all(len(np.atleast_1d(f)) == 1 for f in found):
            count = self._fixed = 1
            found = self._run(self._tensor(black[:1]), wanted)
        fits = {
            name: int(value[0].size)
            for name, value in zip(wanted, found, strict=True)
            if _is_embedding(value, count)
        }
        shapes = ", ".join(f"{n} {v.shape}" for n, v in zip(wanted, found, strict=True))
        if len(fits) == 1:
            return next(iter(fits.items()))
        if not fits:
            raise self._fault(
                f"an output of shape ({count}, d) was expected for {count} pictures; found {shapes}"
            )
        raise self._fault(f"several outputs could be the embedding ({shapes}); {SAY} which output")

    def _fault(self, text: str) -> ModelError:
        return ModelError(f"{self.path}: {text}")


def _known(card: ModelCard) -> dict[str, Any]:
    """Return what a card states; an output without a name and a missing hash say nothing."""
    silent = ("", None, ())
    return {f.name: v for f in fields(card) if (v := getattr(card, f.name)) not in silent}


def _is_embedding(value: NDArray[Any], count: int) -> bool:
    if value.ndim < 2 or value.dtype.kind != "f" or value.shape[0] != count:
        return False
    return bool(value.shape[1] > 0 and (value.ndim == 2 or set(value.shape[2:]) == {1}))
