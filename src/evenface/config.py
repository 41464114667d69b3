"""What a run is to do: a study file (TOML), checked as a whole."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from evenface.embed.models.options import OnnxOptions
from evenface.errors import ConfigError
from evenface.studies.bias import BiasOptions
from evenface.studies.checks import ChecksOptions
from evenface.studies.data import CommonOptions, Options
from evenface.studies.erase import EraseOptions
from evenface.studies.map import MapOptions
from evenface.studies.probe import ProbeOptions
from evenface.studies.spaces import SpacesOptions
from evenface.studies.table import STUDIES
from evenface.studies.transfer import TransferOptions
from evenface.studies.verify_options import VerifyOptions

SCHEMA = "evenface.study/1"

Scalars = float | tuple[float, float, float]


class EmbedOptions(Options):
    """How pictures become vectors.

    Attributes
    ----------
    model : str
        A name from ``evenface models`` or ``onnx:FILE``.
    align : {"auto", "yunet", "none"}
        ``auto``: five-point alignment where the network wants it and there is a detector.
    detector : str, optional
        YuNet's ONNX file.
    weights : str, optional
        A weight file of one's own in place of the model's.
    layer : str, optional
        Another output of the model than its card's.
    preprocessing : {"card", "raw-pixels"}
        ``raw-pixels``: RGB from 0 to 255 for every model.
    device : {"cpu", "cuda"}
    dtype : {"auto", "float32", "bfloat16", "float16"}
        What a model of evenface's own is computed in.
    runtime : {"auto", "eager", "onnxruntime", "openvino", "compile"}
        What runs it.
    batch : int
        Pictures for one call of the network.
    workers : int, optional
        Threads that decode and align.
    max_pixels : int
        Larger pictures are recorded as failures.
    store : {"float32", "float16"}
        What vectors are kept as.
    recheck : bool
        Whether pictures embedded earlier are read again, to notice changed ones.
    reuse : tuple of str
        Embedding folders of the same contract, whose vectors are taken for the same pictures.
    engine : {"local", "ray"}
        Threads of this machine, or Ray.
    actors, gpus, address
        Of Ray; see `RayEngine`.
    size, color, mean, scale, layout, output
        How an ONNX network wants its input; see `OnnxOptions`.
    """

    model: str = "hog"
    align: Literal["auto", "yunet", "none"] = "auto"
    detector: str | None = None
    weights: str | None = None
    layer: str | None = None
    preprocessing: Literal["card", "raw-pixels"] = "card"
    device: Literal["cpu", "cuda"] = "cpu"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    runtime: Literal["auto", "eager", "onnxruntime", "openvino", "compile"] = "auto"
    batch: int = Field(32, ge=1)
    workers: int | None = Field(None, ge=1)
    max_pixels: int = Field(64_000_000, ge=1)
    store: Literal["float32", "float16"] = "float32"
    recheck: bool = True
    reuse: tuple[str, ...] = ()
    engine: Literal["local", "ray"] = "local"
    actors: int = Field(1, ge=1)
    gpus: float = Field(0.0, ge=0)
    address: str | None = None
    size: tuple[int, int] | None = None
    color: Literal["RGB", "BGR"] | None = None
    mean: Scalars | None = None
    scale: Scalars | None = None
    layout: Literal["NCHW", "NHWC"] | None = None
    output: str | None = None

    @property
    def onnx(self) -> OnnxOptions:
        """What is said about the network's input."""
        return OnnxOptions(self.size, self.color, self.mean, self.scale, self.layout, self.output)


class SelectOptions(Options):
    """Which pictures take part; see `evenface.faces.select.select_rows`."""

    per_group: int | None = Field(None, ge=1)
    images: int | None = Field(None, ge=1)
    offset: int = Field(0, ge=0)
    seed: int = Field(0, ge=0)


class StudyConfig(Options):
    """Everything a run does.

    Attributes
    ----------
    schema_ : str
        Stands in files as ``schema``.
    studies : tuple of str
        Which studies, in this order.
    select, embed, common, checks, map, probe, transfer, spaces, bias, verify, erase
        Options of each part.
    """

    schema_: Literal["evenface.study/1"] = Field("evenface.study/1", alias="schema")
    studies: tuple[str, ...] = tuple(STUDIES)
    select: SelectOptions = SelectOptions()
    embed: EmbedOptions = EmbedOptions()
    common: CommonOptions = CommonOptions()
    checks: ChecksOptions = ChecksOptions()
    map: MapOptions = MapOptions()
    probe: ProbeOptions = ProbeOptions()
    transfer: TransferOptions = TransferOptions()
    spaces: SpacesOptions = SpacesOptions()
    bias: BiasOptions = BiasOptions()
    verify: VerifyOptions = VerifyOptions()
    erase: EraseOptions = EraseOptions()

    @field_validator("studies")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [n for n in names if n not in STUDIES]
        if unknown or not names:
            said = ", ".join(map(repr, unknown)) or "(none given)"
            raise ValueError(f"no study named {said}; there are {', '.join(STUDIES)}")
        return tuple(dict.fromkeys(names))

    def options_of(self, study: str) -> Options:
        """Return the options of one study.

        Parameters
        ----------
        study : str
            One of `evenface.studies.table.STUDIES`.

        Returns
        -------
        Options
        """
        options: Options = getattr(self, study)
        return options

    def to_toml(self, *, embedded: bool = False) -> str:
        """Return the study file that repeats this run.

        It is read back by `evenface run --study`.

        Parameters
        ----------
        embedded : bool
            Whether vectors were there already: then nothing is said about embedding.

        Returns
        -------
        str
            TOML.
        """
        import tomli_w

        values = self.model_dump(
            mode="json", by_alias=True, exclude={"embed"} if embedded else None
        )
        return tomli_w.dumps(_without_none(values))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return value


def make_config(values: dict[str, Any], where: str = "options") -> StudyConfig:
    """Check values; every fault is named.

    Raises
    ------
    ConfigError
        With one line a fault.
    """
    try:
        return StudyConfig.model_validate(values)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(p) for p in e['loc'])}: {e['msg'].removeprefix('Value error, ')}"
            + (f" (it is {e['input']!r})" if e["type"] not in ("missing", "value_error") else "")
            for e in error.errors()
        ]
        raise ConfigError(f"{where}: " + "; ".join(faults)) from None


def read_config(file: Path) -> dict[str, Any]:
    """Read a study file's values.

    Raises
    ------
    ConfigError
        If there is no such file or it is not TOML.
    """
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise ConfigError(f"{file}: can't be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(f"{file}: not a TOML file: {error}") from None
