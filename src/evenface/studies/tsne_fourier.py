"""t-SNE's repulsion in two dimensions from a grid, by Fourier transforms.

All rows are one field: ``phi(y) = sum_j w(y - y_j)``, w(d) = 1 / (1 + |d|^2), whose slope is the
repulsion, for ``grad w(d) = -2 w(d)^2 d``. Rows are spread over the nodes of a grid by cubic
B-splines, a transform there and back gives the field on all nodes, and the same splines read it
and its slope where rows lie (smooth particle-mesh, Essmann et al. 1995; t-SNE by Linderman et al.
2019, who interpolate by polynomials and transform four times as much).
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.heads.threads import cores
from evenface.studies.tsne_exact import AllPairs

Placed = npt.NDArray[np.float64]

ORDER = 4
"""Nodes along an axis that a row is spread over: those of a cubic spline."""

SPACING = 0.4
"""Distance of nodes, in units of w's own width: forces then err by half a percent, a third of what
openTSNE's tree does."""

FEWEST = 48
"""Nodes along the longer side of a small map, whose field is smoother than w's width."""

ROUND = 16
"""Nodes are counted in so many: a response is made anew when their number changes."""

MOST = 4096
"""Nodes along a side, padding included; of a wider map all pairs are taken."""

WIDE = 512
"""Nodes along a side from which on it pays to share transforms out among cores."""


class Field:
    """``sum_j w_ij^2 (y_i - y_j)`` and ``Z = sum_{i != j} w_ij``, from a grid.

    Parameters
    ----------
    n : int
    pool : Executor
    """

    def __init__(self, n: int, pool: Executor) -> None:
        self.pairs = AllPairs(n, pool)
        self.made: tuple[float, int] = (0.0, 0)
        self.response: npt.NDArray[np.floating] = np.empty((0, 0))

    def __call__(self, placed: Placed) -> tuple[Placed, float]:
        """Return the sums, shape (n, 2), and Z."""
        from scipy import fft

        low = placed.min(axis=0)
        span = float((placed.max(axis=0) - low).max())
        spacing, side = grid(span)
        if side > MOST:
            return self.pairs(placed)
        if (spacing, side) != self.made:
            self.made, self.response = (spacing, side), response(spacing, side)
        at = (placed - low) / spacing
        cell = np.floor(at).astype(np.intp).T
        (wx, dx), (wy, dy) = (splines(a - c) for a, c in zip(at.T, cell, strict=True))
        nodes = np.arange(ORDER)[:, None]
        place = ((cell[0] + nodes) * side)[:, None] + (cell[1] + nodes)
        # Rows of nodes up to the last with anything on it; the rest is padding.
        used = int(cell[0].max()) + ORDER
        spread = np.bincount(place.ravel(), (wx[:, None] * wy).ravel(), minlength=used * side)
        # A small map's field is all but flat: its slope is in digits that single precision lacks.
        kind = np.float32 if spacing == SPACING else np.float64
        many = cores() if side >= WIDE else 1
        wave = fft.rfft(spread.reshape(used, side).astype(kind), axis=1, workers=many)
        wave = fft.fft(wave, side, axis=0, workers=many, overwrite_x=True)
        wave *= self.response
        wave = fft.ifft(wave, axis=0, workers=many, overwrite_x=True)[:used]
        field = fft.irfft(wave, side, axis=1, workers=many).ravel()
        near = field.take(place)
        along_y = np.einsum("abn,bn->an", near, wy)
        slope = np.stack([
            np.einsum("an,an->n", along_y, dx),
            np.einsum("an,an->n", np.einsum("abn,bn->an", near, dy), wx),
        ], axis=1)  # fmt: skip
        # A row's own field is 1 where it lies, and flat.
        z = float(np.einsum("an,an->", along_y, wx)) - len(placed)
        return slope / (-2 * spacing), z


def grid(span: float) -> tuple[float, int]:
    """Return the distance of nodes, and how many along a side, for a map of this span."""
    from scipy import fft

    spacing = SPACING
    if span < SPACING * FEWEST:
        # In steps, so that not every map of a descent needs a response of its own.
        spacing *= 2.0 ** -np.ceil(np.log2(SPACING * FEWEST / max(span, 1e-30)))
    side = int(span / spacing) + ORDER + 1
    side = -(-side // ROUND) * ROUND
    # Twice as wide as the map: waves go round, and must not come back into it.
    return float(spacing), int(fft.next_fast_len(2 * side, real=True))


def response(spacing: float, side: int) -> npt.NDArray[np.floating]:
    """Return what each wave is multiplied with: w's, over the splines' own, once a spreading."""
    from scipy import fft

    apart = np.minimum(np.arange(side), side - np.arange(side)) * spacing
    w = 1 / (1 + apart[:, None] ** 2 + apart**2)
    at_nodes = np.zeros(side)
    at_nodes[[-1, 0, 1]] = splines(np.zeros(1))[0][:3, 0]
    own = fft.fft(at_nodes).real ** 2
    kind = np.float32 if spacing == SPACING else np.float64
    found = fft.rfft2(w).real / (own[:, None] * own[: side // 2 + 1])
    return np.asarray(found, dtype=kind)


def splines(part: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the cubic B-spline's weights of four nodes, and their slopes, each of shape (4, n).

    Parameters
    ----------
    part : ndarray, shape (n,)
        How far a row is past the second of its nodes, in [0, 1) of their distance.
    """
    left = 1 - part
    weights = np.stack([
        left**3 / 6,
        (4 - 3 * part**2 * (2 - part)) / 6,
        (4 - 3 * left**2 * (2 - left)) / 6,
        part**3 / 6,
    ])  # fmt: skip
    slopes = np.stack([
        -(left**2) / 2,
        part * (1.5 * part - 2),
        left * (2 - 1.5 * left),
        part**2 / 2,
    ])  # fmt: skip
    return weights, slopes
