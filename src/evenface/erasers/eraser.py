"""What takes an attribute out of vectors, once it has been fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from evenface.errors import LeakError, VectorError

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Vectors = npt.NDArray[np.float32]

NUMBERS = 1 << 18
"""Numbers that are changed at a time: what is widened for it stays in a cache."""


@dataclass(frozen=True, eq=False)
class Maps:
    """Affine maps, one for everybody or one for each class.

    ``r(x) = x + move_c - out_c into_c (x - centre_c)``, c the row's class; 0 where there is one.

    Attributes
    ----------
    centres, moves : ndarray of float64, shape (c, d)
    out : ndarray of float64, shape (c, d, r)
    into : ndarray of float64, shape (c, r, d)
        r is 0 where vectors are moved alone.
    """

    centres: Array
    moves: Array
    out: Array
    into: Array

    @classmethod
    def projection(cls, centre: Array, out: Array, into: Array) -> Maps:
        """Return the one map ``x - out into (x - centre)``."""
        return cls(centre[None], np.zeros_like(centre)[None], out[None], into[None])

    @classmethod
    def moving(cls, moves: Array) -> Maps:
        """Return the maps ``x + move_c``."""
        c, d = moves.shape
        return cls(np.zeros((c, d)), moves, np.zeros((c, d, 0)), np.zeros((c, 0, d)))


@final
@dataclass(frozen=True, eq=False, repr=False)
class Eraser:
    """Takes attributes out of vectors.

    Attributes
    ----------
    method : str
        Its name in `evenface.erasers.methods.ERASERS`.
    attributes : tuple of str
        What it takes out.
    classes : tuple of tuple of str
        Of each attribute, the values it knows, in the order of their codes.
    maps : Maps
    strength : float
        In [0, 1]: ``x + strength (r(x) - x)`` is returned.
    rows, identities : int
        What it was fitted on.
    salt : str
    fitted_on : frozenset of str
        Salted hashes of the identities it was fitted on: they name nobody, and tell whether an
        identity at hand was among them.
    """

    method: str
    attributes: tuple[str, ...]
    classes: tuple[tuple[str, ...], ...]
    maps: Maps
    strength: float = 1.0
    rows: int = 0
    identities: int = 0
    salt: str = ""
    fitted_on: frozenset[str] = field(default_factory=frozenset)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.maps.centres.shape[1])

    @property
    def rank(self) -> int:
        """Dimensions that a map takes away at strength 1, or changes; 0 if it moves alone."""
        return int(self.maps.out.shape[2])

    @property
    def needs_labels(self) -> bool:
        """Whether a row's own labels must be known to change it."""
        return len(self.maps.centres) > 1

    def at(self, strength: float) -> Eraser:
        """Return the eraser at another strength.

        Parameters
        ----------
        strength : float
            In [0, 1]; 1 takes out all that it can.

        Returns
        -------
        Eraser

        Raises
        ------
        VectorError
            If the strength is outside [0, 1].
        """
        if not 0 <= strength <= 1:
            raise VectorError(f"an eraser's strength lies between 0 and 1, not at {strength}")
        return replace(self, strength=float(strength))

    def __call__(self, vectors: npt.ArrayLike, codes: npt.ArrayLike | None = None) -> Vectors:
        """Return vectors without the attributes.

        Parameters
        ----------
        vectors : array-like, shape (n, d)
            Finite.
        codes : array-like of int, shape (n,) or (n, attributes), optional
            Class of each row, for erasers that need labels. A row of which one is unknown, -1, is
            left as it is.

        Returns
        -------
        ndarray of float32, shape (n, d)

        Raises
        ------
        VectorError
            If shapes don't fit, a value is not finite, or labels are wanted and not given.
        """
        x = np.asarray(vectors)
        if x.ndim != 2 or x.shape[1] != self.dimension:
            raise VectorError(
                f"vectors of shape {x.shape}: this eraser expects a vector of {self.dimension} "
                "numbers a row"
            )
        which = self._places(codes, len(x))
        found = np.empty(x.shape, dtype=np.float32)
        size = max(NUMBERS // self.dimension, 1)
        for first in range(0, len(x), size):
            part = slice(first, first + size)
            rows = x[part].astype(np.float64)
            if not np.isfinite(rows).all():
                raise VectorError("vectors must be finite numbers: some are NaN or infinite")
            with np.errstate(over="ignore", invalid="ignore"):
                for c, own in _by_map(which[part]):
                    away = (rows[own] - self.maps.centres[c]) @ self.maps.into[c].T
                    change = away @ self.maps.out[c].T
                    np.subtract(self.maps.moves[c], change, out=change)
                    change *= self.strength
                    rows[own] += change
                found[part] = rows
            if not np.isfinite(found[part]).all():
                raise VectorError("changed vectors are beyond single precision: scale all vectors")
        return found

    def _places(self, codes: npt.ArrayLike | None, n: int) -> Codes:
        """Return which map each row takes, -1 for none."""
        if not self.needs_labels:
            return np.zeros(n, dtype=np.intp)
        if codes is None:
            raise VectorError(
                f"an eraser by {self.method} needs each row's {' and '.join(self.attributes)}: "
                "give codes"
            )
        return joint(codes, [len(c) for c in self.classes], n)

    def refuse_leak(self, identities: Iterable[str]) -> None:
        """Refuse to be judged on identities that it was fitted on.

        Parameters
        ----------
        identities : iterable of str

        Raises
        ------
        LeakError
            If one of them is, or nobody knows whom it was fitted on.
        """
        if not self.fitted_on:
            raise LeakError(
                "this eraser doesn't know whom it was fitted on, so nobody can be judged by it; "
                "fit it with identities"
            )
        known = sum(hashed(self.salt, name) in self.fitted_on for name in set(identities))
        if known:
            raise LeakError(
                f"{known} identities to be judged on are among those this eraser was fitted on: "
                "what it does to them says nothing about others; fit on training people alone"
            )

    def __repr__(self) -> str:
        needs = ", needs labels" if self.needs_labels else ""
        return (
            f"Eraser of {' and '.join(self.attributes)} by {self.method}: {self.dimension} numbers "
            f"a vector, rank {self.rank}, strength {self.strength:g}{needs}\n"
            f"fitted on {self.rows} pictures of {self.identities} identities"
        )


def _by_map(which: Codes) -> Iterator[tuple[int, Any]]:
    """Yield each map that rows take, and which rows they are; those that take none are in none."""
    maps = np.unique(which)
    if len(maps) == 1 and maps[0] >= 0:
        yield int(maps[0]), slice(None)  # spares copies of all rows
        return
    for c in maps[maps >= 0]:
        yield int(c), which == c


def hashed(salt: str, identity: str) -> str:
    """Return what stands for an identity in an eraser."""
    return hashlib.sha256(f"{salt}\x1f{identity}".encode()).hexdigest()[:16]


def joint(codes: npt.ArrayLike, sizes: Sequence[int], n: int) -> Codes:
    """Number the combinations of several attributes' classes; -1 where one is unknown.

    Raises
    ------
    VectorError
        If shapes don't fit, or a class doesn't exist.
    """
    given = np.asarray(codes)
    given = given[:, None] if given.ndim == 1 else given
    if given.shape != (n, len(sizes)) or given.dtype.kind not in "iu":
        raise VectorError(
            f"labels of shape {np.shape(codes)}: expected a class number for each of {n} rows and "
            f"each of {len(sizes)} attributes"
        )
    if n and ((given < -1) | (given >= np.asarray(sizes))).any():
        raise VectorError(f"class numbers must lie between -1 and those of {list(sizes)} classes")
    found = np.zeros(n, dtype=np.intp)
    for column, size in zip(given.T, sizes, strict=True):
        found = np.where((found < 0) | (column < 0), -1, found * size + column)
    return found
