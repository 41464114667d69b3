"""Shares of rows when rows come by person: their variance, and what it is known by.

Rows of one person are no independent trials. The variance of a share is therefore that of
persons' residuals ``e_i = hits_i - share * rows_i``, within the strata that persons were sampled
in: ``V = sum_s m_s / (m_s - 1) * sum_i (e_i - mean_s)^2 / rows^2``. It is what a bootstrap that
draws m_s - 1 of m_s persons (Rao and Wu 1988) tends to with ever more resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evenface.stats.bootstrap import Array, Index, Values, number_labels, per_person, person_strata

ROUNDING = 1e-9
"""Shares of a row nearer to 0 than this are 0."""


@dataclass(frozen=True)
class Clusters:
    """What each person's rows came to, for m models tried on the same rows.

    Attributes
    ----------
    hits : ndarray, shape (persons, m)
        Sum over a person's rows of a value in [0, 1].
    rows : ndarray, shape (persons,)
        Rows of each person, above 0.
    stratum : ndarray of intp, shape (persons,)
        What each person was sampled as.
    """

    hits: Array
    rows: Array
    stratum: Index

    @classmethod
    def of(cls, values: Values, person: Index, strata: Index | None = None) -> Clusters:
        """Sum values over each person's rows.

        Parameters
        ----------
        values : ndarray, shape (n, m)
            In [0, 1].
        person : ndarray of intp, shape (n,)
        strata : ndarray of intp, shape (n,), optional
            What a row's person was sampled as; the commonest counts.
        """
        number = number_labels(person)
        count = int(number.max(initial=-1)) + 1
        sums = per_person(np.column_stack([values, np.ones(len(values))]), number, count)
        return cls(sums[:, :-1], sums[:, -1], _paired(person_strata(number, count, strata)))

    @property
    def persons(self) -> int:
        """Number of persons."""
        return len(self.rows)

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.rows.sum())

    @cached_property
    def share(self) -> Array:
        """Share of hits of each model, shape (m,)."""
        share: Array = self.hits.sum(axis=0) / self.rows.sum()
        return share

    @cached_property
    def erring(self) -> Array:
        """Effective number of persons with an error, by model, shape (m,): see `effective`."""
        return effective(self.rows[:, None] - self.hits)

    @cached_property
    def hit(self) -> Array:
        """Effective number of persons with a hit, by model, shape (m,)."""
        return effective(self.hits)

    @cached_property
    def residuals(self) -> Array:
        """Residuals of persons, by model, shape (persons, m); within strata they sum to 0.

        Scaled so that the sum of squares is the variance of the share.
        """
        e = self.hits - self.share * self.rows[:, None]
        counts = np.bincount(self.stratum).astype(np.float64)
        totals = per_person(e, self.stratum, len(counts))
        e = e - (totals / counts[:, None])[self.stratum]
        inflation = np.sqrt(counts / np.maximum(counts - 1, 1))[self.stratum]
        found: Array = e * inflation[:, None] / self.rows.sum()
        return found

    @cached_property
    def variance(self) -> Array:
        """Variance of each share, shape (m,)."""
        found: Array = np.einsum("ij,ij->j", self.residuals, self.residuals)
        return found

    @cached_property
    def df(self) -> Array:
        """Degrees of freedom that each variance is known by, shape (m,).

        Satterthwaite's, ``(sum g)^2 / sum g^2`` less the number of strata, where a person's
        residual has a variance like ``g = rows (1 + (rows - 1) icc)``: a few persons with many
        pictures are known by less than their number says.
        """
        r = self.rows
        spare = float((r * (r - 1)).sum())
        single = self.share * (1 - self.share)
        e = self.hits - self.share * r[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            icc = ((e**2).sum(axis=0) / single - r.sum()) / max(spare, 1.0)
        icc = np.clip(np.nan_to_num(icc), 0.0, 1.0)
        g = r[:, None] * (1 + (r[:, None] - 1) * icc)
        strata = int(self.stratum.max(initial=0)) + 1
        df: Array = g.sum(axis=0) ** 2 / (g**2).sum(axis=0) - strata
        return np.maximum(df, 1.0)


def _paired(stratum: Index) -> Index:
    """Join persons who are alone in their stratum: one person shows no spread."""
    counts = np.bincount(stratum)
    alone = np.flatnonzero(counts == 1)
    if not alone.size or counts.size == 1:
        return stratum
    # A single one joins the smallest of the others; several make a stratum of their own.
    home = (
        alone[0]
        if alone.size > 1
        else int(np.where(counts == 1, counts.max() + 1, counts).argmin())
    )
    joined = stratum.copy()
    joined[np.isin(stratum, alone)] = home
    return number_labels(joined)


def effective(amounts: Array) -> Array:
    """Return how many equal parts amounts are worth: ``(sum a)^2 / sum a^2``, by column.

    Five persons with an error are five; if one of them has ten errors they are fewer.

    Parameters
    ----------
    amounts : ndarray, shape (persons, m)
        At least 0, but for rounding.
    """
    a = np.where(amounts > ROUNDING, amounts, 0.0)
    squares = (a**2).sum(axis=0)
    found: Array = a.sum(axis=0) ** 2 / np.where(squares > 0, squares, 1.0)
    return found


def satterthwaite(variances: npt.ArrayLike, df: npt.ArrayLike) -> float:
    """Return the degrees of freedom of a sum of variances: ``(sum v)^2 / sum(v^2 / df)``.

    Parameters
    ----------
    variances : array_like, shape (k,)
        At least 0.
    df : array_like, shape (k,)
        Above 0; may be infinite.
    """
    v, d = np.asarray(variances, dtype=np.float64), np.asarray(df, dtype=np.float64)
    below = float((v**2 / d).sum())
    return float(v.sum() ** 2 / below) if below > 0 else float("inf")
