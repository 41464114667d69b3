"""Where do groups lie? Two- and three-dimensional maps, and how far to believe them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from evenface.embed.embeddings import Embeddings
from evenface.errors import SelectionError
from evenface.faces.groups import identity_groups
from evenface.faces.select import select_rows
from evenface.studies.clusters import clusters
from evenface.studies.data import GROUP, CommonOptions, Options, StudyData, once, prepare
from evenface.studies.label_noise import LABEL_NOISE
from evenface.studies.map_methods import Method, make_map, require
from evenface.studies.map_rows import RowSet
from evenface.studies.neighbours import comparable
from evenface.studies.result import Result, make_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SOURCE_SIZES = (50, 500, 1000)
"""Identities a group in the source report's maps."""

MIN_ROWS = 12
PARTS = 100
"""Parts of a map that whoever watches is told of."""

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
    method : {"tsne", "umap", "pca"}
        t-SNE, UMAP (extra ``umap``) or the rows' principal components.
    perplexity : float
        Of t-SNE; lowered to a third of the rows where there are few.
    metric : {"cosine", "euclidean"}
        Distance in the space of embeddings.
    """

    per_group: (
        Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), once] | None
    ) = None
    images: int = Field(1, ge=1)
    dims: Annotated[tuple[Literal[2, 3], ...], Field(min_length=1), once] = (2, 3)
    method: Method = "tsne"
    perplexity: float = Field(30.0, ge=2)
    metric: Literal["cosine", "euclidean"] = "cosine"


@dataclass(frozen=True, repr=False)
class MapResult(Result):
    """Maps and what they keep.

    `tables` holds ``points`` (per_group, dims, sample_id, x, y, z), ``rows`` (sample_id, group
    and every attribute), ``clusters`` (sample_id and which of as many clusters as there are groups
    its vector is in; labels have no say) and ``label_noise`` (purities of the largest
    ``per_group`` if recorded labels were wrong). ``per_group`` 0 stands for everybody.
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
        """Return a figure for each number of identities a group and each dimension.

        ``map_labels`` shows what neighbours share if labels were wrong.
        """
        from evenface.studies.label_noise_view import draw_label_noise
        from evenface.studies.map_view import draw_map

        keys = self.tables["points"].select("per_group", "dims").unique().sort("dims", "per_group")
        drawn = {
            f"map_{size or 'all'}_{dims}d": draw_map(self, size, dims) for size, dims in keys.rows()
        }
        if self.tables["label_noise"].height:
            drawn["map_labels"] = draw_label_noise(
                self.tables["label_noise"], "purity above chance"
            )
        return drawn


def map_space(
    embeddings: Embeddings,
    options: MapOptions | None = None,
    common: CommonOptions | None = None,
    *,
    on_step: Callable[[int, int], None] | None = None,
) -> MapResult:
    """Draw maps of the embeddings and measure what space and map keep together.

    Parameters
    ----------
    embeddings : Embeddings
    options : MapOptions, optional
    common : CommonOptions, optional
    on_step : callable, optional
        Called with (parts done, parts in all), `PARTS` a map.

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
    ConfigError
        If what the method needs is not installed.
    """
    options, common = options or MapOptions(), common or CommonOptions()
    require(options.method)
    data = prepare(embeddings, common)
    sizes = options.per_group or _sizes(data)
    numbers: list[dict[str, Any]] = []
    doubts: list[dict[str, Any]] = []
    points, kept = [], []
    maps = len(sizes) * len(options.dims)
    done = 0

    def tell(step: int, steps: int) -> None:
        if on_step:
            on_step(done * PARTS + PARTS * step // steps, maps * PARTS)

    for size in sizes:
        rows = _choose(data, size, options, common)
        kept.append(rows)
        one = RowSet(
            data, rows, size, common, metric=options.metric, perplexity=options.perplexity,
            method=options.method,
        )  # fmt: skip
        numbers += one.space_numbers()
        if size == max(sizes):
            doubts += one.label_noise()
        for dims in options.dims:
            placed = make_map(one, dims, tell)
            numbers += one.map_numbers(placed)
            points.append(one.table(placed))
            tell(1, 1)
            done += 1
    shown = np.unique(np.concatenate(kept))
    attributes, unshown = _showable(data, embeddings.attributes)
    table = data.rows[shown].select(
        "sample_id", pl.Series(GROUP, data.values(GROUP), dtype=pl.String)[shown], *attributes
    )
    groups = len(data.labels(GROUP, least=1).names)
    space = comparable(data.vectors[shown], cosine=options.metric == "cosine")
    parted = clusters(space, groups, seed=common.seed)
    return MapResult(
        make_frame(numbers, MapResult.columns),
        {
            "points": pl.concat(points),
            "rows": table,
            "clusters": table.select("sample_id", pl.Series("cluster", parted, dtype=pl.Int64)),
            "label_noise": pl.DataFrame(doubts, schema=LABEL_NOISE, orient="row"),
        },
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
