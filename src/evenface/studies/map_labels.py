"""What neighbours share beyond chance, if some recorded labels were wrong.

Who is whose neighbour stays. A wrong label counts twice: for the face itself, and for all faces
whose neighbour it is.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import numpy as np

from evenface.faces.split import Rows
from evenface.stats.bootstrap import number_labels
from evenface.stats.flips import SHARES, WIDTHS, Curve, at_random, over_draws
from evenface.stats.intervals import Estimate
from evenface.stats.jackknife import jackknife
from evenface.stats.unfavourable_ties import most_estranging
from evenface.studies.data import CommonOptions
from evenface.studies.neighbours import Neighbourhoods

LIMITS = (-1.0, 1.0)


def purity_curves(
    around: Neighbourhoods, codes: Rows, group: Rows, common: CommonOptions
) -> dict[str, Curve]:
    """Return the corrected purity when ever more persons have another label.

    Parameters
    ----------
    around : Neighbourhoods
    codes : ndarray of intp, shape (n,)
        Labels 0 ... C-1, each recorded of somebody.
    group : ndarray of intp, shape (n,)
        Groups of people that the jackknife leaves out.
    common : CommonOptions

    Returns
    -------
    dict of str to Curve
        ``random`` and ``worst``, as in `evenface.stats.flips`; empty if the number is not shown
        to be above 0 with labels as recorded.
    """

    def judged(labels: Rows) -> Estimate:
        own = partial(around.corrected, labels)
        return jackknife(own, around.person, group, level=common.level, limits=LIMITS)

    base = judged(codes)
    if base.low is None or base.low <= 0:
        return {}
    person, classes = number_labels(around.person), int(codes.max()) + 1
    persons = int(person.max()) + 1
    votes = np.bincount(person * classes + codes, minlength=persons * classes)
    home = votes.reshape(persons, classes).argmax(axis=1)
    everybody, doubt = np.ones(len(codes), dtype=bool), np.ones(persons, dtype=bool)
    counts = [int(k * persons + 1e-9) for k in SHARES]
    wanted = sorted(set(counts) - {0})

    def labels_of(goes: Rows) -> Rows:
        to = goes[person]
        return np.where(to >= 0, to, codes)

    values: dict[int, list[float]] = defaultdict(list)
    widths: dict[int, list[Estimate]] = defaultdict(list)
    for count, goes in at_random(home, classes, doubt, wanted, seed=common.seed):
        labels = labels_of(goes)
        values[count].append(around.corrected(labels, everybody))
        if len(widths[count]) < WIDTHS:
            widths[count].append(judged(labels))
    random = {c: over_draws(base, widths[c], np.array(values[c]), LIMITS[0]) for c in wanted}
    first = around.first(everybody)
    sent = most_estranging(*first, person, home, wanted)
    worst = {count: judged(labels_of(goes)) for count, goes in sent}
    return {
        way: Curve(SHARES, tuple(found.get(c, base) for c in counts))
        for way, found in (("random", random), ("worst", worst))
    }
