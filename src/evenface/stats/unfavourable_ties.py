"""Which persons' labels, if they were wrong, would lower most what neighbours share.

The statistic is ``(purity - chance) / (1 - chance)``: purity the mean share of a row's neighbours
with its label, chance that of all rows of other persons. Neighbours stay who they are; a person's
label counts for the own rows and for those whose neighbour the person is. Searched step by step,
as in `evenface.stats.unfavourable`; by the commonest label of each person, if rows differ. In 200
made-up cases of two labels, 3 or 4 of 12 to 16 persons changed, 138 were the worst of all sets;
the others did 81 % of its harm or more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse

from evenface.stats.bootstrap import Array, Index, Values
from evenface.stats.unfavourable import HARM, Harm, searched


def most_estranging(
    around: Index, counted: Values, person: Index, home: Index, counts: Sequence[int]
) -> Iterator[tuple[int, Index]]:
    """Yield growing counts, and where persons go when so many at most do the most harm.

    Parameters
    ----------
    around : ndarray of intp, shape (n, k)
        Neighbours of each row, of other persons.
    counted : ndarray of bool, shape (n, k)
        Which of them there are.
    person : ndarray of intp, shape (n,)
        Numbers 0 ... persons-1.
    home : ndarray of intp, shape (persons,)
        Label of each person, 0 ... classes-1.
    counts : sequence of int

    Yields
    ------
    count : int
    goes : ndarray of intp, shape (persons,)
        `evenface.stats.relabelled.KEPT`, or another label. None is left with fewer than two
        persons.
    """
    ties = _ties(around, counted, person, len(home))
    rows = np.bincount(person, minlength=len(home)).astype(np.float64)
    everybody = np.ones(len(home), dtype=bool)
    yield from searched(lambda: _Tied(ties, rows, home), home, everybody, counts)


def _ties(around: Index, counted: Values, person: Index, persons: int) -> sparse.csr_array:
    """Return what two persons add to the purity if they have one label, shape (persons, persons).

    Both ways together, so symmetric.
    """
    each = 1 / (len(around) * np.maximum(counted.sum(axis=1), 1))
    weight = np.broadcast_to(each[:, None], around.shape)[counted]
    own = np.broadcast_to(person[:, None], around.shape)[counted]
    one_way = sparse.coo_array(
        (weight, (own, person[around[counted]])), shape=(persons, persons)
    ).tocsr()
    return sparse.csr_array(one_way + one_way.T)


class _Tied(Harm):
    """Purity above chance of labels of persons.

    Chance is ``sum_c t_c u_c - sum_p r_p^2 / (n - r_p)`` over n, with r_p rows of a person, t_c
    the rows of a label and u_c the sum of ``r_p / (n - r_p)`` over its persons.
    """

    def __init__(self, ties: sparse.csr_array, rows: Array, home: Index) -> None:
        labels = int(home.max(initial=0)) + 1
        has = home[:, None] == np.arange(labels)
        super().__init__(home, has, out=False)
        self.ties, self.rows, self.n = ties, rows, float(rows.sum())
        self.odds = rows / np.maximum(self.n - rows, 1)
        self.shared: Array = np.asarray(ties @ has.astype(np.float64))
        """What each person's ties to persons of each label are worth."""
        self.purity = float(self.shared[has].sum() / 2)
        self.totals, self.weights = rows @ has, self.odds @ has
        self.inside = float((rows * self.odds).sum())

    @property
    def value(self) -> float:
        return float(self._above(self.purity, float(self.totals @ self.weights)))

    def _above(self, purity: Array | float, products: Array | float) -> Array:
        """Return purity above chance for sums of ``t_c u_c``."""
        chance = np.asarray((products - self.inside) / self.n)
        left = 1 - chance
        return np.where(left > HARM, (purity - chance) / np.where(left > HARM, left, 1), 0.0)

    def changes(self) -> Array:
        each = np.arange(len(self.home))
        r, w = self.rows[:, None], self.odds[:, None]
        purity = self.purity + self.shared - self.shared[each, self.home][:, None]
        left = (self.totals[self.home] - self.rows) * (self.weights[self.home] - self.odds)
        left = left - self.totals[self.home] * self.weights[self.home]
        there = (self.totals + r) * (self.weights + w) - self.totals * self.weights
        products = self.totals @ self.weights + left[:, None] + there
        change = self._above(purity, products) - self.value
        change[each, self.home] = np.inf
        return change

    def send(self, picked: Index, to: Index) -> bool:
        labels = np.arange(len(self.totals))
        moved = (to[:, None] == labels).astype(np.float64) - self.has[picked]
        shared = self.shared + np.asarray(self.ties[picked].T @ moved)
        goes = np.where(self.goes < 0, self.home, self.goes)
        goes[picked] = to
        purity = float(shared[np.arange(len(goes)), goes].sum() / 2)
        totals = self.totals + self.rows[picked] @ moved
        weights = self.weights + self.odds[picked] @ moved
        if self._above(purity, float(totals @ weights)) >= self.value - HARM:
            return False
        self.shared, self.purity, self.totals, self.weights = shared, purity, totals, weights
        self.gone(picked, to)
        return True
