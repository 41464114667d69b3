"""What erasers are fitted to: vectors and classes, as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.erasers.eraser import Array, Codes
from evenface.errors import VectorError

Block = tuple[npt.NDArray[Any], npt.NDArray[Any]]
"""Vectors and classes of some rows."""

TOO_FEW = "erasing needs two labelled vectors or more; there are {}"
NOT_FINITE = (
    "vectors must be finite numbers, and so must their squares: some labelled rows hold NaN, "
    "infinity or values that are too large; leave them out or scale all vectors"
)
SMALLEST, LARGEST = 1e-15, 1e15
"""Between which the largest number of all vectors lies: squares and their sums are floats too."""

UNSCALED = (
    "the largest number in the vectors to fit on is {:g}: their squares are beyond what can be "
    "computed with; scale all vectors"
)
SAME = "all vectors to fit on are the same: there is nothing to take out"


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled training rows.

    Attributes
    ----------
    vectors : ndarray of float64, shape (n, d)
    codes : ndarray of intp, shape (n, attributes)
        All known, and of two classes or more of each attribute.
    sizes : tuple of int
        Classes of each attribute.
    held : (vectors, codes)
        Rows of further people, that may say when to stop; none, and the training rows do.
    seed : int
    """

    vectors: Array
    codes: Codes
    sizes: tuple[int, ...]
    held: tuple[Array, Codes]
    seed: int = 0

    @cached_property
    def middle(self) -> Array:
        """The rows' mean, shape (d,)."""
        found: Array = self.vectors.mean(axis=0)
        return found

    @property
    def judging(self) -> tuple[Array, Codes]:
        """Rows that say when to stop."""
        return self.held if len(self.held[0]) else (self.vectors, self.codes)


def refuse_unscaled(largest: float) -> None:
    """Refuse vectors of which the largest number is too small or too large to compute with.

    Where all are 0 they are the same, which is another fault; what isn't finite is as well.
    """
    if np.isfinite(largest) and largest > 0 and not SMALLEST <= largest <= LARGEST:
        raise VectorError(UNSCALED.format(largest))


def one_hot(codes: npt.NDArray[Any], sizes: Sequence[int], kind: Any = np.float64) -> Any:
    """Return the classes of each attribute as 0 and 1, shape (sum of sizes, n)."""
    wanted = [
        np.arange(size)[:, None] == column for column, size in zip(codes.T, sizes, strict=True)
    ]
    return np.concatenate(wanted).astype(kind)


def independent(sizes: Sequence[int]) -> npt.NDArray[np.intp]:
    """Return the rows of `one_hot` but each attribute's last, which follows from the others."""
    ends = np.cumsum(sizes) - 1
    return np.setdiff1d(np.arange(sum(sizes)), ends).astype(np.intp)


def labelled(
    codes: Codes, sizes: Sequence[int], attributes: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Return which rows' labels are all known, shape (n,).

    Raises
    ------
    VectorError
        If they are fewer than two, or all of one class of an attribute.
    """
    known = np.asarray((codes >= 0).all(axis=1))
    if known.sum() < 2:
        raise VectorError(
            f"{int(known.sum())} of {len(codes)} rows have a recorded {' and '.join(attributes)}: "
            "an eraser needs two or more"
        )
    require_classes(one_hot(codes[known], sizes).sum(axis=1), sizes, attributes)
    return known


def require_classes(
    counts: npt.NDArray[Any], sizes: Sequence[int], names: Sequence[str] = ()
) -> None:
    """Refuse an attribute of which everybody has the same value."""
    first = 0
    for k, size in enumerate(sizes):
        if (counts[first : first + size] > 0).sum() < 2:
            what = names[k] if names else f"attribute {k + 1} of {len(sizes)}"
            raise VectorError(
                f"{what} has one class among the rows to fit on: there is nothing to take out; "
                "choose rows with two or more of its values"
            )
        first += size


def codes_of(
    rows: pl.DataFrame, attributes: Sequence[str], classes: Sequence[Sequence[str]]
) -> Codes:
    """Return rows' classes as numbers, shape (n, attributes); -1 where a value is no class.

    Raises
    ------
    VectorError
        If the rows lack an attribute.
    """
    require_attributes(rows.columns, attributes)
    columns = []
    for name, known in zip(attributes, classes, strict=True):
        place: Mapping[str, int] = {value: k for k, value in enumerate(known)}
        columns.append([place.get(value, -1) for value in rows[name].to_list()])
    return np.array(columns, dtype=np.intp).reshape(len(columns), rows.height).T


def require_attributes(have: Sequence[str], attributes: Sequence[str]) -> None:
    """Refuse attributes that aren't there."""
    lacking = [a for a in attributes if a not in have]
    if lacking:
        raise VectorError(
            f"these embeddings have no {' and no '.join(lacking)}; their columns are "
            f"{', '.join(have) or '(none)'}"
        )
