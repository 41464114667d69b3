"""Learned spaces and biased training on populations whose answers are known."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from evenface.errors import ConfigError, SelectionError, TrainingError
from evenface.studies.bias import BiasOptions, BiasResult, bias
from evenface.studies.compositions import SHARES, largest_total, numbers_at
from evenface.studies.data import CommonOptions
from evenface.studies.spaces import SpacesOptions, SpacesResult, spaces
from populations import ETHNICITIES, Gaussian, labelled

QUICK = {"hidden": (64, 16), "rates": (0.003,), "epochs": 12, "batch": 64}
COMMON = CommonOptions(resamples=200)


def test_every_loss_reads_gender_as_well_as_it_can_be_read() -> None:
    population = Gaussian(identities=120, separation=4.0, offset=0.0, seed=3)
    result = spaces(population.embeddings(), SpacesOptions(target="gender", **QUICK), COMMON)
    truth = population.accuracy(0, 0)
    for loss in ("softmax", "contrastive", "triplet"):
        found = result.estimate(metric="knn_accuracy", loss=loss, group="all")
        assert found.low is not None
        assert found.high is not None
        # Neighbours and a finite training set cost a little of the optimum.
        assert found.low - 0.005 <= truth <= found.high + 0.02
        apart = result.estimate(metric="inter_distance", loss=loss, group="all")
        near = result.estimate(metric="intra_distance", loss=loss, group="all")
        assert near.value < apart.value
    saved = json.loads(json.dumps(result.to_dict()))
    assert SpacesResult.from_dict(saved).numbers.equals(result.numbers)
    assert all(figure is not None for figure in result.figures().values())


def test_no_loss_is_said_to_lose_where_there_is_nothing_to_learn() -> None:
    population = Gaussian(identities=40, separation=0.0, offset=0.0, seed=1)
    result = bias(population.embeddings(), BiasOptions(**QUICK, remedies=()), COMMON)
    assert (result.tables["tests"]["p_holm"] > 0.05).all()
    assert all("loses less" not in sentence for sentence in result.reading())


def test_the_loss_that_loses_less_is_found_where_one_does() -> None:
    # Minorities near each other, far from the majority: the pairs of two minorities that
    # contrastive learning needs are as rare as the square of their share, softmax's rows are not.
    rng = np.random.default_rng(1)
    majority, sizes = 1, [1200 if g == 1 else 300 for g in range(6)]
    group = np.repeat(np.arange(6), sizes)
    centres = 3.0 * np.eye(6, 8)
    centres[majority] = 8.0 * np.eye(8)[7]
    x = centres[group] + rng.normal(size=(group.size, 8))
    kinds = [(e, g) for e in ETHNICITIES for g in ("female", "male")]
    rows = [(f"{i}", f"{i}", kinds[g][1], kinds[g][0]) for i, g in enumerate(group)]
    options = BiasOptions(
        hidden=(32, 16), rates=(0.01,), epochs=10, batch=32, remedies=(),
        losses=("softmax", "contrastive"),
    )  # fmt: skip
    result = bias(labelled(x, rows), options, COMMON)
    found = result.tables["tests"].filter(what="all").row(0, named=True)
    assert found["p_holm"] < 0.05
    assert found["value"] < 0
    assert found["high"] < 0
    said = "Over the shares of male · Asian, softmax loses less than contrastive"
    assert any(sentence.startswith(said) for sentence in result.reading())


def test_bias_is_paired_keeps_its_total_and_survives_saving() -> None:
    population = Gaussian(identities=60, separation=4.0, offset=4.0, seed=2)
    options = BiasOptions(**QUICK, losses=("softmax", "triplet"), shares=(0.4, 0.7))
    result = bias(population.embeddings(), options, COMMON)
    totals = result.tables["sweeps"].group_by("share").agg(n=pl.col("identities").sum())
    assert totals["n"].n_unique() == 1
    assert set(result.numbers["share"].unique()) == {1 / 6, 0.4, 0.7}
    accuracy = {
        share: result.estimate(
            metric="knn_accuracy", loss="softmax", share=share, group="all", remedy="none"
        ).value
        for share in (1 / 6, 0.7)
    }
    drop = result.estimate(
        metric="drop_from_balanced", loss="softmax", share=0.7, group="all", remedy="none"
    )
    assert drop.value == pytest.approx(accuracy[1 / 6] - accuracy[0.7])
    saved = json.loads(json.dumps(result.to_dict()))
    assert BiasResult.from_dict(saved).numbers.equals(result.numbers)
    assert set(result.figures()) == {"bias", "bias_spaces"}
    again = bias(population.embeddings(), options, COMMON)
    assert again.numbers.equals(result.numbers)


@pytest.mark.parametrize("total", [20, 97, 1894])
@pytest.mark.parametrize("share", SHARES)
def test_numbers_always_make_up_the_total(total: int, share: float) -> None:
    numbers = numbers_at(share, total, 2, 6)
    assert sum(numbers) == total
    assert abs(numbers[2] - share * total) <= 0.5
    others = np.delete(numbers, 2)
    assert others.max() - others.min() <= 1


def test_the_largest_total_is_what_the_majority_allows() -> None:
    assert largest_total((1 / 6, 0.95), [1800] * 6, 0) in (1893, 1894, 1895)
    assert largest_total((1 / 6, 0.95), [36] * 6, 0) == 0


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"shares": (0.99,)}, SelectionError, "can't be reached"),
        ({"shares": (0.1,)}, ConfigError, "no majority"),
        ({"total": 100_000, "shares": (0.5,)}, SelectionError, "can't be reached"),
        ({"majority": "nobody"}, ConfigError, "no group is called"),
    ],
)
def test_what_cannot_be_composed_is_said(options, error, said) -> None:
    with pytest.raises(error, match=said):
        bias(Gaussian(identities=20).embeddings(), BiasOptions(**QUICK, **options), COMMON)


@pytest.mark.parametrize("bad", [{"margin": 0}, {"alpha": -1}, {"rates": ()}, {"losses": ("x",)}])
def test_bad_options_are_refused(bad) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        SpacesOptions(**bad)


def test_divergence_is_an_error_only_if_nothing_is_left() -> None:
    emb = Gaussian(identities=20).embeddings()
    wild = {**QUICK, "optimizer": "sgd", "losses": ("softmax", "contrastive")}
    with pytest.raises(TrainingError, match="diverged"):
        spaces(emb, SpacesOptions(**{**wild, "rates": (1e15,)}), COMMON)
    mixed = spaces(emb, SpacesOptions(**{**wild, "rates": (0.01, 1e15)}), COMMON)
    assert mixed.estimate(metric="knn_accuracy", loss="softmax", group="all").value is not None
    assert any("diverged" in sentence for sentence in mixed.reading())
