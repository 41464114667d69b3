"""Where do groups lie? Two- and three-dimensional maps, and how far to believe them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from evenface.embed.embeddings import Embeddings
from evenface.errors import SelectionError
from evenface.faces.groups import identity_groups
from evenface.faces.select import select_rows
from evenface.stats.accuracy import mean
from evenface.stats.bootstrap import Resampler
from evenface.stats.intervals import Estimate
from evenface.stats.jackknife import deal_groups, jackknife
from evenface.studies import neighbours as nb
from evenface.studies.data import GROUP, CommonOptions, Options, StudyData, prepare
from evenface.studies.result import Result, make_frame, number
from evenface.studies.tsne import tsne

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SOURCE_SIZES = (50, 500, 1000)
"""Identities a group in the source report's maps."""

NEIGHBOURS = 10
MIN_ROWS = 12

_SMALL = re.compile(r"\d{1,3}(\.\d+)?")
"""Ages and scores: everyone may have another, and they name nobody."""


class MapOptions(Options):
    """Options of `map_space`.

    Attributes
    ----------
    per_group : tuple of int, optional
        Identities a group, one set of maps for each; if not given, those of 50, 500 and 1000
        that the smallest group has, or else everybody.
    images : int
        Pictures an identity.
    dims : tuple of int
        2, 3 or both.
    perplexity : float
        Of t-SNE; lowered to a third of the rows where there are few.
    metric : {"cosine", "euclidean"}
        Distance in the space of embeddings.
    """

    per_group: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    images: int = Field(1, ge=1)
    dims: tuple[Literal[2, 3], ...] = (2, 3)
    perplexity: float = Field(30.0, ge=2)
    metric: Literal["cosine", "euclidean"] = "cosine"


@dataclass(frozen=True, repr=False)
class MapResult(Result):
    """Maps and what they keep.

    `tables` holds ``points`` (per_group, dims, sample_id, x, y, z) and ``rows`` (sample_id, group
    and every attribute). ``per_group`` 0 stands for everybody.
    """

    study: ClassVar[str] = "map"
    columns: ClassVar[dict[str, Any]] = {
        "method_map": pl.String,
        "dims": pl.Int64,
        "labelling": pl.String,
        "space": pl.String,
        "per_group": pl.Int64,
    }

    def reading(self) -> list[str]:
        """Return what was found, in sentences that the intervals support."""
        from evenface.studies.map_view import read_map

        return read_map(self)

    def figures(self) -> dict[str, Figure]:
        """Return a figure for each number of identities a group and each dimension."""
        from evenface.studies.map_view import draw_map

        keys = self.tables["points"].select("per_group", "dims").unique().sort("dims", "per_group")
        return {
            f"map_{size or 'all'}_{dims}d": draw_map(self, size, dims) for size, dims in keys.rows()
        }


def map_space(
    embeddings: Embeddings,
    options: MapOptions | None = None,
    common: CommonOptions | None = None,
    *,
    on_step: Callable[[int, int], None] | None = None,
) -> MapResult:
    """Draw t-SNE maps of the embeddings and measure what space and map keep together.

    Parameters
    ----------
    embeddings : Embeddings
    options : MapOptions, optional
    common : CommonOptions, optional
    on_step : callable, optional
        Called with (maps done, maps in all).

    Returns
    -------
    MapResult
        Per labelling (every attribute of the groups, and the group), in the space and in each
        map: ``knn_purity`` (share of the 10 nearest rows of other persons with the same label),
        ``knn_purity_corrected`` ((purity - chance) / (1 - chance)) and ``silhouette`` (in
        [-1, 1]). Per map: ``trustworthiness`` and ``knn_preservation`` (in [0, 1]).

    Raises
    ------
    SelectionError
        If a group has fewer identities than asked for, or there are fewer than 12 rows.
    """
    options, common = options or MapOptions(), common or CommonOptions()
    data = prepare(embeddings, common)
    sizes = options.per_group or _sizes(data)
    numbers: list[dict[str, Any]] = []
    points, kept = [], []
    steps = len(sizes) * len(options.dims)
    for i, size in enumerate(sizes):
        rows = _choose(data, size, options, common)
        kept.append(rows)
        one = _Maps(data, rows, size, options, common)
        numbers += one.space_numbers()
        for j, dims in enumerate(options.dims):
            placed = tsne(one.space, dims, perplexity=options.perplexity, seed=common.seed)
            numbers += one.map_numbers(placed)
            points.append(one.table(placed))
            if on_step:
                on_step(i * len(options.dims) + j + 1, steps)
    shown = np.unique(np.concatenate(kept))
    attributes, unshown = _showable(data, embeddings.attributes)
    table = data.rows[shown].select(
        "sample_id", pl.Series(GROUP, data.values(GROUP), dtype=pl.String)[shown], *attributes
    )
    return MapResult(
        make_frame(numbers, MapResult.columns),
        {"points": pl.concat(points), "rows": table},
        {**options.model_dump(mode="json"), **common.model_dump(mode="json")},
        {**data.context, "unshown": unshown},
    )


