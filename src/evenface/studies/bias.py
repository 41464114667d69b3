"""What does a majority do to the others? One group's share is raised, loss by loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from evenface.embed.embeddings import Embeddings
from evenface.errors import ConfigError, TrainingError
from evenface.faces.split import Rows, Split
from evenface.heads.objectives import LOSSES, check_losses
from evenface.studies.compositions import People, Sweep, numbers_at, plan_sweep, sweep_table
from evenface.studies.data import (
    CommonOptions,
    Labels,
    StudyData,
    prepare,
    study_splits,
    with_splits,
)
from evenface.studies.grouped import learnable, left_out
from evenface.studies.label_noise import LABEL_NOISE
from evenface.studies.learning import Condition, Learned, Learner, LearnOptions, best_of
from evenface.studies.losing import compare_losses, compare_remedies, numbers
from evenface.studies.losing_labels import label_noise
from evenface.studies.outcomes import Topic, outcomes_of
from evenface.studies.records import Records
from evenface.studies.remedies import NONE, REMEDIES, fitting
from evenface.studies.result import Result, make_frame
from evenface.studies.scores import Cell, Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EACH = "each"
"""Every group is made the majority in turn."""

Share = Annotated[float, Field(gt=0, lt=1)]


class BiasOptions(LearnOptions):
    """Options of `bias`, beside those of all learning.

    Attributes
    ----------
    dims : int
        Dimensions of the learned spaces.
    majority : str, optional
        The group whose share is raised, or ``each``; Asian men if not given, as in the source
        report, or the largest group where none is called so.
    shares : tuple of float, optional
        Its shares beyond the balanced one, in (0, 1); of 0.3, 0.5, 0.7, 0.9 and 0.95 those for
        which there are people enough if not given.
    total : int, optional
        Identities in each training set; as many as every share allows if not given.
    remedies : tuple of str
        Names from `evenface.studies.remedies.REMEDIES`, to be compared with doing nothing; those
        that don't fit a loss, or the target, are left out.
    """

    dims: int = Field(2, ge=1, le=1024)
    majority: str | None = None
    shares: tuple[Share, ...] | None = None
    total: int | None = Field(None, ge=1)
    remedies: tuple[str, ...] = tuple(r for r in REMEDIES if r != NONE)

    @field_validator("remedies")
    @classmethod
    def _remedies(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [n for n in names if n not in REMEDIES or n == NONE]
        if unknown:
            have = ", ".join(r for r in REMEDIES if r != NONE)
            raise ValueError(f"no remedy named {unknown[0]!r}; there are {have}")
        return tuple(dict.fromkeys(names))

    @field_validator("shares")
    @classmethod
    def _some(cls, shares: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if shares is not None and not shares:
            raise ValueError("one share or more is needed, or leave it out")
        return shares


@dataclass(frozen=True, repr=False)
class BiasResult(Result):
    """Accuracy against the majority's share, for every loss and remedy.

    `tables` holds ``tests`` (does one loss lose less than another: paired over splits, corrected
    by Holm), ``remedy_tests``, ``sweeps`` (majority, share, identities of each group), ``scores``
    (each split's accuracy by group), ``curves``, ``rates``, ``points`` and ``rows`` (test rows of
    the first split, learned balanced and at the largest share), ``left_out``.
    """

    study: ClassVar[str] = "bias"
    columns: ClassVar[dict[str, Any]] = {
        "loss": pl.String,
        "majority": pl.String,
        "share": pl.Float64,
        "group": pl.String,
        "remedy": pl.String,
    }

    def reading(self) -> list[str]:
        """Return what was found, in sentences that follow the tests' outcomes."""
        from evenface.studies.bias_view import read_bias

        return read_bias(self)

    def figures(self) -> dict[str, Figure]:
        """Return ``bias`` (accuracy against share; ``bias_2`` ... for more majorities than one).

        ``bias_spaces`` shows where held-out rows lie.
        """
        from evenface.studies.bias_view import draw_bias

        return draw_bias(self)


