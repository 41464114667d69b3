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
from evenface.studies import tsne_descent, tsne_exact, tsne_fourier
from evenface.studies.tsne import affinities, conditional, graph_width, principal, start, tsne
from evenface.studies.tsne_descent import Forces, descend
from evenface.studies.tsne_fourier import Field


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
    """KL(P || Q) as the papers have it: in 3-D, with two degrees of freedom."""
    a = max(placed.shape[1] - 1, 1)
    w = 1 / (1 + ((placed[:, None] - placed[None]) ** 2).sum(axis=-1) / a)
    np.fill_diagonal(w, 0)
    w **= (a + 1) / 2
    q, known = w / w.sum(), joint > 0
    return float(np.sum(joint[known] * np.log(joint[known] / q[known])))


def forces_of(joint: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """A quarter of t-SNE's forces, scikit-learn's in 3-D."""
    a = placed.shape[1] - 1
    apart = placed[:, None] - placed[None]
    w = (1 + (apart**2).sum(axis=-1) / a) ** (-(a + 1) / 2)
    np.fill_diagonal(w, 0)
    weights = (joint - w / w.sum()) * w * (a + 1) / (2 * a)
    return np.asarray((weights[:, :, None] * apart).sum(axis=1))


@pytest.mark.parametrize("dims", [2, 3])
def test_gradient_is_the_slope_of_the_divergence(dims: int, pool: ThreadPoolExecutor) -> None:
    joint = graph(blobs(40), 5)
    placed = np.random.default_rng(1).normal(size=(40, dims))
    forces = Forces(joint, pool)
    assert forces.divergence(placed) == pytest.approx(divergence(joint.toarray(), placed))
    if dims == 3:
        np.testing.assert_allclose(forces(placed), forces_of(joint.toarray(), placed), rtol=1e-9)
        return
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
    for exaggeration in (1.0, 12.0):
        expected = forces_of(exaggeration * joint.toarray(), placed)
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
    ways = {"exact": 2, "grid": 2, "sparing": 3}
    forces = Forces(joint, pool)
    for way in [w for w, most in ways.items() if dims == most]:
        ours = chosen.ALGORITHMS[way](joint, begin)
        judge(space, forces, ours, np.asarray(theirs))


def judge(space: np.ndarray, forces: Forces, ours: np.ndarray, theirs: np.ndarray) -> None:
    if ours.shape[1] == 2:
        assert forces.divergence(ours) < 1.02 * forces.divergence(theirs)
    distances = nb.Distances(space)
    around = distances.nearest(10)[0]
    kept = [
        (nb.preservation(around, m).mean(), nb.trustworthiness(distances, m).mean())
        for m in (nb.nearest(p, 10) for p in (ours, theirs))
    ]
    assert kept[0][0] > kept[1][0] - 0.03
    assert kept[0][1] > kept[1][1] - 0.01


@pytest.mark.parametrize("way", [tsne_exact.AllPairs, Field])
def test_a_start_gives_the_same_bytes_however_many_cores_there_are(
    way: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = blobs(3 * tsne_exact.BLOCK)
    joint, begin = graph(space), start(space, 2, 0)
    np.testing.assert_array_equal(begin, start(space, 2, 0))
    maps = []
    for cores in (1, 2, 2, 4):
        for module in (tsne_descent, tsne_fourier):
            monkeypatch.setattr(module, "cores", lambda c=cores: c)
        maps.append(descend(joint, begin, way=way, early=20, late=20).tobytes())
    assert len(set(maps)) == 1
    assert descend(joint, start(space, 2, 1), way=way, early=20, late=20).tobytes() != maps[0]


@pytest.mark.parametrize(
    ("dims", "rows", "way"),
    [(2, 9, "exact"), (2, 10, "other"), (2, 21, "grid"), (3, 20, "exact"), (3, 21, "tree")],
)
def test_the_number_of_rows_chooses_the_algorithm(
    dims: int, rows: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: dict[str, Any] = {
        w: lambda _, begin, w=w, **more: (w, begin) for w in (*chosen.ALGORITHMS, "other")
    }
    monkeypatch.setattr(chosen, "ALGORITHMS", ways)
    limits = ((2, 9, "exact"), (2, 20, "other"), (3, 20, "exact"))
    assert tsne(None, np.zeros((rows, dims)), limits=limits)[0] == way


@pytest.mark.parametrize(("span", "most"), [(1e-4, 1e-5), (5, 1e-4), (20, 0.01), (120, 0.07)])
def test_a_grid_s_forces_are_those_of_all_pairs(
    span: float, most: float, pool: ThreadPoolExecutor
) -> None:
    # Where rows are few for a map's width, only forces between two of them are left to err.
    n = 700
    placed = span * np.random.default_rng(0).random((n, 2)) * [1, 0.6] + 1000
    apart = placed[:, None] - placed[None]
    w = 1 / (1 + (apart**2).sum(axis=-1))
    np.fill_diagonal(w, 0)
    expected = (w[:, :, None] ** 2 * apart).sum(axis=1)
    found, z = Field(n, pool)(placed)
    assert np.linalg.norm(found - expected) < most * np.linalg.norm(expected)
    assert z == pytest.approx(w.sum(), rel=most)


def test_a_map_too_wide_for_a_grid_takes_all_pairs(pool: ThreadPoolExecutor) -> None:
    placed = np.random.default_rng(0).normal(size=(50, 2))
    placed[0] = 5000
    assert tsne_fourier.grid(5000.0)[1] > tsne_fourier.MOST
    expected, z = tsne_exact.AllPairs(50, pool)(placed)
    found, own = Field(50, pool)(placed)
    np.testing.assert_array_equal(found, expected)
    assert own == z


def test_splines_are_a_cubic_polynomial_s_own() -> None:
    part = np.linspace(0, 0.999, 7)
    weights, slopes = tsne_fourier.splines(part)
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    # Nodes at -1, 0, 1, 2: a line is reproduced, and its slope.
    np.testing.assert_allclose(np.arange(-1, 3) @ weights, part, atol=1e-15)
    np.testing.assert_allclose(np.arange(-1, 3) @ slopes, 1)
    near = (tsne_fourier.splines(part + 1e-6)[0] - weights) / 1e-6
    np.testing.assert_allclose(near, slopes, atol=1e-5)


@pytest.mark.parametrize("shape", [(60, 8), (40, 700), (600, 600)])
def test_principal_axes_are_those_of_the_covariance(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    space = rng.normal(size=shape)
    space[:, :3] *= [90, 60, 30]
    middle, axes = principal(space, 3, 0)
    np.testing.assert_allclose(middle, space.mean(axis=0))
    theirs = np.linalg.eigh(np.cov(space.T))[1][:, ::-1][:, :3].T
    np.testing.assert_allclose(np.abs(axes @ theirs.T), np.eye(3), atol=1e-4)
    assert (axes.max(axis=1) == np.abs(axes).max(axis=1)).all()


def test_a_descent_says_how_far_it_is() -> None:
    space = blobs(120)
    said: list[tuple[int, int]] = []
    tsne(graph(space, 10), start(space, 2, 0), on_step=lambda *step: said.append(step))
    assert said[-1] == (650, 650)
    assert said == sorted(said)


def test_many_rows_are_left_to_open_tsne() -> None:
    space = blobs(120)
    joint, begin = graph(space, 10), start(space, 3, 0)[:, :2]
    said: list[int] = []
    tell = [None, lambda done, _: said.append(done)]
    maps = [chosen.ALGORITHMS["tree"](joint, begin, on_step=t) for t in tell]
    assert said[-1] == 750
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
