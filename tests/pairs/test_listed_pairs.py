"""Only the pairs of a list."""

from __future__ import annotations

import numpy as np
import pytest

from evenface.pairs.listed import PairList
from evenface.pairs.listed_pairs import compare_listed, listed_scores
from evenface.pairs.people import People
from evenface.pairs.similarity import Prepared

WHO = np.repeat(np.arange(12), 3)


class Listed:
    """Some pairs of twelve people of two groups."""

    def __init__(self, similarity: str = "cosine") -> None:
        rng = np.random.default_rng(1)
        self.vectors = (rng.normal(size=(12, 5))[WHO] + rng.normal(size=(36, 5))).astype(np.float32)
        i, j = np.triu_indices(36, 1)
        some = np.sort(rng.permutation(i.size)[:200])
        # In either order.
        turned = rng.random(200) < 0.5
        first, second = np.where(turned, j[some], i[some]), np.where(turned, i[some], j[some])
        self.pairs = PairList(first, second, WHO[first] == WHO[second], np.full(200, -1))
        self.people = People.of(WHO, WHO, ["ba"[k % 2] for k in WHO.tolist()])
        self.prepared = Prepared.of(self.vectors, self.people.order, similarity)
        x, y = (self.vectors[r].astype(np.float64) for r in (first, second))
        if similarity == "euclidean":
            self.exact = -np.linalg.norm(x - y, axis=1)
        else:
            self.exact = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_scores_come_in_the_list_s_order(similarity: str) -> None:
    made = Listed(similarity)
    scores, first, second = listed_scores(made.prepared, made.people, made.pairs)
    np.testing.assert_allclose(scores, made.exact, atol=1e-5)
    place = np.argsort(made.people.order)
    assert first.tolist() == made.people.person[place[made.pairs.first]].tolist()
    assert second.tolist() == made.people.person[place[made.pairs.second]].tolist()


def test_only_listed_pairs_are_counted() -> None:
    made = Listed()
    found = compare_listed(made.prepared, made.people, made.pairs)
    same = made.pairs.genuine
    group = [np.array([1, 0] * 6)[WHO[r]] for r in (made.pairs.first, made.pairs.second)]
    assert found.listed
    for t in (-0.3001, 0.1001, 0.6001):
        hits = ~same & (made.exact >= t)
        for ones, others in (([0], None), ([1], None), ([0], [1]), ([0, 1], None)):
            a, b = (np.isin(g, ones) for g in group)
            mine = a & b if others is None else a != b
            wanted = (int((hits & mine).sum()), int((~same & mine).sum()))
            assert found.matches(t, ones, others) == wanted
            counts = found.impostor_counts(t, ones, others)
            assert (counts.errors, counts.total) == wanted
        wrong = found.genuine_counts(t, [0, 1])
        assert (wrong.errors, wrong.total) == ((same & (made.exact < t)).sum(), same.sum())


def test_a_listed_picture_must_take_part() -> None:
    made = Listed()
    people = People.of(WHO, WHO, ["a"] * 36, without=np.array([int(made.pairs.first[0])]))
    prepared = Prepared.of(made.vectors, people.order, "cosine")
    with pytest.raises(ValueError, match="takes no part"):
        compare_listed(prepared, people, made.pairs)
