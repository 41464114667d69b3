"""Only the pairs of a list, compared."""

from __future__ import annotations

import numpy as np

from evenface.pairs.bins import LOWEST, Bins
from evenface.pairs.compared import Compared
from evenface.pairs.found import Found, Kept
from evenface.pairs.listed import PairList
from evenface.pairs.people import People
from evenface.pairs.similarity import Prepared, Vectors


def compare_listed(prepared: Prepared, people: People, pairs: PairList) -> Compared:
    """Compare the pairs of a list.

    Parameters
    ----------
    prepared : Prepared
        Rows in the order of `people`.
    people : People
        Everybody who is in the list.
    pairs : PairList
        Of rows of the embeddings.
    """
    scores, first, second = listed_scores(prepared, people, pairs)
    groups = len(people.groups)
    cells = groups * (groups + 1) // 2
    same = pairs.genuine
    cell = people.cells[people.group[first], people.group[second]][~same]
    impostors = Found.of(scores[~same], first[~same], second[~same])
    kept = Kept.of_pairs(impostors, cell, cells)
    return Compared(
        people,
        Bins.between(prepared.reach, cells),
        np.diff(kept.ends)[:, None],
        kept,
        LOWEST,
        # Whoever the list takes for one person is counted as the first.
        Found.of(scores[same], first[same], first[same]),
        np.full((2, len(people.order)), -np.inf),
        listed=True,
    )


def listed_scores(
    prepared: Prepared, people: People, pairs: PairList
) -> tuple[Vectors, np.ndarray, np.ndarray]:
    """Return scores and the two persons of each listed pair, in the list's order."""
    place = np.full(int(max(people.order.max(initial=0), pairs.first.max(initial=0),
                            pairs.second.max(initial=0))) + 1, -1, dtype=np.intp)  # fmt: skip
    place[people.order] = np.arange(len(people.order))
    i, j = place[pairs.first], place[pairs.second]
    if (np.minimum(i, j) < 0).any():
        raise ValueError("a listed picture takes no part")
    return prepared.listed(i, j), people.person[i], people.person[j]
