"""What a probe's accuracy is to be held against: labels without meaning, and fewer axes.

A control task (Hewitt and Liang 2019) keeps everything but the meaning of the labels: identities
are dealt one another's classes, and the same probes learn them. On identities they never saw they
can only guess; what the recorded labels gain over that is a probe's selectivity. On other pictures
of identities they did see, they are right as far as they know these by heart: that is what a split
by pictures instead of identities would have taken for knowledge of an attribute. Cut to the widest
principal axes, a linear probe shows in how many dimensions an attribute can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evenface.faces.split import Rows
from evenface.heads.probes import AT, Answer, Task, narrowed
from evenface.stats.asked import Asked
from evenface.stats.bootstrap import number_labels
from evenface.stats.intervals import Estimate
from evenface.stats.shares import apart
from evenface.studies.heldout import Curves, Tally, readers
from evenface.studies.judged import Judged, Repeats
from evenface.studies.result import number

LINEAR = "linear"
"""The probe that is cut to fewer axes."""


def shuffled(codes: Rows, person: Rows, seed: int) -> Rows:
    """Deal classes anew among persons, all rows of a person alike; as many have each as before.

    Parameters
    ----------
    codes : ndarray of intp, shape (n,)
        Classes; -1 where unknown, which stays.
    person : ndarray of intp, shape (n,)
        A person's class is the commonest of its rows.
    seed : int

    Returns
    -------
    ndarray of intp, shape (n,)
    """
    known = np.flatnonzero(codes >= 0)
    who, kinds = number_labels(person[known]), int(codes.max(initial=0)) + 1
    people = int(who.max(initial=-1)) + 1
    votes = np.bincount(who * kinds + codes[known], minlength=people * kinds)
    own = votes.reshape(people, kinds).argmax(axis=1)
    dealt = np.full_like(codes, -1)
    dealt[known] = np.random.default_rng(seed).permutation(own)[who]
    return dealt


def one_left_out(rows: Rows, person: Rows) -> tuple[Rows, Rows]:
    """Take the last picture of each person who has several; return the rest, and these.

    Parameters
    ----------
    rows : ndarray of intp, shape (n,)
    person : ndarray of intp
        Of all rows of the study.
    """
    who = person[rows]
    last = np.full(int(who.max(initial=-1)) + 1, -1, dtype=np.intp)
    last[who] = np.arange(len(rows))
    spare = np.zeros(len(rows), dtype=bool)
    spare[last[last >= 0]] = True
    spare &= np.bincount(who, minlength=1)[who] > 1
    return rows[~spare], rows[spare]


@dataclass
class Controls:
    """One target's control task and what probes made of it.

    Attributes
    ----------
    codes : ndarray of intp, shape (n,)
        The labels as they were dealt.
    person : ndarray of intp, shape (n,)
    unseen, seen : Tally
        On identities that were held out, and on other pictures of those learned from.
    curves : Curves
        Which probe the control's validation rows would take.
    """

    codes: Rows
    person: Rows
    unseen: Tally
    seen: Tally
    curves: Curves

    @classmethod
    def of(cls, codes: Rows, person: Rows, names: Sequence[str], seed: int) -> Controls:
        """Deal the labels of one target."""
        dealt = shuffled(codes, person, seed)
        unseen, seen = (Tally(dealt, readers(names)) for _ in range(2))
        return cls(dealt, person, unseen, seen, Curves())

    def task(self, task: Task) -> Task:
        """Return a task with labels that mean nothing, and pictures of the seen to test."""
        train, spare = one_left_out(task.train, self.person)
        test = np.concatenate([spare, task.test])
        return replace(task, codes=self.codes, train=train, test=test)

    def add(self, split: int, task: Task, answer: Answer) -> None:
        """Take in what probes said on one split."""
        chosen = self.curves.choose("", [answer.trained], [task.validation.size])
        seen = np.isin(self.person[task.test], self.person[task.train])
        for reader in self.unseen.place:
            predicted = answer.predicted.get(reader, answer.predicted[chosen])
            self.unseen.add(split, reader, task.test[~seen], predicted[~seen])
            self.seen.add(split, reader, task.test[seen], predicted[seen])

    def numbers(
        self, found: Sequence[Estimate], classes: int, asked: Asked, repeats: Repeats
    ) -> Iterator[dict[str, Any]]:
        """Yield the control's accuracies and the selectivity of every reader.

        Parameters
        ----------
        found : sequence of Estimate
            Balanced accuracies with the recorded labels.
        classes : int
            How many the target has.
        asked : Asked
        repeats : Repeats
        """
        unseen, seen = (
            self._judged(tally, asked, repeats).balanced(range(len(found)), least_classes=classes)
            for tally in (self.unseen, self.seen)
        )
        for reader, real, control, known in zip(
            self.unseen.place, found, unseen, seen, strict=True
        ):
            at = {"probe": reader, "group": "all"}
            yield number("probe", "control_accuracy", control, **at)
            yield number("probe", "control_accuracy_seen", known, **at)
            yield number("probe", "selectivity", apart(real, control), **at)

    def _judged(self, tally: Tally, asked: Asked, repeats: Repeats) -> Judged:
        rows = np.flatnonzero(tally.tried() & (self.codes >= 0))
        strata = np.maximum(self.codes, 0)
        return Judged(tally, rows, self.codes, self.person, strata, asked, repeats)


def narrow_names(dimensions: Sequence[int], width: int, names: Sequence[str]) -> list[str]:
    """Return the names of linear probes that see fewer than `width` axes, the fewest first."""
    few = sorted({d for d in dimensions if d < width})
    return [narrowed(LINEAR, d) for d in few] if LINEAR in names else []


def by_dimension(
    judged: Judged, place: Mapping[str, int], whole: Estimate, width: int, classes: int
) -> Iterator[dict[str, Any]]:
    """Yield the linear probe's accuracy on each number of axes, and what the cut costs.

    Parameters
    ----------
    judged : Judged
    place : mapping of str to int
        Columns by the names of probes.
    whole : Estimate
        The linear probe's accuracy on all axes.
    width : int
        Axes there are in all.
    classes : int
    """
    cut = [(int(name.partition(AT)[2]), k) for name, k in place.items() if AT in name]
    # One by one: training on few axes varies otherwise than on many.
    told = {"least_classes": classes}
    accuracies = [(d, judged.balanced([k], **told)[0]) for d, k in cut]
    lost = [(d, judged.differences([(place[LINEAR], k)], **told)[0]) for d, k in cut]
    at = {"probe": LINEAR, "group": "all"}
    for dimension, found in [*accuracies, (width, whole)]:
        yield number("probe", "balanced_accuracy_by_dimension", found, **at, dimension=dimension)
    for dimension, found in lost:
        yield number("probe", "lost_by_dimension", found, **at, dimension=dimension)
