"""Rows spread over the nodes of a grid, and a field read where they lie, by cubic B-splines.

Compiled for the processor at hand, as `evenface.studies.tsne_kernels` is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.studies.tsne_kernels import compiled

Double = npt.NDArray[np.float64]


@compiled
def splines(part: float, weights: Any, slopes: Any) -> None:
    """Fill in the weights of four nodes, and their slopes.

    Parameters
    ----------
    part : float
        How far a row is past the second of its nodes, in [0, 1) of their distance.
    weights, slopes : ndarray of float64, shape (4,)
    """
    left = 1.0 - part
    weights[0] = left**3 / 6
    weights[1] = (4 - 3 * part**2 * (2 - part)) / 6
    weights[2] = (4 - 3 * left**2 * (2 - left)) / 6
    weights[3] = part**3 / 6
    slopes[0] = -(left**2) / 2
    slopes[1] = part * (1.5 * part - 2)
    slopes[2] = left * (2 - 1.5 * left)
    slopes[3] = part**2 / 2


@compiled
def spread_flat(cells: Any, parts: Double, grid: Any) -> None:
    """Add each row's weights to its 16 nodes.

    Parameters
    ----------
    cells : ndarray of int, shape (n, 2)
        The first of its nodes along each axis.
    parts : ndarray of float64, shape (n, 2)
        How far it is past the second.
    grid : ndarray, shape (m, m)
        Added to.
    """
    wx, wy, slope = np.empty((3, 4))
    for i in range(len(cells)):
        splines(parts[i, 0], wx, slope)
        splines(parts[i, 1], wy, slope)
        a, b = cells[i, 0], cells[i, 1]
        for k in range(4):
            for m in range(4):
                grid[a + k, b + m] += wx[k] * wy[m]


@compiled
def spread_deep(cells: Any, parts: Double, grid: Any) -> None:
    """Do the same over 64 nodes of a grid of shape (m, m, m)."""
    wx, wy, wz, slope = np.empty((4, 4))
    for i in range(len(cells)):
        splines(parts[i, 0], wx, slope)
        splines(parts[i, 1], wy, slope)
        splines(parts[i, 2], wz, slope)
        a, b, c = cells[i, 0], cells[i, 1], cells[i, 2]
        for k in range(4):
            for m in range(4):
                both = wx[k] * wy[m]
                for o in range(4):
                    grid[a + k, b + m, c + o] += both * wz[o]


@compiled
def slopes_flat(
    cells: Any, parts: Double, field: Any, first: int, last: int, found: Double
) -> None:
    """Read the slope of a field where a share of the rows lies.

    Parameters
    ----------
    cells, parts : ndarray, shape (n, 2)
    field : ndarray, shape (m, m)
    first, last : int
        Rows from the first to before the last.
    found : ndarray of float64, shape (n, 2)
        Filled in for these rows, by the distance of nodes.
    """
    wx, wy, dx, dy = np.empty((4, 4))
    for i in range(first, last):
        splines(parts[i, 0], wx, dx)
        splines(parts[i, 1], wy, dy)
        a, b = cells[i, 0], cells[i, 1]
        by_x, by_y = 0.0, 0.0
        for k in range(4):
            along, steep = 0.0, 0.0
            for m in range(4):
                here = field[a + k, b + m]
                along += here * wy[m]
                steep += here * dy[m]
            by_x += along * dx[k]
            by_y += steep * wx[k]
        found[i, 0], found[i, 1] = by_x, by_y


@compiled
def slopes_deep(
    cells: Any, parts: Double, field: Any, first: int, last: int, found: Double
) -> None:
    """Do the same in a field of shape (m, m, m)."""
    wx, wy, wz, dx, dy, dz = np.empty((6, 4))
    for i in range(first, last):
        splines(parts[i, 0], wx, dx)
        splines(parts[i, 1], wy, dy)
        splines(parts[i, 2], wz, dz)
        a, b, c = cells[i, 0], cells[i, 1], cells[i, 2]
        by_x, by_y, by_z = 0.0, 0.0, 0.0
        for k in range(4):
            for m in range(4):
                along, steep = 0.0, 0.0
                for o in range(4):
                    here = field[a + k, b + m, c + o]
                    along += here * wz[o]
                    steep += here * dz[o]
                by_x += along * dx[k] * wy[m]
                by_y += along * wx[k] * dy[m]
                by_z += steep * wx[k] * wy[m]
        found[i, 0], found[i, 1], found[i, 2] = by_x, by_y, by_z


@compiled
def filtered(wave: Any, response: Any, near: Any, once: int) -> float:
    """Multiply a transform by a response, and return ``sum |wave|^2 near`` over all waves.

    Parameters
    ----------
    wave : ndarray of complex, shape (k, m)
        Half of a real field's waves: those of columns from 1 on stand for two each, but for the
        one numbered `once`.
    response, near : ndarray of float, shape (k, m)
    once : int
    """
    total = 0.0
    for i in range(wave.shape[0]):
        for j in range(wave.shape[1]):
            here = wave[i, j]
            power = (here.real * here.real + here.imag * here.imag) * near[i, j]
            # The compiler knows no `in` for numbers.
            alone = (j == 0) | (j == once)
            total += power if alone else 2.0 * power
            wave[i, j] = here * response[i, j]
    return total
