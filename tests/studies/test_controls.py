"""Control tasks, fewer axes, and groups that are served unequally."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from tests.populations import Gaussian, labelled

from evenface.studies.controls import one_left_out, shuffled
from evenface.studies.data import CommonOptions
from evenface.studies.probe import ProbeOptions, probe
from evenface.studies.unequal import OTHERS

QUICK = CommonOptions(resamples=500)
PEOPLE = st.lists(st.tuples(st.integers(0, 12), st.integers(-1, 2)), min_size=1, max_size=60)


@given(PEOPLE, st.integers(0, 3))
def test_labels_are_dealt_by_person_and_none_is_lost(
    rows: list[tuple[int, int]], seed: int
) -> None:
    person = np.array([p for p, _ in rows], dtype=np.intp)
    class_of = dict(rows)
    codes = np.array([class_of[p] for p, _ in rows], dtype=np.intp)
    dealt = shuffled(codes, person, seed)
    assert ((dealt < 0) == (codes < 0)).all()
    known = dict(zip(person[dealt >= 0].tolist(), dealt[dealt >= 0].tolist(), strict=True))
    assert all(
        known[p] == c for p, c in zip(person.tolist(), dealt.tolist(), strict=True) if c >= 0
    )
    assert sorted(known.values()) == sorted(c for c in class_of.values() if c >= 0)


@given(PEOPLE)
def test_one_picture_of_each_person_with_several_is_left_out(rows: list[tuple[int, int]]) -> None:
    person = np.array([p for p, _ in rows], dtype=np.intp)
    kept, spare = one_left_out(np.arange(len(rows)), person)
    assert sorted([*kept.tolist(), *spare.tolist()]) == list(range(len(rows)))
    several = {p for p in person.tolist() if (person == p).sum() > 1}
    assert sorted(person[spare].tolist()) == sorted(several)
    assert set(person[kept].tolist()) == set(person.tolist())


def test_shuffled_labels_are_known_by_heart_and_no_further() -> None:
    # All pictures of a person are one vector, so whoever was seen can be known by heart.
    population = Gaussian(identities=60, images=2, separation=2.5)
    options = ProbeOptions(targets=("gender",), probes=("linear", "knn"), controls=5)
    result = probe(population.embeddings(), options, QUICK)
    for name in ("linear", "knn", "strongest"):
        at = {"probe": name, "group": "all"}
        unseen = result.estimate(metric="control_accuracy", **at)
        assert unseen.low is not None
        assert unseen.high is not None
        assert unseen.low - 0.03 < 0.5 < unseen.high + 0.03
        real = result.estimate(metric="balanced_accuracy", **at)
        gain = result.estimate(metric="selectivity", **at)
        assert gain.value == (real.value or 0) - (unseen.value or 0)
        assert gain.low is not None
        assert gain.low > 0.2
    # One neighbour or a few: the nearest is another picture of the same person.
    seen = result.estimate(metric="control_accuracy_seen", probe="knn", group="all")
    assert seen.value is not None
    assert seen.value > 0.6


def test_without_second_pictures_nothing_is_said_of_the_seen() -> None:
    options = ProbeOptions(targets=("gender",), probes=("linear",), dimensions=())
    result = probe(Gaussian(identities=30).embeddings(), options, QUICK)
    seen = result.estimate(metric="control_accuracy_seen", probe="linear")
    assert seen.value is None
    assert "no rows" in seen.method
    assert not result.where(metric="lost_by_dimension").height


def test_controls_can_be_left_out() -> None:
    options = ProbeOptions(targets=("gender",), probes=("knn",), controls=0)
    result = probe(Gaussian(identities=20).embeddings(), options, QUICK)
    assert not {"control_accuracy", "selectivity"} & set(result.numbers["metric"])
    # There is no linear probe to cut.
    assert not result.where(metric="balanced_accuracy_by_dimension").height


def test_an_attribute_on_a_narrow_axis_needs_that_many_axes() -> None:
    # Gender lies along the narrowest of six axes: their spreads are standardised, so copies of a
    # feature are what makes an axis wide.
    rng = np.random.default_rng(0)
    n = 300
    gender = rng.integers(2, size=n)
    wide = np.repeat(rng.normal(size=(n, 2)), 10, axis=1) + 0.1 * rng.normal(size=(n, 20))
    sign = (3 * gender - 1.5 + rng.normal(size=n))[:, None]
    rows: list[tuple[str, str, str | None, str | None]] = [
        (f"s{i}", f"p{i}", ("female", "male")[g], ("A", "B")[i % 2])
        for i, g in enumerate(gender.tolist())
    ]
    options = ProbeOptions(targets=("gender",), probes=("linear",), dimensions=(2, 3, 50))
    result = probe(labelled(np.hstack([wide, sign]), rows), options, QUICK)
    found = result.where(metric="balanced_accuracy_by_dimension")
    # 50 is more than there are.
    assert found["dimension"].to_list() == [2, 3, 21]
    lost = result.where(metric="lost_by_dimension").sort("dimension")
    assert lost["dimension"].to_list() == [2, 3]
    assert lost["low"][0] > 0.2
    assert lost["high"][1] < 0.05
    alone = result.estimate(metric="balanced_accuracy", probe="linear")
    whole = result.estimate(metric="balanced_accuracy_by_dimension", dimension=21)
    assert whole.value == alone.value


def test_a_group_that_is_served_worse_is_found() -> None:
    good, bad = Gaussian(identities=80, separation=4.0), Gaussian(identities=80, separation=0.8)
    first, second = good.embeddings(), bad.embeddings()
    worse = (second.rows["ethnicity"] == "Asian").to_numpy()
    mixed = np.where(worse[:, None], second.vectors, first.vectors)
    options = ProbeOptions(targets=("gender",), probes=("linear",), controls=0, dimensions=())
    common = CommonOptions(resamples=500, group_by=("ethnicity",))
    tests = probe(dataclasses.replace(first, vectors=mixed), options, common).tables["tests"]
    asian = tests.filter(pl.col("a") == "Asian").row(0, named=True)
    assert asian["b"] == OTHERS
    assert asian["high"] < 0
    assert asian["p_holm"] < 0.05
    assert set(tests["a"]) == {"Asian", "Black", "Caucasian"}
