"""Vectors of made-up people have the accuracies and error rates that their truth says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from scipy.stats import chi2, ncx2

from evenface.embed.folder import write_embeddings
from evenface.embed.quadratic import share_shorter
from evenface.embed.store import open_embeddings
from evenface.embed.vector_geometry import solve_geometry
from evenface.embed.vector_population import ETHNICITIES, TABLE, VectorPopulation
from evenface.errors import ConfigError
from evenface.studies.data import CommonOptions
from evenface.studies.transfer import TransferOptions, transfer

MANY = VectorPopulation(identities_per_group=10_000, images_per_identity=1, dimension=16, seed=5)


def z(found: float, truth: float, n: int) -> float:
    """How many standard errors a share of n lies from what it should be."""
    return (found - truth) / np.sqrt(truth * (1 - truth) / n)


def test_the_geometry_has_the_source_reports_table() -> None:
    np.testing.assert_allclose(solve_geometry(TABLE).table(), TABLE, rtol=0, atol=1e-9)


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    k = draw(st.integers(2, 5))
    own = np.array(draw(st.lists(st.floats(0.6, 0.995), min_size=k, max_size=k)))
    kept = st.lists(st.floats(0.05, 0.97), min_size=k * k, max_size=k * k)
    table = 0.5 + (own - 0.5) * np.reshape(draw(kept), (k, k))
    np.fill_diagonal(table, own)
    return table


@given(tables())
@settings(max_examples=60, deadline=None)
def test_every_table_below_its_diagonal_is_met(table: np.ndarray) -> None:
    found = solve_geometry(table)
    np.testing.assert_allclose(found.table(), table, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.axes, axis=1), 1)
    np.testing.assert_allclose(found.means.mean(axis=0), 0, atol=1e-9)


def test_axes_are_found_where_the_least_cosines_have_none() -> None:
    # A and B, B and C must be nearly one axis, A and C nothing of the kind.
    table = [[0.98, 0.979, 0.55], [0.979, 0.98, 0.979], [0.55, 0.979, 0.98]]
    np.testing.assert_allclose(solve_geometry(table).table(), table, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([[0.9, 0.95], [0.8, 0.95]], "A on B is 0.95, where B's own rule has 0.95"),
        ([[0.9, 0.8], [0.97, 0.95]], "B on A is 0.97, where A's own rule has 0.9"),
        ([[0.9, 0.4], [0.8, 1.0]], r"A on B is 0.4; above 0.5.*B on B is 1; above 0.5"),
        ([[0.9, float("nan")], [0.8, 0.9]], "A on B is nan"),
        ([[0.9, 0.8]], "square"),
        ([["much", 0.8], [0.8, 0.9]], "numbers"),
    ],
)
def test_a_table_that_no_groups_have_is_refused(table: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        solve_geometry(table, "AB")


def test_the_best_rules_are_right_as_often_as_the_truth_says() -> None:
    made, truth = MANY.embeddings(), MANY.truth()
    male = (made.rows["gender"] == "male").to_numpy()
    among = {e: (made.rows["ethnicity"] == e).to_numpy() for e in ETHNICITIES}
    off = []
    for i, train_on in enumerate(ETHNICITIES):
        women, men = MANY.means[2 * i : 2 * i + 2]
        rule = np.linalg.solve(MANY.covariances[i], men - women)
        said = made.vectors @ rule > (women + men) @ rule / 2
        exact = MANY.rule_truth(rule, (women + men) @ rule / 2)
        for j, test_on in enumerate(ETHNICITIES):
            row = truth.row(by_predicate=(pl.col("train_on") == train_on)
                            & (pl.col("test_on") == test_on), named=True)  # fmt: skip
            assert row["balanced_accuracy"] == pytest.approx(TABLE[i][j], abs=1e-9)
            for column, side, share in (("female", ~male, exact[0]), ("male", male, exact[1])):
                here = among[test_on] & side
                assert share[j] == pytest.approx(row[column], abs=1e-9)
                off.append(z((said == male)[here].mean(), row[column], here.sum()))
    assert np.abs(off).max() < 3.5
    assert 0.5 < np.std(off) < 1.5


def test_least_squares_on_everybody_tends_to_the_pooled_rule() -> None:
    made = MANY.embeddings()
    sign = np.where(made.rows["gender"] == "male", 1.0, -1.0)
    design = np.column_stack([made.vectors, np.ones(len(made))])
    *rule, intercept = np.linalg.lstsq(design, sign, rcond=None)[0]
    women, men = MANY.rule_truth(rule, -intercept)
    pooled = MANY.truth().filter(pl.col("train_on") == "all")
    np.testing.assert_allclose(women, pooled["female"], atol=0.004)
    np.testing.assert_allclose(men, pooled["male"], atol=0.004)
    assert (pooled["transfer_gap"] > 0).all()


def test_learned_linear_probes_come_near_the_truth() -> None:
    population = VectorPopulation(identities_per_group=834, images_per_identity=1)
    options = TransferOptions(probes=("linear",), train=1000)
    result = transfer(population.embeddings(), options, CommonOptions(resamples=100))
    truth = population.truth().rename({"balanced_accuracy": "truth"})
    found = (
        result.frame()
        .filter(pl.col("metric") == "balanced_accuracy", pl.col("probe") == "linear")
        .join(truth, on=["target", "across", "train_on", "test_on"])
    )
    assert found.height == 12
    assert ((found["value"] - found["truth"]).abs() < 0.025).all()
    covered = (found["low"] <= found["truth"]) & (found["truth"] <= found["high"])
    # One miss among twelve intervals of 95 % is no surprise.
    assert covered.sum() >= 11


@pytest.mark.parametrize("d", [5, 8, 64])
@pytest.mark.parametrize("part", [0.05, 0.5, 1.0, 3.0])
def test_squared_lengths_follow_chi_squared_where_variances_are_equal(d: int, part: float) -> None:
    central = share_shorter(np.full(d, 2.0), np.zeros(d), 2 * d * part)
    assert central == pytest.approx(chi2.cdf(d * part, d), abs=1e-10)
    moved = share_shorter(np.full(d, 2.0), np.full(d, 0.5), 2 * d * part)
    assert moved == pytest.approx(ncx2.cdf(d * part, d, d * 0.125), abs=1e-10)


def test_error_rates_of_comparison_are_those_of_drawn_pairs() -> None:
    population = VectorPopulation(2000, 2, dimension=16, seed=3)
    made, threshold = population.embeddings().vectors.astype(float), -3.0
    first, second = made.reshape(6, 2000, 2, 16).transpose(2, 0, 1, 3)
    rates = population.rates(threshold)
    own = rates.drop_nulls("fnmr")
    assert own.height == 6
    for g, row in enumerate(own.rows(named=True)):
        assert (row["gender_a"], row["ethnicity_a"]) == population.groups[g]
        missed = (np.linalg.norm(first[g] - second[g], axis=1) > 3).mean()
        assert abs(z(missed, row["fnmr"], 2000)) < 3.5
        # Pairs share people; these are as good as 2000 that don't.
        matched = (pdist(first[g]) <= 3).mean()
        assert abs(z(matched, row["fmr"], 2000)) < 3.5
    between = rates.row(1, named=True)
    matched = (cdist(first[0], first[1]) <= 3).mean()
    assert between["fnmr"] is None
    assert abs(z(matched, between["fmr"], 2000)) < 3.5
    # Where noise is narrow people are more alike, and their pictures too.
    narrow, wide = own.row(0, named=True), own.row(2, named=True)
    assert narrow["fmr"] > 1.2 * wide["fmr"]
    assert narrow["fnmr"] < wide["fnmr"]


def test_thresholds_beyond_all_scores_have_rates_of_none_and_all() -> None:
    population = VectorPopulation(1)
    assert set(population.rates(0.0).select("fmr").to_series()) == {0.0}
    assert set(population.rates(0.0).drop_nulls()["fnmr"]) == {1.0}
    assert set(population.rates(-1000.0).select("fmr").to_series()) == {1.0}


def test_more_people_and_pictures_add_to_those_there_are() -> None:
    few, more = (VectorPopulation(n, k, 8).embeddings() for n, k in ((3, 1), (5, 2)))
    joined = few.rows.with_row_index("a").join(more.rows.with_row_index("b"), on="sample_id")
    assert joined.height == 18
    np.testing.assert_array_equal(few.vectors[joined["a"]], more.vectors[joined["b"]])


def test_other_seeds_are_other_people_of_the_same_network() -> None:
    one, other = (VectorPopulation(3, seed=s).embeddings() for s in (0, 1))
    assert one.card == other.card
    assert not np.allclose(one.vectors, other.vectors)
    assert one.card != VectorPopulation(3, apart=3.0).embeddings().card


def test_a_folder_says_that_it_is_synthetic(tmp_path: Path) -> None:
    write_embeddings(VectorPopulation(4).embeddings(), tmp_path / "emb")
    there = open_embeddings(tmp_path / "emb")
    assert there.synthetic
    assert there.source["parameters"]["identities_per_group"] == 4
    assert "show nobody" in there.source["notes"][0]["text"]
    assert there.rows.group_by("gender", "ethnicity").len()["len"].to_list() == [8] * 6


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"identities_per_group": 0}, "identities_per_group must be a whole number of at least 1"),
        ({"images_per_identity": True}, "images_per_identity must be a whole number"),
        ({"dimension": 7}, "dimension must be a whole number of at least 8, not 7"),
        ({"dimension": 5000}, "at most 4096"),
        ({"seed": -1, "apart": -1.0}, "seed must.*; apart must be a number of at least 0"),
        ({"apart": float("inf")}, "apart must"),
        ({"picture_share": 1.0}, "between 0 and 1, not 1.0"),
        ({"spread": (1.0, 0.0, 1.0)}, "three numbers above 0"),
        ({"spread": (1.0, 1.0)}, "three numbers above 0"),
        ({"table": ((0.9, 0.8), (0.8, 0.9))}, "three rows of three numbers"),
        ({"table": ((0.9, 0.8, 0.8), (0.8, 0.9), (0.8, 0.8, 0.9))}, "three rows of three"),
        ({"table": ((0.9, 0.95, 0.8), (0.8, 0.9, 0.8), (0.8, 0.8, 0.9))}, "Asian on Black is 0.95"),
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        VectorPopulation(**wrong)


@pytest.mark.parametrize("weights", [np.ones(7), np.zeros(8)])
def test_weights_that_are_no_rule_are_refused(weights: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="8 numbers, not all 0"):
        VectorPopulation(1, dimension=8).rule_truth(weights, 0.0)
