"""What nearest neighbours say about rows in a learned space."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from evenface.faces.split import Rows

Space = npt.NDArray[np.floating[Any]]


def neighbours_say(
    gallery: Space,
    labels: Rows,
    queries: Space,
    k: int,
    *,
    people: tuple[Rows, Rows] | None = None,
) -> Rows:
    """Return the class that the nearest rows of a gallery vote for.

    All classes together have the same weight, however many rows each has; ties go to the class
    that is nearer.

    Parameters
    ----------
    gallery : ndarray, shape (m, p)
    labels : ndarray of intp, shape (m,)
        Classes 0 ... C-1.
    queries : ndarray, shape (n, p)
    k : int
        Neighbours that vote; fewer where the smallest class has fewer rows.
    people : (ndarray of intp, ndarray of intp), optional
        Person of each gallery row and of each query; one's own rows have no vote.

    Returns
    -------
    ndarray of intp, shape (n,)
    """
    counts = np.bincount(labels)
    k = int(min(k, counts[counts > 0].min()))
    spare = int(np.bincount(people[0]).max()) if people else 0
    reach = min(k + spare, len(gallery))
    near = np.asarray(cKDTree(gallery).query(queries, k=reach)[1]).reshape(len(queries), reach)
    votes = np.ones(near.shape, dtype=bool)
    if people:
        votes = people[0][near] != people[1][:, None]
    votes &= np.cumsum(votes, axis=1) <= k
    weight = np.where(counts > 0, 1.0 / np.maximum(counts, 1), 0.0)[labels[near]] * votes
    # The nearer of two equal parties wins: a hair's weight for rank.
    weight *= 1.0 + 1e-6 * np.arange(reach, 0, -1)
    tally = np.zeros((len(queries), len(counts)))
    np.add.at(tally, (np.arange(len(queries))[:, None], labels[near]), weight)
    said: Rows = tally.argmax(axis=1).astype(np.intp)
    return said
