"""Spaces of people learned with remedies, which `erase` puts beside erasers."""

from __future__ import annotations

import numpy as np

from evenface.erasers.eraser import joint
from evenface.errors import EvenfaceError
from evenface.faces.split import Split
from evenface.studies.erased_ways import LEARNED, Asked, Way
from evenface.studies.identity_space import IdentitySpace, People, Treatment, learn_spaces


def learn_together(
    asked: Asked, split: Split, way: Way, left_out: dict[str, str]
) -> dict[Way, IdentitySpace]:
    """Learn the spaces of all ways about the same attributes, side by side, or leave them out.

    Parameters
    ----------
    asked : Asked
    split : Split
        Spaces are learned from its training people; its validation people say when to stop.
    way : Way
        One of them.
    left_out : dict
        Takes why they can't be learned.
    """
    ways = [w for w in asked.ways if w.learned and w.attributes == way.attributes]
    groups = None
    if way.attributes:
        sizes = [len(asked.labels[a].names) for a in way.attributes]
        codes = asked.codes(way)
        groups = joint(codes, sizes, len(codes))
    person = np.asarray(asked.data.person, dtype=np.intp)
    people = People(person, split.train, split.validation, groups)
    treatments = [Treatment(w.eraser.removeprefix(LEARNED), w.strength) for w in ways]
    try:
        found = learn_spaces(asked.data.vectors, people, treatments, seed=split.seed)
    except EvenfaceError as error:
        left_out |= dict.fromkeys((w.name for w in ways), f"not learned on every split: {error}")
        return {}
    return dict(zip(ways, found, strict=True))
