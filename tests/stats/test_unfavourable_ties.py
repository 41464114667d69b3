"""The search for labels that neighbours would miss most, against all sets of a small case."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from evenface.stats.unfavourable_ties import most_estranging


def above_chance(around: Any, counted: Any, person: Any, labels: Any) -> float:
    """(purity - chance) / (1 - chance), row by row."""
    pure, chance = [], []
    for i, (near, there) in enumerate(zip(around, counted, strict=True)):
        same = [labels[j] == labels[i] for j in near[there]]
        pure.append(sum(same) / max(len(same), 1))
        others = labels[person != person[i]]
        chance.append(float(np.mean(others == labels[i])))
    q = float(np.mean(chance))
    return (float(np.mean(pure)) - q) / (1 - q)


def case(
    seed: int, people: int, pictures: int, classes: int, k: int = 3
) -> tuple[Any, Any, Any, Any]:
    """Rows near those of their class, their k nearest of other persons; some lack neighbours."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), rng.integers(1, pictures + 1, people))
    home = np.arange(people) % classes
    points = rng.normal(size=(person.size, 2)) + 2.0 * np.eye(classes, 2)[home[person]]
    far = np.linalg.norm(points[:, None] - points, axis=2)
    far[person[:, None] == person] = np.inf
    around = np.argsort(far, axis=1)[:, :k]
    counted = rng.random(around.shape) < 0.9
    return around, counted, person, home


@pytest.mark.parametrize(("pictures", "classes"), [(1, 2), (3, 2), (2, 3)])
def test_the_search_comes_near_the_worst_of_all_sets(pictures: int, classes: int) -> None:
    exact, reached = [], []
    for seed in range(8):
        around, counted, person, home = case(seed, 10, pictures, classes)
        ((count, goes),) = most_estranging(around, counted, person, home, [2])
        assert count == 2
        assert (goes >= 0).sum() <= 2

        def value(labels: Any, seen: Any = (around, counted, person)) -> float:
            return above_chance(*seen, labels[seen[2]])

        ours = value(np.where(goes >= 0, goes, home))
        tried = []
        for who in combinations(range(10), 2):
            for to in product(range(classes), repeat=2):
                labels = home.copy()
                labels[list(who)] = to
                if np.bincount(labels, minlength=classes).min() >= 2:
                    tried.append(value(labels))
        before, worst = value(home), min(tried)
        assert worst - 1e-9 <= ours < before
        exact.append(ours < worst + 1e-9)
        reached.append((before - ours) / (before - worst))
    assert np.mean(exact) >= 0.5
    assert min(reached) > 0.7


def test_one_change_is_the_worst_of_all() -> None:
    for seed in range(6):
        around, counted, person, home = case(seed, 14, 2, 3)
        ((_, goes),) = most_estranging(around, counted, person, home, [1])
        ours = above_chance(around, counted, person, np.where(goes >= 0, goes, home)[person])
        tried = []
        for who, to in product(range(14), range(3)):
            labels = home.copy()
            labels[who] = to
            tried.append(above_chance(around, counted, person, labels[person]))
        assert ours == pytest.approx(min(tried))


def test_larger_counts_do_more_harm_and_no_label_dies_out() -> None:
    around, counted, person, home = case(0, 700, 1, 2, k=10)
    found = list(most_estranging(around, counted, person, home, [0, 7, 70, 560]))
    labels = [np.where(goes >= 0, goes, home) for _, goes in found]
    values = [above_chance(around, counted, person, own[person]) for own in labels]
    assert values == sorted(values, reverse=True)
    assert values[2] < values[0] - 0.15
    assert not (found[0][1] >= 0).any()
    assert all(np.bincount(own, minlength=2).min() >= 2 for own in labels)
