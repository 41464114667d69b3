"""How often the squared length of a Gaussian vector is below a value."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEGLIGIBLE = 1e-13
"""Of a term of the sum."""

STEPS = 4096
"""Terms that are added at a time."""

MOST_STEPS = 1 << 20


def share_shorter(variances: ArrayLike, shift: ArrayLike, squared: float) -> float:
    """Return P(|y|² ≤ squared) of ``y ~ N(shift, diag(variances))``.

    The characteristic function of ``|y|²`` is inverted by the midpoint rule (Imhof 1961, Davies
    1973). Its error is the probability beyond a distance that the step decides, and what is left
    of the sum: both are below 1e-10 here.

    Parameters
    ----------
    variances : array of float, shape (d,)
        Above 0, at least 5 of them.
    shift : array of float, shape (d,)
    squared : float
    """
    if squared <= 0:
        return 0.0
    scale = float(np.sum(variances))
    v = np.asarray(variances, dtype=np.float64) / scale
    m = np.asarray(shift, dtype=np.float64) ** 2 / scale
    q = squared / scale
    spread = np.sqrt(np.sum(2 * v**2 + 4 * v * m))
    # Chernoff: beyond it lie less than 1e-10 of the values.
    reach = 1 + m.sum() + 12 * spread + 60 * v.max()
    if q >= reach:
        return 1.0
    step = 2 * np.pi / (q + reach)
    total, first = 0.0, 0
    while first < MOST_STEPS:
        n = np.arange(first, first + STEPS) + 0.5
        size, angle = _inverted(v, m, n * step)
        terms = size * np.sin(angle - n * step * q) / n
        total += terms.sum()
        if size[-1] / n[-1] < NEGLIGIBLE:
            break
        first += STEPS
    return float(np.clip(0.5 - total / np.pi, 0, 1))


def _inverted(
    v: NDArray[np.float64], m: NDArray[np.float64], t: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return modulus and argument of the characteristic function at each t."""
    a = 2 * np.outer(t, v)
    b = 1 + a**2
    size = np.exp(-np.log(b).sum(axis=1) / 4 - (np.outer(t, m) * a / b).sum(axis=1))
    return size, np.arctan(a).sum(axis=1) / 2 + (np.outer(t, m) / b).sum(axis=1)
