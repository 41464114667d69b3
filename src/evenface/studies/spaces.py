"""What do losses make of the groups? Small learned spaces, compared on equal terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from evenface.embed.embeddings import Embeddings
from evenface.errors import SelectionError, TrainingError
from evenface.faces.split import Split
from evenface.heads.objectives import check_losses
from evenface.stats.accuracy import Recalls, mean
from evenface.stats.intervals import Estimate
from evenface.stats.jackknife import deal_groups
from evenface.stats.worst import least
from evenface.studies.alike import Likeness
from evenface.studies.compositions import balanced_rows
from evenface.studies.data import (
    GROUP,
    MIN_CLASS,
    CommonOptions,
    Labels,
    StudyData,
    prepare,
    study_splits,
    with_splits,
)
from evenface.studies.heldout import Tally
from evenface.studies.learning import Condition, Learner, LearnOptions, best_of
from evenface.studies.records import Records
from evenface.studies.result import Result, make_frame, number
from evenface.studies.spread import LIMITS, Spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Balance = Literal["balanced", "recorded"]


class SpacesOptions(LearnOptions):
    """Options of `spaces`, beside those of all learning.

    Attributes
    ----------
    dims : tuple of int
        Dimensions of the learned spaces.
    balance : tuple of {"balanced", "recorded"}
        Learn from equally many people of each group, or from all there are.
    """

    dims: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = (2,)
    balance: tuple[Balance, ...] = ("balanced",)


@dataclass(frozen=True, repr=False)
class SpacesResult(Result):
    """Learned spaces and what held-out people look like in them.

    `tables` holds ``points`` (test rows of the first split, in spaces of two and three
    dimensions) and ``rows``, ``curves`` (per epoch, of the rate that was taken), ``rates`` (every
    rate tried, its score on validation rows, whether it was taken or diverged), ``likeness`` (how
    alike two losses' spaces are), ``sizes`` and ``left_out``.
    """

    study: ClassVar[str] = "spaces"
    columns: ClassVar[dict[str, Any]] = {
        "loss": pl.String,
        "balance": pl.String,
        "dims": pl.Int64,
        "group": pl.String,
    }

    def reading(self) -> list[str]:
        """Return what was found, in sentences that the intervals support."""
        from evenface.studies.spaces_view import read_spaces

        return read_spaces(self)

    def figures(self) -> dict[str, Figure]:
        """Return ``spaces`` (where held-out rows lie), ``spaces_accuracy``, ``spaces_curves``."""
        from evenface.studies.spaces_view import draw_spaces

        return draw_spaces(self)


def spaces(
    embeddings: Embeddings,
    options: SpacesOptions | None = None,
    common: CommonOptions | None = None,
    *,
    splits: Sequence[Split] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> SpacesResult:
    """Learn small spaces with several losses, trained alike, and look at people held out.

    Parameters
    ----------
    embeddings : Embeddings
    options : SpacesOptions, optional
    common : CommonOptions, optional
    splits : sequence of Split, optional
        Splits of one's own; refused if a person stands on two sides.
    on_step : callable, optional
        Called with (trainings done, trainings in all).

    Returns
    -------
    SpacesResult
        Per loss, in [0, 1]: ``knn_accuracy`` (test people, classified by the nearest validation
        people in the learned space; over everybody the mean of the groups' accuracies) and
        ``worst_group_accuracy``. ``silhouette`` of the classes in [-1, 1]; ``intra_distance`` and
        ``inter_distance``, the mean Euclidean distances to other people of the same class and to
        other classes, in the unit of the loss's margin.

    Raises
    ------
    SelectionError
        If there are fewer than two classes of at least 4 identities.
    TrainingError
        If every loss diverged.
    """
    options, common = options or SpacesOptions(), common or CommonOptions()
    check_losses(options.losses)
    data = prepare(embeddings, common)
    target, groups = learnable(data, options.target)
    made = study_splits(data, common, splits, attributes=(options.target,))
    cells = [(b, Condition(loss, d)) for b in options.balance for d in options.dims
             for loss in options.losses]  # fmt: skip
    tally = Tally(target.codes, [_key(b, c) for b, c in cells])
    dealt = deal_groups(data.person, groups.codes, seed=common.seed)
    spread = {cell: Spread(data.person, dealt) for cell in cells}
    likeness = Likeness(data.person, dealt)
    records = Records()
    for done, split in enumerate(made):
        learner = Learner(data, target, groups, split, options)
        for balance in options.balance:
            train = learner.train
            if balance == "balanced":
                train = balanced_rows(data.person, groups.codes, split, train, len(groups.names))
            learner.check(train)
            own = [c for b, c in cells if b == balance]
            tried = learner.learn(train, own, [options.rates] * len(own))
            best = {c: best_of(t) for c, t in zip(own, tried, strict=True)}
            where = {"balance": balance, "seed": split.seed}
            for condition, each in zip(own, tried, strict=True):
                records.add(condition, each, best[condition], **where)
            records.size(np.unique(data.person[train]).size, train.size, **where)
            found = {c: one for c, one in best.items() if one is not None and learner.test.size}
            for condition, one in found.items():
                name = _key(balance, condition)
                tally.add(done, name, learner.test, learner.predict(one))
                spread[balance, condition].add(
                    learner.placed(one), target.codes[learner.test], learner.test
                )
                if done == 0 and condition.dims <= 3:
                    records.points(data.rows["sample_id"], learner.test, condition, one, balance)
            for a, b in combinations(found, 2):
                if a.dims == b.dims:
                    key = (balance, a.dims, a.loss, b.loss)
                    first, second = learner.placed(found[a]), learner.placed(found[b])
                    likeness.add(key, first, second, learner.test)
        if on_step:
            on_step(done + 1, len(made))
    if not tally.said:
        raise TrainingError(f"no space could be learned: {records.why()}")
    rows = [
        {**row, "balance": balance, "dims": condition.dims, "loss": condition.loss}
        for balance, condition in cells
        for row in _numbers(
            data, groups, tally, _key(balance, condition), spread[balance, condition], common
        )
    ]
    shown = data.rows.select("sample_id", pl.Series(GROUP, data.values(GROUP), dtype=pl.String))
    seen = records.frames()["points"]["sample_id"].unique().implode()
    return SpacesResult(
        make_frame(rows, SpacesResult.columns),
        {
            **records.frames(),
            "rows": shown.filter(pl.col("sample_id").is_in(seen)),
            "likeness": likeness.frame(common.level),
            "left_out": left_out(target, groups),
        },
        {**options.model_dump(mode="json"), **common.model_dump(mode="json")},
        with_splits(data.context, made),
    )


def learnable(data: StudyData, name: str) -> tuple[Labels, Labels]:
    """Return the labels to learn and the groups to judge by.

    Raises
    ------
    SelectionError
        If either has fewer than two values with enough people.
    """
    target, groups = data.labels(name), data.labels(GROUP)
    for what, labels in ((name, target), (GROUP, groups)):
        if len(labels.names) < 2:
            few = ", ".join(f"{v!r} has {n}" for v, n in list(labels.left_out.items())[:5])
            raise SelectionError(
                f"learning needs two values of {what!r} with at least {MIN_CLASS} identities "
                f"each, there are {len(labels.names)}{f' ({few})' if few else ''}"
            )
    return target, groups


def left_out(target: Labels, groups: Labels) -> pl.DataFrame:
    """Return the values with too few people."""
    few = dict(sorted({**groups.left_out, **target.left_out}.items()))
    schema = {"value": pl.String, "identities": pl.Int64}
    return pl.DataFrame(list(few.items()), schema=schema, orient="row")


def _key(balance: str, condition: Condition) -> str:
    return f"{balance}/{condition.dims}/{condition.loss}"


def _numbers(
    data: StudyData, groups: Labels, tally: Tally, key: str, spread: Spread, common: CommonOptions
) -> Iterator[dict[str, Any]]:
    column = tally.place[key]
    rows = np.flatnonzero(tally.tried(column) & (groups.codes >= 0))
    level = common.level
    if not rows.size:
        why = Estimate.missing("training diverged on every split", level=level)
        for metric in ("knn_accuracy", "worst_group_accuracy", *LIMITS):
            yield number("spaces", metric, why, group="all")
        return
    codes, person = groups.codes[rows], data.person[rows]
    share = tally.share(rows)[:, [column]]
    recalls = Recalls(share, codes, person, common.asked)
    yield number("spaces", "knn_accuracy", recalls.balanced(), group="all")
    yield number("spaces", "worst_group_accuracy", least(recalls), group="all")
    everybody = np.ones(len(groups.codes), dtype=bool)
    for metric, estimate in spread.estimates(everybody, level):
        yield number("spaces", metric, estimate, group="all")
    for g, name in enumerate(groups.names):
        own = codes == g
        accuracy = mean(share[own, 0], person[own], common.asked)
        yield number("spaces", "knn_accuracy", accuracy, group=name)
        for metric, estimate in spread.estimates(groups.codes == g, level):
            yield number("spaces", metric, estimate, group=name)
