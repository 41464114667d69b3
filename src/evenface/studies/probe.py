"""What does the embedding know? Probes for gender, ethnicity and group, on held-out persons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import polars as pl
from pydantic import Field

from evenface.embed.embeddings import Embeddings
from evenface.errors import SelectionError
from evenface.faces.split import Split
from evenface.heads.probes import PROBES, Answer, Task, check_probes
from evenface.studies.controls import Controls, narrow_names
from evenface.studies.data import (
    GROUP,
    MIN_CLASS,
    CommonOptions,
    Labels,
    Options,
    known,
    prepare,
    study_splits,
    with_splits,
)
from evenface.studies.heldout import Curves, Progress, Tally, learn, readers
from evenface.studies.judged import Repeats, with_holm
from evenface.studies.label_noise import LABEL_NOISE
from evenface.studies.needed import NEEDED
from evenface.studies.outcomes import Topic, outcomes_of
from evenface.studies.probed import Probed, probe_numbers
from evenface.studies.result import Result, make_frame

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
    controls : int
        Splits on which the probes also learn labels that were shuffled among identities.
    dimensions : tuple of int
        Numbers of widest principal axes that the linear probe is cut to, beside all.
    """

    targets: tuple[str, ...] | None = None
    probes: Annotated[tuple[str, ...], known(check_probes)] = tuple(PROBES)
    controls: int = Field(1, ge=0)
    dimensions: tuple[Annotated[int, Field(ge=1)], ...] = (2, 8, 32, 128)


