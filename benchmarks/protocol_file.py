"""The study file of `protocol.py`: which flaws are on, and what else the runs share."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from evenface.config import read_config
from evenface.embed.models.options import OnnxOptions
from evenface.errors import ConfigError
from evenface.heads.jobs import Recipe
from evenface.heads.losses import LossOptions
from evenface.studies.data import CommonOptions, Options

FOLDS = 5
LOSSES = ("softmax", "contrastive", "triplet")


class Flaws(Options):
    """The flaws, each on or off."""

    shared_identities: bool = False
    training_plots: bool = False
    one_seed: bool = False
    all_sees_more: bool = False
    unequal_losses: bool = False
    squared_twice: bool = False
    unsquared_triplet: bool = False
    self_pairs: bool = False
    batch_softmax: bool = False
    raw_pixels: bool = False
    no_biased_code: bool = False
    batch_means: bool = False
    pickles: bool = False
    one_at_a_time: bool = False


FLAWS = tuple(Flaws.model_fields)


class Careful(Options):
    """What every run shares."""

    # A person's place is read in the space of the next split of a deal, so deals must be whole.
    seeds: int = Field(10, ge=FOLDS, multiple_of=FOLDS)
    seed: int = Field(0, ge=0)
    level: float = Field(0.95, gt=0.5, lt=1)
    people: int = Field(100, ge=10)
    hidden: tuple[int, ...] = (1000, 128)
    rates: tuple[float, ...] = (0.001, 0.003)
    epochs: int = Field(60, ge=1)
    patience: int = Field(15, ge=1)
    batch: int = Field(32, ge=4)
    margin: float = Field(0.5, gt=0)
    alpha: float = Field(0.2, gt=0)
    tested_at_once: int = Field(16, ge=2)

    @property
    def common(self) -> CommonOptions:
        return CommonOptions(seeds=self.seeds, seed=self.seed, level=self.level, folds=FOLDS)

    @property
    def recipe(self) -> Recipe:
        """How every space is learned; pairs are drawn from all rows, as in the report."""
        return Recipe(
            hidden=self.hidden, epochs=self.epochs, batch=self.batch, patience=self.patience,
            pairs="drawn", losses=LossOptions(self.margin, self.alpha),
        )  # fmt: skip


class Spaces(Options):
    """What learned spaces are to part, by data set."""

    synthetic: Literal["gender", "ethnicity", "group"] = "group"
    london: Literal["gender", "ethnicity", "group"] = "gender"
    fairface360: Literal["gender", "ethnicity", "group"] = "gender"

    def of(self, name: str) -> str:
        return str(getattr(self, name))


class Budget(Options):
    """What one loss gets where losses are not treated alike."""

    epochs: int = Field(ge=1)
    batch: int = Field(ge=4)
    rate: float = Field(gt=0)
    share: float = Field(1.0, gt=0, le=1)


class Pixels(Options):
    """How a network's input is spoilt; see `OnnxOptions`."""

    color: Literal["RGB", "BGR"] | None = None
    mean: float | None = None
    scale: float | None = None

    @property
    def onnx(self) -> OnnxOptions:
        return OnnxOptions(color=self.color, mean=self.mean, scale=self.scale)


class Study(Options):
    """A whole file."""

    schema_: Literal["evenface.careless/1"] = Field(alias="schema")
    flaws: Flaws
    careful: Careful = Careful()
    spaces: Spaces = Spaces()
    unequal: dict[Literal["softmax", "contrastive", "triplet"], Budget] = Field(
        default_factory=dict
    )
    pixels: dict[str, Pixels] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Study:
        missing = [loss for loss in LOSSES if loss not in self.unequal]
        if self.flaws.unequal_losses and missing:
            raise ValueError(f"unequal_losses is on, but [unequal] says nothing of {missing[0]!r}")
        if self.flaws.raw_pixels and not self.pixels:
            raise ValueError("raw_pixels is on, but [pixels] is empty")
        return self

    @property
    def on(self) -> tuple[str, ...]:
        """The flaws that are switched on."""
        return tuple(name for name in FLAWS if getattr(self.flaws, name))

    def quick(self) -> Study:
        """Return a study that shows that everything runs, and nothing else."""
        small = {"seeds": FOLDS, "people": 10, "hidden": (16,), "rates": (0.01,), "epochs": 2}
        return self.model_copy(update={"careful": self.careful.model_copy(update=small)})


def read_study(file: Path, *, only: tuple[str, ...] = ()) -> Study:
    """Read a study file; `only` some of its flaws stay on.

    Raises
    ------
    ConfigError
        With every fault; for an unknown flaw with the known ones.
    """
    values = read_config(file)
    flaws = values.get("flaws")
    if isinstance(flaws, dict):
        _known(flaws, f"{file}: [flaws]")
    _known(only, "--only")
    try:
        study = Study.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(map(_fault, error.errors()))
        raise ConfigError(f"{file}: {faults}") from None
    if not only:
        return study
    kept = Flaws(**{name: name in only and name in study.on for name in FLAWS})
    return study.model_copy(update={"flaws": kept})


def _known(names: Any, where: str) -> None:
    for name in names:
        if name not in FLAWS:
            near = get_close_matches(str(name), FLAWS, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ConfigError(
                f"{where} has no flaw {str(name)[:60]!r}{hint}; there are {', '.join(FLAWS)}"
            )


def _fault(error: Any) -> str:
    place = ".".join(str(p) for p in error["loc"])
    said = error["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said
