"""Clusters found without labels: the right ones where there are some, the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from evenface.studies import clusters as module
from evenface.studies.clusters import clusters


def blobs(n: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    own = np.sort(rng.choice(count, n, p=np.arange(1, count + 1)[::-1] / (count * (count + 1) / 2)))
    return 20 * np.eye(count, 12)[own] + rng.normal(size=(n, 12)), own


@pytest.mark.parametrize("many", [10_000, 50])
def test_blobs_are_found_largest_first(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY", many)
    points, own = blobs(400, 5)
    found = clusters(points, 5, seed=0)
    np.testing.assert_array_equal(found, own)
    assert (np.diff(np.bincount(found)) <= 0).all()


def test_a_seed_gives_the_same_clusters() -> None:
    points = np.random.default_rng(1).normal(size=(500, 30))
    first, again = (clusters(points, 6, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_there_are_no_more_clusters_than_different_rows() -> None:
    points = np.repeat(np.eye(3), 4, axis=0)
    assert sorted(np.bincount(clusters(points, 6, seed=0))) == [4, 4, 4]