@dataclass(frozen=True, repr=False)
class ProbeResult(Result):
    """What probes read out of held-out vectors.

    `tables` holds ``curves`` (loss and accuracy per epoch of the MLP), ``headline`` (per target,
    which rows are the headline and which probes it took how often), ``tests`` (is the headline
    right more or less often for one group than for the others), ``needed`` (people it would take
    to show smaller differences), ``label_noise`` (the headline if recorded labels were wrong),
    ``tests_label_noise`` (differences of groups if recorded groups were), ``repeats`` (how splits
    hang together) and ``left_out`` (values with too few identities).
    """

    study: ClassVar[str] = "probe"
    columns: ClassVar[dict[str, Any]] = {
        "target": pl.String,
        "probe": pl.String,
        "group": pl.String,
        "dimension": pl.Int64,
    }

    def headline(self, target: str) -> str | None:
        """Return the value of ``probe`` whose numbers are the headline: ``strongest``.

        Parameters
        ----------
        target : str
            An attribute, or ``group``.

        Returns
        -------
        str or None
            None where the target was not asked.
        """
        found = self.tables["headline"].filter(target=target)["probe"]
        return str(found[0]) if found.len() else None

    def reading(self) -> list[str]:
        """Return what was found, in sentences that the intervals support."""
        from evenface.studies.probe_view import read_probe

        return read_probe(self)

    def figures(self) -> dict[str, Figure]:
        """Return ``probe`` (accuracies) and, where they were asked for, further ones.

        ``probe_dimensions`` (a linear probe on fewer axes), ``probe_labels`` (if labels were
        wrong), ``probe_tests_labels`` (differences of groups, if recorded groups were),
        ``probe_curves`` (training of the MLP).
        """
        from evenface.studies.label_noise_view import draw_label_noise
        from evenface.studies.probe_view import draw_curves, draw_dimensions, draw_probe

        drawn = {"probe": draw_probe(self)}
        if self.where(metric="lost_by_dimension").drop_nulls("value").height:
            drawn["probe_dimensions"] = draw_dimensions(self)
        doubts = self.tables["label_noise"].filter(group="all")
        if doubts.height:
            drawn["probe_labels"] = draw_label_noise(doubts, "balanced accuracy")
        if self.tables["tests_label_noise"].height:
            drawn["probe_tests_labels"] = draw_label_noise(
                self.tables["tests_label_noise"], "difference of accuracies"
            )
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
        validation rows, so that choosing does not flatter it. ``control_accuracy`` is the balanced
        accuracy where identities' labels were shuffled, ``control_accuracy_seen`` the same on
        other pictures of identities learned from, ``selectivity`` what the recorded labels gain
        over the first (Hewitt and Liang 2019). ``balanced_accuracy_by_dimension`` and
        ``lost_by_dimension`` are about a linear probe on the widest principal axes alone.

    Raises
    ------
    SelectionError
        If there is one group only, or no target has two classes of at least 4 identities.
    LeakError
        If `splits` share a person between sides.
    """
    options, common = options or ProbeOptions(), common or CommonOptions()
    names = options.probes
    data = prepare(embeddings, common)
    targets = data.asked(options.targets) if options.targets else data.targets
    made = study_splits(data, common, splits, attributes=targets)
    labels = {t: data.labels(t) for t in targets}
    usable = [t for t in targets if len(labels[t].names) > 1]
    if not usable:
        raise SelectionError(
            f"nothing to probe: none of {', '.join(targets)} has two values with at least "
            f"{MIN_CLASS} identities each"
        )
    curves = Curves()
    # Training rows span no more axes than there are of them.
    width = min(data.vectors.shape[1], *(split.train.size for split in made))
    narrow = narrow_names(options.dimensions, width, names)
    tallies = {t: Tally(labels[t].codes, [*readers(names), *narrow]) for t in usable}
    controls = {
        t: Controls.of(labels[t].codes, data.person, names, common.seed)
        for t in usable
        if options.controls
    }
    checked = range(min(options.controls, len(made)))
    trainings = len(made) * (len(names) + len(narrow)) + len(checked) * len(names)
    progress = Progress(on_step, trainings * len(usable))
    for start in range(0, len(made), SPLITS_AT_ONCE):
        now = range(start, min(start + SPLITS_AT_ONCE, len(made)))
        posed = [(s, target, _task(labels[target], made[s])) for s in now for target in usable]
        tasks = [task for *_, task in posed]
        answers = learn(data.vectors, tasks, [*names, *narrow], on_fit=progress)
        for (s, target, task), answer in zip(posed, answers, strict=True):
            if answer is not None:
                _count(answer, s, task, target, curves, tallies[target], names)
        without = [(s, t, controls[t].task(task)) for s, t, task in posed if s in checked]
        answers = learn(data.vectors, [task for *_, task in without], names, on_fit=progress)
        for (s, target, task), answer in zip(without, answers, strict=True):
            if answer is not None:
                controls[target].add(s, task, answer)
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    doubts: list[dict[str, Any]] = []
    needed: list[dict[str, Any]] = []
    judged: dict[str, Probed] = {}
    repeats = Repeats.of(made, data.person)
    headlines = []
    groups, best = data.values(GROUP), len(readers(names)) - 1
    for target in usable:
        asked = Probed(data, labels[target], names, tallies[target], common, repeats, width)
        rows += probe_numbers(asked, target, controls.get(target))
        tests += asked.unequal(target, best)
        doubts += asked.label_noise(target, best)
        needed += asked.needed(target, best)
        judged[target] = asked
        headlines.append((target, readers(names)[-1], len(labels[target].names),
                          curves.choices(target)))  # fmt: skip
    tested = with_holm(tests, ("metric",))
    uneven = [row for t, a in judged.items() for row in a.unequal_labels(t, best, tested)]
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
    topics = [
        Topic(t, tallies[t], {c: {"probe": c} for c in tallies[t].place}, labels[t].names, groups)
        for t in usable
    ]
    return ProbeResult(
        make_frame(rows, ProbeResult.columns),
        {
            "curves": curves.frame(),
            "headline": headline,
            "tests": tested,
            "needed": pl.DataFrame(needed, schema=NEEDED, orient="row"),
            "label_noise": pl.DataFrame(doubts, schema=LABEL_NOISE, orient="row"),
            "tests_label_noise": pl.DataFrame(uneven, schema=LABEL_NOISE, orient="row"),
            "left_out": left_out,
            "repeats": repeats.frame(),
        },
        {**options.model_dump(mode="json"), **common.model_dump(mode="json")},
        with_splits(data.context, made),
        outcomes_of(topics, data.rows["sample_id"], data.person),
    )


def _task(labels: Labels, split: Split) -> Task:
    known = labels.codes >= 0
    train, validation, test = (
        side[known[side]] for side in (split.train, split.validation, split.test)
    )
    return Task(labels.codes, train, validation, test, len(labels.names), split.seed)


def _count(
    answer: Answer,
    split: int,
    task: Task,
    target: str,
    curves: Curves,
    tally: Tally,
    names: Sequence[str],
) -> None:
    """Take in what probes said; which is the strongest is chosen among `names` alone."""
    trained = {name: answer.trained[name] for name in names}
    curves.add(target, task.seed, trained)
    chosen = curves.choose(target, [trained], [task.validation.size])
    for reader in tally.place:
        tally.add(split, reader, task.test, answer.predicted.get(reader, answer.predicted[chosen]))
