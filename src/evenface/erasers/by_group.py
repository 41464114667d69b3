"""Maps of each group's own, for rows whose labels are known when they are changed."""

from __future__ import annotations

import numpy as np

from evenface.erasers.eraser import Array, Maps
from evenface.erasers.groups import Groups
from evenface.erasers.leace import RANK
from evenface.erasers.rows import independent
from evenface.erasers.span import ROUNDING


def oracle_leace(groups: Groups) -> Maps:
    """Subtract what is linear in the labels (Belrose et al. 2023, theorem 4.3).

    ``r(x) = x - Cov[x, z] Cov[z]^+ (z - E[z])``: the least change at all after which x and z are
    uncorrelated, where z is known for each row.
    """
    shares = groups.counts / groups.n
    marks = groups.marks[independent(groups.sizes)]
    away = marks - (marks @ shares)[:, None]
    cross = (groups.means - groups.middle).T @ (away * shares).T
    slopes = cross @ np.linalg.pinv(away @ (away * shares).T, rcond=RANK)
    return Maps.moving(-away.T @ slopes.T)


def recentre(groups: Groups) -> Maps:
    """Move each group's mean to the mean of all: ``r(x) = x - E[x | c] + E[x]``.

    Groups are combinations of all attributes' classes; rows of one that nobody is of in training
    are left as they are. For one attribute that is `oracle_leace`.
    """
    somebody = groups.counts[:, None] > 0
    return Maps.moving(np.where(somebody, groups.middle - groups.means, 0.0))


def coral(groups: Groups) -> Maps:
    """Give all groups one mean and one covariance (CORAL, Sun, Feng and Saenko 2016).

    ``r(x) = E[x] + C^(1/2) C_c^(-1/2) (x - E[x | c])``, C the mean of the groups' covariances. A
    group's covariance is taken for ``(1 - p) C_c + p C`` with ``p = r / (r + n_c)``, r the axes on
    which groups vary: that of a group with few rows for them is mostly noise, and has no inverse.
    """
    (count, d), shares = groups.means.shape, groups.counts / groups.n
    shared = np.tensordot(shares, groups.covariances, 1)
    values, axes = np.linalg.eigh(shared)
    # Axes on which no group varies are left alone, and so is what rounding makes of groups that
    # are far apart.
    between = float(shares @ ((groups.means - groups.middle) ** 2).sum(axis=1))
    real = values > max(float(values[-1]) * RANK, between * ROUNDING)
    axes, roots = axes[:, real], np.sqrt(values[real])
    r = len(roots)
    found = Maps(
        np.tile(groups.middle, (count, 1)), np.zeros((count, d)), np.zeros((count, d, r)),
        np.zeros((count, r, d)),
    )  # fmt: skip
    for c in groups.present:
        share = r / (r + groups.counts[c])
        white = (axes / roots).T @ groups.covariances[c] @ (axes / roots)
        mixed = (1 - share) * white + share * np.eye(r)
        # x + move - out into (x - centre) with out into = 1 - C^(1/2) C_c^(-1/2) on these axes.
        found.centres[c] = groups.means[c]
        found.moves[c] = groups.middle - groups.means[c]
        found.into[c] = (axes / roots).T
        found.out[c] = axes * roots - (axes * roots) @ _root(mixed, -0.5)
    return found


def _root(matrix: Array, power: float) -> Array:
    values, axes = np.linalg.eigh(matrix)
    return np.asarray((axes * np.maximum(values, RANK) ** power) @ axes.T)
