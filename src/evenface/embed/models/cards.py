"""What a network is, wants and may be used for: one card each."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Scalars = float | tuple[float, float, float]
Color = Literal["RGB", "BGR"]
Alignment = Literal["arcface5", "box", "none"]
BoxSide = Literal["short", "mean", "each"]


@dataclass(frozen=True)
class WeightFile:
    """A file of weights, and where the public may get it.

    Attributes
    ----------
    name : str
        The file's name, by which it is looked for.
    url : str
        Where ``evenface models fetch`` takes it; empty where a person must.
    page : str
        A page that says how to get it, where there is no `url`.
    sha256 : str
        Stated by a public source; empty where none states it: then the hash of the first file
        used is kept, and any other is refused.
    size : int
        In bytes; 0 where no public source states it.
    top : bool
        Whether it holds the last layers.
    """

    name: str
    url: str = ""
    page: str = ""
    sha256: str = ""
    size: int = 0
    top: bool = True


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
        The output, or the layer, that is the embedding; empty where there is only one.
    alignment : {"arcface5", "box", "none"}
        ``arcface5``: faces are warped to ArcFace's five points. ``box``: a square around the
        detected box is cut out. ``none``: pictures are faces already.
    box : (float, {"short", "mean", "each"}) or None
        For ``box``: the crop's side as a multiple of the box's shorter side, of the mean of both,
        or of each side (then the crop is stretched to a square).
    contract : str
        Name and version of this preprocessing, from `CONTRACTS`; empty where a file or an option
        states it.
    licence : str
        Of the weights; empty where nobody said.
    commercial_use : bool or None
        None where it is unknown.
    paper, url : str
        Where it was described, and where the weights come from.
    accuracy : str
        Published verification accuracy, with the set it was measured on.
    sha256 : str
        Of the weights' file; empty where there are no weights.
    assumed : tuple of str
        Fields of preprocessing that nobody stated: a likely value was taken.
    architecture : str
        Network of `ARCHITECTURES` that the weights are for, or ``onnx``; empty for neither.
    files : tuple of WeightFile
        Files that hold the weights, any one of which will do. Not part of `to_dict`.
    """

    name: str
    size: tuple[int, int]
    dimension: int
    color: Color = "RGB"
    mean: Scalars = 0.0
    scale: Scalars = 1.0
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    output: str = ""
    alignment: Alignment = "arcface5"
    box: tuple[float, BoxSide] | None = None
    contract: str = ""
    licence: str = ""
    commercial_use: bool | None = None
    paper: str = ""
    url: str = ""
    accuracy: str = ""
    sha256: str = ""
    assumed: tuple[str, ...] = ()
    architecture: str = ""
    files: tuple[WeightFile, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the card as JSON has it: tuples are lists."""
        fields = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        del fields["files"]
        return fields

    def with_fields(self, **fields: Any) -> ModelCard:
        """Return the card with other values in some fields.

        Parameters
        ----------
        **fields
            Names and values.

        Returns
        -------
        ModelCard
        """
        return replace(self, **fields)
