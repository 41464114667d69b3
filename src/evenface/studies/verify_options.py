"""What may be asked of `verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from evenface.pairs.bins import LOWEST
from evenface.pairs.remedies import REMEDIES
from evenface.studies.data import Options
from evenface.studies.operating import points_file

TARGETS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


class VerifyOptions(Options):
    """Options of `verify`.

    Attributes
    ----------
    similarity : {"cosine", "euclidean"}
        How vectors are compared; minus the distance for the latter.
    fmr : tuple of float
        Target FMRs, in (0, 1), over everybody that thresholds are set for; those with fewer than
        10 / FMR impostor pairs are left out.
    threshold : tuple of float
        Scores to count errors at as well, or one: cosines, or minus distances. What is said first
        is said at the first of them.
    thresholds_from : str, optional
        Output folder of another run whose thresholds are taken over, in place of setting them.
    pairs : str, optional
        File of the pairs to compare, in place of all: LFW's or RFW's list, or a table.
    missing_pairs : {"error", "skip"}
        What to do with pairs whose pictures aren't there.
    alpha : float
        Weight of FMR in measures of inequality, in [0, 1].
    remedies : tuple of str
        What to try on scores, of `REMEDIES`; nothing if empty.
    associations : bool
        Whether to test associations between groups and attributes.
    """

    similarity: Literal["cosine", "euclidean"] = "cosine"
    fmr: tuple[float, ...] = TARGETS
    threshold: tuple[float, ...] = ()
    thresholds_from: str | None = None
    pairs: str | None = None
    missing_pairs: Literal["error", "skip"] = "error"
    alpha: float = Field(0.5, ge=0, le=1)
    remedies: tuple[str, ...] = tuple(REMEDIES)
    associations: bool = True

    def reads(self) -> tuple[Path, ...]:
        """Return the list of pairs and the file of thresholds, where these are given."""
        pairs = () if self.pairs is None else (Path(self.pairs),)
        return pairs + (
            () if self.thresholds_from is None else (points_file(self.thresholds_from),)
        )

    @field_validator("fmr")
    @classmethod
    def _targets(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value:
            raise ValueError("at least one target FMR is needed, such as 0.001")
        wrong = [f for f in value if not 0 < f < 1]
        if wrong:
            raise ValueError(f"target FMRs lie between 0 and 1, not at {wrong[0]:g}")
        return value

    @field_validator("threshold", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return (value,) if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _together(self) -> VerifyOptions:
        if self.thresholds_from is not None and self.fmr != TARGETS:
            raise ValueError("fmr and thresholds_from exclude each other: one sets thresholds, "
                             "the other takes them over")  # fmt: skip
        if self.missing_pairs != "error" and self.pairs is None:
            raise ValueError("missing_pairs says what to do with a list of pairs; give pairs")
        return self

    @model_validator(mode="after")
    def _scores(self) -> VerifyOptions:
        for t in self.threshold:
            if not abs(t) <= -LOWEST:
                raise ValueError(f"threshold {t} is no score in single precision")
            if self.similarity == "cosine" and abs(t) > 1:
                raise ValueError(f"threshold {t:g}: cosines lie between -1 and 1")
            if self.similarity == "euclidean" and t > 0:
                raise ValueError(
                    f"threshold {t:g}: scores are minus the distance, so that more alike is "
                    f"larger; for a distance of {t:g} give {-t:g}"
                )
        return self

    @field_validator("remedies")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [r for r in value if r not in REMEDIES]
        if unknown:
            raise ValueError(f"no remedy {unknown[0]!r}; there are {', '.join(REMEDIES)}")
        return value
