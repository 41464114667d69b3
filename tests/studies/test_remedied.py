"""Remedies compared: a group whose impostors are alike, direct counts, data that lack things."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from evenface.errors import ConfigError
from evenface.faces.split import Split, make_splits
from evenface.pairs.people import People
from evenface.pairs.remedies import REMEDIES
from evenface.pairs.similarity import Prepared
from evenface.studies.remedied import Remedied, compare_remedies

TARGET = 0.01


class Faces:
    """Persons of two groups, with something in common: those of b more than those of a.

    Impostors score as a sum of what either brings along: most within b, least within a.
    """

    def __init__(
        self,
        persons: int = 400,
        images: int = 3,
        a: float = 1.0,
        b: float = 1.5,
        noise: float = 0.9,
    ) -> None:
        rng = np.random.default_rng(0)
        group = np.arange(persons) % 2
        who = rng.normal(size=(persons, 24))
        who[:, 0] = np.where(group == 1, b, a) * np.sqrt(24)
        self.person = np.repeat(np.arange(persons), images)
        vectors = who[self.person] + noise * rng.normal(size=(self.person.size, 24))
        self.vectors = vectors.astype(np.float32)
        self.group: list[str | None] = ["ab"[g] for g in group[self.person]]

    def splits(self, seeds: int = 5) -> list[Split]:
        ids = [str(i) for i in range(len(self.person))]
        frame = pl.DataFrame({"sample_id": ids, "identity": [f"p{k:04}" for k in self.person]})
        return make_splits(frame, self.group, seeds=seeds)

    def compared(self, splits: list[Split] | None = None, **about: Any) -> Remedied:
        people = People.of(self.person, self.person, self.group)
        prepared = Prepared.of(self.vectors, people.order, "cosine")
        about = {"targets": [TARGET], **about}
        return compare_remedies(prepared, people, splits or self.splits(), **about)


def number(found: Remedied, remedy: str, metric: str, group: str | None = None) -> dict[str, Any]:
    (row,) = (
        r for r in found.rows
        if (r["remedy"], r["metric"], r["group"]) == (remedy, metric, group)
    )  # fmt: skip
    return row


@pytest.fixture(scope="module")
def unequal() -> Remedied:
    return Faces().compared()


def test_one_threshold_for_all_is_unequal_where_impostors_of_a_group_are_alike(
    unequal: Remedied,
) -> None:
    a, b = (number(unequal, "none", "fmr", g) for g in "ab")
    assert b["low"] > 4 * a["high"]
    every = number(unequal, "none", "fmr")
    assert every["low"] < TARGET < every["high"]
    assert every["change"] is None
    assert number(unequal, "none", "fnmr")["value"] > 0


def ratio(found: Remedied, name: str) -> float:
    a, b = (number(found, name, "fmr", g)["value"] for g in "ab")
    return float(b / a)


@pytest.mark.parametrize(
    ("name", "most", "costs_b"),
    [("group_thresholds", 1.2, True), ("z_norm", 3, True), ("s_norm", 4, False)],
)
def test_remedies_make_fmr_alike_and_who_pays_is_there_to_see(
    unequal: Remedied, name: str, most: float, costs_b: bool
) -> None:
    """Of what both pictures bring along, normalising takes half away."""
    assert ratio(unequal, "none") > 15
    assert 1 / most < ratio(unequal, name) < most
    a, b = (number(unequal, name, "fmr", g) for g in "ab")
    assert a["change_low"] > 0 > b["change_high"]
    # As many false matches over all; fewer of a are turned away, more of b.
    assert number(unequal, name, "fmr")["value"] == pytest.approx(TARGET, rel=0.2)
    a, b = (number(unequal, name, "fnmr", g) for g in "ab")
    assert a["change_high"] < 0
    assert (b["change_low"] > 0) == costs_b
    price, before = (number(unequal, n, "fnmr") for n in (name, "none"))
    assert price["change"] == pytest.approx(price["value"] - before["value"])
    assert price["change_low"] < price["change"] < price["change_high"]


def test_where_only_a_groups_own_are_alike_z_norm_turns_it_around_and_fair_cal_does_not() -> None:
    found = Faces(a=0, b=1).compared(names=["z_norm", "fair_cal"])
    assert ratio(found, "none") > 20
    assert ratio(found, "z_norm") < 0.5
    assert 1 < ratio(found, "fair_cal") < 5


def test_it_says_what_needs_labels_and_of_whom_numbers_are(unequal: Remedied) -> None:
    assert list(unequal.warnings) == ["group_thresholds"]
    assert "unlawful" in unequal.warnings["group_thresholds"]
    assert unequal.left_out == []
    assert unequal.context["test_persons"] == 400
    assert unequal.context["test_pairs"] == 5 * (240**2 - 80 * 9) // 2
    assert not unequal.context["drawn"]
    for row in unequal.rows:
        assert set(row) == set(unequal.rows[0])
        assert row["low"] <= row["value"] <= row["high"]
    everybody = number(unequal, "none", "fmr")
    assert (everybody["n"], everybody["n_identities"]) == (unequal.context["test_pairs"], 400)
    assert pl.DataFrame(unequal.rows).height == 5 * (2 * 3 + 2)


def test_errors_are_those_of_a_direct_count() -> None:
    faces = Faces(150, a=0.5, b=0.5)
    (split,) = faces.splits(1)
    found = faces.compared([split], names=["none", "z_norm"], targets=[0.02])
    v = faces.vectors / np.linalg.norm(faces.vectors, axis=1, keepdims=True)
    scores, same = v @ v.T, faces.person[:, None] == faces.person
    group = np.array(faces.group)

    def pairs(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        i, j = np.triu_indices(len(rows), 1)
        return rows[i], rows[j]

    i, j = pairs(split.train)
    train = np.sort(scores[i, j][~same[i, j]])
    threshold = train[train.size - int(0.02 * train.size)]
    i, j = pairs(split.test)
    for g in (None, "a", "b"):
        mine = np.ones(i.size, bool) if g is None else (group[i] == g) & (group[j] == g)
        two = mine & ~same[i, j]
        row = number(found, "none", "fmr", g)
        assert row["threshold"] == pytest.approx(threshold, abs=1e-6)
        assert row["n"] == two.sum()
        assert row["value"] == pytest.approx((scores[i, j][two] >= threshold).mean(), abs=2e-3)
        row, one = number(found, "none", "fnmr", g), mine & same[i, j]
        assert row["n"] == one.sum()
        assert row["value"] == pytest.approx((scores[i, j][one] < threshold).mean(), abs=0.02)


def test_whoever_is_tested_has_no_part_in_what_is_fitted() -> None:
    faces, other = Faces(150), Faces(150)
    (split,) = faces.splits(1)
    away = np.concatenate([split.test, split.validation])
    other.vectors[away] = np.random.default_rng(1).normal(size=(away.size, 24))
    one, two = (f.compared([split]) for f in (faces, other))
    assert [r["threshold"] for r in one.rows] == [r["threshold"] for r in two.rows]
    assert number(one, "none", "fnmr")["value"] < number(two, "none", "fnmr")["value"]


def test_a_seed_settles_everything() -> None:
    faces = Faces(150)
    one, two, third = (faces.compared(most_training=5000, seed=s) for s in (1, 1, 2))
    assert one == two
    assert one.context["drawn"]
    assert one.rows != third.rows


def test_large_data_are_drawn_by_person() -> None:
    found = Faces(300).compared(most_training=20_000, most_test=2000, names=["none"])
    assert found.context["training_pairs"] <= 20_000
    assert found.context["test_pairs"] <= 5 * 2000
    assert number(found, "none", "fmr")["n_identities"] == found.context["test_persons"] < 150
    assert number(found, "none", "fnmr")["n"] == 3 * found.context["test_persons"]


def test_nobody_counts_twice() -> None:
    faces = Faces(150)
    ten, five = faces.splits(10), faces.splits(5)
    steps: list[tuple[int, int]] = []
    found = faces.compared(ten, names=["none"], on_step=lambda *s: steps.append(s))
    assert found.context["splits"] == 5
    assert found.context["splits_given"] == 10
    assert found.rows == faces.compared(five, names=["none"]).rows
    assert steps == [(k, 5) for k in range(1, 6)]


def test_one_picture_a_person_leaves_no_genuine_pair() -> None:
    found = Faces(500, 1).compared()
    assert {r["remedy"] for r in found.rows} == set(REMEDIES) - {"fair_cal"}
    (lost,) = found.left_out
    assert lost["remedy"] == "fair_cal"
    assert lost["fmr_target"] is None
    assert lost["reason"].startswith("not fitted: 0 genuine pairs")
    misses = [r for r in found.rows if r["metric"] == "fnmr"]
    assert {r["method"] for r in misses} == {"not computed: no comparisons"}
    assert {r["change"] for r in misses} == {None}
    assert number(found, "s_norm", "fmr", "b")["change_high"] < 0


def test_targets_that_pairs_are_too_few_for_are_left_out_with_the_reason() -> None:
    found = Faces(100).compared(targets=[0.05, 1e-3, 1e-5])
    assert {r["fmr_target"] for r in found.rows} == {0.05}
    assert [(r["remedy"], r["fmr_target"]) for r in found.left_out] == [(None, 1e-3), (None, 1e-5)]
    assert "8550 pairs of two test persons" in found.left_out[0]["reason"]
    assert "10000" in found.left_out[0]["reason"]
    none = Faces(100).compared(targets=[1e-6])
    assert none.rows == []


def test_rows_of_no_recorded_group_are_compared_with_all_and_are_no_group() -> None:
    faces = Faces(200)
    faces.group = [None if p < 40 else g for p, g in zip(faces.person, faces.group, strict=True)]
    found = faces.compared()
    assert {r["group"] for r in found.rows} == {None, "a", "b"}
    assert number(found, "none", "fmr")["n_identities"] == 200
    assert number(found, "none", "fmr", "a")["n_identities"] == 80
    faces.group = [None] * len(faces.group)
    found = faces.compared()
    assert {r["group"] for r in found.rows} == {None}
    assert [r["remedy"] for r in found.left_out] == ["group_thresholds"]


def test_small_groups_have_wide_intervals_and_are_no_part_of_inequality() -> None:
    faces = Faces(200)
    faces.group = ["c" if p < 9 else g for p, g in zip(faces.person, faces.group, strict=True)]
    found = faces.compared(names=["group_thresholds", "z_norm"])
    small, large = (number(found, "z_norm", "fmr", g) for g in ("c", "a"))
    assert 0 < small["n"] <= 45
    assert small["high"] - small["low"] > 5 * (large["high"] - large["low"])
    assert number(found, "z_norm", "garbe")["n_identities"] == 200 - 9
    assert number(found, "z_norm", "garbe")["change"] is None


def test_inequality_falls_where_groups_get_thresholds_of_their_own(unequal: Remedied) -> None:
    before, after = (number(unequal, n, "garbe") for n in ("none", "group_thresholds"))
    assert after["high"] < before["low"]
    fair = number(unequal, "group_thresholds", "fdr")
    assert 0 <= number(unequal, "none", "fdr")["value"] < fair["value"] <= 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"names": ["none", "magic"]}, "no remedy 'magic'"), ({"targets": [0.0]}, "not at 0"),
     ({"targets": [1.5]}, "not at 1.5")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Faces(50).compared(**wrong)
