"""Maps of each group's own, for rows whose labels are known when they are changed."""

from __future__ import annotations

import numpy as np

from evenface.erasers.eraser import Array, Maps, joint
from evenface.erasers.leace import RANK
from evenface.erasers.rows import Rows, independent, one_hot


def oracle_leace(rows: Rows) -> Maps:
    """Subtract what is linear in the labels (Belrose et al. 2023, theorem 4.3).

    ``r(x) = x - Cov[x, z] Cov[z]^+ (z - E[z])``: the least change at all after which x and z are
    uncorrelated, where z is known for each row.
    """
    own = independent(rows.sizes)
    z = rows.marks[own].T
    middle = z.mean(axis=0)
    cross = (rows.vectors - rows.middle).T @ (z - middle) / len(z)
    slopes = cross @ np.linalg.pinv(np.cov(z.T, bias=True).reshape(len(own), -1), rcond=RANK)
    combined = np.stack(np.unravel_index(np.arange(np.prod(rows.sizes)), rows.sizes), axis=1)
    every = one_hot(combined, rows.sizes)[own].T
    return Maps.moving(-(every - middle) @ slopes.T)


def recentre(rows: Rows) -> Maps:
    """Move each group's mean to the mean of all: ``r(x) = x - E[x | c] + E[x]``.

    Groups are combinations of all attributes' classes; rows of one that nobody is of in training
    are left as they are. For one attribute that is `oracle_leace`.
    """
    moves = np.zeros((int(np.prod(rows.sizes)), rows.vectors.shape[1]))
    for c, own in _groups(rows):
        moves[c] = rows.middle - own.mean(axis=0)
    return Maps.moving(moves)


def coral(rows: Rows) -> Maps:
    """Give all groups one mean and one covariance (CORAL, Sun, Feng and Saenko 2016).

    ``r(x) = E[x] + C^(1/2) C_c^(-1/2) (x - E[x | c])``, C the mean of the groups' covariances. A
    group's covariance is taken for ``(1 - p) C_c + p C`` with ``p = d / (d + n_c)``: that of a
    group with few rows for its dimensions is mostly noise, and has no inverse.
    """
    d, groups = rows.vectors.shape[1], _groups(rows)
    parts = [np.cov(own.T, bias=True).reshape(d, d) for _, own in groups]
    shared = np.average(parts, axis=0, weights=[len(own) for _, own in groups])
    # Axes on which no group varies are left alone.
    values, axes = np.linalg.eigh(shared)
    real = values > max(values[-1], 0) * RANK
    axes, roots = axes[:, real], np.sqrt(values[real])
    count, r = int(np.prod(rows.sizes)), int(real.sum())
    found = Maps(
        np.tile(rows.middle, (count, 1)), np.zeros((count, d)), np.zeros((count, d, r)),
        np.zeros((count, r, d)),
    )  # fmt: skip
    for (c, own), part in zip(groups, parts, strict=True):
        share = d / (d + len(own))
        white = (axes / roots).T @ part @ (axes / roots)
        mixed = (1 - share) * white + share * np.eye(r)
        # x + move - out into (x - centre) with out into = 1 - C^(1/2) C_c^(-1/2) on these axes.
        found.centres[c] = own.mean(axis=0)
        found.moves[c] = rows.middle - found.centres[c]
        found.into[c] = (axes / roots).T
        found.out[c] = axes * roots - (axes * roots) @ _root(mixed, -0.5)
    return found


def _groups(rows: Rows) -> list[tuple[int, Array]]:
    """Return each combination of classes that somebody is of, and its vectors."""
    own = joint(rows.codes, rows.sizes, len(rows.codes))
    return [(int(c), rows.vectors[own == c]) for c in np.unique(own)]


def _root(matrix: Array, power: float) -> Array:
    values, axes = np.linalg.eigh(matrix)
    return np.asarray((axes * np.maximum(values, RANK) ** power) @ axes.T)
