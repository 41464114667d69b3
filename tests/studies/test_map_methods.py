"""Other ways to make a map, what is said of them, and new points in a map that exists."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA

from evenface.errors import ConfigError, VectorError
from evenface.studies import neighbours as nb
from evenface.studies.data import CommonOptions
from evenface.studies.map import MapOptions, MapResult, map_space
from evenface.studies.placing import place
from evenface.studies.tsne import affinities, graph_width, start, tsne
from populations import Gaussian

QUICK = CommonOptions(resamples=100)
WITH_UMAP = pytest.mark.skipif(
    importlib.util.find_spec("umap") is None, reason="umap-learn, an extra, is not installed"
)


def mapped(method: str) -> MapResult:
    embeddings = Gaussian(identities=15).embeddings()
    return map_space(embeddings, MapOptions(method=method, metric="euclidean"), QUICK)


@pytest.mark.parametrize("method", ["tsne", "pca", pytest.param("umap", marks=WITH_UMAP)])
def test_every_method_is_measured_named_and_repeats(method: str) -> None:
    result = mapped(method)
    assert set(result.numbers.filter(space="map")["method_map"]) == {method}
    for dims in (2, 3):
        for metric in ("trustworthiness", "knn_preservation"):
            found = result.estimate(metric=metric, dims=dims, space="map", labelling="all")
            assert 0 < found.value <= 1
    name = {"tsne": "t-SNE", "umap": "UMAP", "pca": "principal components"}[method]
    assert sum(f"-D map by {name} keeps" in s for s in result.reading()) == 2
    axes = result.figures()["map_all_2d"].axes[0]
    assert axes.get_xlabel() == {"tsne": "t-SNE 1", "umap": "UMAP 1", "pca": "PC 1"}[method]
    assert mapped(method).tables["points"].equals(result.tables["points"])


def test_a_map_by_principal_components_is_scikit_learn_s() -> None:
    embeddings = Gaussian(identities=15).embeddings()
    theirs = PCA(3).fit_transform(embeddings.vectors.astype(np.float64))
    points = mapped("pca").tables["points"].filter(dims=3)
    order = [embeddings.rows["sample_id"].to_list().index(s) for s in points["sample_id"]]
    ours = points.select("x", "y", "z").to_numpy()
    signs = np.sign((ours * theirs[order]).sum(axis=0))
    np.testing.assert_allclose(ours, signs * theirs[order], atol=1e-6)


def test_umap_s_absence_is_said_before_anything_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ConfigError, match=r'pip install "evenface\[umap\]"'):
        mapped("umap")


def test_progress_is_told_within_a_map() -> None:
    said: list[tuple[int, int]] = []
    embeddings = Gaussian(identities=10).embeddings()
    map_space(embeddings, MapOptions(), QUICK, on_step=lambda *step: said.append(step))
    assert said == sorted(said)
    assert said[-1] == (200, 200)
    assert len(said) > 20


@pytest.fixture(scope="module")
def clusters() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    home = np.arange(480) % 6
    return 3 * rng.normal(size=(6, 30))[home] + rng.normal(size=(480, 30)), home


def by_tsne(space: np.ndarray, dims: int) -> np.ndarray:
    around, squared = nb.Distances(space).nearest(graph_width(len(space), 30))
    return tsne(affinities(around, squared, 30), start(space, dims, 0))


@pytest.mark.parametrize("dims", [2, 3])
def test_people_held_out_land_in_their_cluster(
    dims: int, clusters: tuple[np.ndarray, np.ndarray]
) -> None:
    space, home = clusters
    placed = by_tsne(space[:420], dims)
    found = place(space[:420], placed, space[420:], metric="euclidean")
    nearest = ((found[:, None] - placed) ** 2).sum(axis=2).argsort(axis=1)[:, :10]
    assert (home[:420][nearest] == home[420:][:, None]).mean() > 0.99
    again = place(space[:420], placed, space[420:], metric="euclidean")
    assert again.tobytes() == found.tobytes()
    # Each as it would be alone.
    alone = place(space[:420], placed, space[430:431], metric="euclidean")
    np.testing.assert_allclose(alone[0], found[10], atol=1e-6)


def test_a_copy_lands_by_its_row(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    space, _ = clusters
    placed = by_tsne(space, 2)
    found = place(space, placed, space[:50], metric="euclidean")
    off = np.linalg.norm(found - placed[:50], axis=1)
    spread = np.linalg.norm(placed[:, None] - placed, axis=2)
    # Nearer than nine in ten of the rows of its own cluster, a sixth of all.
    assert np.median(off / np.quantile(spread[:50], 0.1 / 6, axis=1)) < 1
    assert (off < np.quantile(spread[:50], 1 / 6, axis=1)).mean() > 0.95


def test_principal_components_are_projected_and_wrong_maps_refused(
    clusters: tuple[np.ndarray, np.ndarray],
) -> None:
    space, _ = clusters
    model = PCA(2).fit(space[:400])
    theirs = model.transform(space)
    signs = np.where(model.components_.max(1) < -model.components_.min(1), -1, 1)
    theirs *= signs
    found = place(space[:400], theirs[:400], space[400:], method="pca", metric="euclidean")
    np.testing.assert_allclose(found, theirs[400:], atol=1e-8)
    with pytest.raises(ConfigError, match="no map of these vectors"):
        place(space[:400], theirs[80:], space[400:], method="pca", metric="euclidean")


@pytest.mark.parametrize(
    ("vectors", "placed", "new", "words"),
    [
        (np.ones((9, 3)), np.ones((9, 2)), np.ones((2, 4)), "of the same dimension"),
        (np.ones((9, 3)), np.ones((8, 2)), np.ones((2, 3)), "a place a row"),
        (np.ones((3, 3)), np.ones((3, 2)), np.ones((2, 3)), "4 or more"),
        (np.eye(9), np.ones((9, 2)), np.full((2, 9), np.nan), "finite"),
    ],
)
def test_what_does_not_fit_is_refused(
    vectors: np.ndarray, placed: np.ndarray, new: np.ndarray, words: str
) -> None:
    with pytest.raises(VectorError, match=words):
        place(vectors, placed, new)


def test_what_can_not_place_is_said() -> None:
    with pytest.raises(ConfigError, match="not by 'umap'"):
        place(np.eye(9), np.ones((9, 2)), np.eye(9), method="umap")  # type: ignore[arg-type]
