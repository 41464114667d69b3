"""LEACE: the least change after which no linear reader does better than a constant.

Belrose, Schneider-Joseph, Ravfogel, Cotterell, Raff and Biderman (2023), theorem 4.2:

``r(x) = x - W^+ P W (x - E[x])``, ``W = (Cov[x]^(1/2))^+``, P the projection on the columns of
``W Cov[x, z]``, z the classes as 0 and 1. Of all affine maps after which ``Cov[r(x), z] = 0`` it
has the smallest mean square of ``|r(x) - x|``, in whatever norm a scalar product makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from evenface.embed.moments import Sums, kind_of, pilot_of
from evenface.erasers.eraser import Array, Maps, joint
from evenface.erasers.rows import (
    NOT_FINITE,
    TOO_FEW,
    Block,
    independent,
    one_hot,
    require_classes,
)
from evenface.errors import VectorError

RANK = 1e-6
"""Share of the largest variance, or covariance with z, below which a direction holds rounding."""


@final
class LeaceFitter:
    """Sums that LEACE is made from, of vectors that are each looked at once.

    Parameters
    ----------
    sizes : sequence of int
        Classes of each attribute.
    precision : {"float32", "float64"}
        Of products within a block; sums over blocks are float64.
    """

    def __init__(self, sizes: Sequence[int], precision: str = "float32") -> None:
        self.sizes, self.kind = tuple(sizes), kind_of(precision)
        self.counts = np.zeros(sum(sizes))
        self.sums: Sums | None = None

    def update(self, vectors: npt.NDArray[Any], codes: npt.NDArray[Any]) -> LeaceFitter:
        """Take in rows.

        Parameters
        ----------
        vectors : ndarray of float16, float32 or float64, shape (n, d)
        codes : ndarray of int, shape (n,) or (n, attributes)
            Rows of which one is unknown, -1, are not looked at.
        """
        joint(codes, self.sizes, len(vectors))
        codes = codes[:, None] if codes.ndim == 1 else codes
        if self.sums is not None and vectors.shape[1:] != self.sums.total.shape:
            raise VectorError(
                f"vectors of shape {vectors.shape} after some of {len(self.sums.total)} numbers"
            )
        kept = np.asarray((codes >= 0).all(axis=1))
        if not kept.any():
            return self
        if self.sums is None:
            self.sums = Sums(pilot_of(vectors[kept], self.kind), sum(self.sizes))
        marks = one_hot(np.where(kept[:, None], codes, -1), self.sizes, self.kind)
        self.sums.add(vectors, marks, None if kept.all() else kept)
        self.counts += marks.sum(axis=1)
        return self

    def beside(self) -> LeaceFitter:
        """Return an empty one whose sums can be joined to these: of the same pilot mean."""
        other = LeaceFitter(self.sizes, self.kind.name)
        if self.sums is not None:
            other.sums = Sums(self.sums.pilot, sum(self.sizes))
        return other

    def join(self, other: LeaceFitter) -> None:
        """Add the sums of other rows, from a fitter made by `beside`."""
        if other.sums is None:
            return
        if self.sums is None:
            self.sums, self.counts = other.sums, other.counts
            return
        if not np.array_equal(self.sums.pilot, other.sums.pilot):
            raise VectorError(
                "these sums are of deviations from another mean: make what is to be joined by "
                "`beside` of a fitter that has seen a labelled row"
            )
        self.sums.join(other.sums)
        self.counts += other.counts

    def maps(self) -> Maps:
        """Return LEACE's map.

        Raises
        ------
        VectorError
            If there are fewer than two rows, or an attribute has one class only.
        """
        sums = self.sums
        if sums is None or sums.n < 2:
            raise VectorError(TOO_FEW.format(0 if sums is None else sums.n))
        if not np.isfinite(sums.products).all():
            # NaN and infinity spread to the sums, which costs no look at every number.
            raise VectorError(NOT_FINITE)
        require_classes(self.counts, self.sizes)
        variance = sums.centred() / sums.n
        shares = self.counts / sums.n
        cross = (sums.marked - shares[:, None] * sums.total).T / sums.n
        return Maps.projection(sums.mean(), *leace(variance, cross[:, independent(self.sizes)]))


def leace(variance: Array, cross: Array) -> tuple[Array, Array]:
    """Return `out` and `into` of the projection ``W^+ P W = out into``.

    Parameters
    ----------
    variance : ndarray of float64, shape (d, d)
    cross : ndarray of float64, shape (d, k)
        Covariances with z.

    Returns
    -------
    out : ndarray of float64, shape (d, r)
    into : ndarray of float64, shape (r, d)
        r is at most k.
    """
    values, axes = np.linalg.eigh(variance)
    # Axes without variance hold nothing: what they seem to have is rounding.
    real = values > max(values[-1], 0) * RANK
    values, axes = values[real], axes[:, real]
    roots = np.sqrt(values)
    white = (axes.T @ cross) / roots[:, None]
    left, size, _ = np.linalg.svd(white, full_matrices=False)
    left = left[:, size > max(size.max(initial=0), 0) * RANK]
    # What of z is in axes too narrow to be divided by is taken off as it stands.
    rest, far, _ = np.linalg.svd(cross - axes @ (axes.T @ cross), full_matrices=False)
    rest = rest[:, far > np.finfo(np.float32).eps * np.sqrt(max(values.max(initial=0), 0))]
    return (
        np.hstack([(axes * roots) @ left, rest]),
        np.vstack([left.T @ (axes / roots).T, rest.T]),
    )


def fit_leace(blocks: Iterable[Block], sizes: Sequence[int], precision: str = "float32") -> Maps:
    """Return LEACE's map of blocks of vectors and codes, each of which is looked at once."""
    fitter = LeaceFitter(sizes, precision)
    for vectors, codes in blocks:
        fitter.update(vectors, codes)
    return fitter.maps()
