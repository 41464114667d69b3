"""What neighbours share if labels were wrong: closed form, the study's own number, its words."""

from __future__ import annotations

import numpy as np
import pytest

from evenface.stats.flips import SHARES
from evenface.stats.jackknife import deal_groups
from evenface.studies.data import CommonOptions
from evenface.studies.label_noise import breakdowns
from evenface.studies.map import MapOptions, map_space
from evenface.studies.map_labels import purity_curves
from evenface.studies.neighbours import Neighbourhoods
from populations import Gaussian

COMMON = CommonOptions(resamples=200)


def test_wrong_labels_at_random_have_the_closed_form() -> None:
    # Two clusters far apart: a face and its neighbour agree if both labels hold or neither does.
    people = 200
    codes = np.arange(people) % 2
    points = np.random.default_rng(0).normal(size=(people, 3)) + 100.0 * codes[:, None]
    person = np.arange(people)
    group = deal_groups(person, codes)
    curves = purity_curves(Neighbourhoods(points, person, 10), codes, group, COMMON)
    k = np.array(SHARES)
    # Chance is a hair below one half: of the others one fewer has the own label.
    purity, chance = (1 - k) ** 2 + k**2, (people / 2 - 1) / (people - 1)
    found = [e.value for e in curves["random"].estimates]
    assert found == pytest.approx(((purity - chance) / (1 - chance)).tolist(), abs=0.02)
    assert found[0] == 1
    for one, worst in zip(curves["random"].estimates, curves["worst"].estimates, strict=True):
        assert worst.value is not None
        assert one.value is not None
        assert worst.value <= one.value + 1e-9
    widths = [e.high - e.low for e in curves["random"].estimates]
    assert widths[-1] > widths[0]


def test_nothing_is_asked_of_what_is_not_above_chance() -> None:
    rng = np.random.default_rng(1)
    person = np.arange(60)
    codes = rng.integers(0, 2, 60)
    around = Neighbourhoods(rng.normal(size=(60, 2)), person, 10)
    assert purity_curves(around, codes, deal_groups(person, codes), COMMON) == {}


def test_curves_begin_with_the_study_s_own_numbers() -> None:
    population = Gaussian(identities=30, images=3, separation=3.0, offset=3.0)
    options = MapOptions(per_group=(10, 20), images=2, dims=(2,))
    result = map_space(population.embeddings(), options, COMMON)
    table = result.tables["label_noise"]
    assert set(table["what"]) == {"gender", "ethnicity", "group"}
    for row in table.filter(share=0.0).rows(named=True):
        own = result.estimate(
            metric="knn_purity_corrected", space="original", labelling=row["what"], per_group=20
        )
        assert (row["value"], row["low"], row["high"]) == (own.value, own.low, own.high)
        assert row["bound"] == 0
    found = breakdowns(table)
    assert (found["worst"].fill_null(1) <= found["random"].fill_null(1)).all()
    assert found["left_out"].is_null().all()
    assert any("of the identities mapped were wrong" in sentence for sentence in result.reading())
    assert "map_labels" in result.figures()
