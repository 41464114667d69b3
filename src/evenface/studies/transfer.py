"""Does what is learned on one group hold for another? Train on each, test on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from evenface.embed.embeddings import Embeddings
from evenface.errors import SelectionError
from evenface.faces.split import Split
from evenface.heads.probes import PROBES, Task, check_probes
from evenface.studies.carried import Asks, weigh
from evenface.studies.data import (
    MIN_CLASS,
    CommonOptions,
    Labels,
    Options,
    StudyData,
    known,
    prepare,
    study_splits,
    with_splits,
)
from evenface.studies.heldout import Curves, Progress, Tally, learn, readers
from evenface.studies.judged import Repeats
from evenface.studies.outcomes import Topic, outcomes_of
from evenface.studies.result import Result, make_frame
from evenface.studies.training_sets import ALL, MATCHED, rows_for, rows_to_test, training_sets

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TransferOptions(Options):
    """Options of `transfer`.

    Attributes
    ----------
    target : str
        What is learned.
    across : str
        What it is carried across.
    probes : tuple of str
        Names from `evenface.heads.probes.PROBES`.
    match : {"smallest", "none"}
        ``smallest``: every single group's model learns from as many persons a class as the
        smallest group has, so that rows of the matrix don't differ by size. ``none``: from all.
    train, test : int, optional
        People of each group that a split's models learn from and are tested on, equally many of
        each class, as in a published protocol; as many as there are if not given.
    """

    target: str = "gender"
    across: str = "ethnicity"
    probes: Annotated[tuple[str, ...], known(check_probes)] = tuple(PROBES)
    match: Literal["smallest", "none"] = "smallest"
    train: int | None = Field(None, ge=1)
    test: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _differ(self) -> TransferOptions:
        if self.target == self.across:
            raise ValueError(f"target and across are both {self.target!r}; they must differ")
        return self


@dataclass(frozen=True, repr=False)
class TransferResult(Result):
    """The matrix of training groups and test groups, for every probe.

    `tables` holds ``curves``, ``headline`` (which rows are the headline, and which probes it
    took), ``sizes`` (persons and rows each model learned from, mean over seeds), ``tests`` (of the
    gaps), ``needed`` (people it would take to show smaller ones), ``label_noise`` (gaps if
    recorded labels were wrong), ``repeats`` (how splits hang together), ``left_out`` and
    ``untested`` (persons whom some model could not be trained to test).
    """

    study: ClassVar[str] = "transfer"
    columns: ClassVar[dict[str, Any]] = {
        "target": pl.String,
        "across": pl.String,
        "train_on": pl.String,
        "test_on": pl.String,
        "probe": pl.String,
    }

    @property
    def headline(self) -> str:
        """The value of ``probe`` whose numbers are the headline: ``strongest``."""
        return str(self.tables["headline"]["probe"][0])

    def reading(self) -> list[str]:
        """Return what was found, in sentences that the intervals support."""
        from evenface.studies.transfer_view import read_transfer

        return read_transfer(self)

    def figures(self) -> dict[str, Figure]:
        """Return ``transfer`` (the headline's matrix) and one for each other probe.

        ``transfer_labels``, if any gap is shown: what wrong labels would do to it.
        """
        from evenface.studies.label_noise_view import draw_label_noise
        from evenface.studies.transfer_view import draw_transfer

        others = [p for p in readers(self.config["probes"]) if p != self.headline]
        doubts = self.tables["label_noise"]
        return {
            "transfer": draw_transfer(self, self.headline),
            **{f"transfer_{name}": draw_transfer(self, name) for name in others},
            **({"transfer_labels": draw_label_noise(doubts, "gap")} if doubts.height else {}),
        }


def transfer(
    embeddings: Embeddings,
    options: TransferOptions | None = None,
    common: CommonOptions | None = None,
    *,
    splits: Sequence[Split] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> TransferResult:
    """Train on each group and on all, test on each, always on persons not trained on.

    Parameters
    ----------
    embeddings : Embeddings
    options : TransferOptions, optional
    common : CommonOptions, optional
    splits : sequence of Split, optional
        Splits of one's own; refused if a person stands on two sides.
    on_step : callable, optional
        Called with (trainings done, trainings in all).

    Returns
    -------
    TransferResult
        Metrics ``accuracy``, ``balanced_accuracy`` and
        ``transfer_gap(i, j) = balanced_accuracy(j, j) - balanced_accuracy(i, j)``: what is lost
        on group j by learning on i instead; its interval is paired over the same persons.

    Raises
    ------
    SelectionError
        If fewer than two groups have two classes of at least 4 identities each, or too few for
        `train` or `test`.
    """
    options, common = options or TransferOptions(), common or CommonOptions()
    names = options.probes
    data = prepare(embeddings, common)
    target, across = map(data.labels, data.asked((options.target, options.across)))
    if taken := {ALL, MATCHED} & set(across.names):
        raise SelectionError(
            f"a value of {options.across} is {min(taken)!r}, as the model of all groups is called "
            "here; rename it"
        )
    groups, left_out = _usable(data, target, across)
    made = study_splits(data, common, splits, attributes=(options.target, options.across))
    models = [*groups, MATCHED, ALL]
    asked = Asks(groups, models, readers(names))
    tally = Tally(target.codes, asked.columns)
    curves = Curves()
    sizes: list[dict[str, Any]] = []
    posed = np.zeros(len(target.codes), dtype=bool)
    progress = Progress(on_step, len(made) * len(models) * len(names))
    for s, split in enumerate(made):
        test = rows_to_test(data, target, across, groups, split, options.test)
        posed[test] = True
        tasks = {
            model: Task(
                target.codes,
                train,
                rows_for(target, across, groups, model, split.validation),
                test,
                len(target.names),
                split.seed,
            )
            for model, train in training_sets(
                data, target, across, groups, split, match=options.match, people=options.train
            )
        }
        for model, task in tasks.items():
            people = np.unique(data.person[task.train]).size
            sizes.append({"train_on": model, "identities": people, "rows": task.train.size})
        learned = learn(data.vectors, list(tasks.values()), names, on_fit=progress)
        answers = {m: a for m, a in zip(tasks, learned, strict=True) if a is not None}
        if not answers:
            continue
        for model, answer in answers.items():
            curves.add(model, split.seed, answer.trained)
        # One choice for all models of a split: a gap compares like with like.
        chosen = curves.choose(
            options.target,
            [answer.trained for answer in answers.values()],
            [tasks[model].validation.size for model in answers],
        )
        for model, answer in answers.items():
            for name in readers(names):
                predicted = answer.predicted.get(name, answer.predicted[chosen])
                tally.add(s, asked.column(name, model), test, predicted)
    carried = {"target": options.target, "across": options.across}
    repeats = Repeats.of(made, data.person)
    found = weigh(data, target, across, tally, asked, common, repeats)
    rows = [{**row, **carried} for row in found.numbers]
    wanted = rows_for(target, across, groups, ALL, np.arange(len(target.codes)))
    if options.test is not None:
        wanted = np.flatnonzero(posed)
    tested = tally.tried()[wanted]
    untested = np.setdiff1d(data.person[wanted], data.person[wanted[tested]]).size
    return TransferResult(
        make_frame(rows, TransferResult.columns),
        {
            "curves": curves.frame(),
            "headline": pl.DataFrame(
                {"probe": [readers(names)[-1]], "chosen": [curves.choices(options.target)]}
            ),
            "sizes": pl.DataFrame(sizes)
            .group_by("train_on", maintain_order=True)
            .agg(pl.col("identities").mean(), pl.col("rows").mean())
            .cast({"identities": pl.Float64, "rows": pl.Float64}),
            "left_out": left_out,
            "untested": pl.DataFrame({"identities": [int(untested)]}),
            "repeats": repeats.frame(),
            **found.tables,
        },
        {**options.model_dump(mode="json"), **common.model_dump(mode="json")},
        with_splits(data.context, made),
        outcomes_of(
            [Topic(options.target, tally, asked.keys, target.names, _named(across, groups))],
            data.rows["sample_id"],
            data.person,
        ),
    )


def _named(across: Labels, groups: Sequence[str]) -> list[str | None]:
    """Return each row's group, None where it is of none that takes part."""
    names = [name if name in groups else None for name in across.names] + [None]
    return [names[code] for code in across.codes]


def _usable(data: StudyData, target: Labels, across: Labels) -> tuple[list[str], pl.DataFrame]:
    """Return the groups in which every class has enough persons, and what was left out."""
    groups, few = [], [(v, n) for v, n in across.left_out.items()]
    for k, name in enumerate(across.names):
        counts = [
            np.unique(data.person[(across.codes == k) & (target.codes == c)]).size
            for c in range(len(target.names))
        ]
        if len(counts) > 1 and min(counts) >= MIN_CLASS:
            groups.append(name)
        else:
            few.append((name, min(counts, default=0)))
    if len(groups) < 2:
        raise SelectionError(
            f"transfer needs two groups with at least {MIN_CLASS} identities of every class; "
            f"{len(groups)} of {len(across.names) + len(across.left_out)} groups have them"
        )
    schema = {"value": pl.String, "identities": pl.Int64}
    return groups, pl.DataFrame(few, schema=schema, orient="row")
