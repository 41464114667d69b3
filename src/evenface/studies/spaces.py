"""What do losses make of the groups? Small learned spaces, compared on equal terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from evenface.embed.embeddings import Embeddings
from evenface.errors import TrainingError
from evenface.faces.split import Split
from evenface.heads.objectives import check_losses
from evenface.stats.intervals import Estimate
from evenface.stats.jackknife import deal_groups
from evenface.studies.alike import Likeness
from evenface.studies.compositions import balanced_rows
from evenface.studies.data import (
    GROUP,
    CommonOptions,
    Labels,
    prepare,
    study_splits,
    with_splits,
)
from evenface.studies.grouped import Grouped, learnable, left_out, restricted
from evenface.studies.heldout import Tally
from evenface.studies.judged import Repeats
from evenface.studies.label_noise import LABEL_NOISE
from evenface.studies.learning import Condition, Learner, LearnOptions, best_of
from evenface.studies.outcomes import Topic, outcomes_of
from evenface.studies.records import Records
from evenface.studies.result import Result, make_frame, number
from evenface.studies.spaces_labels import label_noise
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

    dims: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field((2,), min_length=1)
    balance: tuple[Balance, ...] = Field(("balanced",), min_length=1)


@dataclass(frozen=True, repr=False)
class SpacesResult(Result):
    """Learned spaces and what held-out people look like in them.

    `tables` holds ``points`` (test rows of the first split, in spaces of two and three
    dimensions) and ``rows``, ``curves`` (per epoch, of the rate that was taken), ``rates`` (every
    rate tried, its score on validation rows, whether it was taken or diverged), ``likeness`` (how
    alike two losses' spaces are), ``label_noise`` (accuracies if recorded groups were wrong),
    ``sizes`` and ``left_out``.
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
        """Return ``spaces`` (where held-out rows lie), ``spaces_labels``, ``spaces_curves``."""
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
    tally = Tally(target.codes, [_key(*cell) for cell in cells])
    trained: dict[tuple[Balance, Condition], tuple[int, ...]] = defaultdict(tuple)
    dealt = deal_groups(data.person, groups.codes, seed=common.seed)
    spread = {cell: Spread(data.person, dealt) for cell in cells}
    likeness = Likeness(data.person, dealt)
    records = Records()
    learned: dict[str, list[Split]] = defaultdict(list)
    for done, split in enumerate(made):
        learner = Learner(data, target, groups, split, options)
        for balance in options.balance:
            train = learner.train
            if balance == "balanced":
                train = balanced_rows(data.person, groups.codes, split, train, len(groups.names))
            learner.check(train)
            learned[balance].append(replace(split, train=train))
            own = [c for b, c in cells if b == balance]
            tried = learner.learn(train, own, [options.rates] * len(own))
            best = {c: best_of(t) for c, t in zip(own, tried, strict=True)}
            where = {"balance": balance, "seed": split.seed}
            for condition, each in zip(own, tried, strict=True):
                records.add(condition, each, best[condition], **where)
            records.size(np.unique(data.person[train]).size, train.size, **where)
            found = {c: one for c, one in best.items() if one is not None and learner.test.size}
            for condition, one in found.items():
                tally.add(done, _key(balance, condition), learner.test, learner.predict(one))
                trained[balance, condition] += (done,)
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
    # Judged together: as many dimensions, learned from the same people, on the same splits.
    alike: dict[Any, list[tuple[Balance, Condition]]] = defaultdict(list)
    for cell, on in trained.items():
        alike[cell[0], cell[1].dims, on].append(cell)
    found_of: dict[tuple[Balance, Condition], list[Estimate]] = {}
    doubts: list[dict[str, Any]] = []
    for (kind, dims, on), same in alike.items():
        repeats = Repeats.of(learned[kind], data.person)
        part = restricted(tally, [_key(*cell) for cell in same], on)
        judged = Grouped(part, groups, data.person, common.asked, repeats)
        accuracies = judged.accuracies(range(len(same)))
        found_of.update(zip(same, accuracies, strict=True))
        losses, means = [c.loss for _, c in same], [mean for mean, *_ in accuracies]
        doubts += label_noise(
            part, losses, judged, means, groups, common.asked,
            about=f"{kind} groups, {dims} dimensions",
        )  # fmt: skip
    rows = [
        {**row, "balance": cell[0], "dims": cell[1].dims, "loss": cell[1].loss}
        for cell in cells
        for row in _numbers(groups, found_of.get(cell), spread[cell], common.level)
    ]
    keys = {_key(b, c): {"balance": b, "dims": c.dims, "loss": c.loss} for b, c in cells}
    topic = Topic("", tally, keys, target.names, data.values(GROUP))
    shown = data.rows.select("sample_id", pl.Series(GROUP, data.values(GROUP), dtype=pl.String))
    seen = records.frames()["points"]["sample_id"].unique().implode()
    return SpacesResult(
        make_frame(rows, SpacesResult.columns),
        {
            **records.frames(),
            "rows": shown.filter(pl.col("sample_id").is_in(seen)),
            "likeness": likeness.frame(common.level),
            "left_out": left_out(target, groups),
            "label_noise": pl.DataFrame(doubts, schema=LABEL_NOISE, orient="row"),
            "repeats": Repeats.of(learned[options.balance[0]], data.person).frame(),
        },
        {**options.model_dump(mode="json"), **common.model_dump(mode="json")},
        with_splits(data.context, made),
        outcomes_of([topic], data.rows["sample_id"], data.person),
    )


def _key(balance: str, condition: Condition) -> str:
    """Return the name of a tally's column."""
    return f"{balance}/{condition.dims}/{condition.loss}"


def _numbers(
    groups: Labels, found: list[Estimate] | None, spread: Spread, level: float
) -> Iterator[dict[str, Any]]:
    if found is None:
        why = Estimate.missing("training diverged on every split", level=level)
        for metric in ("knn_accuracy", "worst_group_accuracy", *LIMITS):
            yield number("spaces", metric, why, group="all")
        return
    mean, worst, *each = found
    yield number("spaces", "knn_accuracy", mean, group="all")
    yield number("spaces", "worst_group_accuracy", worst, group="all")
    everybody = np.ones(len(groups.codes), dtype=bool)
    for metric, estimate in spread.estimates(everybody, level):
        yield number("spaces", metric, estimate, group="all")
    for g, name in enumerate(groups.names):
        yield number("spaces", "knn_accuracy", each[g], group=name)
        for metric, estimate in spread.estimates(groups.codes == g, level):
            yield number("spaces", metric, estimate, group=name)
