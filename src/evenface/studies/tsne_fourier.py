"""t-SNE's repulsion from a grid, by Fourier transforms.

All rows are one field ``phi(y) = sum_j u(y - y_j)`` whose slope is the repulsion:
``grad u(d) = -2 w(d)^2 d`` with ``u = (1 + |d|^2 / a)^-a``, which in two dimensions is w itself.
Rows are spread over the nodes of a grid by cubic B-splines, a transform there and back gives the
field on all nodes, and the same splines read its slope where rows lie (smooth particle-mesh,
Essmann et al. 1995; t-SNE by Linderman et al. 2019, who interpolate by polynomials and transform
four times as much). Z is a sum over waves: no second field is transformed back for it.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.heads.threads import cores
from evenface.studies.tsne_exact import AllPairs, freedom

Placed = npt.NDArray[np.float64]

ORDER = 4
"""Nodes along an axis that a row is spread over: those of a cubic spline."""

SPACING = {2: 0.4, 3: 0.5}
"""Distance of nodes, in units of a map. Forces in a finished map then err by 2 and 5 %, which finer
grids halve without keeping more neighbours. In three dimensions u is wider by the root of 2."""

FEWEST = {2: 48, 3: 32}
"""Nodes along the longer side of a small map, whose field is smoother than u's width."""

TINY = 0.01
"""Width of a map below which w is 1 but for a part in 10^4, and forces are their closed form."""

ROUND = 16
"""Nodes are counted in so many: a response is made anew when their number changes."""

ROOM, SMALL_ROOM = 1.3, 2.0
"""Width of a grid by that of its map. Waves go round, so that rows at opposite ends of a map see
each other at the wrong distance: of a third of its width, where u's slope is next to nothing, but
in a small map, where what is farthest pushes most."""

MOST = {2: 4096, 3: 512}
"""Nodes along a side, room included; of a wider map all pairs are taken."""

WIDE = 2**18
"""Nodes from which on it pays to share transforms out among cores."""


@dataclass
class Field:
    """``sum_j w_ij^2 (y_i - y_j)`` and ``Z = sum_{i != j} w_ij``, from a grid.

    Parameters
    ----------
    n : int
    pool : Executor
    """

    n: int
    pool: Executor
    made: Responses | None = field(default=None, init=False)

    def __call__(self, placed: Placed) -> tuple[Placed, float]:
        """Return the sums, shape (n, dims), and Z."""
        from evenface.studies import tsne_splines as by

        dims = placed.shape[1]
        low = placed.min(axis=0)
        span = float((placed.max(axis=0) - low).max())
        if span < TINY:
            return self.n * (placed - placed.mean(axis=0)), float(self.n) * (self.n - 1)
        spacing, side = grid(span, dims)
        if side > MOST[dims]:
            return AllPairs(self.n, self.pool)(placed)
        if self.made is None or (self.made.spacing, self.made.side) != (spacing, side):
            self.made = Responses.of(spacing, side, dims)
        at = (placed - low) / spacing
        cells = at.astype(np.int32)
        parts = at - cells
        rows = np.zeros((int(cells.max()) + ORDER,) * dims, dtype=self.made.kind)
        (by.spread_flat if dims == 2 else by.spread_deep)(cells, parts, rows)
        potential, z = self.made(rows)
        slopes = np.empty_like(placed)
        read = partial(by.slopes_flat if dims == 2 else by.slopes_deep, cells, parts, potential)
        shares = np.linspace(0, self.n, cores() + 1).astype(int)
        for done in [self.pool.submit(read, a, b, slopes) for a, b in pairwise(shares)]:
            done.result()
        # A row's own w is 1, and its own field flat where it lies.
        return slopes / (-2 * spacing), z - self.n


@dataclass(frozen=True)
class Responses:
    """What each wave is multiplied with to give u's field, and w's sum.

    They are u's and w's transforms over the splines' own, once for spreading and once for reading.
    """

    spacing: float
    side: int
    dims: int
    u: npt.NDArray[Any]
    w: npt.NDArray[Any]

    @classmethod
    def of(cls, spacing: float, side: int, dims: int) -> Responses:
        """Make them for a grid of ``side^dims`` nodes."""
        from scipy import fft

        # A small map's field is all but flat: its slope is in digits that single precision lacks.
        kind = np.float32 if spacing == SPACING[dims] else np.float64
        line = np.minimum(np.arange(side), side - np.arange(side)) * spacing
        squared = sum(
            np.square(line, dtype=kind).reshape([-1 if a == b else 1 for b in range(dims)])
            for a in range(dims)
        )
        at_nodes = np.zeros(side)
        at_nodes[[-1, 0, 1]] = [1 / 6, 4 / 6, 1 / 6]
        own = fft.fft(at_nodes).real ** 2
        a = freedom(dims)
        many = cores() if side**dims >= WIDE else 1

        def over(values: Any) -> Any:
            found = fft.rfftn(values, workers=many).real
            for axis in range(dims):
                shape = [-1 if axis == b else 1 for b in range(dims)]
                found /= own[: found.shape[axis]].astype(kind).reshape(shape)
            return np.ascontiguousarray(found)

        u = over((1 + squared / a) ** -a)
        return cls(spacing, side, dims, u, u if dims == 2 else over((1 + squared / a) ** -1.5))

    @property
    def kind(self) -> type[np.floating[Any]]:
        """Precision of the grid."""
        return self.u.dtype.type

    def __call__(self, rows: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], float]:
        """Return the field on the nodes that were given, and Z with each row's own part."""
        from scipy import fft

        from evenface.studies.tsne_splines import filtered

        side, used = self.side, len(rows)
        many = cores() if side**self.dims >= WIDE else 1
        wave = fft.rfft(rows, side, axis=-1, workers=many)
        for axis in reversed(range(self.dims - 1)):
            wave = fft.fft(wave, side, axis=axis, workers=many, overwrite_x=True)
        columns = wave.shape[-1]
        z = filtered(
            *(v.reshape(-1, columns) for v in (wave, self.u, self.w)),
            columns - 1 if side % 2 == 0 else 0,
        )
        for axis in range(self.dims - 1):
            wave = fft.ifft(wave, axis=axis, workers=many, overwrite_x=True)
            wave = wave[(slice(None),) * axis + (slice(used),)]
        found = fft.irfft(wave, side, axis=-1, workers=many)[..., :used]
        return found, z / float(side) ** self.dims


def grid(span: float, dims: int) -> tuple[float, int]:
    """Return the distance of nodes, and how many along a side, for a map of this span."""
    from scipy import fft

    spacing, fewest, room = SPACING[dims], FEWEST[dims], ROOM
    if span < spacing * fewest:
        # In steps, so that not every map of a descent needs a response of its own.
        room = SMALL_ROOM
        spacing *= 2.0 ** -np.ceil(np.log2(spacing * fewest / max(span, 1e-30)))
    side = -(-(int(span / spacing) + ORDER + 1) // ROUND) * ROUND
    return float(spacing), int(fft.next_fast_len(int(room * side), real=True))
