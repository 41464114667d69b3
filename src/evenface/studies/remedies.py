"""What can be done while training against unequal groups, in a table.

All are about the groups' numbers of training rows, n_g of n:

- ``sampling``: every step draws as many rows of each group, with replacement;
- ``weights``: a row counts in the loss by ``n / (G n_g)``;
- ``logits``: the log of each class's share is added to its logit while training, and left out
  afterwards (Menon et al. 2021, equation 10); for losses with logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenface.faces.split import Rows
from evenface.heads.objectives import Loss

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
    """

    title: str
    fits: Callable[[Loss], bool]
    changes: Callable[[Rows, Rows, int], dict[str, Any]]


def group_weights(groups: Rows) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return each row's weight ``n / (G n_g)``, so that groups weigh the same; mean 1."""
    _, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(len(groups) / (len(counts) * counts[number]), dtype=np.float64)


def log_shares(classes: Rows, n_classes: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the log of each class's share of the rows; 0 for one that has none."""
    counts = np.bincount(classes, minlength=n_classes)
    return np.log(np.where(counts > 0, counts / len(classes), 1.0))


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
}
