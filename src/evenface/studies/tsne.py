"""t-SNE: which algorithm, with which settings, for how many rows."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt

EXACT_ROWS = 10_000
"""Up to here neighbours are exact and forces come from a tree."""


def tsne(
    space: npt.NDArray[Any], dims: int, *, perplexity: float = 30.0, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Place rows by t-SNE (van der Maaten and Hinton 2008), from a PCA start.

    Parameters
    ----------
    space : ndarray, shape (n, d)
    dims : int
        2 or 3.
    perplexity : float
        At most (n - 1) / 3 is used.
    seed : int

    Returns
    -------
    ndarray of float64, shape (n, dims)
    """
    import openTSNE

    logging.getLogger("openTSNE").setLevel(logging.ERROR)
    n = len(space)
    small = n <= EXACT_ROWS
    fitted = openTSNE.TSNE(
        n_components=dims,
        perplexity=min(perplexity, (n - 1) / 3),
        initialization="pca" if min(space.shape) > dims else "random",
        neighbors="exact" if small else "auto",
        negative_gradient_method="bh" if small or dims == 3 else "fft",
        random_state=seed,
        # Threads add up in another order each time; one keeps a seed's map the same.
        n_jobs=1,
    ).fit(np.ascontiguousarray(space, dtype=np.float64))
    return np.asarray(fitted, dtype=np.float64)
