"""t-SNE's inner loops, compiled for the processor at hand.

Each takes a share of the rows and lets go of the interpreter, so that threads work side by side.
Differences of places are taken before they are squared: single precision then loses nothing,
however far from the centre rows lie, and a processor with wide registers works on 16 pairs at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Single = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]

ONE, HALF = np.float32(1), np.float32(0.5)


def compiled(work: Callable[..., Any]) -> Any:
    """Compile at the first call, and keep what came of it for the next run where that can be."""
    asked: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **asked)(work)
    except RuntimeError:
        # Neither the package's folder nor the user's cache can be written.
        return numba.njit(**asked)(work)


@compiled
def repel_flat(at: Single, first: int, last: int, pushed: Single, near: Single) -> None:
    """Add up ``w^2 (y_i - y_j)``, and w, over all other rows j for a share of the rows.

    ``w = 1 / (1 + |y_i - y_j|^2)``.

    Parameters
    ----------
    at : ndarray of float32, shape (2, n)
    first, last : int
        Rows from the first to before the last.
    pushed : ndarray of float32, shape (2, n)
    near : ndarray of float32, shape (n,)
        Filled in for these rows.
    """
    xs, ys = at[0], at[1]
    for i in range(first, last):
        x, y = xs[i], ys[i]
        before = _from_flat(x, y, xs[:i], ys[:i])
        after = _from_flat(x, y, xs[i + 1 :], ys[i + 1 :])
        pushed[0, i], pushed[1, i] = before[0] + after[0], before[1] + after[1]
        near[i] = before[2] + after[2]


@compiled
def _from_flat(x: Any, y: Any, xs: Single, ys: Single) -> Any:
    by_x, by_y, near = np.float32(0), np.float32(0), np.float32(0)
    for j in range(len(xs)):
        dx, dy = x - xs[j], y - ys[j]
        w = ONE / (ONE + dx * dx + dy * dy)
        near += w
        by_x += dx * (w * w)
        by_y += dy * (w * w)
    return by_x, by_y, near


@compiled
def repel_deep(at: Single, first: int, last: int, pushed: Single, near: Single) -> None:
    """Do the same in three dimensions, where ``w = (1 + |y_i - y_j|^2 / 2)^(-3 / 2)``."""
    xs, ys, zs = at[0], at[1], at[2]
    for i in range(first, last):
        x, y, z = xs[i], ys[i], zs[i]
        before = _from_deep(x, y, z, xs[:i], ys[:i], zs[:i])
        after = _from_deep(x, y, z, xs[i + 1 :], ys[i + 1 :], zs[i + 1 :])
        pushed[0, i], pushed[1, i] = before[0] + after[0], before[1] + after[1]
        pushed[2, i], near[i] = before[2] + after[2], before[3] + after[3]


@compiled
def _from_deep(x: Any, y: Any, z: Any, xs: Single, ys: Single, zs: Single) -> Any:
    by_x, by_y, by_z, near = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for j in range(len(xs)):
        dx, dy, dz = x - xs[j], y - ys[j], z - zs[j]
        root = ONE / np.sqrt(ONE + HALF * (dx * dx + dy * dy + dz * dz))
        w = root * root * root
        near += w
        by_x += dx * (w * w)
        by_y += dy * (w * w)
        by_z += dz * (w * w)
    return by_x, by_y, by_z, near


@compiled
def pull_flat(
    starts: npt.NDArray[Any],
    columns: Places,
    p: Single,
    at: Single,
    first: int,
    last: int,
    pulled: Single,
) -> None:
    """Add ``p_ij w (y_i - y_j)`` to row i and take it from row j, over the pairs i < j of P.

    Parameters
    ----------
    starts, columns, p : ndarray
        The upper half of P, as a sparse array by rows has it.
    at : ndarray of float32, shape (n, 2)
    first, last : int
        Rows from the first to before the last.
    pulled : ndarray of float32, shape (n, 2)
        Added to.
    """
    for i in range(first, last):
        x, y = at[i, 0], at[i, 1]
        by_x, by_y = np.float32(0), np.float32(0)
        for k in range(starts[i], starts[i + 1]):
            j = columns[k]
            dx, dy = x - at[j, 0], y - at[j, 1]
            w = p[k] / (ONE + dx * dx + dy * dy)
            dx *= w
            dy *= w
            by_x += dx
            by_y += dy
            pulled[j, 0] -= dx
            pulled[j, 1] -= dy
        pulled[i, 0] += by_x
        pulled[i, 1] += by_y


@compiled
def pull_deep(
    starts: npt.NDArray[Any],
    columns: Places,
    p: Single,
    at: Single,
    first: int,
    last: int,
    pulled: Single,
) -> None:
    """Do the same in three dimensions, with shapes (n, 3)."""
    for i in range(first, last):
        x, y, z = at[i, 0], at[i, 1], at[i, 2]
        by_x, by_y, by_z = np.float32(0), np.float32(0), np.float32(0)
        for k in range(starts[i], starts[i + 1]):
            j = columns[k]
            dx, dy, dz = x - at[j, 0], y - at[j, 1], z - at[j, 2]
            root = ONE / np.sqrt(ONE + HALF * (dx * dx + dy * dy + dz * dz))
            w = p[k] * root * root * root
            dx *= w
            dy *= w
            dz *= w
            by_x += dx
            by_y += dy
            by_z += dz
            pulled[j, 0] -= dx
            pulled[j, 1] -= dy
            pulled[j, 2] -= dz
        pulled[i, 0] += by_x
        pulled[i, 1] += by_y
        pulled[i, 2] += by_z
