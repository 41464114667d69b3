"""What came of comparing many pairs of pictures, by pairs of identities.

288 million pairs of 24 000 identities are never listed. What is kept are the cells, pairs of
identities, in which there is an error, and the pictures of each identity, from which the number
of comparisons in every other cell follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenface.stats.bootstrap import Array, Index


@dataclass(frozen=True)
class PairCounts:
    """Errors and comparisons; made by `listed`, `among` or `between`.

    Attributes
    ----------
    first, second : ndarray of intp, shape (cells,)
        Identities of a cell, first <= second, in order and each cell once. In a cell of genuine
        pairs they are the same.
    hits : ndarray of float64, shape (cells,)
        Errors in it.
    trials : ndarray of float64, shape (cells,)
        Comparisons in it that were listed; 0 where they follow from `sides`.
    sides : ndarray of float64, shape (2, identities)
        Numbers a and b from which ``a_i b_j + a_j b_i`` comparisons of identities i and j follow.
    fold : ndarray of intp, shape (identities,), optional
        Then these follow of two identities of one fold alone.
    """

    first: Index
    second: Index
    hits: Array
    trials: Array
    sides: Array
    fold: Index | None = None

    @classmethod
    def listed(
        cls,
        first: npt.ArrayLike,
        second: npt.ArrayLike,
        hits: npt.ArrayLike,
        trials: npt.ArrayLike = 1,
        *,
        identities: int = 0,
    ) -> PairCounts:
        """Count listed pairs, such as those of LFW's protocol, or genuine ones (first = second).

        Parameters
        ----------
        first, second : array_like of int, shape (n,)
            Identities, numbered from 0.
        hits : array_like, shape (n,)
            Whether each was an error, or how many were.
        trials : array_like, shape (n,), optional
            How many comparisons, if not one each.
        identities : int, optional
            Their number, if the list leaves the last ones out.

        Raises
        ------
        ValueError
            If a number is negative, or there are more errors than comparisons.
        """
        known = max(int(np.max(x, initial=-1)) + 1 for x in (first, second))
        sides = np.zeros((2, max(identities, known)))
        return cls._of(sides, first, second, hits, trials)

    @classmethod
    def among(
        cls,
        images: npt.ArrayLike,
        first: npt.ArrayLike,
        second: npt.ArrayLike,
        hits: npt.ArrayLike = 1,
        *,
        fold: npt.ArrayLike | None = None,
    ) -> PairCounts:
        """Count errors among all pairs of pictures of different identities.

        Parameters
        ----------
        images : array_like, shape (identities,)
            Pictures of each.
        first, second : array_like of int, shape (n,)
            Who was taken for whom, in either order, as often as it happened.
        hits : array_like, shape (n,), optional
            How often, if not once each.
        fold : array_like of int, shape (identities,), optional
            If only identities of one fold were compared, as in a cross-validation.

        Raises
        ------
        ValueError
            If a number is negative, or there are more errors than comparisons.
        """
        m = np.asarray(images, dtype=np.float64)
        own = None if fold is None else np.asarray(fold, dtype=np.intp)
        return cls._of(np.stack([m / 2, m]), first, second, hits, 0, own)

    @classmethod
    def between(
        cls,
        ones: npt.ArrayLike,
        others: npt.ArrayLike,
        first: npt.ArrayLike,
        second: npt.ArrayLike,
        hits: npt.ArrayLike = 1,
    ) -> PairCounts:
        """Count errors among all pairs of one picture here and one there, of different identities.

        Parameters
        ----------
        ones, others : array_like, shape (identities,)
            Pictures of each on either side; 0 for who isn't there. Two groups of people, or two
            sets of pictures of the same people. For one set against itself take `among`.
        first, second : array_like of int, shape (n,)
            As in `among`.
        hits : array_like, shape (n,), optional
            As in `among`.

        Raises
        ------
        ValueError
            If a number is negative, or there are more errors than comparisons.
        """
        return cls._of(np.array([ones, others], dtype=np.float64), first, second, hits, 0)

    @classmethod
    def _of(
        cls,
        sides: Array,
        first: npt.ArrayLike,
        second: npt.ArrayLike,
        hits: npt.ArrayLike,
        trials: npt.ArrayLike,
        fold: Index | None = None,
    ) -> PairCounts:
        size, n = sides.shape[1], np.size(first)
        ends = [np.asarray(x, dtype=np.intp).reshape(n) for x in (first, second)]
        if (sides < 0).any():
            raise ValueError("nobody has fewer than 0 pictures")
        if n and not 0 <= np.min(ends) <= np.max(ends) < size:
            raise ValueError(f"identities are numbered from 0 to {size - 1}")
        sums = [np.broadcast_to(np.asarray(x, dtype=np.float64), n) for x in (hits, trials)]
        cell = np.minimum(*ends) * size + np.maximum(*ends)
        # What comes in order, as from a loop over blocks of pairs, need not be sorted.
        if (np.diff(cell) <= 0).any():
            cell, where = np.unique(cell, return_inverse=True)
            sums = [np.asarray(np.bincount(where, x, cell.size), np.float64) for x in sums]
        low, high = np.divmod(cell, max(size, 1))
        made = cls(low, high, sums[0], sums[1], sides, fold)
        if (made.hits < 0).any() or (made.hits > made.tried).any():
            raise ValueError("a cell has more errors than comparisons, or fewer than none")
        return made

    @property
    def identities(self) -> int:
        """Identities that are numbered, compared or not."""
        return int(self.sides.shape[1])

    @property
    def errors(self) -> float:
        """Errors in all."""
        return float(self.hits.sum())

    @property
    def total(self) -> float:
        """Comparisons in all."""
        a, b = self.sides
        return float(self.trials.sum() + self.summed(a) @ self.summed(b) - a @ b)

    @property
    def rate(self) -> float:
        """Errors by comparisons: in [0, 1], nan if there are none."""
        return self.errors / self.total if self.total else float("nan")

    @property
    def compared(self) -> Array:
        """Comparisons of each identity: those in the cells that it is in."""
        return self.touching(self.trials, 1.0)

    @property
    def residuals(self) -> Array:
        """Errors of each identity beyond what the rate would have them be."""
        return self.touching(self.hits - self.rate * self.trials, -self.rate)

    @property
    def impostor(self) -> npt.NDArray[np.bool_]:
        """Which cells are of two identities."""
        found: npt.NDArray[np.bool_] = self.first != self.second
        return found

    @property
    def tried(self) -> Array:
        """Comparisons in each cell, listed or not."""
        return self.trials + self.implied(self.first, self.second)

    def implied(self, first: Index, second: Index) -> Array:
        """Return the comparisons that follow from `sides` in any cells.

        Parameters
        ----------
        first, second : ndarray of intp, shape (m,)

        Returns
        -------
        ndarray of float64, shape (m,)
        """
        a, b = self.sides
        found: Array = (a[first] * b[second] + a[second] * b[first]) * (first != second)
        return found if self.fold is None else found * (self.fold[first] == self.fold[second])

    def summed(self, values: Array) -> Array:
        """Sum values of identities over each fold.

        Parameters
        ----------
        values : ndarray, shape (identities,)

        Returns
        -------
        ndarray of float64, shape (folds,)
        """
        sums = values.sum(keepdims=True) if self.fold is None else np.bincount(self.fold, values)
        return np.asarray(sums, dtype=np.float64)

    def _around(self, values: Array) -> Array:
        """Sum values over the fold of each identity, shape (identities,) or (1,)."""
        return self.summed(values)[slice(None) if self.fold is None else self.fold]

    def _others(self, x: Array) -> Array:
        """Sum x over the comparisons with others that follow from `sides`, by identity."""
        a, b = self.sides
        found: Array = a * (self._around(b * x) - b * x) + b * (self._around(a * x) - a * x)
        return found

    def touching(self, values: Array, implied: float = 0.0) -> Array:
        """Sum over the cells that an identity is in, by identity.

        Parameters
        ----------
        values : ndarray, shape (cells,)
        implied : float
            What each comparison that follows from `sides` adds, in whatever cell.

        Returns
        -------
        ndarray of float64, shape (identities,)
        """
        k = self.identities
        mine = np.bincount(self.first, values, k)
        theirs = np.bincount(self.second, values * self.impostor, k)
        return np.asarray(mine + theirs + implied * self._others(np.ones(k)))

    def times(self, values: Array, x: Array, implied: float = 0.0) -> Array:
        """Sum over an identity's cells with others of the value by the other's x.

        Parameters
        ----------
        values : ndarray, shape (cells,)
        x : ndarray, shape (identities,)
        implied : float
            As in `touching`.

        Returns
        -------
        ndarray of float64, shape (identities,)
        """
        v, k = values * self.impostor, self.identities
        mine = np.bincount(self.first, v * x[self.second], k)
        theirs = np.bincount(self.second, v * x[self.first], k)
        return np.asarray(mine + theirs + implied * self._others(x))

    def implied_squares(self) -> Array:
        """Sum over an identity's cells of the square of the implied comparisons.

        Returns
        -------
        ndarray of float64, shape (identities,)
        """
        a, b = self.sides
        aa, bb, ab = (self._around(x) - x for x in (a * a, b * b, a * b))
        return np.asarray(a**2 * bb + b**2 * aa + 2 * a * b * ab)
