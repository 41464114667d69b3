"""Verification by group on people whose genuine and impostor scores are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from evenface.embed.embeddings import Embeddings, embeddings_from_arrays
from evenface.errors import ConfigError, SelectionError
from evenface.pairs.listed import PairList
from evenface.studies import verify_view
from evenface.studies.data import CommonOptions
from evenface.studies.operating import model_of
from evenface.studies.verify import VerifyResult, verify
from evenface.studies.verify_options import VerifyOptions

QUICK = VerifyOptions(fmr=(0.01,), remedies=(), associations=False)
COMMON = CommonOptions(resamples=400)


def people(
    noise: tuple[float, ...], identities: int = 60, images: int = 3, seed: int = 0, dim: int = 16,
    shared: tuple[float, ...] | None = None,
) -> Embeddings:  # fmt: skip
    """A group for each noise; those of a group have as much in common as `shared` says."""
    rng = np.random.default_rng(seed)
    vectors, rows = [], []
    for g, spread in enumerate(noise):
        common = rng.normal(size=dim) * (shared[g] if shared else 0.0)
        for i in range(identities):
            person = rng.normal(size=dim) + common
            for _ in range(images):
                vectors.append(person + spread * rng.normal(size=dim))
                rows.append((f"{g}-{i}", "ABCDEFG"[g]))
    frame = pl.DataFrame(rows, schema=["identity", "ethnicity"], orient="row")
    return embeddings_from_arrays(np.array(vectors), frame)


def p_of(result: VerifyResult, metric: str) -> float:
    point = verify_view.main_point(result)
    assert point is not None
    return float(verify_view.tests_at(result, point).filter(metric=metric)["p_holm"][0])


def test_numbers_are_those_of_a_loop_over_pairs() -> None:
    made = people((0.5, 0.8), identities=12)
    result = verify(made, QUICK, COMMON)
    unit = made.vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    scores = unit @ unit.T
    who, group = made.rows["identity"].to_numpy(), made.rows["ethnicity"].to_numpy()
    upper = np.triu(np.ones(scores.shape, dtype=bool), 1)
    same = who[:, None] == who[None, :]
    # Scores are float32 there: the one that the threshold stands on may be rounded up.
    threshold = float(result.where(metric="fmr")["threshold"][0]) - 1e-6
    impostor = upper & ~same
    assert (scores[impostor] >= threshold).mean() == pytest.approx(0.01, abs=5e-4)
    for a, b in (("A", "A"), ("B", "B"), ("A", "B")):
        between = (group[:, None] == a) & (group[None, :] == b)
        between |= between.T
        found = result.estimate(metric="fmr", attribute="ethnicity", group_a=a, group_b=b)
        assert found.n == (impostor & between).sum()
        assert found.value == pytest.approx((scores[impostor & between] >= threshold).mean())
        if a == b:
            genuine = scores[upper & same & between]
            found = result.estimate(metric="fnmr", attribute="ethnicity", group_a=a)
            assert (found.n, found.n_identities) == (genuine.size, 12)
            assert found.value == pytest.approx((genuine < threshold).mean())


def test_who_is_recognised_less_is_found() -> None:
    result = verify(people((0.5, 1.0)), QUICK, COMMON)
    assert p_of(result, "fnmr") < 0.01
    assert any(
        "FNMR by ethnicity differs" in s and "for B, the highest" in s for s in result.reading()
    )
    garbe = result.estimate(metric="garbe")
    assert garbe.low is not None
    assert garbe.low > 0


def test_who_is_taken_for_others_is_found() -> None:
    result = verify(people((0.5, 0.5), shared=(0.0, 1.2)), QUICK, COMMON)
    assert p_of(result, "fmr") < 0.01
    within = result.estimate(metric="fmr", attribute="ethnicity", group_a="B", group_b="B")
    across = result.estimate(metric="fmr", attribute="ethnicity", group_a="A", group_b="B")
    assert across.value == 0
    assert within.low is not None
    assert within.low > 0.01


def test_equal_groups_are_seldom_told_apart() -> None:
    found = 0
    for seed in range(20):
        result = verify(people((0.7, 0.7, 0.7), identities=20, seed=seed), QUICK, COMMON)
        found += min(p_of(result, m) for m in ("fmr", "fnmr")) < 0.05
        garbe = result.estimate(metric="garbe")
        assert garbe.low is not None
    # One in twenty is the level; of 20 draws, 4 or more are rarer than 2 %.
    assert found < 4


def test_intervals_hold_the_rates_of_all_people() -> None:
    # The rates of very many people are known closely enough.
    truth = verify(people((0.9,) * 2, identities=500, images=2, seed=99), QUICK, COMMON)
    threshold = float(truth.where(metric="fmr")["threshold"][0])
    given = replace_options(threshold)
    held = {"fmr": 0, "fnmr": 0}
    draws = 40
    for seed in range(draws):
        result = verify(people((0.9,) * 2, identities=25, images=2, seed=seed), given, COMMON)
        for metric in held:
            own = result.where(metric=metric, group_a="all", threshold=threshold)
            want = truth.where(metric=metric, group_a="all")["value"][0]
            held[metric] += own["low"][0] <= want <= own["high"][0]
    # 40 draws at 95 %: 33 or fewer are rarer than 1 in 200.
    assert min(held.values()) >= 34


def replace_options(threshold: float) -> VerifyOptions:
    return VerifyOptions(fmr=(0.01,), threshold=threshold, remedies=(), associations=False)


def test_people_of_one_picture_are_refused() -> None:
    with pytest.raises(SelectionError, match="no identity has two pictures"):
        verify(people((0.5, 0.5), identities=9, images=1), QUICK, COMMON)


def test_groups_of_one_person_have_no_impostors_of_their_own() -> None:
    result = verify(people((0.5, 0.5), identities=1), replace_options(0.5), COMMON)
    own = result.where(metric="fmr", attribute="ethnicity")
    between = own.filter(pl.col("group_a") != pl.col("group_b"))
    assert between["n"].to_list() == [9]
    within = own.filter(pl.col("group_a") == pl.col("group_b"))
    assert within.height == 2
    assert within["value"].null_count() == 2
    assert within["method"].str.starts_with("not computed").all()
    assert "1000 are needed" in str(result.tables["points"]["reason"].drop_nulls()[0])


def test_length_of_vectors_is_no_matter_and_zero_ones_are_left_out() -> None:
    made = people((0.5, 0.8), identities=12)
    long = made.vectors * np.linspace(1, 50, len(made))[:, None].astype(np.float32)
    one, other = (
        verify(embeddings_from_arrays(v, made.rows.select("identity", "ethnicity")), QUICK, COMMON)
        for v in (made.vectors, long)
    )
    columns = ["metric", "value", "n", "group_a", "group_b"]
    assert one.numbers.select(columns).equals(other.numbers.select(columns))
    long[5] = 0
    less = verify(
        embeddings_from_arrays(long, made.rows.select("identity", "ethnicity")), QUICK, COMMON
    )
    assert less.tables["left_out"].rows() == [("zero vectors", 1)]
    assert less.context["pairs"]["genuine"] == one.context["pairs"]["genuine"] - 2


def test_targets_need_enough_impostors() -> None:
    options = VerifyOptions(fmr=(0.01, 1e-4), remedies=(), associations=False)
    result = verify(people((0.5, 0.8), identities=12), options, COMMON)
    points = result.tables["points"].rows(named=True)
    assert [p["fmr_target"] for p in points if p["threshold"] is None] == [1e-4]
    assert "2484 impostor pairs, 100000 are needed" in str(points[-1]["reason"])


def test_thresholds_of_other_scores_are_refused(tmp_path: Path) -> None:
    made = people((0.5, 0.8), identities=12)
    verify(made, QUICK, COMMON).save(tmp_path / "results")
    taken = VerifyOptions(thresholds_from=str(tmp_path), remedies=(), associations=False)
    found = verify(made, taken, COMMON)
    assert found.tables["points"]["source"].to_list() == [tmp_path.name]
    with pytest.raises(ConfigError, match="a threshold holds for its own scores"):
        verify(made, taken.model_copy(update={"similarity": "euclidean"}), COMMON)
    other = replace(made, card={**made.card, "name": "another"})
    with pytest.raises(ConfigError, match="another"):
        verify(other, taken, COMMON)
    file = tmp_path / "results" / "verify.json"
    file.write_text(json.dumps({"tables": {}}))
    with pytest.raises(ConfigError, match="no thresholds to take over"):
        verify(made, taken, COMMON)


def test_only_listed_pairs_are_counted() -> None:
    made = people((0.5, 0.8), identities=12)
    first = np.array([0, 3, 0, 36])
    second = np.array([1, 4, 3, 39])
    pairs = PairList(first, second, np.array([True, True, False, False]), np.full(4, -1))
    options = VerifyOptions(threshold=0.5, remedies=(), associations=False)
    result = verify(made, options, COMMON, pairs=pairs)
    own = result.where(group_a="all", threshold=0.5)
    own = own.filter(pl.col("attribute").is_null())
    assert dict(own.select("metric", "n").rows()) == {"fmr": 2, "fnmr": 2}
    assert result.tables["protocol"].height
    assert result.context["pairs"]["listed"]


def test_labels_that_could_be_taken_for_others_stand_apart() -> None:
    made = people((0.5, 0.5, 0.5))
    names = {"A": ("a \u00b7 b", "c"), "B": ("a", "b \u00b7 c"), "C": ("all", "all")}
    old = made.rows["ethnicity"].to_list()
    rows = pl.DataFrame({
        "identity": made.rows["identity"],
        "gender": [names[e][0] for e in old], "ethnicity": [names[e][1] for e in old],
    })  # fmt: skip
    made = embeddings_from_arrays(made.vectors, rows)
    result = verify(made, QUICK, COMMON)
    counts = result.tables["counts"].filter(attribute="group")
    assert counts.height == 3
    twice = CommonOptions(resamples=400, group_by=("gender", "gender"))
    alone = verify(made, QUICK, twice)
    assert "\u201call\u201d" in alone.tables["counts"]["group"].to_list()
    assert alone.context["group_by"] == ["gender"]


def test_pictures_that_cannot_be_compared_leave_a_reason() -> None:
    made = people((0.5, 0.5))
    nothing = embeddings_from_arrays(np.zeros_like(made.vectors), made.rows)
    with pytest.raises(SelectionError, match="zero vectors"):
        verify(nothing, QUICK, COMMON)


def test_upper_ends_follow_from_thresholds_with_more_errors() -> None:
    made = people((0.5, 0.5, 0.5, 0.5), identities=16, shared=(0, 0, 0, 1.5))
    asked = VerifyOptions(fmr=(0.1, 0.01, 0.002), remedies=(), associations=False)
    result = verify(made, asked, COMMON)
    for metric, grows in (("fmr", False), ("fnmr", True)):
        rows = result.where(metric=metric).drop_nulls("value").sort("threshold", descending=grows)
        for _, own in rows.group_by("attribute", "group_a", "group_b", maintain_order=True):
            none = own.filter(value=0)
            for row in none.rows(named=True):
                before = own.filter(
                    pl.col("threshold") > row["threshold"]
                    if grows else pl.col("threshold") < row["threshold"]
                )  # fmt: skip
                assert row["high"] <= min(before["high"].to_list(), default=1.0)
    assert result.numbers["method"].str.contains("at a threshold with more errors").any()


def test_thresholds_are_of_one_network_and_as_many_dimensions() -> None:
    card = {"name": "net", "sha256": "abc", "dimension": 128}
    assert model_of(card) == "net abc of 128 dimensions"
    assert model_of(card) != model_of({**card, "dimension": 64})
    # The hash of imported vectors is that of their file.
    one, other = ({**card, "name": "imported", "sha256": h} for h in "ab")
    assert model_of(one) == model_of(other) == "imported vectors of 128 dimensions"
    assert model_of(one) != model_of({**one, "dimension": 64})
