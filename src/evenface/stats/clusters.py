"""Shares of rows when rows come by person: their variance, and what it is known by.

Rows of one person are no independent trials. The variance of a share is therefore that of
persons' residuals ``e_i = hits_i - share * rows_i``, within the strata that persons were sampled
in: ``V = sum_s m_s / (m_s - 1) * sum_i (e_i - mean_s)^2 / rows^2``. It is what a bootstrap that
draws m_s - 1 of m_s persons (Rao and Wu 1988) tends to with ever more resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenface.stats.bootstrap import Array, Index, Values, number_labels, per_person, person_strata

ROUNDING = 1e-9
"""Shares of a row nearer to 0 than this are 0."""


@dataclass(frozen=True)
class Clusters:
    """Shares of hits under m models tried on the same rows, and how persons make them vary.

    Attributes
    ----------
    persons, n : int
        Persons and rows.
    share : ndarray, shape (m,)
        Share of hits, in [0, 1].
    erring, hit : ndarray, shape (m,)
        Effective number of persons with an error, and with a hit: see `effective`.
    residuals : ndarray, shape (persons, m)
        Of persons; within strata they sum to 0. Scaled so that their squares sum to the variance
        of the share.
    variance : ndarray, shape (m,)
        Of each share.
    df : ndarray, shape (m,)
        Degrees of freedom that each variance is known by.
    """

    persons: int
    n: int
    share: Array
    erring: Array
    hit: Array
    residuals: Array
    variance: Array
    df: Array

    @classmethod
    def of(cls, values: Values, person: Index, strata: Index | None = None) -> Clusters:
        """Sum values over each person's rows.

        Parameters
        ----------
        values : ndarray, shape (n, m)
            In [0, 1]; n above 0.
        person : ndarray of intp, shape (n,)
        strata : ndarray of intp, shape (n,), optional
            What a row's person was sampled as; the commonest counts.
        """
        number = number_labels(person)
        count = int(number.max()) + 1
        sums = per_person(np.column_stack([values, np.ones(len(values))]), number, count)
        hits, rows = sums[:, :-1], sums[:, -1]
        stratum = _paired(person_strata(number, count, strata))
        share = hits.sum(axis=0) / rows.sum()
        away = hits - share * rows[:, None]
        residuals = _within(away, stratum) / rows.sum()
        return cls(
            persons=count,
            n=len(values),
            share=share,
            erring=effective(rows[:, None] - hits),
            hit=effective(hits),
            residuals=residuals,
            variance=np.einsum("ij,ij->j", residuals, residuals),
            df=_freedom(away, rows, share, strata=int(stratum.max()) + 1),
        )


def _within(away: Array, stratum: Index) -> Array:
    """Centre in each stratum of k persons, and make up by k / (k - 1) for having done so."""
    counts = np.bincount(stratum).astype(np.float64)
    means = per_person(away, stratum, len(counts)) / counts[:, None]
    inflation = np.sqrt(counts / np.maximum(counts - 1, 1))[stratum]
    centred: Array = (away - means[stratum]) * inflation[:, None]
    return centred


def _freedom(away: Array, rows: Array, share: Array, *, strata: int) -> Array:
    """Return the degrees of freedom that each variance is known by, shape (m,).

    Satterthwaite's, ``(sum g)^2 / sum g^2`` less the number of strata, where a person's residual
    has a variance like ``g = rows (1 + (rows - 1) icc)``: a few persons with many pictures are
    known by less than their number says.
    """
    single = share * (1 - share)
    spare = max(float((rows * (rows - 1)).sum()), 1.0)
    beyond = np.divide((away**2).sum(axis=0), single, np.zeros_like(share), where=single > 0)
    icc = np.clip((beyond - rows.sum()) / spare, 0.0, 1.0)
    g = rows[:, None] * (1 + (rows[:, None] - 1) * icc)
    df: Array = np.maximum(g.sum(axis=0) ** 2 / (g**2).sum(axis=0) - strata, 1.0)
    return df


def _paired(stratum: Index) -> Index:
    """Join persons who are alone in their stratum: one person shows no spread."""
    counts = np.bincount(stratum)
    alone = np.flatnonzero(counts == 1)
    if not alone.size or counts.size == 1:
        return stratum
    home = alone[0]
    if alone.size == 1:
        # A single one joins the smallest of the others; several make a stratum of their own.
        home = int(np.where(counts == 1, counts.max() + 1, counts).argmin())
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
