"""Who is compared with whom on which split of `erase`, and on whom thresholds are set."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evenface.heads.scaling import Vectors
from evenface.pairs.people import People
from evenface.pairs.samples import Sample
from evenface.studies.erased_errors import Errors
from evenface.studies.erased_ways import Asked, Way
from evenface.studies.remedied import Hand, deal_hands
from evenface.studies.verify import people_of
from evenface.studies.verify_options import VerifyOptions

MOST_TRAINING, MOST_TEST = 1 << 20, 1 << 22
"""Impostor pairs of a split that thresholds are set on, and errors counted among."""

ENOUGH = 10
"""False matches that a threshold must leave to expect."""


@dataclass(frozen=True)
class Comparing:
    """What counts errors, and who is compared.

    Attributes
    ----------
    errors : Errors
    hands : dict of int to Hand
        By split. Splits that test somebody again have none.
    apart : dict of int to Hand
        The same with validation people in place of training ones: learned spaces have learned to
        tell training people apart, so that thresholds set on those would be too good for others.
    """

    errors: Errors
    hands: dict[int, Hand]
    apart: dict[int, Hand]

    @classmethod
    def of(cls, asked: Asked, left_out: dict[str, str]) -> Comparing | None:
        """Deal people to be compared; None if they can't be, and why in `left_out`."""
        people = people_of(asked.data, VerifyOptions(similarity=asked.similarity), None)
        hands: list[Hand] = []
        if not people.order.size or np.bincount(people.identity).max() < 2:
            several = asked.data.rows["identity"].is_duplicated().any()
            what = "vectors that can be compared" if several else "pictures"
            why = f"no identity has two {what}: there are no genuine pairs"
        else:
            most = (MOST_TRAINING, MOST_TEST)
            hands = deal_hands(people, asked.splits, most, asked.common.seed)
            why = next((w for h in hands if (w := _few(people, h, asked.fmr, "training"))), "")
            if any(_single(people, h) for h in hands):
                why = "training people without two pictures of anybody"
        if why:
            left_out["verification"] = why
            return None
        errors = Errors(people, [w.name for w in asked.every], asked.fmr, asked.similarity)
        apart = [_validating(asked, people, hand) for hand in hands]
        short = next((w for h in apart if (w := _few(people, h, asked.fmr, "validation"))), "")
        if short:
            errors.refused |= {w.name: short for w in asked.ways if w.learned}
        return cls(errors, {h.split: h for h in hands}, {h.split: h for h in apart})

    def count(self, way: Way, vectors: Vectors, split: int) -> Sample:
        """Count the errors of a split's test people in a way's vectors; return their rows."""
        hand = (self.apart if way.learned else self.hands)[split]
        return self.errors.count(way.name, vectors, hand)


def _few(people: People, hand: Hand, fmr: float, who: str) -> str:
    """Return why a threshold for an FMR can't be set on a hand, or nothing."""
    have = int(np.triu(people.part(hand.training).impostor_pairs()).sum())
    needed = ENOUGH / fmr
    return (
        f"{have} impostor pairs of {who} people; an FMR of {fmr:g} needs {needed:.0f}"
        if have < needed
        else ""
    )


def _single(people: People, hand: Hand) -> bool:
    return int(np.bincount(people.part(hand.training).identity).max(initial=0)) < 2


def _validating(asked: Asked, people: People, hand: Hand) -> Hand:
    """Return a hand whose thresholds are set on the split's validation people."""
    own = np.flatnonzero(np.isin(people.order, asked.splits[hand.split].validation))
    part = people.part(own)
    drawn = part.some(MOST_TRAINING, asked.common.seed + hand.split)[part.person]
    return replace(hand, training=own[drawn])
