"""What a linear probe reads that learned from other people than the eraser did.

Of the people that it is fitted to, LEACE leaves a linear probe nothing by construction. Who has
labels of other people learns what the eraser's means and covariances got wrong, and may read more.
So a split's training people are halved: one half is fitted to, a probe learns from the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from evenface.erasers.eraser import Eraser
from evenface.erasers.span import Span
from evenface.faces.split import Split
from evenface.heads.scaling import Vectors
from evenface.studies.erased_fitted import fit, tasks_of
from evenface.studies.erased_learned import learn_together
from evenface.studies.erased_ways import BEFORE, LINEAR, Asked, Way
from evenface.studies.heldout import OTHERS, Tally, learn
from evenface.studies.identity_space import IdentitySpace


@dataclass(frozen=True)
class Halves:
    """A split twice, with one half of its training people each.

    Attributes
    ----------
    fitted, read : Split
        Whom erasers are fitted to and spaces learned from, and whom the probe learns from.
    """

    fitted: Split
    read: Split

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
        return cls(replace(split, train=one), replace(split, train=other))


class Others:
    """The probe of a split's other people, way after way.

    Parameters
    ----------
    asked : Asked
    split : Split
    """

    def __init__(self, asked: Asked, split: Split) -> None:
        self.asked, self.split = asked, split
        self._fitted: dict[tuple[str, str], Eraser | None] = {}
        self._spaces: dict[Way, IdentitySpace] = {}
        self._failed: dict[str, str] = {}

    @cached_property
    def halves(self) -> Halves:
        """The split's, dealt where a linear probe is asked at all."""
        return Halves.of(self.asked, self.split)

    @cached_property
    def _span(self) -> Span:
        return Span.of(self.asked.data.vectors[self.halves.fitted.train])

    def read(self, way: Way, s: int, tallies: dict[str, Tally]) -> None:
        """Note what it says of the split's test people, where either half can be learned from."""
        vectors = self._changed(way)
        if vectors is None:
            return
        tasks = tasks_of(self.asked, self.halves.read)
        answers = learn(vectors, tasks, (LINEAR,))
        for tally, task, answer in zip(tallies.values(), tasks, answers, strict=True):
            if answer is not None:
                tally.add(s, f"{way.name}\x1f{OTHERS}", task.test, answer.predicted[LINEAR])

    def _changed(self, way: Way) -> Vectors | None:
        vectors = self.asked.data.vectors
        if way is BEFORE:
            return vectors
        if way.learned:
            if way not in self._spaces and way.name not in self._failed:
                self._spaces = learn_together(self.asked, self.halves.fitted, way, self._failed)
            return self._spaces[way](vectors) if way in self._spaces else None
        key = (way.attribute, way.eraser)
        if key not in self._fitted:
            half = self.halves.fitted
            self._fitted[key] = fit(self.asked, way, half, self._failed, self._span)
        eraser = self._fitted[key]
        if eraser is None:
            return None
        return eraser.at(way.strength)(vectors, self.asked.codes(way))
