"""Training: the careful protocol, and the same with a flaw, split by split on the same people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from protocol_data import Subject
from protocol_file import FOLDS, Study
from protocol_flaws import (
    cross_entropies,
    mean_of_batches,
    one_picture_each,
    said_over_batch,
    with_tested_people,
)
from protocol_marks import Floats, Marks
from protocol_spaces import learn, ways

from evenface.faces.split import Rows, Split
from evenface.heads.mlp import FittedMlp, to_input
from evenface.heads.probes import Answer, Task, train_probes
from evenface.studies.data import study_splits
from evenface.studies.judged import Repeats
from evenface.studies.training_sets import ALL, MATCHED, rows_for, training_sets

ORDERS = ("shuffled", "folders")
"""In which order test rows come in batches: drawn, or one folder (a group) after another."""


@dataclass
class Runs:
    """What came out on one data set.

    Attributes
    ----------
    gender, control, groups, spaces : Marks
        Gender everywhere; labels without meaning; gender by who was learned from; 2-D spaces.
    curves : dict of str to list of (careful, flawed)
        By what the curve is of and the order of the rows: over rows, and over batches.
    repeats : Repeats
    """

    gender: Marks
    control: Marks
    groups: Marks
    spaces: Marks
    repeats: Repeats
    curves: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)


def run(subject: Subject, study: Study, said: Callable[[str], None]) -> Runs:
    """Train everything that the flaws that are on ask for."""
    data = subject.data
    splits = study_splits(data, study.careful.common)
    target = study.spaces.of(subject.name)
    gender, ethnicity, parted = (data.labels(name) for name in ("gender", "ethnicity", target))
    cells = np.where(ethnicity.codes < 0, -1, ethnicity.codes * len(gender.names) + gender.codes)
    nothing = np.zeros_like(gender.codes)
    found = Runs(
        *(Marks(classes, data.person) for classes in (gender.codes, nothing, cells, parted.codes)),
        Repeats.of(splits, data.person),
    )
    drawn = []
    for split in splits:
        rng = np.random.default_rng([study.careful.seed, split.seed, 11])
        test = one_picture_each(split.test, data.person, rng)
        drawn.append(test)
        _probes(found, subject, study, split, test, rng)
        _composed(found, subject, study, split, test)
        said(f"{subject.name}: split {split.seed + 1} of {len(splits)}, probes")
    _spaces(found, subject, study, splits, drawn, said)
    return found


def _probes(
    found: Runs, subject: Subject, study: Study, split: Split, test: Rows,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Read gender by an MLP as `probe` trains it."""
    data, on = subject.data, study.on
    labels = data.labels("gender")
    y, count = labels.codes, len(labels.names)
    dealt = with_tested_people(split.train, test, data.person, rng)
    shuffled = _shuffled(y, data.person, rng)

    def task(train: Rows, codes: Rows = y) -> Task:
        return Task(codes, train, split.validation, test, count, split.seed)

    tasks = {"careful": task(split.train)}
    if "shared_identities" in on and subject.pictures > 1:
        tasks |= {"shared": task(dealt), "control": task(split.train, shuffled),
                  "control, shared": task(dealt, shuffled)}  # fmt: skip
    answers = dict(zip(tasks, train_probes(["mlp"], data.vectors, list(tasks.values())),
                       strict=True))  # fmt: skip
    for name, answer in answers.items():
        marks, truth = (found.control, shuffled) if "control" in name else (found.gender, y)
        run = name.replace("control, ", "").replace("control", "careful")
        marks.add(split.seed, run, test, answer.predicted["mlp"] == truth[test])
    orders = {"shuffled": rng.permutation(len(test)), "folders": _by_folder(subject, test)}
    size = study.careful.tested_at_once
    logits = _logits(answers["careful"], data.vectors[test])
    for name, order in orders.items():
        said = said_over_batch(logits, order, size)
        found.gender.add(split.seed, f"batch softmax, {name}", test, said == y[test])
        right = (logits.argmax(axis=1) == y[test]).astype(float)
        for what, values in (("accuracy", right), ("loss", cross_entropies(logits, y[test]))):
            pair = (float(values.mean()), mean_of_batches(values, order, size))
            found.curves.setdefault((what, name), []).append(pair)
    for way, vectors in subject.spoilt.items():
        (answer,) = train_probes(["mlp"], vectors, [task(split.train)])
        found.gender.add(split.seed, way, test, answer.predicted["mlp"] == y[test])
    # All together: whatever of it this data set allows.
    vectors = next(iter(subject.spoilt.values()), data.vectors)
    (answer,) = train_probes(["mlp"], vectors, [tasks.get("shared", tasks["careful"])])
    every = _logits(answer, vectors[test])
    whole = said_over_batch(every, orders["shuffled"], size)
    last = whole if "batch_softmax" in on else every.argmax(axis=1)
    found.gender.add(split.seed, "all", test, last == y[test])


