"""t-SNE: its gradient, its affinities, its maps against openTSNE's, its repeatability."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import openTSNE
import pytest
from scipy import sparse

from evenface.studies import neighbours as nb
from evenface.studies import tsne as chosen
from evenface.studies import tsne_exact
from evenface.studies.tsne import affinities, conditional, graph_width, start, tsne
from evenface.studies.tsne_exact import Forces, descend


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def blobs(n: int, dimension: int = 20, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 2.5 * rng.normal(size=(6, dimension))[np.arange(n) % 6] + rng.normal(size=(n, dimension))


def graph(space: np.ndarray, perplexity: float = 30.0) -> Any:
    around, squared = nb.Distances(space).nearest(graph_width(len(space), perplexity))
    return affinities(around, squared, perplexity)


def divergence(joint: np.ndarray, placed: np.ndarray) -> float:
    """KL(P || Q) as the paper has it."""
    w = 1 / (1 + ((placed[:, None] - placed[None]) ** 2).sum(axis=-1))
    np.fill_diagonal(w, 0)
    q, known = w / w.sum(), joint > 0
    return float(np.sum(joint[known] * np.log(joint[known] / q[known])))


@pytest.mark.parametrize("dims", [2, 3])
def test_gradient_is_the_slope_of_the_divergence(dims: int, pool: ThreadPoolExecutor) -> None:
    joint = graph(blobs(40), 5)
    placed = np.random.default_rng(1).normal(size=(40, dims))
    forces = Forces(joint, pool)
    assert forces.divergence(placed) == pytest.approx(divergence(joint.toarray(), placed))
    slope = np.empty_like(placed)
    for place in np.ndindex(placed.shape):
        step = np.zeros_like(placed)
        step[place] = 1e-5
        ends = [divergence(joint.toarray(), placed + s * step) for s in (1, -1)]
        slope[place] = (ends[0] - ends[1]) / 2e-5
    np.testing.assert_allclose(4 * forces(placed), slope, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("dims", [2, 3])
def test_blocks_in_single_precision_add_up_to_all_pairs(
    dims: int, pool: ThreadPoolExecutor
) -> None:
    n = 2 * tsne_exact.BLOCK + 17
    joint = graph(blobs(n))
    placed = 15 * np.random.default_rng(1).normal(size=(n, dims))
    apart = placed[:, None] - placed[None]
    w = 1 / (1 + (apart**2).sum(axis=-1))
    np.fill_diagonal(w, 0)
    for exaggeration in (1.0, 12.0):
        weights = (exaggeration * joint.toarray() - w / w.sum()) * w
        expected = (weights[:, :, None] * apart).sum(axis=1)
        found = Forces(joint, pool)(placed, exaggeration)
        assert np.linalg.norm(found - expected) < 1e-4 * np.linalg.norm(expected)


def test_a_vast_map_is_computed_in_double_precision(pool: ThreadPoolExecutor) -> None:
    n = tsne_exact.BLOCK + 1
    joint, rng = graph(blobs(n)), np.random.default_rng(0)
    # Neighbours at distance 1, 5000 from the centre: their squares differ by parts in 10^7.
    placed = rng.normal(size=(n, 2)) + np.where(np.arange(n) % 2, 5000, -5000)[:, None]
    forces = Forces(joint, pool)
    found = forces.divergence(placed)
    assert np.isfinite(forces(placed)).all()
    assert found == pytest.approx(divergence(joint.toarray(), placed), rel=1e-6)


@pytest.mark.parametrize("perplexity", [3.0, 10.0, 30.0])
def test_affinities_have_the_perplexity_asked_for(perplexity: float) -> None:
    squared = nb.Distances(blobs(200)).nearest(100)[1]
    for scale in (1.0, 1e-12, 1e12):
        given = conditional(squared * scale, perplexity)
        logs = np.log(given, out=np.zeros_like(given), where=given > 0)
        np.testing.assert_allclose(given.sum(axis=1), 1)
        np.testing.assert_allclose(np.exp(-(given * logs).sum(axis=1)), perplexity, rtol=1e-6)


def test_affinities_are_those_of_open_tsne() -> None:
    space = blobs(300)
    ours = graph(space).toarray()
    theirs = openTSNE.affinity.PerplexityBasedNN(space, 30, method="exact").P.toarray()
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * theirs.max())
    np.testing.assert_array_equal(ours, ours.T)
    assert ours.sum() == pytest.approx(1)


def test_affinities_of_equally_near_neighbours_are_equal() -> None:
    given = conditional(np.zeros((5, 8)), 3.0)
    np.testing.assert_allclose(given, 1 / 8)
    # One near, many far and equal: still the best there is, and no NaN.
    assert np.isfinite(conditional(np.repeat([[0.0] + [1.0] * 9], 4, axis=0), 3.0)).all()


@pytest.mark.parametrize("dims", [2, 3])
def test_maps_are_as_good_as_open_tsne_s(dims: int, pool: ThreadPoolExecutor) -> None:
    space = blobs(500)
    joint, begin = graph(space), start(space, dims, 0)
    theirs = openTSNE.TSNE(n_components=dims, negative_gradient_method="bh", random_state=0).fit(
        affinities=openTSNE.affinity.PrecomputedAffinities(sparse.csr_matrix(joint, copy=True)),
        initialization=begin,
    )
    ours, forces = tsne(joint, begin), Forces(joint, pool)
    assert forces.divergence(ours) < 1.02 * forces.divergence(np.asarray(theirs))
    distances = nb.Distances(space)
    around = distances.nearest(10)[0]
    kept = [
        (nb.preservation(around, m).mean(), nb.trustworthiness(distances, m).mean())
        for m in (nb.nearest(np.asarray(p), 10) for p in (ours, theirs))
    ]
    assert kept[0][0] > kept[1][0] - 0.03
    assert kept[0][1] > kept[1][1] - 0.01


def test_a_start_gives_the_same_bytes_however_many_cores_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = blobs(3 * tsne_exact.BLOCK)
    joint, begin = graph(space), start(space, 2, 0)
    np.testing.assert_array_equal(begin, start(space, 2, 0))
    maps = []
    for cores in (1, 2, 2, 4):
        monkeypatch.setattr(tsne_exact, "_cores", lambda c=cores: c)
        maps.append(descend(joint, begin, early=20, late=20).tobytes())
    assert len(set(maps)) == 1
    assert descend(joint, start(space, 2, 1), early=20, late=20).tobytes() != maps[0]


@pytest.mark.parametrize(
    ("dims", "rows", "way"),
    [(2, 9, "exact"), (2, 10, "tree"), (2, 21, "interpolation"), (3, 20, "exact"), (3, 21, "tree")],
)
def test_the_number_of_rows_chooses_the_algorithm(
    dims: int, rows: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: dict[str, Any] = {w: lambda _, begin, w=w: (w, begin) for w in chosen.ALGORITHMS}
    monkeypatch.setattr(chosen, "ALGORITHMS", ways)
    limits = ((2, 9, "exact"), (2, 20, "tree"), (3, 20, "exact"))
    assert tsne(None, np.zeros((rows, dims)), limits=limits)[0] == way


def test_many_rows_are_left_to_open_tsne() -> None:
    space = blobs(120)
    joint, begin = graph(space, 10), start(space, 3, 0)[:, :2]
    maps = [chosen.ALGORITHMS["tree"](joint, begin) for _ in range(2)]
    assert np.isfinite(maps[0]).all()
    # The second map would be another one if the first had changed the affinities they share.
    assert maps[0].tobytes() == maps[1].tobytes()
    assert (joint != graph(space, 10)).nnz == 0


def test_the_start_is_tiny_and_fills_missing_dimensions_with_noise() -> None:
    flat = np.random.default_rng(0).normal(size=(50, 1))
    placed = start(flat, 3, 0)
    assert placed.shape == (50, 3)
    np.testing.assert_allclose(placed.std(axis=0), 1e-4, rtol=0.5)
    assert abs(np.corrcoef(placed[:, 0], flat[:, 0])[0, 1]) > 0.99


def test_rows_on_one_spot_are_placed() -> None:
    space = np.zeros((400, 5))
    space[200:] = 1
    placed = tsne(graph(space), start(space, 2, 0))
    assert np.isfinite(placed).all()
