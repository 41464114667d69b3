"""Learned spaces and biased training on populations whose answers are known."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest

from evenface.errors import ConfigError, SelectionError, TrainingError
from evenface.faces.split import Split, make_splits
from evenface.studies import judged
from evenface.studies.bias import BiasOptions, BiasResult, bias
from evenface.studies.compositions import SHARES, largest_total, numbers_at
from evenface.studies.data import CommonOptions, Labels
from evenface.studies.losing import numbers
from evenface.studies.scores import Cell, Scores
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


SMALL = {"hidden": (16, 8), "rates": (0.003,), "epochs": 3, "batch": 32}
LEARNED = (
    partial(spaces, options=SpacesOptions(**SMALL)),
    partial(bias, options=BiasOptions(**SMALL, shares=(0.5,), remedies=("weights",))),
)
OF_LEARNED = ("knn_accuracy", "worst_group_accuracy", "drop_from_balanced")


def without_training(values: np.ndarray, *_: object, **__: object) -> list[None]:
    return [None] * values.shape[1]


@pytest.mark.parametrize("study", LEARNED)
def test_intervals_cover_who_was_learned_from_where_splits_show_it(study, monkeypatch) -> None:
    emb = Gaussian(identities=60, offset=1.0, seed=2).embeddings()
    whole = study(emb, common=COMMON)
    wide = whole.numbers.filter(pl.col("metric").is_in(OF_LEARNED))
    assert wide["training_share"].null_count() == 0
    assert wide["training_share"].is_between(0, 1).all()
    for metric in set(wide["metric"]):
        assert (wide.filter(metric=metric)["training_share"] > 0).any()
    others = whole.numbers.filter(~pl.col("metric").is_in(OF_LEARNED))
    assert others["training_share"].null_count() == others.height
    monkeypatch.setattr(judged, "training_noise", without_training)
    alone = study(emb, common=COMMON)
    narrow = alone.numbers.filter(pl.col("metric").is_in(OF_LEARNED))
    assert narrow["training_share"].null_count() == narrow.height
    assert narrow["value"].equals(wide["value"])
    assert (wide["low"] <= narrow["low"]).all()
    assert (wide["high"] >= narrow["high"]).all()
    said = "Intervals of accuracies cover who was tested"
    assert any(f"{said} and who was learned from" in sentence for sentence in whole.reading())
    assert any(f"{said}, not who was learned from" in sentence for sentence in alone.reading())


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("study", LEARNED)
def test_one_or_two_splits_say_nothing_about_training(study, seeds) -> None:
    emb = Gaussian(identities=40, seed=2).embeddings()
    found = study(emb, common=CommonOptions(resamples=100, seeds=seeds)).numbers
    assert found["training_share"].null_count() == found.height


def test_splits_of_one_seed_all_count() -> None:
    emb = Gaussian(identities=40, seed=2).embeddings()
    strata = [f"{g}{e}" for g, e in emb.rows.select("gender", "ethnicity").rows()]
    alike = [replace(split, seed=0) for split in make_splits(emb.rows, strata)]
    for study in LEARNED:
        result = study(emb, common=COMMON, splits=alike)
        assert set(result.where(metric="knn_accuracy", group="all")["n_identities"]) == {240}
    own = ["loss", "majority", "share", "remedy", "group"]
    assert set(result.tables["scores"].group_by(own).len()["len"]) == {5}


CELLS = [Cell("softmax", "a", share, "none") for share in (0.5, 0.9)]
"""One loss, learned balanced and at a share of 0.9."""


def scored(
    wrong: dict[Cell, float], without: tuple[tuple[int, Cell], ...] = ()
) -> tuple[Scores, list[Split]]:
    """Make scores of 200 people, of whom each cell gets a share wrong, but for some splits."""
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], 100)
    hands = np.array_split(rng.permutation(200), 5)
    everybody = np.arange(200)
    splits = [
        Split(np.setdiff1d(everybody, hand), hand[:0], np.sort(hand), s, "")
        for s, hand in enumerate(hands)
    ]
    scores = Scores(codes, Labels(codes, ("a", "b"), {}), everybody, CELLS, splits)
    for s, split in enumerate(splits):
        for cell in CELLS:
            scores.learned[cell.majority, cell.share].append(split)
            if (s, cell) not in without:
                miss = rng.random(split.test.size) < wrong[cell]
                said = np.where(miss, 1 - codes[split.test], codes[split.test])
                scores.tally.add(s, cell.column, split.test, said)
    return scores, splits


def test_a_drop_is_on_splits_that_both_learned_on() -> None:
    balanced, biased = CELLS
    wrong = {balanced: 0.1, biased: 0.3}
    scores, splits = scored(wrong, ((0, balanced), (3, biased)))
    rows = pl.DataFrame(list(numbers(scores, CELLS, COMMON)), infer_schema_length=None)
    drop = rows.filter(metric="drop_from_balanced", group="all").row(0, named=True)
    at_share = rows.filter(metric="knn_accuracy", group="all", share=0.9).row(0, named=True)
    tested = sum(splits[s].test.size for s in (1, 2, 4))
    assert drop["n"] == at_share["n"] == tested
    assert drop["training_share"] is not None
    by_split = [scores.by_group(c) for c in CELLS]
    assert [sorted(found) for found in by_split] == [[1, 2, 3, 4], [0, 1, 2, 4]]
    # The balanced one alone rests on all of its own splits.
    first = rows.filter(metric="knn_accuracy", group="all", share=0.5).row(0, named=True)
    assert first["n"] == sum(splits[s].test.size for s in (1, 2, 3, 4))


def test_a_cell_without_a_split_in_common_is_missing() -> None:
    balanced, biased = CELLS
    never = tuple((s, balanced) for s in (0, 1)) + tuple((s, biased) for s in (2, 3, 4))
    scores, _ = scored(dict.fromkeys(CELLS, 0.2), never)
    rows = [r for r in numbers(scores, CELLS, COMMON) if r["share"] == biased.share]
    assert {r["value"] for r in rows} == {None}
    assert all("its training or the balanced one's diverged" in r["method"] for r in rows)


def test_a_column_names_its_cell() -> None:
    cell = Cell("softmax", "male · Asian", 1 / 6, "none")
    assert Cell.of(cell.column) == cell


def test_sets_drawn_from_splits_share_fewer_people_than_the_splits() -> None:
    scores, splits = scored(dict.fromkeys(CELLS, 0.2))
    whole = scores.repeats(CELLS[1]).overlap
    scores.learned["a", 0.9] = [replace(s, train=s.train[s.seed % 2 :: 2]) for s in splits]
    assert whole == pytest.approx(0.75)
    assert scores.repeats(CELLS[1]).overlap < 0.5
