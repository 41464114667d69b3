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
from evenface.studies import tsne_descent, tsne_exact, tsne_fourier, tsne_kernels, tsne_splines
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
        expected = forces_of(joint.toarray(), placed)
        assert np.linalg.norm(forces(placed) - expected) < 1e-6 * np.linalg.norm(expected)
        return
    slope = np.empty_like(placed)
    for place in np.ndindex(placed.shape):
        step = np.zeros_like(placed)
        step[place] = 1e-5
        ends = [divergence(joint.toarray(), placed + s * step) for s in (1, -1)]
        slope[place] = (ends[0] - ends[1]) / 2e-5
    np.testing.assert_allclose(4 * forces(placed), slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dims", [2, 3])
def test_forces_in_single_precision_are_those_of_all_pairs(
    dims: int, pool: ThreadPoolExecutor
) -> None:
    n = 737
    joint = graph(blobs(n))
    placed = 15 * np.random.default_rng(1).normal(size=(n, dims))
    for exaggeration in (1.0, 12.0):
        expected = forces_of(exaggeration * joint.toarray(), placed)
        found = Forces(joint, pool)(placed, exaggeration)
        assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_a_vast_map_loses_no_digits(pool: ThreadPoolExecutor) -> None:
    n = 361
    joint, rng = graph(blobs(n)), np.random.default_rng(0)
    # Neighbours at distance 1, 5000 from the centre: their squares differ by parts in 10^7.
    placed = rng.normal(size=(n, 2)) + np.where(np.arange(n) % 2, 5000, -5000)[:, None]
    # Places that single precision has: it is forces that must not lose more.
    placed = placed.astype(np.float32).astype(np.float64)
    forces = Forces(joint, pool)
    expected = forces_of(joint.toarray(), placed)
    assert np.linalg.norm(forces(placed) - expected) < 1e-5 * np.linalg.norm(expected)
    assert forces.divergence(placed) == pytest.approx(divergence(joint.toarray(), placed), rel=1e-6)


def test_two_rows_far_from_each_other_have_a_force(pool: ThreadPoolExecutor) -> None:
    # Beside a row's own w of 1 theirs would be lost.
    pushed, z = tsne_exact.AllPairs(2, pool)(np.array([[0.0, 0], [1e4, 0]]))
    assert z == pytest.approx(2e-8, rel=1e-5)
    np.testing.assert_allclose(pushed, [[-1e-12, 0], [1e-12, 0]], rtol=1e-5)


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
    forces = Forces(joint, pool)
    for way in chosen.ALGORITHMS:
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


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("way", [tsne_exact.AllPairs, Field])
def test_a_start_gives_the_same_bytes_however_many_cores_there_are(
    way: Any,
    dims: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = blobs(1000)
    joint, begin = graph(space), start(space, dims, 0)
    np.testing.assert_array_equal(begin, start(space, dims, 0))
    maps = []
    for cores in (1, 2, 2, 4):
        for module in (tsne_descent, tsne_exact, tsne_fourier):
            monkeypatch.setattr(module, "cores", lambda c=cores: c)
        maps.append(descend(joint, begin, way=way, early=20, late=20).tobytes())
    assert len(set(maps)) == 1
    assert descend(joint, start(space, dims, 1), way=way, early=20, late=20).tobytes() != maps[0]


@pytest.mark.parametrize(
    ("dims", "rows", "way"),
    [(2, 9, "exact"), (2, 10, "other"), (2, 21, "grid"), (3, 20, "exact"), (3, 21, "grid")],
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


@pytest.mark.parametrize(
    ("dims", "span", "most"),
    [(2, 1e-4, 1e-3), (2, 5, 2e-3), (2, 20, 0.01), (2, 120, 0.07),
     (3, 1e-4, 2e-3), (3, 5, 2e-3), (3, 15, 0.02), (3, 40, 0.15)],
)  # fmt: skip
def test_a_grid_s_forces_are_those_of_all_pairs(
    dims: int, span: float, most: float, pool: ThreadPoolExecutor
) -> None:
    # Where rows are few for a map's width, only forces between two of them are left to err.
    n = 700
    placed = span * np.random.default_rng(0).random((n, dims)) * [1, 0.6, 0.9][:dims] + 1000
    apart, a = placed[:, None] - placed[None], dims - 1
    w = (1 + (apart**2).sum(axis=-1) / a) ** (-(a + 1) / 2)
    np.fill_diagonal(w, 0)
    expected = (w[:, :, None] ** 2 * apart).sum(axis=1)
    found, z = Field(n, pool)(placed)
    assert np.linalg.norm(found - expected) < most * np.linalg.norm(expected)
    assert z == pytest.approx(w.sum(), rel=most)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_map_too_wide_for_a_grid_takes_all_pairs(dims: int, pool: ThreadPoolExecutor) -> None:
    placed = np.random.default_rng(0).normal(size=(50, dims))
    placed[0] = 5000
    assert tsne_fourier.grid(5000.0, dims)[1] > tsne_fourier.MOST[dims]
    expected, z = tsne_exact.AllPairs(50, pool)(placed)
    found, own = Field(50, pool)(placed)
    np.testing.assert_array_equal(found, expected)
    assert own == z


def test_splines_are_a_cubic_polynomial_s_own() -> None:
    def at(part: float) -> tuple[np.ndarray, np.ndarray]:
        weights, slopes = np.empty((2, 4))
        tsne_splines.splines(part, weights, slopes)
        return weights, slopes

    for part in np.linspace(0, 0.999, 7):
        weights, slopes = at(part)
        assert weights.sum() == pytest.approx(1)
        # Nodes at -1, 0, 1, 2: a line is reproduced, and its slope.
        assert np.arange(-1, 3) @ weights == pytest.approx(part, abs=1e-7)
        assert np.arange(-1, 3) @ slopes == pytest.approx(1)
        np.testing.assert_allclose((at(part + 1e-6)[0] - weights) / 1e-6, slopes, atol=1e-5)


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


def test_kernels_compile_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    def refused(*_: Any, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return numba_njit(**options)

    numba_njit = numba.njit
    monkeypatch.setattr(tsne_kernels.numba, "njit", refused)
    assert tsne_kernels.compiled(lambda x: x + 1)(1) == 2


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
