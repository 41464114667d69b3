"""What a network is, wants and may be used for: one card each."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Scalars = float | tuple[float, float, float]


@dataclass(frozen=True)
class ModelCard:
    """A network's input, its output and where it comes from.

    A network sees ``(pixel - mean) * scale`` for pixels from 0 to 255.

    Attributes
    ----------
    name : str
        Name for `load_embedder`, without any folder.
    size : (int, int)
        Width and height of the crop, in pixels.
    dimension : int
        Length of an embedding.
    color : {"RGB", "BGR"}
        Order of the channels.
    mean, scale : float or three floats
        For all channels, or one for each channel in the order of `color`.
    layout : {"NCHW", "NHWC"}
        Order of the input's axes.
    output : str
        Name of the output that is the embedding; empty where there is only one.
    alignment : {"arcface5", "none"}
        ``arcface5`` where faces must be warped to ArcFace's five points.
    licence : str
        Of the weights; empty where nobody said.
    commercial_use : bool or None
        None where it is unknown.
    paper, url : str
        Where it was described, and where the weights come from.
    sha256 : str
        Of the weights' file; empty where there are no weights.
    assumed : tuple of str
        Fields of preprocessing that nobody stated: a likely value was taken.
    """

    name: str
    size: tuple[int, int]
    dimension: int
    color: Literal["RGB", "BGR"] = "RGB"
    mean: Scalars = 0.0
    scale: Scalars = 1.0
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    output: str = ""
    alignment: Literal["arcface5", "none"] = "arcface5"
    licence: str = ""
    commercial_use: bool | None = None
    paper: str = ""
    url: str = ""
    sha256: str = ""
    assumed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the card as JSON has it: tuples are lists."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def with_fields(self, **fields: Any) -> ModelCard:
        """Return the card with other values in some fields."""
        return replace(self, **fields)


HOG = ModelCard(
    name="hog",
    size=(112, 112),
    dimension=1764,
    layout="NHWC",
    alignment="arcface5",
    licence="none needed: there are no weights",
    commercial_use=True,
    paper="Dalal and Triggs, Histograms of oriented gradients for human detection, CVPR 2005",
    url="https://doi.org/10.1109/CVPR.2005.177",
)

MODELS: dict[str, ModelCard] = {card.name: card for card in (HOG,)}
"""Every network that `load_embedder` knows by name."""
