"""What can be done about unequal errors after training, to scores alone, in a table.

- ``none``: the score as it is, one threshold for all;
- ``group_thresholds``: a threshold for each group;
- ``z_norm``, ``s_norm``: scores normalised by those of impostors against the same pictures;
- ``fair_cal``: scores calibrated for each part of the space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evenface.pairs.calibrate import fit_fair_cal
from evenface.pairs.normalise import fit_s_norm, fit_z_norm
from evenface.pairs.samples import Remedy, Sample, Training, Values
from evenface.pairs.thresholds import fit_group_thresholds

NONE = "none"

NEEDS_GROUP = (
    "Thresholds by group need to know, or to guess, the group of a person whenever two pictures "
    "are compared. To treat people by such a label may be unlawful or wrong, and whoever chooses "
    "the label chooses the threshold. Recorded labels are taken as true here."
)


@dataclass(frozen=True)
class Kind:
    """An entry of the table.

    Attributes
    ----------
    title : str
    fit : callable
        ``fit(training) -> remedy``; raises `SelectionError` where there is too little to fit to.
    by_target : bool
        Whether what is fitted depends on the target FMR.
    needs_group : bool
        Whether people's groups must be known at the time of use.
    warning : str
        What to say wherever it is shown.
    """

    title: str
    fit: Callable[[Training], Remedy]
    by_target: bool = False
    needs_group: bool = False
    warning: str = ""


@dataclass(frozen=True)
class Unchanged:
    """The score as it is."""

    def facts(self, sample: Sample) -> Values:
        """Return nothing of each row, shape (n, 0)."""
        return np.empty((len(sample), 0), dtype=np.float32)

    def __call__(self, scores: Values, a: Values, b: Values) -> Values:  # noqa: ARG002
        """Return the scores."""
        return scores


REMEDIES: dict[str, Kind] = {
    NONE: Kind("one threshold for all", lambda _training: Unchanged()),
    "group_thresholds": Kind(
        "a threshold for each group",
        fit_group_thresholds,
        by_target=True,
        needs_group=True,
        warning=NEEDS_GROUP,
    ),
    "z_norm": Kind("z-norm", fit_z_norm),
    "s_norm": Kind("s-norm", fit_s_norm),
    "fair_cal": Kind("FairCal", fit_fair_cal),
}
