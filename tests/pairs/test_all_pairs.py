"""Comparing all pairs in blocks, against a loop over pairs."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
import pytest

from evenface.errors import VectorError
from evenface.pairs import all_pairs
from evenface.pairs.all_pairs import compare_all
from evenface.pairs.bins import LOWEST
from evenface.pairs.compared import Compared
from evenface.pairs.people import People
from evenface.pairs.similarity import Prepared
from evenface.stats.rates import fmr, threshold_at

GROUPS = ("a", "b", "c", None)
SIZES = (7, 1, 12, 4)


class Population:
    """People of four groups, one of them unknown; two identities are one person."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(4), SIZES)
        images = rng.integers(1, 5, group.size)
        self.identity = np.repeat(np.arange(group.size), images)
        self.person = np.where(self.identity == 1, 0, self.identity)
        self.labels = [GROUPS[g] for g in group[self.identity]]
        centres = rng.normal(size=(group.size, 6))
        self.vectors = (
            centres[self.identity] + 0.6 * rng.normal(size=(self.identity.size, 6))
        ).astype(np.float32)
        self.people = People.of(self.identity, self.person, self.labels)

    def compared(self, similarity: str = "cosine", **more: Any) -> Compared:
        return compare_all(Prepared.of(self.vectors, self.people.order, similarity), self.people,
                           **more)  # fmt: skip

    def score(self, i: int, j: int, similarity: str) -> float:
        x, y = (self.vectors[k].astype(np.float64) for k in (i, j))
        if similarity == "euclidean":
            return -float(np.linalg.norm(x - y))
        return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    def listed(self, similarity: str) -> tuple[dict[str, list[float]], dict[frozenset, list]]:
        genuine: dict[str, list[float]] = {}
        impostor: dict[frozenset, list] = {}
        for i, j in combinations(range(len(self.labels)), 2):
            score = self.score(i, j, similarity)
            if self.identity[i] == self.identity[j]:
                genuine.setdefault(self.labels[i], []).append(score)
            elif self.person[i] != self.person[j]:
                impostor.setdefault(frozenset((self.labels[i], self.labels[j])), []).append(score)
        return genuine, impostor


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
@pytest.mark.parametrize("most_kept", [1 << 22, 150])
@pytest.mark.parametrize("tile", [(512, 2048), (7, 11), (1, 3)])
def test_every_pair_is_counted_once(
    similarity: str, most_kept: int, tile: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(all_pairs, "ROWS", tile[0])
    monkeypatch.setattr(all_pairs, "COLUMNS", tile[1])
    made = Population()
    found = made.compared(similarity, most_kept=most_kept, sample=100)
    genuine, impostor = made.listed(similarity)
    names = found.people.groups
    assert names == GROUPS
    for k, name in enumerate(names):
        own = sorted(genuine.get(name, []))
        scores = found.genuine_scores([k])
        assert np.repeat(scores.values, scores.counts) == pytest.approx(own, abs=2e-5)
    assert found.kept.scores.size <= most_kept
    assert (found.kept.scores >= found.cut).all()
    for a, b in combinations_with_replacement(range(4), 2):
        own = np.array(impostor.get(frozenset((names[a], names[b])), []))
        ones, others = [a], None if a == b else [b]
        assert found.matches(-np.inf, ones, others) == (own.size, own.size)
        # Edges of bins, and scores above them, count exactly; away from any score, lest rounding
        # decide.
        for t in (*found.bins.edges[:: found.bins.count // 40][1:], found.cut):
            if own.size and np.abs(own - t).min() > 1e-5:
                assert found.matches(float(t), ones, others)[0] == (own >= t).sum()
                assert found.impostors(ones, others).at_least(float(t)) == (own >= t).sum()


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_thresholds_asked_for_are_exact_wherever_they_lie(similarity: str) -> None:
    made = Population()
    asked = (-1e300, -2.0, 0.1234567, 0.2, 0.9, 1e300)
    found = made.compared(similarity, most_kept=40, sample=100, exact=asked)
    _, impostor = made.listed(similarity)
    own = np.concatenate([np.array(x) for x in impostor.values()])
    assert found.cut > 0.2 or similarity == "euclidean"
    for t in asked:
        assert np.abs(own - t).min() > 1e-5
        assert found.matches(t, range(4)) == ((own >= t).sum(), own.size)
        one = np.array(impostor[frozenset("ac")])
        assert found.matches(t, [0], [2])[0] == (one >= t).sum()


def test_errors_are_known_by_identity() -> None:
    made = Population()
    found = made.compared()
    place = {int(r): k for k, r in enumerate(found.people.order)}
    threshold = 0.4321
    errors: dict[tuple[int, int], int] = {}
    for i, j in combinations(range(len(made.labels)), 2):
        p, q = (int(found.people.person[place[k]]) for k in (i, j))
        if p != q and made.score(i, j, "cosine") >= threshold:
            errors[min(p, q), max(p, q)] = errors.get((min(p, q), max(p, q)), 0) + 1
    counts = found.impostor_counts(threshold, range(4))
    cells = zip(counts.first.tolist(), counts.second.tolist(), strict=True)
    assert dict(zip(cells, counts.hits.tolist(), strict=True)) == errors
    assert counts.total == found.matches(np.inf, range(4))[1]
    between = found.impostor_counts(threshold, [0], [2])
    assert (between.errors, between.total) == found.matches(threshold, [0], [2])


def test_the_nearest_other_is_the_nearest() -> None:
    made = Population()
    found = made.compared()
    for k, row in enumerate(found.people.order.tolist()):
        others = [j for j in range(len(made.labels)) if made.person[j] != made.person[row]]
        nearest = max(made.score(row, j, "cosine") for j in others)
        assert found.nearest[0, k] == pytest.approx(nearest, abs=2e-5)
        own = [j for j in others if made.labels[j] == made.labels[row]]
        if own:
            nearest = max(made.score(row, j, "cosine") for j in own)
            assert found.nearest[1, k] == pytest.approx(nearest, abs=2e-5)
        else:
            assert found.nearest[1, k] == -np.inf


def test_below_the_cut_some_people_speak_for_all() -> None:
    made = Population(seed=3)
    found = made.compared(most_kept=100, sample=400)
    assert found.part is not None
    assert 2 <= found.part.people.persons < found.people.persons
    with pytest.raises(ValueError, match="below the cut"):
        found.impostor_counts(found.cut - 0.1, [0])
    assert found.part.impostor_counts(found.cut - 0.1, [0, 1, 2, 3]).total > 0


def test_zero_and_endless_vectors_are_named() -> None:
    vectors = np.ones((4, 3), dtype=np.float32)
    vectors[2] = 0
    with pytest.raises(VectorError, match="is zero"):
        Prepared.of(vectors, np.arange(4), "cosine")
    vectors[2] = 3e38
    with pytest.raises(VectorError, match=r"row 2: .* too long"):
        Prepared.of(vectors, np.arange(4), "euclidean")
    assert np.isfinite(Prepared.of(vectors, np.arange(4), "cosine").vectors.numpy()).all()


def test_copies_and_shared_pictures_take_no_part() -> None:
    identity = np.array([0, 0, 0, 1, 1, 2, 3])
    person = np.array([0, 0, 0, 1, 1, 1, 2])
    picture = ["p", "q", "p", "r", "s", "s", None]
    made = People.of(identity, person, ["a", "a", "b", "b", "b", None, None], picture)
    assert sorted(made.order.tolist()) == [0, 1, 3, 6]
    assert made.left_out == {
        "copies of another picture of the same identity": 1,
        "pictures that several identities have": 2,
    }
    # A person is of the group that most of its pictures have.
    assert [made.groups[g] for g in made.group] == ["a", "b", None]
    assert made.impostor_pairs().tolist() == [[0, 2, 2], [2, 0, 1], [2, 1, 0]]


def distances(vectors: np.ndarray) -> np.ndarray:
    x = vectors.astype(np.float64)
    return np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=-1))


def outlier(x: np.ndarray) -> np.ndarray:
    x[0] *= 1e6
    return x


def two_places(x: np.ndarray) -> np.ndarray:
    x[: len(x) // 2] += 1e4
    return x


@pytest.mark.parametrize(
    "moved", [outlier, two_places, lambda x: x * 1e-25, lambda x: x * 1e-37, lambda x: x * 1e18]
)
def test_distances_keep_their_digits_wherever_vectors_lie(moved: Any) -> None:
    made = Population()
    made.vectors = moved(made.vectors.astype(np.float64)).astype(np.float32)
    found = made.compared("euclidean")
    exact = distances(made.vectors)
    i, j = np.triu_indices(len(exact), 1)
    same, person = made.identity[i] == made.identity[j], made.person
    genuine = np.sort(-exact[i, j][same])
    impostor = np.sort(-exact[i, j][person[i] != person[j]])
    np.testing.assert_allclose(np.sort(found.genuine.scores), genuine, rtol=1e-5)
    np.testing.assert_allclose(np.sort(found.kept.scores), impostor, rtol=1e-5)


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_bins_lie_where_scores_lie(similarity: str) -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(300), 2)
    vectors = (rng.normal(size=(600, 6)) + 30).astype(np.float32)
    if similarity == "euclidean":
        vectors[0] *= 1e4
    people = People.of(who, who, ["ab"[k % 2] for k in who.tolist()])
    prepared = Prepared.of(vectors, people.order, similarity)
    rough = compare_all(prepared, people, most_kept=200, sample=4000)
    all_kept = compare_all(prepared, people).impostors([0, 1])
    assert rough.cut > LOWEST
    for target in (0.02, 0.1, 0.3, 0.6):
        t = threshold_at(rough.impostors([0, 1]), target)
        known = float(fmr(all_kept, t))
        # Counts at thresholds are exact, and bins so fine that these are near their targets.
        assert known == float(fmr(rough.impostors([0, 1]), t))
        assert target - 0.005 < known <= target
