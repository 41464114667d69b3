"""Groups told apart in learned spaces, if some recorded groups of those tested were wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evenface.stats.asked import Asked
from evenface.stats.intervals import Estimate
from evenface.studies.data import Labels
from evenface.studies.grouped import Grouped
from evenface.studies.heldout import Tally
from evenface.studies.label_noise import Conclusion, label_noise_rows


def label_noise(
    tally: Tally,
    losses: Sequence[str],
    judged: Grouped,
    found: Sequence[Estimate],
    groups: Labels,
    asked: Asked,
    *,
    about: str,
) -> list[dict[str, Any]]:
    """Return how being better than chance bears wrong groups, for alike spaces.

    Nothing for spaces that are not shown to be better, or where they part something else than the
    groups: then there is no one label that could be wrong.

    Parameters
    ----------
    tally : Tally
        A column a loss.
    losses : sequence of str
    judged : Grouped
        Of that tally.
    found : sequence of Estimate
        Mean group accuracy of each loss.
    groups : Labels
    asked : Asked
    about : str

    Returns
    -------
    list of dict
        Rows of `evenface.studies.label_noise.LABEL_NOISE`.
    """
    if not np.array_equal(tally.codes, groups.codes):
        return []
    chance, mean = 1 / len(groups.names), judged.mean
    noises = mean.noise([(k, None) for k in range(len(losses))])
    claims = [
        Conclusion(loss, k, bound=chance, noise=noise)
        for k, (loss, noise, e) in enumerate(zip(losses, noises, found, strict=True))
        if e.low is not None and e.low > chance
    ]
    if not claims:
        return []
    return label_noise_rows(tally, mean.rows, groups.codes, mean.person, claims, asked, about=about)
