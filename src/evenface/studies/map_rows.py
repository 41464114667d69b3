"""The numbers about one set of rows, in the space of embeddings and in their maps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
import polars as pl

from evenface.faces.split import Rows
from evenface.stats.accuracy import mean
from evenface.stats.intervals import Estimate
from evenface.stats.jackknife import deal_groups, jackknife
from evenface.studies import neighbours as nb
from evenface.studies.data import GROUP, CommonOptions, StudyData
from evenface.studies.label_noise import curve_rows
from evenface.studies.map_labels import purity_curves
from evenface.studies.map_methods import NEIGHBOURS as UMAP_NEIGHBOURS
from evenface.studies.result import number
from evenface.studies.silhouettes import Silhouettes, distance_sums
from evenface.studies.tsne import affinities, graph_width, start

NEIGHBOURS = 10


class RowSet:
    """The rows of one set of maps, and the numbers about them.

    What maps of two and three dimensions share (distances in the space, neighbours, affinities)
    is computed once.

    Parameters
    ----------
    data : StudyData
    rows : ndarray of intp, shape (n,)
        Which of its rows.
    size : int
        Identities a group, 0 for all of them.
    common : CommonOptions
    metric : {"cosine", "euclidean"}
    perplexity : float
    method : {"tsne", "umap", "pca"}
        How maps are made.
    """

    def __init__(
        self,
        data: StudyData,
        rows: Any,
        size: int,
        common: CommonOptions,
        *,
        metric: str,
        perplexity: float,
        method: str = "tsne",
    ) -> None:
        self.size, self.common, self.method = size, common, method
        self.ids = data.rows["sample_id"][rows]
        self.person = data.person[rows]
        self.space = nb.comparable(data.vectors[rows], cosine=metric == "cosine")
        self.codes = {}
        for name in data.targets:
            codes = data.labels(name, least=1).codes[rows]
            if np.unique(codes).size > 1:
                self.codes[name] = np.unique(codes, return_inverse=True)[1]
        groups = data.labels(GROUP, least=1).codes[rows]
        self.group = deal_groups(self.person, groups, seed=common.seed)
        self.strata = groups
        n = len(rows)
        self.k = min(NEIGHBOURS, max((n - 1) // 3, 1))
        self.wanted = min(nb.Neighbourhoods.width(n, self.k) + nb.spare(self.person), n - 1)
        self.distances = nb.Distances(self.space)
        self.perplexity = perplexity
        self.width = graph_width(n, perplexity) if method == "tsne" else min(UMAP_NEIGHBOURS, n - 1)
        self.around, self._squared = self.distances.nearest(max(self.wanted, self.width))

    def nearest(self, k: int) -> tuple[Rows, Any]:
        """Return each row's k nearest others, k of what the method wants, and their distances."""
        return self.around[:, :k], self._squared[:, :k]

    @cached_property
    def graph(self) -> Any:
        """The affinities of t-SNE."""
        return affinities(*self.nearest(self.width), self.perplexity)

    @cached_property
    def begin(self) -> nb.PerRow:
        """Where t-SNE starts, shape (n, 3): a flat map from the first two columns."""
        return start(self.space, 3, self.common.seed)

    def space_numbers(self) -> list[dict[str, Any]]:
        """Return the numbers about the space of embeddings."""
        dims = int(self.space.shape[1])
        return self._labelled(self.distances, self._neighbourhoods, "original", dims)

    def label_noise(self) -> list[dict[str, Any]]:
        """Return how purities in the space of embeddings bear wrong labels."""
        return [
            row
            for name, codes in self.codes.items()
            for row in curve_rows(
                purity_curves(self._neighbourhoods, codes, self.group, self.common), name, name
            )
        ]

    @cached_property
    def _neighbourhoods(self) -> nb.Neighbourhoods:
        return nb.Neighbourhoods.of(self.around, self.person, self.k)

    def map_numbers(self, placed: nb.Points) -> list[dict[str, Any]]:
        """Return the numbers about one map."""
        dims = int(placed.shape[1])
        distances = nb.Distances(placed)
        around, _ = distances.nearest(self.wanted)
        mapped = around[:, : self.k]
        whole = {
            "trustworthiness": nb.trustworthiness(self.distances, mapped),
            "knn_preservation": nb.preservation(self.around[:, : self.k], mapped),
        }
        own = self._own("all", "map", dims)
        return [
            *(number("map", m, self._mean(v), **own) for m, v in whole.items()),
            *self._labelled(
                distances, nb.Neighbourhoods.of(around, self.person, self.k), "map", dims
            ),
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

    def _mean(self, values: nb.PerRow) -> Estimate:
        return mean(values, self.person, self.common.asked, strata=self.strata)

    def _labelled(
        self, distances: nb.Distances, around: nb.Neighbourhoods, space: str, dims: int
    ) -> list[dict[str, Any]]:
        sums = distance_sums(distances, list(self.codes.values()), self.group)
        found = []
        for (name, codes), own_sums in zip(self.codes.items(), sums, strict=True):
            apart = Silhouettes(own_sums, codes, self.group)
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
