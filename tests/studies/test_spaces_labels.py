"""Accuracies of learned spaces if recorded groups were wrong."""

from __future__ import annotations

import pytest

from evenface.stats.flips import SHARES, WAYS
from evenface.studies.data import CommonOptions
from evenface.studies.spaces import SpacesOptions, SpacesResult, spaces
from populations import Gaussian

QUICK = {"hidden": (32, 16), "rates": (0.003,), "epochs": 8, "batch": 64}
COMMON = CommonOptions(resamples=200, seeds=3)


@pytest.fixture(scope="module")
def learned() -> SpacesResult:
    population = Gaussian(identities=40, separation=4.0, offset=4.0)
    losses = ("softmax", "triplet")
    return spaces(population.embeddings(), SpacesOptions(losses=losses, **QUICK), COMMON)


def test_curves_begin_with_the_study_s_own_numbers(learned: SpacesResult) -> None:
    table = learned.tables["label_noise"]
    assert table.height == 2 * len(WAYS) * len(SHARES)
    for row in table.filter(share=0.0).rows(named=True):
        own = learned.estimate(metric="knn_accuracy", loss=row["what"], group="all")
        assert (row["value"], row["low"], row["high"]) == pytest.approx(
            (own.value, own.low, own.high)
        )
        assert row["bound"] == pytest.approx(1 / 6)


def test_it_is_said_and_drawn(learned: SpacesResult) -> None:
    (said,) = [s for s in learned.reading() if "of the identities tested" in s]
    assert "(balanced groups, 2 dimensions) tells groups apart better than chance" in said
    assert "spaces_labels" in learned.figures()


def test_nothing_is_asked_where_spaces_part_something_else_or_nothing() -> None:
    gender = SpacesOptions(target="gender", losses=("softmax",), **QUICK)
    found = spaces(Gaussian(identities=30, separation=4.0).embeddings(), gender, COMMON)
    assert not found.tables["label_noise"].height
    assert "spaces_labels" not in found.figures()
    blind = SpacesOptions(losses=("softmax",), **QUICK)
    nothing = Gaussian(identities=30, separation=0.0, offset=0.0)
    found = spaces(nothing.embeddings(), blind, COMMON)
    assert not found.tables["label_noise"].height
