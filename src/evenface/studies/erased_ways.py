"""What is asked of erasers: which, of what, how strongly, and who reads what they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evenface.faces.split import Split
from evenface.studies.data import CommonOptions, Labels, StudyData
from evenface.studies.heldout import STRONGEST

TOGETHER = " + "


@dataclass(frozen=True)
class Way:
    """A way to change vectors.

    Attributes
    ----------
    attributes : tuple of str
        What is taken out.
    eraser : str
        Name from `ERASERS`.
    strength : float
    """

    attributes: tuple[str, ...]
    eraser: str
    strength: float

    @property
    def attribute(self) -> str:
        """What is taken out, as the frame says it."""
        return TOGETHER.join(self.attributes) or "none"

    @property
    def name(self) -> str:
        """What tells it from other ways."""
        return f"{self.attribute}\x1f{self.eraser}\x1f{self.strength}"

    def own(self) -> dict[str, Any]:
        """Return its columns in the frame."""
        return {
            "attribute": self.attribute, "eraser": self.eraser, "strength": self.strength,
            "stage": "after" if self.attributes else "before",
        }  # fmt: skip


BEFORE = Way((), "none", 0.0)


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

    @cached_property
    def every(self) -> list[Way]:
        """All ways, with vectors as they are first."""
        return [BEFORE, *self.ways]

    def readers(self, way: Way) -> tuple[str, ...]:
        """Return the probes that read what a way leaves, and the strongest of several."""
        own = self.probes if way.strength in (0.0, 1.0) else self.probes[:1]
        return (*own, STRONGEST) if len(own) > 1 else own
