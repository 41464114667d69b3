"""Groups against all others: how many wrong groups, and how many people, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from evenface.stats.asked import Asked
from evenface.stats.flips import SHARES, WAYS
from evenface.studies.data import CommonOptions, Labels
from evenface.studies.heldout import Tally
from evenface.studies.judged import Judged, Repeats, with_holm
from evenface.studies.label_noise import LABEL_NOISE
from evenface.studies.needed import POINTS, needed_apart
from evenface.studies.probe import ProbeOptions, probe
from evenface.studies.unequal import against_others, difference
from evenface.studies.unequal_labels import label_noise
from populations import ETHNICITIES, labelled

ASKED = Asked(resamples=500)
PEOPLE = 120


def judged(
    codes: Any, accuracies: tuple[float, ...] = (1.0, 0.5, 0.5), splits: int = 1
) -> list[tuple[str, Judged, Judged]]:
    """Three groups as large, one after another, right as often as said; a picture a person."""
    rows, each = np.arange(PEOPLE), PEOPLE // len(accuracies)
    right = np.concatenate([np.arange(each) < a * each for a in accuracies])
    tally = Tally(codes, ["one"])
    for s in range(splits):
        tested = rows[rows % splits == s]
        tally.add(s, "one", tested, np.where(right, codes, 1 - codes)[tested])
    repeats = Repeats(np.zeros(splits, dtype=np.intp), 0.6, same_rows=False)
    zeros = np.zeros(PEOPLE, dtype=np.intp)
    made = [
        Judged(tally, some, zeros, rows, codes, ASKED, repeats)
        for g in range(len(accuracies))
        for some in (rows[rows // each == g], rows[rows // each != g])
    ]
    return list(zip("ABC", made[::2], made[1::2], strict=True))


def wrong(groups: list[tuple[str, Judged, Judged]], codes: Any) -> pl.DataFrame:
    tests = with_holm(against_others(groups, 0, "hair", ASKED), ("metric",))
    labels = Labels(codes, ("dark", "fair"), {})
    rows = label_noise(groups, 0, tests, "hair", labels, ASKED)
    return pl.DataFrame(rows, schema=LABEL_NOISE, orient="row")


def test_groups_wrong_at_random_have_the_closed_form() -> None:
    # Dark and fair in turn within A, B and C: any group can be anybody's.
    codes = np.arange(PEOPLE) // 2 % 2
    groups = judged(codes)
    table = wrong(groups, codes)
    own = table.filter(what="A: above others")
    assert own["group"].unique().to_list() == ["all"]
    assert own.height == len(WAYS) * len(SHARES)
    # A loses the share k of its people and gets as many whose hits are one half; so do others.
    k = np.array(SHARES)
    expected = (1 - k / 2) - (0.5 + k / 4)
    assert own.filter(way="random")["value"].to_list() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("splits", [1, 4])
def test_curves_begin_with_the_tests_own_difference(splits: int) -> None:
    codes = np.arange(PEOPLE) // 2 % 2
    groups = judged(codes, (0.95, 0.3, 0.4), splits)
    for row in wrong(groups, codes).filter(share=0.0).rows(named=True):
        name = row["what"][0]
        found = next(difference(own, rest, 0) for g, own, rest in groups if g == name)
        sign = 1 if "above" in row["what"] else -1
        assert found.value is not None
        assert row["value"] == pytest.approx(sign * found.value)
        # At the level of a corrected test the interval is wider.
        assert row["high"] - row["low"] > found.high - found.low
        assert row["n_identities"] == PEOPLE


def test_the_label_that_is_read_stays_as_recorded() -> None:
    # Of A and B all are dark, of C all are fair: who is dark can't be of C.
    codes = np.repeat([0, 0, 1], PEOPLE // 3)
    table = wrong(judged(codes, (1.0, 0.2, 0.6)), codes)
    assert set(table["what"].str.slice(0, 1)) == {"A", "B"}
    assert table["group"].unique().to_list() == ["those recorded as dark"]
    # Two of A and two of B change places in the least favourable way, 5 % of the dark.
    worst = table.filter(pl.col("what").str.starts_with("A"), way="worst", share=0.05)
    a, rest = (38 + 0) / 40, (32 - 0 + 2) / 80
    assert worst["value"][0] <= a - rest + 1e-9


def test_where_the_group_itself_is_read_nothing_is_in_doubt() -> None:
    groups = judged(np.arange(PEOPLE) // 2 % 2)
    codes = np.repeat([0, 1, 2], PEOPLE // 3)
    tests = with_holm(against_others(groups, 0, "group", ASKED), ("metric",))
    assert (tests["p_holm"] < 0.05).any()
    labels = Labels(codes, ("A", "B", "C"), {})
    assert label_noise(groups, 0, tests, "group", labels, ASKED) == []


def test_people_for_a_gap_by_hand() -> None:
    _, own, rest = judged(np.zeros(PEOPLE, dtype=np.intp), (0.8, 0.5, 0.5))[0]
    rows = needed_apart("hair: A", own, rest, 0, ASKED)
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    # Variances of shares of 40 and of 80 people, by n - 1 as everywhere.
    error = np.sqrt(0.8 * 0.2 / 39 + 0.5 * 0.5 / 79)
    assert [r["points"] for r in rows] == list(POINTS)
    for row in rows:
        assert (row["have"], row["metric"]) == (40, "accuracy")
        assert row["resolved"] == pytest.approx(z * error)
        # With so many times the people, of the group and of all others, the gap is resolved.
        assert row["identities"] == np.ceil(40 * (z * error / row["points"]) ** 2)


def test_no_number_of_people_where_nobody_differs() -> None:
    _, own, rest = judged(np.zeros(PEOPLE, dtype=np.intp), (1.0, 1.0, 1.0))[0]
    assert needed_apart("hair: A", own, rest, 0, ASKED) == []


def test_probe_says_for_whom_it_is_right_and_how_many_wrong_groups_that_bears() -> None:
    # Gender shows for two ethnicities; the third's faces show nothing of it.
    rng = np.random.default_rng(0)
    rows, vectors = [], []
    for e, ethnicity in enumerate(ETHNICITIES):
        for i in range(120):
            sign = 2 * (i % 2) - 1
            mean = np.array([3.0 * sign * (e < 2), 5.0 * (e == 1), 5.0 * (e == 2), 0])
            vectors.append(mean + rng.normal(size=4))
            name = f"{ethnicity}{i}"
            rows.append((name, name, ("female", "male")[i % 2], ethnicity))
    options = ProbeOptions(targets=("gender",), probes=("linear",), controls=0, dimensions=())
    common = CommonOptions(group_by=("ethnicity",), resamples=300)
    result = probe(labelled(np.array(vectors), rows), options, common)
    table = result.tables["tests_label_noise"]
    tests = {r["a"]: r for r in result.tables["tests"].rows(named=True)}
    assert set(table["what"]) == {
        "Asian: above others",
        "Black: above others",
        "Caucasian: below others",
    }
    for row in table.filter(share=0.0).rows(named=True):
        assert row["value"] == pytest.approx(abs(tests[row["what"].split(":")[0]]["value"]))
    (said,) = [s for s in result.reading() if "recorded groups of the identities tested" in s]
    assert "gender is read correctly" in said.lower()
    assert "probe_tests_labels" in result.figures()
    needed = result.tables["needed"]
    # What can be read needs no more people to show it; differences of three groups may.
    assert needed["metric"].unique().to_list() == ["accuracy"]
    assert needed.height == 3 * len(POINTS)


def test_people_to_show_that_something_can_be_read_where_it_is_not() -> None:
    rng = np.random.default_rng(0)
    rows = [(f"{i}", f"{i}", ("female", "male")[i % 2], ETHNICITIES[i // 2 % 2]) for i in range(80)]
    options = ProbeOptions(targets=("gender",), probes=("linear",), controls=0, dimensions=())
    common = CommonOptions(group_by=("ethnicity",), resamples=300, seeds=1)
    result = probe(labelled(rng.normal(size=(80, 4)), rows), options, common)
    own = result.tables["needed"].filter(metric="balanced_accuracy")
    assert own["what"].unique().to_list() == ["gender: chance"]
    found = result.estimate(metric="balanced_accuracy", target="gender", group="all")
    assert found.low is not None
    assert found.low <= 0.5
    assert own["have"][0] == found.n_identities
    # Half a person's standard deviation of one half, over so many people; about, for it is drawn.
    reach = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * 0.5 / np.sqrt(found.n_identities)
    assert own["resolved"][0] == pytest.approx(reach, rel=0.1)
