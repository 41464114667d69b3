"""Rows parted without labels, to be seen beside what was recorded."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from evenface.faces.split import Rows

STARTS = 4
MANY = 20_000
"""Rows from which on few of them at a time move the centres."""


def clusters(space: npt.NDArray[np.floating], count: int, *, seed: int) -> Rows:
    """Part rows into clusters about means (k-means, Lloyd 1982; k-means++ by Arthur 2007).

    Labels have no say, and neither has a map: it is the space of embeddings that is parted.

    Parameters
    ----------
    space : ndarray, shape (n, d)
        Of length 1 each for cosine distance.
    count : int
        Clusters; there are fewer where there are fewer different rows.
    seed : int

    Returns
    -------
    ndarray of intp, shape (n,)
        From 0 for the largest; the same on every run on one machine.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    points = np.asarray(space, dtype=np.float32)
    make = KMeans if len(points) <= MANY else MiniBatchKMeans
    # Several threads add up in another order each time.
    with threadpool_limits(1), warnings.catch_warnings():
        # Where there are fewer different rows, each is a cluster, and that is as it should be.
        warnings.simplefilter("ignore", ConvergenceWarning)
        wanted = min(count, len(points))
        found = make(wanted, n_init=STARTS, random_state=seed).fit_predict(points)
    _, own, sizes = np.unique(found, return_inverse=True, return_counts=True)
    place = np.empty_like(sizes)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return np.asarray(place[own], dtype=np.intp)
