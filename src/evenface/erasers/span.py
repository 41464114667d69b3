"""The directions in which training rows vary: erasers are fitted within them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.erasers.eraser import Array, Maps

ROUNDING = 1e-12
"""Share of the largest variance below which a direction is rounding."""

DIGITS = 4 * float(np.finfo(np.float64).eps)
"""Share of the vectors' own length within which they are one, written with some rounding."""


@dataclass(frozen=True, eq=False)
class Span:
    """A mean, and orthonormal axes that hold all deviations of some rows from it.

    Within the axes there are no more dimensions than rows, and rows don't vary together, which
    makes every fit quicker. What is outside no eraser that was fitted to these rows can touch.

    Attributes
    ----------
    middle : ndarray of float64, shape (d,)
    axes : ndarray of float64, shape (d, r)
        Widest first.
    """

    middle: Array
    axes: Array

    @classmethod
    def of(cls, vectors: npt.NDArray[Any], *, least: float = ROUNDING) -> Span:
        """Find them for rows (n, d), but for those of less than a share of the largest variance.

        Nor is there an axis where rows are apart by no more than their last digits.
        """
        x = vectors.astype(np.float64)
        middle = x.mean(axis=0)
        x -= middle
        # The mean of a million equal numbers is off by more than one of them is rounded.
        rest = x.mean(axis=0)
        x -= rest
        middle += rest
        n, d = x.shape
        values, found = np.linalg.eigh(x.T @ x if d <= n else x @ x.T)
        real = values > max(float(values[-1]) * least, n * (DIGITS**2) * float(middle @ middle))
        values, found = values[real][::-1], found[:, real][:, ::-1]
        return cls(middle, found if d <= n else x.T @ (found / np.sqrt(values)))

    def within(self, vectors: npt.NDArray[Any]) -> Array:
        """Return rows' places along the axes, shape (n, r)."""
        return np.asarray((vectors.astype(np.float64) - self.middle) @ self.axes)

    def lifted(self, maps: Maps) -> Maps:
        """Return maps of whole vectors that do what these do along the axes."""
        return Maps(
            self.middle + maps.centres @ self.axes.T,
            maps.moves @ self.axes.T,
            np.einsum("di,cir->cdr", self.axes, maps.out),
            np.einsum("cri,di->crd", maps.into, self.axes),
        )
