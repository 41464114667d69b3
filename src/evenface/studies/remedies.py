"""What can be done while training against unequal groups, in a table.

The first three are about the groups' numbers of training rows, n_g of n:

- ``sampling``: every step draws as many rows of each group, with replacement;
- ``weights``: a row counts in the loss by ``n / (G n_g)``;
- ``logits``: the log of each class's share is added to its logit while training, and left out
  afterwards (Menon et al. 2021, equation 10); for losses with logits;
- ``dro``: as ``sampling``, and groups that lose most count most (group DRO, Sagawa et al. 2020,
  algorithm 1);
- ``adversarial``: what tells groups of one class apart is trained away, by the reversed gradient
  of a branch that reads it (Ganin and Lempitsky 2015; within classes, as for equality of odds in
  Zhang et al. 2018); for groups that classes don't tell already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenface.errors import ConfigError
from evenface.faces.split import Rows
from evenface.heads.hidden import Hidden
from evenface.heads.objectives import Loss
from evenface.heads.robust import Robust

NONE = "none"


@dataclass(frozen=True)
class Remedy:
    """An entry of the table.

    Attributes
    ----------
    title : str
    fits : callable
        Whether it can be applied to a loss.
    changes : callable
        ``changes(classes, groups, n_classes)``: fields of a `Job` that it sets.
    within : bool
        Whether it is about groups within a class, so that there must be such.
    """

    title: str
    fits: Callable[[Loss], bool]
    changes: Callable[[Rows, Rows, int], dict[str, Any]]
    within: bool = False


def group_weights(groups: Rows) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return each row's weight ``n / (G n_g)``, so that groups weigh the same; mean 1."""
    _, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(len(groups) / (len(counts) * counts[number]), dtype=np.float64)


def log_shares(classes: Rows, n_classes: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the log of each class's share of the rows; 0 for one that has none."""
    counts = np.bincount(classes, minlength=n_classes)
    return np.log(np.where(counts > 0, counts / len(classes), 1.0))


def _present(groups: Rows) -> tuple[Rows, int]:
    """Number the groups that occur 0 ... G-1; return the numbers and G."""
    found, number = np.unique(groups, return_inverse=True)
    return number.astype(np.intp), found.size


REMEDIES: dict[str, Remedy] = {
    NONE: Remedy("as it is", lambda _loss: True, lambda _y, _g, _n: {}),
    "sampling": Remedy(
        "group-balanced sampling", lambda _loss: True, lambda _y, g, _n: {"strata": g}
    ),
    "weights": Remedy(
        "loss weights", lambda loss: loss.weighs, lambda _y, g, _n: {"weight": group_weights(g)}
    ),
    "logits": Remedy(
        "logit adjustment",
        lambda loss: loss.classifies,
        lambda y, _g, n: {"offset": log_shares(y, n)},
    ),
    "dro": Remedy(
        "group DRO",
        lambda loss: loss.weighs,
        lambda _y, g, _n: {"strata": g, "robust": Robust(*_present(g))},
    ),
    "adversarial": Remedy(
        "adversarial branch",
        lambda _loss: True,
        lambda _y, g, _n: {"hidden": Hidden(*_present(g), within=True)},
        within=True,
    ),
}


def fitting(names: Sequence[str], classes: Rows, groups: Rows) -> list[str]:
    """Return the remedies that can do something about groups beside classes.

    Raises
    ------
    ConfigError
        If none can, and some are asked for.
    """
    known = (classes >= 0) & (groups >= 0)
    pairs = np.unique(np.stack([classes[known], groups[known]]), axis=1)
    told = pairs.shape[1] == np.unique(pairs[0]).size
    found = [name for name in names if not (told and REMEDIES[name].within)]
    if names and not found:
        raise ConfigError(
            f"remedies: {', '.join(names)} would hide what tells groups of one class apart, but "
            "each class here is one group; learn another target, such as 'gender'"
        )
    return found