def bias(
    embeddings: Embeddings,
    options: BiasOptions | None = None,
    common: CommonOptions | None = None,
    *,
    splits: Sequence[Split] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> BiasResult:
    """Raise one group's share of the training people, their total fixed, and see who loses.

    Held-out people stay as they are: only who is learned from changes. Each loss takes, on each
    split, the learning rate that is best on the validation rows for the balanced set, and keeps
    it for every share and remedy.

    Parameters
    ----------
    embeddings : Embeddings
    options : BiasOptions, optional
    common : CommonOptions, optional
    splits : sequence of Split, optional
        Splits of one's own; refused if a person stands on two sides.
    on_step : callable, optional
        Called with (splits done, splits in all).

    Returns
    -------
    BiasResult
        Metrics ``knn_accuracy`` (of a group, or the mean over groups), ``worst_group_accuracy``
        and ``drop_from_balanced`` (accuracy learned balanced minus accuracy learned at the share,
        on the same people; in [-1, 1]).

    Raises
    ------
    ConfigError, SelectionError
        If there is no such group, a share can't be reached, or no remedy fits the target.
    TrainingError
        If every loss diverged.
    """
    options, common = options or BiasOptions(), common or CommonOptions()
    check_losses(options.losses)
    data = prepare(embeddings, common)
    target, groups = learnable(data, options.target)
    made = study_splits(data, common, splits, attributes=(options.target,))
    learners = [Learner(data, target, groups, split, options) for split in made]
    people = [
        People.of(data.person, groups.codes, one.train, len(groups.names), one.split.seed)
        for one in learners
    ]
    sweeps = [
        plan_sweep(people, groups.names, m, options.shares, options.total)
        for m in majorities(options.majority, groups, data)
    ]
    remedies = fitting(options.remedies, target.codes, groups.codes)
    cells = [
        Cell(loss, groups.names[s.majority], share, remedy)
        for s in sweeps
        for loss in options.losses
        for k, share in enumerate(s.shares)
        for remedy in _remedies(loss, remedies, balanced=k == 0)
    ]
    records, scores = Records(), Scores(target.codes, groups, data.person, cells, made)
    for done, (learner, own) in enumerate(zip(learners, people, strict=True)):
        for sweep in sweeps:
            _learn_sweep(done, learner, own, sweep, data, groups, remedies, records, scores)
        if on_step:
            on_step(done + 1, len(learners))
    if not scores.tally.said:
        raise TrainingError(f"no space could be learned: {records.why()}")
    frames = records.frames()
    shown = data.rows.select("sample_id", pl.Series("group", data.values("group"), dtype=pl.String))
    test_share = float(np.mean([one.test.size / max(one.train.size, 1) for one in learners]))
    tested = {"level": common.level, "test_share": test_share}
    found = make_frame(list(numbers(scores, cells, common)), BiasResult.columns)
    topic = Topic("", scores.tally, scores.keys, target.names, data.values("group"))
    doubts = label_noise(scores, cells, found, common.asked)
    return BiasResult(
        found,
        {
            **frames,
            "tests": compare_losses(scores, cells, **tested),
            "remedy_tests": compare_remedies(scores, cells, **tested),
            "scores": scores.frame(),
            "sweeps": sweep_table(sweeps, groups),
            "rows": shown.filter(
                pl.col("sample_id").is_in(frames["points"]["sample_id"].unique().implode())
            ),
            "left_out": left_out(target, groups),
            "label_noise": pl.DataFrame(doubts, schema=LABEL_NOISE, orient="row"),
            "repeats": scores.repeats(cells[0]).frame(),
        },
        {**options.model_dump(mode="json"), **common.model_dump(mode="json")},
        with_splits(data.context, made),
        outcomes_of([topic], data.rows["sample_id"], data.person),
    )


def majorities(name: str | None, groups: Labels, data: StudyData) -> list[int]:
    """Return the numbers of the groups whose share is raised.

    Raises
    ------
    ConfigError
        If there is no group of that name.
    """
    if name == EACH:
        return list(range(len(groups.names)))
    if name is not None:
        if name not in groups.names:
            have = ", ".join(map(repr, groups.names))
            raise ConfigError(f"majority: no group is called {name!r}; there are {have}, or 'each'")
        return [groups.names.index(name)]
    for number, group in enumerate(groups.names):
        parts = {p.strip().casefold() for p in group.split("·")}
        if parts & {"male", "man", "men"} and any("asian" in p for p in parts):
            return [number]
    sizes = [np.unique(data.person[groups.codes == g]).size for g in range(len(groups.names))]
    return [int(np.argmax(sizes))]


def _remedies(loss: str, names: Sequence[str], *, balanced: bool) -> list[str]:
    # Against equal groups there is nothing to remedy.
    fitting = [r for r in names if REMEDIES[r].fits(LOSSES[loss])]
    return [NONE] if balanced else [NONE, *fitting]


def _learn_sweep(
    number: int,
    learner: Learner,
    people: People,
    sweep: Sweep,
    data: StudyData,
    groups: Labels,
    remedies: Sequence[str],
    records: Records,
    scores: Scores,
) -> None:
    """Train every loss on every composition of the split of that number; score its test rows."""
    options = learner.options
    assert isinstance(options, BiasOptions)
    majority = groups.names[sweep.majority]
    rates: dict[str, list[float]] = {loss: list(options.rates) for loss in options.losses}
    for k, share in enumerate(sweep.shares):
        numbers_of = numbers_at(share, sweep.total, sweep.majority, len(groups.names))
        train: Rows = people.rows(data.person, learner.train, numbers_of)
        learner.check(train)
        scores.learned[majority, share].append(replace(learner.split, train=train))
        conditions = [
            Condition(loss, options.dims, remedy)
            for loss in options.losses
            for remedy in _remedies(loss, remedies, balanced=k == 0)
        ]
        tried = learner.learn(train, conditions, [rates[c.loss] for c in conditions])
        where = {"majority": majority, "share": share, "seed": learner.split.seed}
        records.size(sum(numbers_of), train.size, **where)
        for condition, each in zip(conditions, tried, strict=True):
            best: Learned | None = best_of(each)
            records.add(condition, each, best, **where)
            if best is None:
                continue
            if k == 0:
                rates[condition.loss] = [best.rate]
            if learner.test.size:
                cell = Cell(condition.loss, majority, share, condition.remedy)
                scores.tally.add(number, cell.column, learner.test, learner.predict(best))
            if number == 0 and options.dims <= 3 and k in (0, len(sweep.shares) - 1):
                ids, state = data.rows["sample_id"], f"{majority} {share:.3f} {condition.remedy}"
                records.points(ids, learner.test, condition, best, state)
