"""The jackknife: against a closed form, and on neighbourhoods whose truth is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from evenface.stats.jackknife import GROUPS, deal_groups, jackknife
from evenface.studies import neighbours as nb
from populations import Gaussian


def test_for_a_mean_it_is_the_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=25)
    person = np.arange(25)
    group = deal_groups(person, np.zeros(25, dtype=np.intp))
    found = jackknife(lambda keep: float(values[keep].mean()), person, group, limits=(-9, 9))
    assert found.low is not None
    assert found.high is not None
    # With one person a group the jackknife of a mean is s / sqrt(n), with t on n - 1.
    half = 2.0638985616 * values.std(ddof=1) / 5
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-6)


def test_people_stay_whole_and_strata_are_spread() -> None:
    person = np.repeat(np.arange(90), 2)
    strata = (person >= 60).astype(np.intp)
    group = deal_groups(person, strata)
    assert group.max() + 1 == GROUPS
    assert all(np.unique(group[person == p]).size == 1 for p in range(90))
    assert set(np.bincount(group[strata == 1])) == {2}


def test_purity_intervals_cover_where_fixed_neighbours_would_not() -> None:
    # 60 draws of 90 people: the share of same-gender neighbours, its mean over draws the truth.
    found, fixed = [], []
    for seed in range(60):
        drawn = Gaussian(identities=15, separation=1.5, offset=0.0, seed=seed).embeddings()
        codes = (drawn.rows["gender"] == "male").cast(pl.Int64).to_numpy()
        person = np.arange(90)
        around = nb.Neighbourhoods(drawn.vectors, person, 10)
        group = deal_groups(person, codes)
        found.append(jackknife(lambda keep, a=around, c=codes: a.purity(c, keep), person, group))
        rows = (codes[around.around[:, :10]] == codes[:, None]).mean(axis=1)
        fixed.append(1.96 * rows.std() / np.sqrt(90))
    values = np.array([f.value for f in found], dtype=float)
    truth = values.mean()
    hits = [f.low <= truth <= f.high for f in found]  # type: ignore[operator]
    assert np.mean(hits) > 0.88
    assert np.mean(np.abs(values - truth) <= fixed) < 0.88


def test_one_person_is_no_sample() -> None:
    found = jackknife(lambda keep: 1.0, np.zeros(3, dtype=np.intp), np.zeros(3, dtype=np.intp))
    assert found.value is None
    assert "only 1 identity" in found.method
