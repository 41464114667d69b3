"""Means and axes of Gaussian groups whose classifiers have a given table of accuracies.

Ethnicity e has mean μ_e, and its two genders lie at ``μ_e ± a_e u_e`` with unit noise. The best
rule for e is ``sign(u_e · (x - μ_e))``. Carried to j it is right, with both genders equally many,

``1/2 [Φ(a_j c_ij + o_ij) + Φ(a_j c_ij - o_ij)]``

where ``c_ij = u_i · u_j`` and ``o_ij = u_i · (μ_j - μ_i)``: it loses by looking along another axis,
and by putting its threshold elsewhere.

A table can be met exactly. The diagonal gives a. An entry says how far o is from 0 once c is
chosen, and c must be large enough for that entry and its mirror image. The o are linear in the
means: with U the matrix of rows u and ``P_ij = o_ij``, ``P_ii = 0``, column e of ``U⁻¹ P`` is μ_e.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from evenface.errors import ConfigError

Floats = NDArray[np.float64]

SLACK = 0.25
"""How far cosines are raised from the least that meet the table towards 1: at the least, one rule
of two loses by its axis alone."""

LEAST_EIGENVALUE = 0.01
"""Of the cosines before they are raised, where the table lets them be so far from singular."""

CLOSEST = 1e-4
"""How far below the diagonal of its column an entry must be: at the diagonal axes are one."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """Where genders and ethnicities lie, in units of the noise.

    Attributes
    ----------
    axes : ndarray of float, shape (k, k)
        Row e is the unit vector u_e from the women of ethnicity e to its men.
    halves : ndarray of float, shape (k,)
        a_e, half of their distance.
    means : ndarray of float, shape (k, k)
        Row e is μ_e; the mean of all is 0.
    """

    axes: Floats
    halves: Floats
    means: Floats

    def shares(self) -> tuple[Floats, Floats]:
        """Return the shares of j's women and men that rule i reads rightly, each (k, k)."""
        along = self.halves * (self.axes @ self.axes.T)
        projected = self.axes @ self.means.T
        offset = projected - np.diag(projected)[:, None]
        return ndtr(along - offset), ndtr(along + offset)

    def table(self) -> Floats:
        """Return the balanced accuracy of rule i on j, shape (k, k)."""
        women, men = self.shares()
        return (women + men) / 2


def solve_geometry(table: ArrayLike, names: Sequence[str] | None = None) -> Geometry:
    """Find a geometry that has a table of accuracies.

    Parameters
    ----------
    table : array of float, shape (k, k)
        Row i, column j: accuracy on j of the best rule for i, above 0.5 and below 1. Entries off
        the diagonal are below the diagonal of their column: no rule beats a group's own.
    names : sequence of str, optional
        Of the k groups, for messages.

    Returns
    -------
    Geometry
        The groups' rules take those that come later in the table for men too often, those before
        for women; the table leaves that open.

    Raises
    ------
    ConfigError
        Where no geometry has the table; every entry at fault is named.
    """
    wanted = _checked(table, names)
    k = len(wanted)
    halves = np.asarray(ndtri(np.diag(wanted)), dtype=np.float64)
    least = ndtri(wanted) / halves
    cosines = _separable(np.maximum(least, least.T))
    cosines += SLACK * (1 - cosines)
    axes = np.asarray(np.linalg.cholesky(cosines), dtype=np.float64)
    offsets = np.zeros((k, k))
    for i, j in zip(*np.nonzero(~np.eye(k, dtype=bool)), strict=True):
        size = _offset(halves[j] * cosines[i, j], wanted[i, j])
        offsets[i, j] = size if i < j else -size
    means = np.asarray(np.linalg.solve(axes, offsets).T, dtype=np.float64)
    means -= means.mean(axis=0)
    return Geometry(axes, halves, means)


def _checked(table: ArrayLike, names: Sequence[str] | None) -> Floats:
    try:
        found = np.array(table, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not found.size:
        raise ConfigError("a table of accuracies is square, and all its entries are numbers")
    called = [str(i + 1) for i in range(len(found))] if names is None else list(names)
    own = np.diag(found)
    faults = []
    for (i, j), value in np.ndenumerate(found):
        entry = f"{called[i]} on {called[j]} is {value:g}"
        if not 0.5 < value < 1:
            faults.append(f"{entry}; above 0.5 and below 1 was expected")
        elif i != j and not ndtri(value) < ndtri(own[j]) * (1 - CLOSEST):
            faults.append(
                f"{entry}, where {called[j]}'s own rule has {own[j]:g}, which no other reaches"
            )
    if faults:
        raise ConfigError("no groups have this table of accuracies: " + "; ".join(faults))
    return found


def _separable(least: Floats) -> Floats:
    """Raise the smallest cosines until there are axes with all of them.

    Equal cosines below 1 always have axes, so the way from the least to equal ones has an end.
    """
    k = len(least)
    inside = ~np.eye(k, dtype=bool)
    largest = float(least[inside].max(initial=0.0))
    enough = min(LEAST_EIGENVALUE, (1 - largest) / 2)
    raised = least
    for floor in np.linspace(0, largest, 101):
        raised = np.where(inside, np.maximum(least, floor), 1.0)
        if np.linalg.eigvalsh(raised)[0] >= enough:
            break
    return raised


def _offset(along: float, accuracy: float) -> float:
    """Return the o ≥ 0 at which ``1/2 [Φ(along + o) + Φ(along - o)]`` is an accuracy."""

    def missed(offset: float) -> float:
        share = ndtr(along + offset) + ndtr(along - offset)
        return float(share / 2 - accuracy)

    # The share falls from Φ(along) to 1/2; 40 beyond the axis nothing is left of the latter half.
    return 0.0 if missed(0.0) <= 0 else float(brentq(missed, 0.0, along + 40.0, xtol=1e-14))
