"""What is done to vectors: by what, to which attributes, how strongly, and who reads the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from evenface.erasers.methods import ERASERS
from evenface.errors import ConfigError
from evenface.faces.split import Rows, Split
from evenface.studies.data import CommonOptions, Labels, StudyData
from evenface.studies.heldout import OTHERS, STRONGEST
from evenface.studies.remedies import NONE

TOGETHER = " + "
HIDING = "adversarial"
LINEAR = "linear"

SPACES = {
    NONE: ("learned space", "Sohn 2016"),
    "sampling": ("learned, balanced sampling", "by definition"),
    "weights": ("learned, group weights", "by definition"),
    "dro": ("learned, group DRO", "Sagawa et al. 2020"),
    HIDING: ("learned, adversarial branch", "Ganin and Lempitsky 2015"),
}
"""Spaces of people by what was done while they were learned: title, and where it was published."""

LEARNED = "learned-"
"""Begins the name of such a space, where erasers have theirs."""


def title_of(eraser: str) -> str:
    """Return what figures call an eraser or a learned space."""
    if eraser.startswith(LEARNED):
        return SPACES[eraser.removeprefix(LEARNED)][0]
    return ERASERS[eraser].title


def named_way(eraser: str, strength: float) -> str:
    """Return what tables call it at a strength."""
    if eraser.startswith(LEARNED) and eraser != LEARNED + HIDING:
        return title_of(eraser)
    return (
        f"{title_of(eraser)}, lambda {strength:g}"
        if eraser.startswith(LEARNED)
        else (f"{title_of(eraser)} {strength:g}")
    )


def source_of(eraser: str) -> str:
    """Return where it was published."""
    if eraser.startswith(LEARNED):
        return SPACES[eraser.removeprefix(LEARNED)][1]
    return ERASERS[eraser].source


def by_label(eraser: str) -> bool:
    """Tell whether it must know a picture's own label to change it."""
    return not eraser.startswith(LEARNED) and ERASERS[eraser].by_label


def check_remedies(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names after `NONE`, if there are others; a ConfigError for an unknown one."""
    unknown = [n for n in names if n not in SPACES]
    if unknown:
        raise ConfigError(
            f"no remedy named {', '.join(map(repr, unknown))} for learning people; there are "
            f"{', '.join(SPACES)}"
        )
    return tuple(dict.fromkeys((NONE, *names))) if set(names) - {NONE} else ()


@dataclass(frozen=True)
class Way:
    """A way to change vectors.

    Attributes
    ----------
    attributes : tuple of str
        What is taken out, or what a remedy is about.
    eraser : str
        Name from `ERASERS`, or `LEARNED` and one from `SPACES`.
    strength : float
        Of an eraser the part of the way, up to 1; of an adversarial branch its lambda.
    whole : bool
        Whether all probes read what it leaves, and not the first alone.
    """

    attributes: tuple[str, ...]
    eraser: str
    strength: float
    whole: bool = True

    @property
    def attribute(self) -> str:
        """What is taken out, as the frame says it."""
        return TOGETHER.join(self.attributes) or "none"

    @property
    def name(self) -> str:
        """What tells it from other ways."""
        return f"{self.attribute}\x1f{self.eraser}\x1f{self.strength}"

    @property
    def learned(self) -> bool:
        """Whether it is a learned space."""
        return self.eraser.startswith(LEARNED)

    @property
    def kind(self) -> str:
        """What its training is as rough as that of: spaces vary more than changed vectors do."""
        if not self.learned:
            return "vectors"
        return HIDING if self.eraser == LEARNED + HIDING else "space"

    def key(self) -> dict[str, Any]:
        """Return the columns of the frame that tell it from others."""
        return {"attribute": self.attribute, "eraser": self.eraser, "strength": self.strength}

    def own(self) -> dict[str, Any]:
        """Return all its columns in the frame."""
        return {**self.key(), "stage": "after" if self.attributes else "before"}


BEFORE = Way((), NONE, 0.0)
SPACE = Way((), LEARNED + NONE, 1.0)


def start_of(way: Way) -> Way:
    """Return what a way begins with, and is held against."""
    return SPACE if way.learned and way.attributes else BEFORE


def erasing(
    sets: Sequence[tuple[str, ...]], erasers: Sequence[str], strengths: Sequence[float]
) -> list[Way]:
    """Return the ways of erasers, at partial strengths and whole."""
    steps = (*sorted(set(strengths)), 1.0)
    return [Way(own, name, s, s == 1) for own in sets for name in erasers for s in steps]


def learning(
    sets: Sequence[tuple[str, ...]], remedies: Sequence[str], hiding: Sequence[float]
) -> list[Way]:
    """Return the ways of learned spaces: one as it is, and those of each remedy for each set."""
    found = [SPACE] if remedies else []
    for own in sets:
        for name in (r for r in remedies if r != NONE):
            steps = sorted(set(hiding)) if name == HIDING else [1.0]
            found += [Way(own, LEARNED + name, s, s == steps[-1]) for s in steps]
    return found


@dataclass(frozen=True)
class Asked:
    """What is asked of erasers.

    Attributes
    ----------
    data : StudyData
    common : CommonOptions
    splits : sequence of Split
    labels, targets : dict of str to Labels
        What may be taken out, and what is read.
    ways : sequence of Way
    probes : tuple of str
        At partial strengths the first alone.
    fmr : float
    similarity : str
    """

    data: StudyData
    common: CommonOptions
    splits: Sequence[Split]
    labels: dict[str, Labels]
    targets: dict[str, Labels]
    ways: Sequence[Way]
    probes: tuple[str, ...]
    fmr: float
    similarity: str

    def codes(self, way: Way) -> Rows:
        """Return the classes of what a way is about, shape (rows, attributes); -1 is unknown."""
        return np.stack([self.labels[a].codes for a in way.attributes], axis=1)

    @cached_property
    def every(self) -> list[Way]:
        """All ways, with vectors as they are first."""
        return [BEFORE, *self.ways]

    def readers(self, way: Way) -> tuple[str, ...]:
        """Return the probes that read what a way leaves, and the strongest of several.

        A linear probe is there twice: of the people that were fitted to, and of others.
        """
        own = self.probes if way.whole else self.probes[:1]
        several = (STRONGEST,) if len(own) > 1 else ()
        others = (OTHERS,) if LINEAR in own else ()
        return (*own, *several, *others)
