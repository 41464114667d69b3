"""Maps: their measures against scikit-learn, their limits, their repeatability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from evenface.errors import SelectionError
from evenface.studies import neighbours as nb
from evenface.studies.data import CommonOptions
from evenface.studies.map import MapOptions, MapResult, map_space
from populations import Gaussian, labelled

QUICK = CommonOptions(resamples=300)


@pytest.fixture(scope="module")
def mapped() -> MapResult:
    return map_space(Gaussian(identities=25, images=2).embeddings(), None, QUICK)


def test_nearest_and_trustworthiness_equal_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    space, placed = rng.normal(size=(150, 20)), rng.normal(size=(150, 2))
    ours = nb.nearest(placed, 7)
    theirs = NearestNeighbors(n_neighbors=7).fit(placed).kneighbors(return_distance=False)
    assert (ours == theirs).all()
    found = nb.trustworthiness(space, ours).mean()
    assert found == pytest.approx(trustworthiness(space, placed, n_neighbors=7), abs=1e-12)


def test_a_map_that_is_the_space_keeps_everything() -> None:
    space = np.random.default_rng(0).normal(size=(80, 2))
    around = nb.nearest(space, 5)
    assert nb.preservation(around, around).mean() == 1
    assert nb.trustworthiness(space, around).mean() == 1


def test_images_of_one_person_are_never_neighbours() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(30), 4)
    points = rng.normal(size=(30, 3))[person] + 1e-3 * rng.normal(size=(120, 3))
    around = nb.nearest(points, 5, person)
    assert not (person[around] == person[:, None]).any()
    # With them, purity of a label that means nothing would look like knowledge.
    codes = rng.integers(0, 2, 30)[person]
    everybody = np.ones(120, dtype=bool)
    inflated = nb.Neighbourhoods(points, np.arange(120), 3).purity(codes, everybody)
    assert inflated == 1.0
    assert nb.Neighbourhoods(points, person, 3).purity(codes, everybody) < 0.7


@given(st.integers(0, 1000))
def test_chance_purity_is_the_mean_over_shuffles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    person = np.sort(rng.integers(0, 12, 40))
    codes = rng.integers(0, 3, 40)
    expected = np.mean(
        [
            np.mean(codes[person != person[i]] == codes[i]) if (person != person[i]).any() else 0
            for i in range(40)
        ]
    )
    assert nb.chance_purity(codes, person) == pytest.approx(expected)


def test_numbers_have_the_columns_of_the_design(mapped: MapResult) -> None:
    assert mapped.frame().columns[10:] == ["method_map", "dims", "labelling", "space", "per_group"]
    assert set(mapped.frame()["metric"]) == {
        "knn_purity", "knn_purity_corrected", "silhouette", "trustworthiness", "knn_preservation",
    }  # fmt: skip
    assert set(mapped.frame()["labelling"]) == {"gender", "ethnicity", "group", "all"}
    assert mapped.frame().drop_nulls("value").height == mapped.frame().height


def test_separated_groups_are_pure_and_mixed_ones_are_not(mapped: MapResult) -> None:
    where = {"metric": "knn_purity_corrected", "space": "original"}
    apart = mapped.estimate(labelling="ethnicity", **where)
    assert apart.low is not None
    assert apart.low > 0.7
    # The silhouette of a label is what scikit-learn says of the same rows.
    embeddings = Gaussian(identities=25).embeddings()
    result = map_space(embeddings, MapOptions(dims=(2,), metric="euclidean"), QUICK)
    theirs = silhouette_score(embeddings.vectors, embeddings.rows["ethnicity"].to_list())
    ours = result.estimate(metric="silhouette", space="original", labelling="ethnicity")
    assert ours.value == pytest.approx(theirs, abs=1e-6)


def test_each_map_has_one_image_a_person_and_both_dimensions(mapped: MapResult) -> None:
    points = mapped.tables["points"]
    assert points.group_by("dims").len().sort("dims").rows() == [(2, 150), (3, 150)]
    assert points.filter(dims=2)["z"].null_count() == 150
    assert mapped.tables["rows"].height == 150


def test_maps_repeat_and_seeds_differ() -> None:
    embeddings = Gaussian(identities=10).embeddings()
    options = MapOptions(dims=(2,))
    first, again = (map_space(embeddings, options, QUICK).tables["points"] for _ in range(2))
    assert first.equals(again)


def test_asked_sizes_are_drawn_and_too_large_ones_refused() -> None:
    embeddings = Gaussian(identities=12).embeddings()
    result = map_space(embeddings, MapOptions(per_group=(5, 10), dims=(2,)), QUICK)
    counts = result.tables["points"].group_by("per_group").len().sort("per_group").rows()
    assert counts == [(5, 30), (10, 60)]
    assert set(result.figures()) == {"map_5_2d", "map_10_2d", "map_labels"}
    with pytest.raises(SelectionError, match="ask for 12 or fewer"):
        map_space(embeddings, MapOptions(per_group=(13,)), QUICK)


def test_a_handful_of_rows_is_no_map() -> None:
    rows = [(f"s{i}", f"p{i}", "male" if i % 2 else "female", "x") for i in range(8)]
    with pytest.raises(SelectionError, match="at least 12"):
        map_space(labelled(np.random.default_rng(0).normal(size=(8, 4)), rows), None, QUICK)


def test_zero_vectors_and_identical_vectors_are_placed() -> None:
    vectors = np.zeros((40, 4))
    vectors[20:] = 1.0
    rows = [(f"s{i}", f"p{i}", "male" if i % 2 else "female", "x") for i in range(40)]
    result = map_space(labelled(vectors, rows), MapOptions(dims=(2,)), QUICK)
    assert result.tables["points"]["x"].is_finite().all()
