"""What a linear probe reads that learned from other people than the eraser did.

Of the people that it is fitted to, LEACE leaves a linear probe nothing by construction. Who has
labels of other people learns what the eraser's means and covariances got wrong, and may read more.
So a split's training people are halved: an eraser is fitted to one half, a probe to the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evenface.erasers.span import Span
from evenface.faces.split import Split
from evenface.heads.scaling import Vectors
from evenface.studies.erased_fitted import fit, tasks_of
from evenface.studies.erased_ways import BEFORE, LINEAR, Asked, Way
from evenface.studies.heldout import OTHERS, Tally, learn


@dataclass(frozen=True)
class Halves:
    """A split twice, with one half of its training people each.

    Attributes
    ----------
    erased, read : Split
        Whom erasers are fitted to, and whom the probe learns from.
    span : Span
        Of the vectors of the former.
    """

    erased: Split
    read: Split
    span: Span

    @classmethod
    def of(cls, asked: Asked, split: Split) -> Halves:
        """Deal people, those of the same labels in turn, so that both halves have all of them."""
        person, first = np.unique(asked.data.person[split.train], return_index=True)
        codes = np.stack([t.codes[split.train[first]] for t in asked.targets.values()], axis=1)
        alike = np.unique(codes, axis=0, return_inverse=True)[1].ravel()
        shuffled = np.random.default_rng([split.seed, 1]).random(len(person))
        dealt = person[np.lexsort((shuffled, alike))][::2]
        mine = np.isin(asked.data.person[split.train], dealt)
        one, other = split.train[mine], split.train[~mine]
        span = Span.of(asked.data.vectors[one])
        return cls(replace(split, train=one), replace(split, train=other), span)


def read_by_others(
    asked: Asked, way: Way, halves: Halves, s: int, tallies: dict[str, Tally]
) -> None:
    """Note what the probe says of a split's test people, where both halves can be learned from."""
    vectors = _changed(asked, way, halves)
    if vectors is None:
        return
    tasks = tasks_of(asked, halves.read)
    answers = learn(vectors, tasks, (LINEAR,))
    for tally, task, answer in zip(tallies.values(), tasks, answers, strict=True):
        if answer is not None:
            tally.add(s, f"{way.name}\x1f{OTHERS}", task.test, answer.predicted[LINEAR])


def _changed(asked: Asked, way: Way, halves: Halves) -> Vectors | None:
    vectors = asked.data.vectors
    if way is BEFORE:
        return vectors
    eraser = fit(asked, way, halves.erased, {}, halves.span)
    return None if eraser is None else eraser.at(way.strength)(vectors, asked.codes(way))
