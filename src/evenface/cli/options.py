"""Options of the command line, and how they become a study's configuration.

Nothing heavy is imported here: ``evenface --help`` must answer at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from evenface.cli.whole import Whole
from evenface.errors import ConfigError

if TYPE_CHECKING:
    from evenface.config import StudyConfig


@Parameter(name="*")
@dataclass(frozen=True)
class EmbedArgs:
    """How pictures become vectors."""

    model: str | None = None
    """A name from `evenface models`, or onnx:FILE. [default: hog]"""
    align: Literal["auto", "yunet", "none"] | None = None
    """Warp faces to five landmarks; auto does where the network wants it. [default: auto]"""
    detector: Path | None = None
    """YuNet's ONNX file, for alignment."""
    weights: Path | None = None
    """A weight file of your own in place of the model's."""
    layer: str | None = None
    """Another output of the model; `evenface models` lists them."""
    preprocessing: Literal["card", "raw-pixels"] | None = None
    """raw-pixels: RGB from 0 to 255, whatever the model was trained on. [default: card]"""
    device: Literal["cpu", "cuda"] | None = None
    """Where the network runs. [default: cpu]"""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] | None = None
    """What a named network is computed in. [default: auto, the fastest that is as good]"""
    runtime: Literal["auto", "eager", "onnxruntime", "openvino", "compile"] | None = None
    """What runs a named network. [default: auto, the fastest here]"""
    batch: Whole | None = None
    """Pictures for one call of the network. [default: 32]"""
    workers: Whole | None = None
    """Threads that decode and align. [default: one a core]"""
    max_pixels: Whole | None = None
    """Larger pictures are recorded as failures. [default: 64000000]"""
    store: Literal["float32", "float16"] | None = None
    """What vectors are kept as; float16 takes half the room. [default: float32]"""
    recheck: bool | None = None
    """Read pictures embedded earlier again, to notice changed ones. [default: yes]"""
    reuse: str | None = None
    """Other embedding folders, with commas, whose vectors serve for the same pictures."""
    engine: Literal["local", "ray"] | None = None
    """What does the work: this machine's threads, or Ray. [default: local]"""
    actors: Whole | None = None
    """Networks that Ray runs at a time. [default: 1]"""
    gpus: float | None = None
    """GPUs of each of them. [default: 0]"""
    address: str | None = None
    """Of a Ray cluster; without it Ray starts on this machine."""
    size: str | None = None
    """The network's input, 112 or 112x96 (width x height), if its card doesn't say."""
    color: Literal["RGB", "BGR"] | None = None
    """Order of its channels."""
    mean: str | None = None
    """Subtracted from pixels (0 to 255): one number, or three with commas."""
    scale: str | None = None
    """Multiplied after that: one number, or three with commas."""
    layout: Literal["NCHW", "NHWC"] | None = None
    """Order of its input's axes."""
    output: str | None = None
    """Name of the output that is the embedding."""
    images_root: Path | None = None
    """What a manifest's or a list's paths are relative to."""


@Parameter(name="*")
@dataclass(frozen=True)
class SelectArgs:
    """Which pictures take part."""

    per_group: Whole | None = None
    """Identities of each demographic group. [default: all]"""
    images: Whole | None = None
    """Pictures of each identity, at most. [default: all]"""
    offset: Whole | None = None
    """Identities of each group to pass over first. [default: 0]"""


@Parameter(name="*")
@dataclass(frozen=True)
class CommonArgs:
    """What every study shares."""

    group_by: str | None = None
    """Attributes that make the groups, with commas. [default: gender,ethnicity]"""
    seeds: Whole | None = None
    """Repetitions; each has its own split and start. [default: 5]"""
    folds: Whole | None = None
    """One of so many parts tests and one validates. [default: 5]"""
    split_column: str | None = None
    """A column that says train, validation or test, in place of a split of our own."""
    seed: Whole | None = None
    """Base of all randomness. [default: 0]"""
    level: float | None = None
    """Nominal coverage of the intervals. [default: 0.95]"""
    resamples: Whole | None = None
    """Resamples of bootstraps, permutations of tests. [default: 2000]"""
    interval: Literal["score", "percentile", "bca"] | None = None
    """How intervals of shares are made. [default: score]"""
    missing: str | None = None
    """Recorded values that count as none, with commas: "withheld,other". [default: none]"""


