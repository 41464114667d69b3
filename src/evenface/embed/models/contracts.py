"""Preprocessing as a contract with a name and a version, and the one function that keeps it.

A version never changes what it does: whoever finds a contract wrong writes the next one.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from evenface.embed.models.cards import Color, ModelCard, Scalars
from evenface.errors import ModelError

VGGFACE: Final = (93.5940, 104.7624, 129.1863)
"""Means of blue, green and red over VGG-Face's training pictures."""

VGGFACE2: Final = (91.4953, 103.8827, 131.0912)
"""Means of blue, green and red over VGGFace2's training pictures."""

# Detected box, 1.1 times the mean of its sides (the authors' faceCrop).
_VGGFACE_BOX: Final = {"alignment": "box", "box": (1.1, "mean")}
# Extended by 0.3, shorter side to 256, centre of 224: 1.3 * 224 / 256 (the authors' notes).
_VGGFACE2_BOX: Final = {"alignment": "box", "box": (1.1375, "short")}

CONTRACTS: Final[dict[str, dict[str, Any]]] = {
    "hog/1": {"layout": "NHWC", "alignment": "arcface5"},
    "vggface/1": {"color": "BGR", "mean": VGGFACE, **_VGGFACE_BOX},
    "vggface-rgb/1": {"color": "RGB", "mean": VGGFACE[::-1], **_VGGFACE_BOX},
    "vggface2/1": {"color": "BGR", "mean": VGGFACE2, **_VGGFACE2_BOX},
    "vggface2-rgb/1": {"color": "RGB", "mean": VGGFACE2[::-1], **_VGGFACE2_BOX},
    # MTCNN's box with a margin of 32 in 160 pixels, stretched to a square (Sandberg's facenet).
    "facenet/1": {
        "color": "RGB",
        "mean": 127.5,
        "scale": 1 / 128,
        "alignment": "box",
        "box": (1.25, "each"),
    },
    "arcface/1": {"color": "RGB", "mean": 127.5, "scale": 1 / 127.5, "alignment": "arcface5"},
    "arcface-bgr/1": {"color": "BGR", "mean": 127.5, "scale": 1 / 127.5, "alignment": "arcface5"},
    "sface/1": {"color": "RGB", "mean": 0.0, "scale": 1.0, "alignment": "arcface5"},
}
"""Fields of a card that make up its preprocessing, by name and version."""

RAW: Final = "raw-pixels/1"
RAW_FIELDS: Final[dict[str, Any]] = {"color": "RGB", "mean": 0.0, "scale": 1.0, "contract": RAW}
"""What the source report's code did to every network: colours as read, nothing subtracted."""

CHOICES: Final = ("card", "raw-pixels")


class Pixels(Protocol):
    """What `network_input` must know; a card does."""

    @property
    def color(self) -> Color:
        """Order of the channels."""

    @property
    def mean(self) -> Scalars:
        """Subtracted first."""

    @property
    def scale(self) -> Scalars:
        """Multiplied after."""

    @property
    def layout(self) -> str:
        """Order of the axes."""


def network_input(crops: NDArray[np.uint8], how: Pixels) -> NDArray[np.float32]:
    """Turn RGB crops into what a network sees: ``(pixel - mean) * scale``.

    Parameters
    ----------
    crops : uint8 array, shape (n, h, w, 3)
        RGB, 0 to 255.
    how : Pixels
        A card, or anything with `color`, `mean`, `scale` and `layout`.

    Returns
    -------
    float32 array, shape (n, 3, h, w) or (n, h, w, 3)
        C-contiguous; channels in the order of `color`.
    """
    if how.color == "BGR":
        crops = crops[..., ::-1]
    pixels = crops.astype(np.float32)
    pixels -= np.asarray(how.mean, np.float32)
    pixels *= np.asarray(how.scale, np.float32)
    if how.layout == "NCHW":
        pixels = pixels.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels)


def check_crops(crops: NDArray[np.uint8], card: ModelCard) -> None:
    """Raise `ModelError` unless crops are uint8, shape (n, h, w, 3), of the card's size."""
    width, height = card.size
    if crops.ndim != 4 or crops.shape[1:] != (height, width, 3) or crops.dtype != np.uint8:
        raise ModelError(
            f"{card.name} wants uint8 crops of shape (n, {height}, {width}, 3), "
            f"not {crops.dtype} of {crops.shape}"
        )


def with_preprocessing(card: ModelCard, choice: str) -> ModelCard:
    """Return the card as it is (``card``), or with untouched pixels (``raw-pixels``).

    Raises
    ------
    ModelError
        Where the choice is neither.
    """
    if choice not in CHOICES:
        raise ModelError(f"preprocessing must be {' or '.join(CHOICES)}, not {choice!r}")
    return card.with_fields(**RAW_FIELDS) if choice == "raw-pixels" else card


def with_contract(card: ModelCard, contract: str) -> ModelCard:
    """Return the card under another contract of `CONTRACTS`."""
    return card.with_fields(contract=contract, **CONTRACTS[contract])
