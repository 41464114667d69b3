"""Can it be taken out, and what does that cost? Erasers, leakage and verification errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from evenface.embed.embeddings import Embeddings
from evenface.erasers.methods import check_erasers
from evenface.errors import ConfigError, SelectionError
from evenface.faces.split import Split
from evenface.heads.probes import check_probes
from evenface.studies.data import (
    MIN_CLASS,
    CommonOptions,
    Options,
    known,
    prepare,
    study_splits,
    with_splits,
)
from evenface.studies.erased import examine
from evenface.studies.erased_ways import TOGETHER, Asked, check_remedies, erasing, learning
from evenface.studies.judged import Repeats
from evenface.studies.outcomes import outcomes_of
from evenface.studies.remedies import NONE
from evenface.studies.result import Result, make_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ERASER_TABLE = {
    "attribute": pl.String, "eraser": pl.String, "title": pl.String, "source": pl.String,
    "rank": pl.Float64, "needs_labels": pl.Boolean,
}  # fmt: skip
LEFT_OUT = {"what": pl.String, "reason": pl.String}
DEFAULT = ("leace", "mean-projection", "recentre")


class EraseOptions(Options):
    """Options of `erase`.

    Attributes
    ----------
    attributes : tuple of str, optional
        What to take out, each alone and then all together; the groups' attributes if not given.
    together : bool
        Whether to take them out together as well.
    erasers : tuple of str
        Names from `evenface.erasers.methods.ERASERS`; unless told those that are fitted at once.
    strengths : tuple of float
        Partial ones beside 1, in (0, 1), for the curve of leakage against errors.
    training : tuple of str
        What is done while spaces of people are learned, beside a space without: sampling,
        weights, dro, adversarial. Nothing is learned if there is none.
    hiding : tuple of float
        Strengths of `adversarial` (lambda), above 0; at all but the last the first probe reads.
    probes : tuple of str
        What reads attributes after vectors were changed; at partial strengths the first alone.
    fmr : float
        FMR, in (0, 1), on training people at which FNMR is counted.
    similarity : {"cosine", "euclidean"}
    splits : int
        Splits that are examined, the first ones: each trains every probe anew after every eraser.
        With all five of a deal everybody is tested.
    """

    attributes: tuple[str, ...] | None = None
    together: bool = True
    erasers: Annotated[tuple[str, ...], known(check_erasers)] = DEFAULT
    strengths: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.5, 0.8)
    training: Annotated[tuple[str, ...], known(check_remedies)] = ("adversarial",)
    hiding: tuple[Annotated[float, Field(gt=0)], ...] = Field((1.0, 10.0), min_length=1)
    probes: Annotated[tuple[str, ...], known(check_probes)] = ("linear", "mlp", "knn")
    fmr: float = Field(0.01, gt=0, lt=1)
    similarity: Literal["cosine", "euclidean"] = "cosine"
    splits: int = Field(2, ge=1)


@dataclass(frozen=True, repr=False)
class EraseResult(Result):
    """What erasers take out, and what they cost.

    `tables` holds ``erasers`` (each one's title, source, mean rank or dimensions, and whether it
    needs labels), ``left_out`` (what could not be done, and why) and ``repeats`` (which splits
    tested whom, by which two runs are compared).
    """

    study: ClassVar[str] = "erase"
    columns: ClassVar[dict[str, Any]] = {
        "attribute": pl.String, "eraser": pl.String, "strength": pl.Float64, "stage": pl.String,
        "target": pl.String, "probe": pl.String, "group": pl.String,
    }  # fmt: skip

    def reading(self) -> list[str]:
        """Return what was found, in sentences that the intervals support."""
        from evenface.studies.erase_view import read_erase

        return read_erase(self)

    def figures(self) -> dict[str, Figure]:
        """Return ``erase`` (leakage against verification error) and ``erase_probes``."""
        from evenface.studies.erase_figures import draw_curve, draw_probes

        drawn = {"erase_probes": draw_probes(self)}
        if self.where(metric="eer").drop_nulls("value").height:
            drawn = {"erase": draw_curve(self), **drawn}
        return drawn


def erase(
    embeddings: Embeddings,
    options: EraseOptions | None = None,
    common: CommonOptions | None = None,
    *,
    splits: Sequence[Split] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> EraseResult:
    """Take attributes out of vectors, and measure on other people what is left and what it costs.

    On every split erasers are fitted to the training people, and spaces of people are learned from
    them, with remedies and without. What is left is read by probes that are trained anew on
    training people's changed vectors; verification is of changed vectors too.

    Parameters
    ----------
    embeddings : Embeddings
    options : EraseOptions, optional
    common : CommonOptions, optional
    splits : sequence of Split, optional
        Splits of one's own; refused if a person stands on two sides.
    on_step : callable, optional
        Called with (steps done, steps in all).

    Returns
    -------
    EraseResult
        Metrics ``balanced_accuracy`` (by target and probe, in [0, 1]) and
        ``balanced_accuracy_change`` (after less before, on the same people; of a space learned
        with a remedy, less that without), where the probe ``linear_others`` learned from one half
        of the training people, of vectors changed by what was fitted to the other; ``eer`` (mean
        of FMR and FNMR at the threshold where they are equal on training people, of learned
        spaces on validation people), ``fmr`` and
        ``fnmr`` (at the threshold of the FMR asked for on the same people), over everybody and by
        group, and ``eer_change`` and ``fnmr_change``; ``cosine_shift``, the mean of 1 less the
        cosine of a picture's vectors before and after, in [0, 2].

    Raises
    ------
    SelectionError
        If nothing can be taken out: no attribute has two classes of at least 4 identities.
    ConfigError
        If an attribute is called ``none``, or ``group`` and is not the group.
    LeakError
        If `splits` share a person between sides.
    """
    options, common = options or EraseOptions(), common or CommonOptions()
    names, probes = options.erasers, options.probes
    remedies = check_remedies(options.training)
    data = prepare(embeddings, common)
    wanted = data.asked(options.attributes or data.by)
    if NONE in wanted:
        raise ConfigError(
            f"an attribute called {NONE!r} can't be told from vectors as they are, which are "
            "called that here; rename the attribute"
        )
    labels = {a: data.labels(a) for a in wanted}
    usable = tuple(a for a in wanted if len(labels[a].names) > 1)
    if not usable:
        raise SelectionError(
            f"nothing to take out: none of {', '.join(wanted)} has two values with at least "
            f"{MIN_CLASS} identities each"
        )
    made = study_splits(data, common, splits, attributes=usable)[: options.splits]
    alone = [(a,) for a in usable]
    sets = [*alone, usable] if options.together and len(usable) > 1 else alone
    ways = [
        *erasing(sets, names, options.strengths), *learning(sets, remedies, options.hiding)
    ]  # fmt: skip
    targets = {t: data.labels(t) for t in dict.fromkeys((*usable, *data.by))}
    targets = {t: found for t, found in targets.items() if len(found.names) > 1}
    asked = Asked(data, common, made, labels, targets, ways, probes, options.fmr,
                  options.similarity)  # fmt: skip
    found = examine(asked, on_step)
    return EraseResult(
        make_frame(found.numbers, EraseResult.columns),
        {
            "erasers": pl.DataFrame(found.erasers, schema=ERASER_TABLE, orient="row"),
            "left_out": pl.DataFrame(found.left_out, schema=LEFT_OUT, orient="row"),
            "repeats": Repeats.of(made, data.person).frame(),
        },
        {**options.model_dump(mode="json"), **common.model_dump(mode="json")},
        {
            **with_splits(data.context, made),
            "classes": {t: len(own.names) for t, own in targets.items()},
            "parts": {TOGETHER.join(own): list(own) for own in sets},
        },
        outcomes_of(found.topics, data.rows["sample_id"], data.person),
    )
