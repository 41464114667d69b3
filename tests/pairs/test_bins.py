"""Bins whose edges are floats, and blocks of whatever shape: counts are exact and the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evenface.errors import VectorError
from evenface.pairs import all_pairs
from evenface.pairs.all_pairs import compare_all
from evenface.pairs.bins import BINS, MOST, Bins
from evenface.pairs.compared import Compared
from evenface.pairs.people import People
from evenface.pairs.similarity import Prepared

RANGES = [(-1.0, 1.0), (-3.7e5, 0.0), (-1e-30, 0.0), (-1.7e19, 0.0), (-0.3, 0.7)]


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("count", [256, BINS])
def test_an_edge_is_the_lowest_float_of_its_bin(low: float, high: float, count: int) -> None:
    bins = Bins(low, high, count)
    edges, places = bins.edges[1:], np.arange(1, count)
    assert bins.edges[0] == -np.inf
    assert (np.diff(edges) >= 0).all()
    assert (bins.places(torch.from_numpy(edges)).numpy() >= places).all()
    below = np.nextafter(edges, np.float32(-np.inf))
    assert (bins.places(torch.from_numpy(below)).numpy() < places).all()


def test_what_lies_outside_is_in_the_outermost_bins() -> None:
    scores = torch.tensor([-torch.inf, -1.5, -1.0, 1.0, 1.0000001, 3.0])
    assert Bins(-1.0, 1.0, 10).places(scores).tolist() == [0, 0, 0, 9, 9, 9]


def test_bins_are_as_fine_as_memory_allows() -> None:
    assert Bins.between((-1.0, 1.0), 21).count == BINS
    for cells in (1, 600, 5000, 10**6):
        count = Bins.between((-1.0, 1.0), cells).count
        assert count == 256 or count * cells <= MOST


class Signs:
    """Vectors of +1 and -1 in 16 places: their cosines are exact, and many tie."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        images = rng.integers(1, 5, 40)
        who = np.repeat(np.arange(40), images)
        centre = rng.choice([-1.0, 1.0], (40, 16))
        flips = np.where(rng.random((who.size, 16)) < 0.2, -1, 1)
        self.vectors = (centre[who] * flips).astype(np.float32)
        self.people = People.of(who, who, [("a", "b", "c", None)[k % 4] for k in who.tolist()])

    def compared(self, **more: int) -> Compared:
        made = Prepared.of(self.vectors, self.people.order, "cosine")
        return compare_all(made, self.people, **more)


def same(one: Compared, other: Compared) -> None:
    assert one.cut == other.cut
    assert np.array_equal(one.counts, other.counts)
    assert np.array_equal(one.nearest, other.nearest)
    for a, b in ((one.kept, other.kept), (one.genuine, other.genuine)):
        rows = [sorted(zip(x.scores, x.first, x.second, strict=True)) for x in (a, b)]
        assert rows[0] == rows[1]


@pytest.mark.parametrize("most_kept", [1 << 20, 800, 30])
@pytest.mark.parametrize(("shape", "threads"), [((7, 11), 1), ((7, 11), 4), ((1, 100), 3)])
def test_neither_blocks_nor_threads_change_anything(
    most_kept: int, shape: tuple[int, int], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Signs()
    whole = made.compared(most_kept=most_kept, sample=500)
    monkeypatch.setattr(all_pairs, "ROWS", shape[0])
    monkeypatch.setattr(all_pairs, "COLUMNS", shape[1])
    monkeypatch.setattr(all_pairs, "cores", lambda: threads)
    same(whole, made.compared(most_kept=most_kept, sample=500))


def test_counts_are_exact_where_scores_tie() -> None:
    made = Signs()
    order = made.people.order
    cosine = made.vectors[order] @ made.vectors[order].T / 16
    person = made.people.person
    i, j = np.triu_indices(len(order), 1)
    impostor = cosine[i, j][person[i] != person[j]]
    genuine = cosine[i, j][person[i] == person[j]]
    for most_kept in (1 << 20, 800, 30):
        found = made.compared(most_kept=most_kept, sample=500)
        assert found.genuine_scores(range(4)).at_least(0.5) == (genuine >= 0.5).sum()
        for t in np.unique(impostor)[::2]:
            hits = int((impostor >= t).sum())
            # The edge of its bin, between which and the score there is no other score.
            edges = found.bins.edges
            edge = float(edges[np.searchsorted(edges, t, "right") - 1])
            assert found.matches(edge, range(4)) == (hits, impostor.size)
            assert found.impostors(range(4)).at_least(edge) == hits
            if t >= found.cut:
                assert found.matches(float(t), range(4)) == (hits, impostor.size)


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_vectors_that_are_all_the_same(similarity: str) -> None:
    who = np.repeat(np.arange(30), 2)
    people = People.of(who, who, ["ab"[k % 2] for k in who.tolist()])
    made = Prepared.of(np.ones((60, 4), dtype=np.float32), people.order, similarity)
    found = compare_all(made, people, most_kept=50, sample=200)
    pairs = 60 * 59 // 2 - 30
    assert found.kept.scores.size == 0
    assert found.matches(-0.5, [0, 1]) == (pairs, pairs)
    assert found.impostors([0, 1]).total == pairs


def test_distances_far_from_zero_keep_their_digits() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(30, 16)) + 3000).astype(np.float32)
    who = np.arange(30) // 2
    people = People.of(who, who, ["g"] * 30)
    found = compare_all(Prepared.of(vectors, people.order, "euclidean"), people)
    exact = np.linalg.norm(vectors[0::2].astype(np.float64) - vectors[1::2], axis=1)
    np.testing.assert_allclose(np.sort(-found.genuine.scores), np.sort(exact), rtol=1e-5)


def test_a_zero_vector_is_named_by_its_row() -> None:
    vectors = np.ones((6, 3), dtype=np.float32)
    vectors[4] = 0
    with pytest.raises(VectorError, match="row 4: its vector is zero"):
        Prepared.of(vectors, np.array([5, 4, 0]), "cosine")
    assert Prepared.of(vectors, np.array([5, 4, 0]), "euclidean").vectors.shape == (3, 3)


def test_long_vectors_are_compared_or_refused_but_never_without_a_number() -> None:
    people = People.of(np.arange(2), np.arange(2), ["g", "g"])
    for length in (1e18, 9e18, 1.2e19, 3e38):
        vectors = np.array([[length, 0], [0, length]], dtype=np.float32)
        found = compare_all(Prepared.of(vectors, people.order, "cosine"), people)
        assert found.kept.scores.tolist() == [0]
        try:
            made = Prepared.of(vectors, people.order, "euclidean")
        except VectorError:
            assert length > 1e19
            continue
        scores = compare_all(made, people).kept.scores
        assert scores == pytest.approx([-length * np.sqrt(2)], rel=1e-5)
