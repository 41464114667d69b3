"""Putting vectors on a common scale, learned on training rows alone.

Every feature is centred and divided by its spread; then the rows are turned into their principal
axes (Pearson 1901), widest first. Turning changes neither distances nor what a linear map can
say, and with fewer training rows than dimensions nothing is lost by leaving out the axes that no
training row touches. What the axes are good for: leaving out the narrowest is a slice, and the
Hessian of a linear model is close to diagonal in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

from evenface.heads.threads import one_thread

Vectors = npt.NDArray[np.float32]

COMPONENTS = 256
"""Principal axes that curved probes are given, the widest ones.

Their cost grows with the number of axes, and distances hardly change by leaving out the narrow
ones. The linear probe is given all axes: what lies in the narrow ones stays in sight.
Embeddings of up to 256 dimensions are never cut.
"""

BLOCK = 2048
"""Rows that are put on the scale at once, so that no second copy of all rows is made."""


@dataclass(frozen=True)
class Scaling:
    """A map from raw vectors to a probe's input.

    Attributes
    ----------
    centre, inverse : ndarray of float32, shape (d,)
        Mean and one over the standard deviation of the training rows; 0 for a constant feature.
    basis : ndarray of float32, shape (d, r)
        Principal axes of the standardised training rows, widest first; orthonormal.
    """

    centre: Vectors
    inverse: Vectors
    basis: Vectors

    def __call__(self, vectors: Vectors) -> Vectors:
        """Map vectors (n, d) to inputs (n, r)."""
        inputs = np.empty((len(vectors), self.basis.shape[1]), dtype=np.float32)
        for rows in _blocks(len(vectors)):
            np.matmul(self.standardised(vectors[rows]), self.basis, out=inputs[rows])
        return inputs

    def standardised(self, vectors: Vectors) -> Vectors:
        """Return vectors (n, d) with the training rows' mean 0 and spread 1, unturned."""
        scaled = vectors - self.centre
        scaled *= self.inverse
        return scaled

    def leading(self, components: int) -> Scaling:
        """Return the map to the widest axes alone: the first columns of the inputs."""
        return replace(self, basis=np.ascontiguousarray(self.basis[:, :components]))


def _blocks(n: int) -> Iterator[slice]:
    return (slice(i, min(i + BLOCK, n)) for i in range(0, n, BLOCK))


def fit_scaling(train: Vectors, components: int | None = None, *, common: bool = False) -> Scaling:
    """Learn a scaling from training rows.

    Parameters
    ----------
    train : ndarray of float32, shape (n, d)
    components : int, optional
        Axes to keep at most; all if not given.
    common : bool
        Whether one spread divides all features, rather than each its own: angles between centred
        rows then stay as they are.
    """
    n, d = train.shape
    centre = train.mean(axis=0, dtype=np.float64)
    squares = sum(
        ((train[rows].astype(np.float64) - centre) ** 2).sum(axis=0) for rows in _blocks(n)
    )
    spread = np.sqrt(squares / n)
    # Rounding leaves a constant feature a little spread; dividing by that would blow it up.
    varies = spread > 1e-6 * (np.abs(centre) + spread.mean())
    if common:
        spread = np.full(d, np.sqrt(np.square(spread).mean()))
    inverse = np.divide(1.0, spread, out=np.zeros(d), where=varies)
    plain = Scaling(
        centre.astype(np.float32), inverse.astype(np.float32), np.zeros((d, 0), np.float32)
    )
    axes = _axes_of_few if n < d else _axes_of_many
    basis = axes(plain, train, components)
    full = replace(plain, basis=np.ascontiguousarray(basis[:, ::-1], dtype=np.float32))
    return full if components is None else full.leading(components)


def _axes_of_many(
    plain: Scaling, train: Vectors, components: int | None
) -> npt.NDArray[np.floating[Any]]:
    """Return the widest axes, narrowest first, from the matrix of inner products of features."""
    d = train.shape[1]
    products = np.zeros((d, d), dtype=np.float32)
    for rows in _blocks(len(train)):
        block = plain.standardised(train[rows])
        products += block.T @ block
    # Any rotation is exact; single precision only blurs which of two equal axes comes first.
    return _widest(products, components)[1]


def _axes_of_few(
    plain: Scaling, train: Vectors, components: int | None
) -> npt.NDArray[np.floating[Any]]:
    """Return the widest axes of the rows' span, narrowest first, from the rows' inner products."""
    rows: npt.NDArray[np.floating[Any]] = plain.standardised(train)
    few = components is not None and components <= len(train) // 2
    if not few:
        # The narrowest axes are lost in single precision.
        rows = rows.astype(np.float64)
    values, left = _widest(rows @ rows.T, components if few else None)
    # Identical rows span nothing; one axis is kept so that there is an input, 0.
    keep = values > max(values[-1] * (1e-6 if few else 1e-10), 1e-30)
    if not keep.any():
        return np.eye(train.shape[1], 1)
    axes: npt.NDArray[np.floating[Any]] = rows.T @ left[:, keep]
    axes /= np.linalg.norm(axes, axis=0)
    return axes


def _widest(
    products: npt.NDArray[Any], components: int | None
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the largest eigenvalues and their vectors, smallest first; all if not told."""
    n = len(products)
    given: dict[str, Any] = {"driver": "evd"}
    if components is not None and components <= n // 2:
        given = {"driver": "evr", "subset_by_index": (n - components, n - 1)}
    with one_thread():
        values, vectors = linalg.eigh(products, overwrite_a=True, check_finite=False, **given)
    return values, vectors
