"""What does the embedding know? Probes for gender, ethnicity and group, on held-out persons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from evenface.embed.embeddings import Embeddings
from evenface.errors import SelectionError
from evenface.faces.split import Rows, Split
from evenface.heads.probes import PROBES, Answer, Task, check_probes
from evenface.stats.intervals import Estimate
from evenface.studies.data import (
    GROUP,
    MIN_CLASS,
    CommonOptions,
    Labels,
    Options,
    StudyData,
    prepare,
    study_splits,
    with_splits,
)
from evenface.studies.heldout import Curves, Progress, Tally, learn, readers
from evenface.studies.judged import Judged, Repeats
from evenface.studies.result import Result, make_frame, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SPLITS_AT_ONCE = 5
"""Splits whose tasks are posed together: some are worked on side by side."""


class ProbeOptions(Options):
    """Options of `probe`.

    Attributes
    ----------
    targets : tuple of str, optional
        Attributes to read; the groups' attributes and the group itself if not given.
    probes : tuple of str
        Names from `evenface.heads.probes.PROBES`.
    """

    targets: tuple[str, ...] | None = None
    probes: tuple[str, ...] = tuple(PROBES)


@dataclass(frozen=True, repr=False)
class ProbeResult(Result):
    """What probes read out of held-out vectors.

    `tables` holds ``curves`` (loss and accuracy per epoch of the MLP), ``headline`` (per target,
    which rows are the headline and which probes it took how often) and ``left_out`` (values with
    too few identities).
    """

    study: ClassVar[str] = "probe"
    columns: ClassVar[dict[str, Any]] = {
        "target": pl.String,
        "probe": pl.String,
        "group": pl.String,
    }

    def headline(self, target: str) -> str | None:
        """Return the value of ``probe`` whose numbers are the headline: ``strongest``."""
        found = self.tables["headline"].filter(target=target)["probe"]
        return str(found[0]) if found.len() else None

    def reading(self) -> list[str]:
        """Return what was found, in sentences that the intervals support."""
        from evenface.studies.probe_view import read_probe

        return read_probe(self)

    def figures(self) -> dict[str, Figure]:
        """Return ``probe`` (accuracies) and ``probe_curves`` (training of the MLP)."""
        from evenface.studies.probe_view import draw_curves, draw_probe

        drawn = {"probe": draw_probe(self)}
        if self.tables["curves"].height:
            drawn["probe_curves"] = draw_curves(self)
        return drawn


def probe(
    embeddings: Embeddings,
    options: ProbeOptions | None = None,
    common: CommonOptions | None = None,
    *,
    splits: Sequence[Split] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> ProbeResult:
    """Measure how well attributes can be read out of the vectors of persons not trained on.

    Parameters
    ----------
    embeddings : Embeddings
    options : ProbeOptions, optional
    common : CommonOptions, optional
    splits : sequence of Split, optional
        Splits of one's own; refused if a person stands on two sides.
    on_step : callable, optional
        Called with (trainings done, trainings in all).

    Returns
    -------
    ProbeResult
        Metrics ``accuracy``, ``balanced_accuracy`` (mean of the classes' recalls, in [0, 1]),
        ``chance`` (1 / number of classes, the balanced accuracy of a guess) and ``majority``
        (the accuracy of always saying the commonest class). The headline,
        ``probe="strongest"``, takes on each split the probe that was best on that split's
        validation rows, so that choosing does not flatter it.

    Raises
    ------
    SelectionError
        If there is one group only, or no target has two classes of at least 4 identities.
    LeakError
        If `splits` share a person between sides.
    """
    options, common = options or ProbeOptions(), common or CommonOptions()
    names = check_probes(options.probes)
    data = prepare(embeddings, common)
    targets = tuple(dict.fromkeys(options.targets or data.targets))
    made = study_splits(data, common, splits, attributes=targets)
    labels = {t: data.labels(t) for t in targets}
    usable = [t for t in targets if len(labels[t].names) > 1]
    if not usable:
        raise SelectionError(
            f"nothing to probe: none of {', '.join(targets)} has two values with at least "
            f"{MIN_CLASS} identities each"
        )
    curves = Curves()
    tallies = {t: Tally(labels[t].codes, readers(names)) for t in usable}
    progress = Progress(on_step, len(made) * len(usable) * len(names))
    for start in range(0, len(made), SPLITS_AT_ONCE):
        posed = [
            (s, target, _task(labels[target], made[s]))
            for s in range(start, min(start + SPLITS_AT_ONCE, len(made)))
            for target in usable
        ]
        answers = learn(data.vectors, [task for *_, task in posed], names, on_fit=progress)
        for (s, target, task), answer in zip(posed, answers, strict=True):
            if answer is not None:
                _count(answer, s, task, target, curves, tallies[target])
    rows: list[dict[str, Any]] = []
    repeats = Repeats.of(made, data.person)
    headlines = []
    for target in usable:
        rows += _numbers(data, labels[target], names, tallies[target], target, common, repeats)
        headlines.append((target, readers(names)[-1], len(labels[target].names),
                          curves.choices(target)))  # fmt: skip
    few = [
        {"target": t, "value": v, "identities": n}
        for t in targets
        for v, n in labels[t].left_out.items()
    ]
    left_out = pl.DataFrame(
        few, schema={"target": pl.String, "value": pl.String, "identities": pl.Int64}
    )
    headline = pl.DataFrame(
        headlines,
        schema={
            "target": pl.String,
            "probe": pl.String,
            "classes": pl.Int64,
            "chosen": pl.String,
        },
        orient="row",
    )
    return ProbeResult(
        make_frame(rows, ProbeResult.columns),
        {"curves": curves.frame(), "headline": headline, "left_out": left_out},
        {**options.model_dump(mode="json"), **common.model_dump(mode="json")},
        with_splits(data.context, made),
    )


def _task(labels: Labels, split: Split) -> Task:
    known = labels.codes >= 0
    train, validation, test = (
        side[known[side]] for side in (split.train, split.validation, split.test)
    )
    return Task(labels.codes, train, validation, test, len(labels.names), split.seed)


def _count(
    answer: Answer, split: int, task: Task, target: str, curves: Curves, tally: Tally
) -> None:
    curves.add(target, task.seed, answer.trained)
    chosen = curves.choose(target, [answer.trained], [task.validation.size])
    for reader in tally.place:
        tally.add(split, reader, task.test, answer.predicted.get(reader, answer.predicted[chosen]))


def _numbers(
    data: StudyData,
    labels: Labels,
    names: Sequence[str],
    tally: Tally,
    target: str,
    common: CommonOptions,
    repeats: Repeats,
) -> list[dict[str, Any]]:
    tried = np.flatnonzero(tally.tried() & (labels.codes >= 0))
    everybody = np.zeros_like(labels.codes)
    strata = np.maximum(labels.codes, 0)

    def judged(rows: Rows, classes: Rows) -> Judged:
        return Judged(tally, rows, classes, data.person, strata, common.asked, repeats)

    models = range(len(tally.place))
    balanced = judged(tried, labels.codes).balanced(models, least_classes=len(labels.names))
    overall = judged(tried, everybody).balanced(models, least_classes=1)
    groups = np.array([g or "" for g in data.values(GROUP)], dtype=object)
    within = {
        group: judged(tried[groups[tried] == group], everybody).balanced(models, least_classes=1)
        for group in sorted(set(groups[tried].tolist()) - {""})
    }
    rows = []
    for m, name in enumerate(readers(names)):
        at = {"target": target, "probe": name}
        rows.append(number("probe", "balanced_accuracy", balanced[m], **at, group="all"))
        rows.append(number("probe", "accuracy", overall[m], **at, group="all"))
        for group, accuracies in within.items():
            rows.append(number("probe", "accuracy", accuracies[m], **at, group=group))
    people = int(np.unique(data.person[tried]).size)
    chance = 1 / len(labels.names)
    by_definition = Estimate(
        chance, chance, chance, common.level, tried.size, people, "by definition"
    )
    commonest = np.bincount(labels.codes[tried], minlength=1).max()
    share = float(commonest / max(tried.size, 1))
    why = "share of the commonest class among these rows"
    majority = replace(by_definition, value=share, low=share, high=share, method=why)
    rows.append(number("probe", "majority", majority, target=target, probe="none", group="all"))
    rows.append(number("probe", "chance", by_definition, target=target, probe="none", group="all"))
    return rows