def _showable(data: StudyData, attributes: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part attributes into those a report may show and those that would name people.

    A column in which most identities have a value of their own (a name, an address) tells who is
    who; so does one that repeats paths or identities.
    """
    rows = data.rows
    people = max(rows["identity"].n_unique(), 1)
    keys = {*rows["identity"].to_list(), *rows["path"].to_list()} - {None}
    shown, unshown = [], []
    for name in attributes:
        values = set(rows[name].drop_nulls().cast(pl.String).to_list())
        own = len(values) > max(people / 2, 2) and not all(map(_SMALL.fullmatch, values))
        telling = own or bool(values and values <= keys)
        if name in data.by or not telling:
            shown.append(name)
        else:
            unshown.append(name)
    return [n for n in shown if n != GROUP], unshown


def _sizes(data: StudyData) -> tuple[int, ...]:
    smallest = int(
        identity_groups(data.rows, data.by).group_by("group").len()["len"].min() or 0  # type: ignore[arg-type]
    )
    return tuple(s for s in SOURCE_SIZES if s <= smallest) or (0,)


def _choose(data: StudyData, size: int, options: MapOptions, common: CommonOptions) -> Any:
    known = pl.Series(data.values(GROUP)).is_not_null()
    frame = data.rows.with_row_index("_place").filter(known)
    chosen = select_rows(
        frame.drop("_place"),
        per_group=size or None,
        images=options.images,
        seed=common.seed,
        by=data.by,
    )
    if chosen.height < MIN_ROWS:
        raise SelectionError(
            f"a map needs at least {MIN_ROWS} pictures of known group, there are {chosen.height}"
        )
    place = dict(zip(frame["sample_id"], frame["_place"], strict=True))
    return np.array([place[s] for s in chosen["sample_id"]], dtype=np.intp)


class _Maps:
    """The rows of one set of maps, and the numbers about them."""

    def __init__(
        self, data: StudyData, rows: Any, size: int, options: MapOptions, common: CommonOptions
    ) -> None:
        self.size, self.common, self.method = size, common, "tsne"
        self.ids = data.rows["sample_id"][rows]
        self.person = data.person[rows]
        vectors = data.vectors[rows]
        self.space = nb.comparable(vectors, cosine=options.metric == "cosine")
        self.codes = {}
        for name in data.targets:
            codes = data.labels(name, least=1).codes[rows]
            if np.unique(codes).size > 1:
                self.codes[name] = np.unique(codes, return_inverse=True)[1]
        groups = data.labels(GROUP, least=1).codes[rows]
        self.group = deal_groups(self.person, groups, seed=common.seed)
        self.sampler = Resampler.of(
            self.person, groups, resamples=common.resamples, seed=common.seed
        )
        self.k = min(NEIGHBOURS, max((len(rows) - 1) // 3, 1))
        self.around = nb.nearest(self.space, self.k)

    def space_numbers(self) -> list[dict[str, Any]]:
        """Return the numbers about the space of embeddings."""
        return self._labelled(self.space, "original", int(self.space.shape[1]))

    def map_numbers(self, placed: nb.Points) -> list[dict[str, Any]]:
        """Return the numbers about one map."""
        dims = int(placed.shape[1])
        mapped = nb.nearest(placed, self.k)
        whole = {
            "trustworthiness": nb.trustworthiness(self.space, mapped),
            "knn_preservation": nb.preservation(self.around, mapped),
        }
        own = self._own("all", "map", dims)
        return [
            *(number("map", m, self._mean(v, (0.0, 1.0)), **own) for m, v in whole.items()),
            *self._labelled(placed, "map", dims),
        ]

    def table(self, placed: nb.Points) -> pl.DataFrame:
        """Return where each row lies."""
        z = placed[:, 2] if placed.shape[1] > 2 else np.full(len(placed), np.nan)
        frame = pl.DataFrame(
            {
                "sample_id": self.ids,
                "x": placed[:, 0],
                "y": placed[:, 1],
                "z": pl.Series(z, dtype=pl.Float64).fill_nan(None),
            }
        )
        sizes = (pl.lit(self.size, pl.Int64), pl.lit(placed.shape[1], pl.Int64))
        return frame.select(sizes[0].alias("per_group"), sizes[1].alias("dims"), pl.all())

    def _own(self, labelling: str, space: str, dims: int) -> dict[str, Any]:
        return {
            "method_map": self.method if space == "map" else "none",
            "dims": dims,
            "labelling": labelling,
            "space": space,
            "per_group": self.size,
        }

    def _mean(self, values: nb.PerRow, limits: tuple[float, float]) -> Estimate:
        return mean(values, self.sampler, level=self.common.level, limits=limits)

    def _labelled(self, points: nb.Points, space: str, dims: int) -> list[dict[str, Any]]:
        around = nb.Neighbourhoods(points, self.person, self.k)
        found = []
        for name, codes in self.codes.items():
            apart = nb.Silhouettes(points, codes, self.group)
            measures: dict[str, tuple[Callable[[Any], float], float]] = {
                "knn_purity": (partial(around.purity, codes), 0.0),
                "knn_purity_corrected": (partial(around.corrected, codes), -1.0),
                "silhouette": (apart.mean, -1.0),
            }
            own = self._own(name, space, dims)
            for metric, (statistic, floor) in measures.items():
                estimate = jackknife(
                    statistic,
                    self.person,
                    self.group,
                    level=self.common.level,
                    limits=(floor, 1.0),
                )
                found.append(number("map", metric, estimate, **own))
        return found