def _logits(answer: Answer, vectors: Floats) -> Floats:
    trained = answer.trained["mlp"]
    assert isinstance(trained.fitted, FittedMlp)
    inputs = to_input(trained.scaling(vectors), trained.fitted.factor)
    return trained.fitted.network(inputs).numpy().astype(np.float64)


def _shuffled(y: Rows, person: Rows, rng: np.random.Generator) -> Rows:
    """Deal people's labels out anew among them."""
    of = np.zeros(int(person.max()) + 1, dtype=np.intp)
    of[person] = y
    return rng.permutation(of)[person]


def _by_folder(subject: Subject, rows: Rows) -> Rows:
    """Return places of rows, women after men as DiveFace's folders lie, ethnicity by ethnicity."""
    gender, ethnicity = (subject.data.labels(name) for name in ("gender", "ethnicity"))
    return np.lexsort((ethnicity.codes[rows], -gender.codes[rows]))


def _composed(found: Runs, subject: Subject, study: Study, split: Split, test: Rows) -> None:
    """Read gender by MLPs of one ethnicity, of all in equal size, and of all as they are."""
    if "all_sees_more" not in study.on:
        return
    data = subject.data
    gender, ethnicity = data.labels("gender"), data.labels("ethnicity")
    groups = ethnicity.names
    tested = rows_for(gender, ethnicity, groups, ALL, test)
    alone = dict(training_sets(data, gender, ethnicity, groups, split))
    people = min(np.unique(data.person[alone[g]]).size for g in groups)
    sets = dict(training_sets(data, gender, ethnicity, groups, split, people=people))
    tasks = {
        name: Task(gender.codes, rows,
                   rows_for(gender, ethnicity, groups, name, split.validation),
                   tested, len(gender.names), split.seed)
        for name, rows in sets.items()
    }  # fmt: skip
    answers = train_probes(["mlp"], data.vectors, list(tasks.values()))
    right = {
        name: answer.predicted["mlp"] == gender.codes[tested]
        for name, answer in zip(tasks, answers, strict=True)
    }
    own = np.zeros(len(tested), dtype=bool)
    for k, g in enumerate(groups):
        here = ethnicity.codes[tested] == k
        own[here] = right[g][here]
    for run, values in (("own", own), ("careful", right[MATCHED]), ("three times", right[ALL])):
        found.groups.add(split.seed, run, tested, values)


def _spaces(
    found: Runs, subject: Subject, study: Study, splits: list[Split], drawn: list[Rows],
    said: Callable[[str], None],
) -> None:  # fmt: skip
    """Learn 2-D spaces; read people held out, and people as they lie where they were learned."""
    labels = subject.data.labels(study.spaces.of(subject.name))
    y = labels.codes
    spoilt = next(iter(subject.spoilt.values()), None)
    learned = []
    for split in splits:
        learned.append(learn(subject.data, labels, split, drawn[split.seed], ways(study), spoilt))
        said(f"{subject.name}: split {split.seed + 1} of {len(splits)}, spaces")
    for s, (split, test) in enumerate(zip(splits, drawn, strict=True)):
        tested = test[y[test] >= 0]
        # Whom this split tests the next one of the deal learns from.
        following = learned[s // FOLDS * FOLDS + (s + 1) % FOLDS]
        for way, place in learned[s].items():
            found.spaces.add(split.seed, way, tested, place.held[tested] == y[tested])
        for way, place in following.items():
            right = place.seen[tested] == y[tested]
            found.spaces.add(split.seed, f"{way}, seen", tested, right)
