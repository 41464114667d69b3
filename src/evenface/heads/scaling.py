"""Putting vectors on a common scale, learned on training rows alone.

Every feature is centred and divided by its spread. With fewer training rows than dimensions the
rows are then rotated into the space they span: nothing that depends on them leaves that space,
so a linear map, a first layer of a network (apart from the part of its random start that no row
ever touches) and distances among training rows are the same in it, at a fraction of the size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scaling:
    """A map from raw vectors to a probe's input.

    Attributes
    ----------
    centre, spread : ndarray, shape (d,)
        Mean and standard deviation of the training rows; a constant feature has spread inf,
        which maps it to 0.
    basis : ndarray, shape (d, r), or None
        Orthonormal basis of the rows' span; None where they span everything.
    """

    centre: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    basis: Vectors | None

    def __call__(self, vectors: Vectors) -> Vectors:
        """Map vectors (n, d) to inputs (n, r); training rows have a mean squared norm near d."""
        scaled = ((vectors - self.centre) / self.spread).astype(np.float32)
        return scaled if self.basis is None else scaled @ self.basis


def fit_scaling(train: Vectors) -> Scaling:
    """Learn a scaling from training rows, shape (n, d)."""
    centre = train.mean(axis=0, dtype=np.float64)
    spread = train.std(axis=0, dtype=np.float64)
    # Rounding leaves a constant feature a little spread; dividing by that would blow it up.
    spread = np.where(spread > 1e-6 * (np.abs(centre) + spread.mean()), spread, np.inf)
    scaling = Scaling(centre, spread, None)
    n, d = train.shape
    if n >= d:
        return scaling
    rows = scaling(train).astype(np.float64)
    values, left = np.linalg.eigh(rows @ rows.T)
    keep = values > values.max(initial=0.0) * 1e-10
    if not keep.any():
        return scaling
    basis = rows.T @ (left[:, keep] / np.sqrt(values[keep]))
    return Scaling(centre, spread, np.ascontiguousarray(basis, dtype=np.float32))