@Parameter(name="*")
@dataclass(frozen=True)
class LearnArgs:
    """How small spaces are learned, the same for every loss."""

    target: str | None = None
    """Attribute whose values a space is to part. [default: group]"""
    components: Whole | None = None
    """Widest principal axes that networks are given; 0: all. [default: 256]"""
    losses: str | None = None
    """softmax, contrastive, triplet; with evenface[metric] also supcon, multi-similarity,
    arcface, cosface. [default: the first three]"""
    hidden: str | None = None
    """Widths of the layers between, with commas. [default: 1000,128]"""
    rates: str | None = None
    """Learning rates to choose from on validation rows. [default: 0.001,0.003]"""
    epochs: Whole | None = None
    """Passes over the training rows, at most. [default: 20]"""
    batch: Whole | None = None
    """Rows a step. [default: 256]"""
    patience: Whole | None = None
    """Epochs without a better validation loss before training ends. [default: 5]"""
    optimizer: Literal["adam", "sgd"] | None = None
    """[default: adam]"""
    precision: Literal["auto", "float32"] | None = None
    """auto: bfloat16 for wide layers where the processor has it. [default: auto]"""
    decay: float | None = None
    """Weight decay. [default: 0]"""
    dropout: float | None = None
    """Share of hidden units left out while training. [default: 0]"""
    margin: float | None = None
    """Of the contrastive loss. [default: 0.5]"""
    alpha: float | None = None
    """Of the triplet loss. [default: 0.2]"""
    pairs: Literal["batch", "drawn"] | None = None
    """Make pairs and triplets within a batch, or draw them from all rows. [default: batch]"""
    neighbours: Whole | None = None
    """Held-out neighbours that vote. [default: 10]"""
    device: Literal["cpu", "cuda"] | None = None
    """Where the networks are trained. [default: cpu]"""


@Parameter(name="*")
@dataclass(frozen=True)
class GateArgs:
    """What the numbers are held to in a pipeline; the command ends with code 3 if they fail."""

    fail_on: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = ()
    """Fail if this is shown of any number: "transfer.gap > 0.05". May be given several times."""
    fail_unless: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = ()
    """Fail unless this is shown of every number. May be given several times."""


OutDir = Annotated[Path | None, Parameter(name="--out")]


def words(text: str | None) -> tuple[str, ...] | None:
    """Split a comma-separated list; None stays None."""
    if text is None:
        return None
    found = tuple(w.strip() for w in text.split(",") if w.strip())
    if not found:
        raise ConfigError(f"{text!r} names nothing; list names with commas, or leave it out")
    return found


def numbers(text: str | None, name: str) -> tuple[float, ...] | None:
    """Split a comma-separated list of numbers."""
    parts = words(text)
    try:
        return None if parts is None else tuple(float(p) for p in parts)
    except ValueError:
        raise ConfigError(f"{name}: {text!r} is not a list of numbers with commas") from None


def whole_numbers(text: str | None, name: str) -> tuple[int, ...] | None:
    """Split a comma-separated list of whole numbers."""
    parts = words(text)
    try:
        return None if parts is None else tuple(int(p) for p in parts)
    except ValueError:
        raise ConfigError(f"{name}: {text!r} is not a list of whole numbers with commas") from None


def _size(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(p.strip().isdecimal() and len(p) < 6 for p in parts):
        raise ConfigError(f"--size: {text[:40]!r} is neither like 112 nor like 112x96")
    sides = tuple(int(p) for p in parts)
    return sides * 2 if len(sides) == 1 else sides


def _scalars(text: str | None, name: str) -> Any:
    found = numbers(text, name)
    if found is not None and len(found) not in (1, 3):
        raise ConfigError(f"{name}: one number or three are needed, {text!r} has {len(found)}")
    return found[0] if found is not None and len(found) == 1 else found


def embed_values(args: EmbedArgs) -> dict[str, Any]:
    """Return what was said about embedding, as values of a study file."""
    values = dict(args.__dict__)
    values.pop("images_root")
    for name in ("detector", "weights"):
        values[name] = None if values[name] is None else str(values[name])
    values["reuse"] = words(args.reuse)
    values["size"] = _size(args.size)
    values["mean"] = _scalars(args.mean, "--mean")
    values["scale"] = _scalars(args.scale, "--scale")
    return _given(values)


def common_values(args: CommonArgs) -> dict[str, Any]:
    """Return what was said for all studies, as values of a study file."""
    return _given(
        {**args.__dict__, "group_by": words(args.group_by), "missing": words(args.missing)}
    )


def select_values(args: SelectArgs, common: CommonArgs) -> dict[str, Any]:
    """Return what was said about the choice of pictures, as values of a study file."""
    return _given({**args.__dict__, "seed": common.seed})


def learn_values(args: LearnArgs) -> dict[str, Any]:
    """Return what was said about learning, as values of a study file."""
    return _given(
        {
            **args.__dict__,
            "losses": words(args.losses),
            "hidden": whole_numbers(args.hidden, "--hidden"),
            "rates": numbers(args.rates, "--rates"),
        }
    )


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v is not None}


def configure(study_file: Path | None = None, **sections: Any) -> StudyConfig:
    """Make a configuration of a study file and what was said beside it, which goes first."""
    from evenface.config import make_config, read_config

    values = read_config(study_file) if study_file else {}
    for name, given in sections.items():
        if isinstance(given, dict):
            base = values.get(name, {})
            values[name] = {**base, **_given(given)} if isinstance(base, dict) else base
        elif given is not None:
            values[name] = given
    return make_config(values, str(study_file) if study_file else "options")


Names = Annotated[bool, Parameter(negative=())]
Flag = Annotated[bool, Parameter(negative=())]
EMBED, SELECT, COMMON, LEARN = EmbedArgs(), SelectArgs(), CommonArgs(), LearnArgs()
GATES = GateArgs()
