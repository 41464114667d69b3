"""Comparisons of which no two share an identity: what is exact may count on no more."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evenface.stats.pair_counts import PairCounts

CHUNK = 1 << 16
"""Cells looked at in one go when a few will do."""


def independent(counts: PairCounts) -> int:
    """Return how many comparisons there are of which no two share an identity.

    Listed ones are taken as they come, which finds at least half of what there are.

    Parameters
    ----------
    counts : PairCounts

    Returns
    -------
    int
    """
    listed = counts.trials > 0
    if listed.any():
        return cells_apart(counts, listed, counts.identities)
    a, b = counts.sides > 0
    one, other, either = (counts.summed(x.astype(np.float64)) for x in (a, b, a | b))
    return int(np.minimum(np.minimum(one, other), either // 2).sum())


def cells_apart(counts: PairCounts, which: npt.NDArray[np.bool_], enough: int) -> int:
    """Return how many of some cells share no identity, as they come, up to `enough`.

    Parameters
    ----------
    counts : PairCounts
    which : ndarray of bool, shape (cells,)
    enough : int

    Returns
    -------
    int
    """
    used, found = bytearray(counts.identities), 0
    cells = np.flatnonzero(which)
    for start in range(0, cells.size, CHUNK):
        part = cells[start : start + CHUNK]
        for i, j in zip(counts.first[part].tolist(), counts.second[part].tolist(), strict=True):
            if not (used[i] or used[j]):
                used[i] = used[j] = True
                found += 1
                if found == enough:
                    return found
    return found
