"""Gates: what they say, which numbers they are about, and when a number is shown to be beyond."""

from __future__ import annotations

import math
import time
from statistics import NormalDist
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenface.errors import ConfigError
from evenface.stats.intervals import clopper_pearson
from evenface.studies.bias import BiasResult
from evenface.studies.checks import ChecksResult, checks
from evenface.studies.compare import compare_results
from evenface.studies.data import CommonOptions
from evenface.studies.gate import Gate, parse
from evenface.studies.gate_text import KNOWN, SIGNS, Claim, read_claim, to_number
from evenface.studies.losing import METRICS
from evenface.studies.map import MapOptions, map_space
from evenface.studies.probe import ProbeOptions, ProbeResult, probe
from evenface.studies.result import Result, make_frame
from evenface.studies.simultaneous import stretch
from evenface.studies.spaces import SpacesResult
from evenface.studies.spread import LIMITS
from evenface.studies.table import STUDIES
from evenface.studies.transfer import TransferOptions, TransferResult, transfer
from populations import Gaussian

QUICK = CommonOptions(seeds=1, resamples=100)
GENDERS = ("female", "male")


def row(study: str, metric: str, *ends: float | None, **own: Any) -> dict[str, Any]:
    """One row: value, low, high, and the study's own columns."""
    value, low, high = ends or (None, None, None)
    counted = {"level": 0.95, "n": 90, "n_identities": 30, "method": "score interval"}
    return {"study": study, "metric": metric, "value": value, "low": low, "high": high,
            **counted, **own}  # fmt: skip


def gap(train_on: str, test_on: str, *ends: float | None, **own: Any) -> dict[str, Any]:
    at = {"target": "gender", "across": "ethnicity", "probe": "strongest", **own}
    return row("transfer", "transfer_gap", *ends, train_on=train_on, test_on=test_on, **at)


def gaps(*rows: dict[str, Any]) -> pl.DataFrame:
    return make_frame(rows, TransferResult.columns)


THREE = gaps(
    gap("A", "B", 0.10, 0.06, 0.14),
    gap("B", "A", 0.20, 0.10, 0.30),
    gap("A", "A B", 0.00, -0.04, 0.04),
)


@pytest.fixture(scope="module")
def found() -> dict[str, Result]:
    made = Gaussian(identities=12).embeddings()
    probes = ("linear", "knn")
    return {
        "checks": checks(made, None, QUICK),
        "map": map_space(made, MapOptions(dims=(2,)), QUICK),
        "probe": probe(made, ProbeOptions(probes=probes), QUICK),
        "transfer": transfer(made, TransferOptions(probes=probes), QUICK),
    }


# What gates say.


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("transfer.gap > 0.05", Claim("transfer", "transfer_gap", ">", 0.05)),
        ("transfer.transfer_gap>=5%", Claim("transfer", "transfer_gap", ">=", 0.05)),
        (" bias . drop < .7 % ", Claim("bias", "drop_from_balanced", "<", 0.007)),
        ("bias.drop <= \u22121e-2", Claim("bias", "drop_from_balanced", "<=", -0.01)),
        ("change(transfer.gap) > +1.", Claim("transfer", "transfer_gap", ">", 1, change=True)),
        (
            "change( probe.accuracy[group=female · African, probe='a, [b]' ] ) < 1",
            Claim("probe", "accuracy", "<", 1, (("group", "female · African"),
                  ("probe", "a, [b]")), change=True),
        ),
        (
            'probe.balanced_accuracy[group=*,target="*", probe="\\"\\\\"] >= 1',
            Claim("probe", "balanced_accuracy", ">=", 1,
                  (("group", None), ("target", "*"), ("probe", '"\\'))),
        ),
        ("checks.label_conflicts[attribute=Côte d'Ivoire ] > 0",
         Claim("checks", "label_conflicts", ">", 0, (("attribute", "Côte d'Ivoire"),))),
    ],
)  # fmt: skip
def test_a_claim_is_read(text: str, claim: Claim) -> None:
    assert read_claim(text) == claim
    assert parse(text, unless=True) == Gate(claim, unless=True)


def claims() -> st.SearchStrategy[Claim]:
    def of(study: str) -> st.SearchStrategy[Claim]:
        columns = st.sampled_from(KNOWN[study].columns)
        pairs = st.tuples(columns, st.none() | st.text())
        return st.builds(
            Claim,
            st.just(study),
            st.sampled_from(KNOWN[study].metrics),
            st.sampled_from(sorted(SIGNS)),
            st.floats(0, 1, exclude_min=True, exclude_max=True),
            st.lists(pairs, unique_by=lambda p: p[0], max_size=3).map(tuple),
            st.booleans(),
        )

    return st.sampled_from(sorted(KNOWN)).flatmap(of)


@given(claims())
def test_reading_undoes_writing(claim: Claim) -> None:
    assert read_claim(claim.canonical()) == claim


@given(st.text() | st.text(alphabet="transfer.gap[]=>< 0.5%'\",()*change\\", max_size=60))
def test_any_text_is_a_claim_or_a_config_error(text: str) -> None:
    try:
        claim = read_claim(text)
    except ConfigError as error:
        assert "gate " in str(error)  # noqa: PT017
    else:
        assert read_claim(claim.canonical()) == claim


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((text, "expected STUDY.METRIC") for text in (
            "", "gap > 1", "transfer.gap", "transfer.gap > much", "transfer.gap = 1",
            "transfer.gap => 1", "transfer.gap > 1e999", "transfer.gap > nan", "transfer.gap > 1 2",
            "transfer.gap[] > 1", "transfer.gap[probe] > 1", "transfer.gap[probe=] > 1",
            "transfer.gap[probe=a test_on=b] > 1", "transfer.gap[probe='a] > 1",
            "change(transfer.gap > 1", "transfer.gap) > 1", "diff(transfer.gap) > 1",
        )),
        ("transfr.gap > 1", "no study is called 'transfr'; there are checks, map, probe"),
        ("transfer.gop > 1", "no metric 'gop'; it has accuracy, balanced_accuracy, transfer_gap"),
        ("map.knn > 1", "may be knn_purity or knn_purity_corrected or knn_preservation"),
        ("spaces.accuracy > 1", "may be knn_accuracy or worst_group_accuracy"),
        ("transfer.gap[group=A] > 1", "no column 'group'; it has target, across, train_on"),
        ("transfer.gap[probe=a, probe=b] > 1", "probe is given twice"),
        # Five per cent was meant; these would let everything pass, or nothing.
        *((text, "says nothing: transfer_gap is always between -1 and 1") for text in (
            "transfer.gap > 5", "transfer.gap > 1", "transfer.gap <= 1", "transfer.gap < -1",
            "transfer.gap >= -100%",
        )),
        ("checks.tiny_faces < 5", "always between 0 and 1"),
        ("change(probe.accuracy) > 1", "always between -1 and 1"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_claim(text)
    assert said in str(error.value)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("inside", ["a= a ,", "a= a ", " ", "a=", "a='a',", "\\"])
def test_texts_with_many_readings_take_no_time(inside: str) -> None:
    text = f"transfer.gap[{inside * (1900 // len(inside))}"
    began = time.perf_counter()
    with pytest.raises(ConfigError, match="expected STUDY"):
        read_claim(text)
    assert time.perf_counter() - began < 5
    with pytest.raises(ConfigError, match="longer than 2000 characters"):
        read_claim(text * 2)


def test_numbers_may_be_percentages() -> None:
    assert [to_number(t) for t in ("5%", "5 %", "0.7%", "1e-2")] == [0.05, 0.05, 0.007, 0.01]
    assert [to_number(t) for t in ("", "%", "5%%", "five", "1_0", "0x1")] == [None] * 6


# What studies return is what gates know.


def test_every_study_s_columns_are_known() -> None:
    assert {name: tuple(s.result.columns) for name, s in STUDIES.items()} == {
        name: known.columns for name, known in KNOWN.items()
    }
    assert {BiasResult.study, ChecksResult.study, SpacesResult.study} <= set(KNOWN)


def test_every_metric_is_known(found: dict[str, Result]) -> None:
    for name, result in found.items():
        assert set(result.frame()["metric"]) <= set(KNOWN[name].metrics), name
    assert KNOWN["bias"].metrics == METRICS
    assert set(KNOWN["spaces"].metrics) == {"knn_accuracy", "worst_group_accuracy", *LIMITS}
    for name in ("map", "transfer"):
        assert set(found[name].frame()["metric"]) == set(KNOWN[name].metrics)


def test_values_lie_where_metrics_may(found: dict[str, Result]) -> None:
    for name, result in found.items():
        for metric, value in result.frame().select("metric", "value").drop_nulls().rows():
            least, most = Claim(name, metric, ">", 0).limits
            assert least <= value <= most
    assert Claim("probe", "accuracy", ">", 0, change=True).limits == (-1, 1)
    assert Claim("transfer", "transfer_gap", ">", 0, change=True).limits == (-2, 2)
    assert Claim("spaces", "intra_distance", ">", 0, change=True).limits == (-math.inf, math.inf)


# Which numbers.


def selected(found: dict[str, Result], text: str) -> pl.DataFrame:
    gate = parse(text)
    return gate.select(found[gate.study].frame())


def test_the_headline_s_reader_is_meant_unless_another_is_named(found: dict[str, Result]) -> None:
    result = found["probe"]
    assert isinstance(result, ProbeResult)
    for target in ("gender", "ethnicity", "group"):
        rows = selected(found, f"probe.balanced_accuracy[target={target}] > 0")
        assert rows["probe"].to_list() == [result.headline(target)]
    assert selected(found, "probe.accuracy[probe=knn] > 0")["probe"].unique().to_list() == ["knn"]
    every = selected(found, "probe.accuracy[probe=*] > 0")["probe"].unique().to_list()
    assert set(every) == {"linear", "knn", "strongest"}
    carried = found["transfer"]
    assert isinstance(carried, TransferResult)
    rows = selected(found, "transfer.gap > 0")
    assert rows["probe"].unique().to_list() == [carried.headline]
    assert rows.height == 3 * 4  # On each group: two others, all, and all size-matched.


def test_numbers_without_a_reader_are_found(found: dict[str, Result]) -> None:
    assert selected(found, "probe.chance > 0")["target"].len() == 3
    assert selected(found, "probe.majority[target=gender] > 0")["probe"].to_list() == ["none"]
    frame = gaps(gap("A", "B", 0.1, 0, 0.2, probe="linear"))
    assert parse("transfer.gap > 0").select(frame).height == 1


def test_everybody_is_meant_unless_a_group_is_named(found: dict[str, Result]) -> None:
    assert selected(found, "probe.accuracy > 0")["group"].unique().to_list() == ["all"]
    one = selected(found, "probe.accuracy[group=female · Asian, target=gender] > 0")
    assert one["group"].to_list() == ["female · Asian"]
    assert selected(found, "probe.accuracy[group=*, target=gender] > 0").height == 7
    # A reader of a whole frame of checks: everybody and each group.
    conflicts = selected(found, "checks.label_conflicts > 0")
    assert conflicts["attribute"].to_list() == ["gender", "ethnicity"]


def test_numbers_in_filters_match_as_they_are_printed(found: dict[str, Result]) -> None:
    rows = [
        row("bias", "drop_from_balanced", 0.1, 0, 0.2, loss="softmax", majority="A", share=share,
            group="all", remedy="none") for share in (1 / 6, 0.9, 0.95)
    ]  # fmt: skip
    frame = make_frame(rows, BiasResult.columns)
    for written, share in (("0.166667", 1 / 6), ("90%", 0.9), (".95", 0.95)):
        gate = parse(f"bias.drop[share={written}] > 0")
        assert gate.select(frame)["share"].to_list() == [share]
    with pytest.raises(ConfigError, match=r"there are: 0\.166667, 0\.9, 0\.95"):
        parse("bias.drop[share=most] > 0").select(frame)
    assert selected(found, "map.silhouette[dims=2, space=map, labelling=gender] > 0").height == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("probe.accuracy[group=female · Asain] > 0",
         "no group is 'female · Asain'; there are: all, female · Asian, female · Black"),
        ("map.silhouette[dims=3] > 0", "no dims is '3'"),
        ("probe.chance[probe=none, group=all, target=age] > 0", "gender, group"),
        ("probe.balanced_accuracy[probe=linear, target=all] > 0", "no target is 'all'"),
        ("checks.face_size_median > 0", "of checks there are: failure_to_enrol"),
        ("map.knn_purity[space=original, method_map=tsne] > 0", "all of these values at once"),
    ],
)  # fmt: skip
def test_what_nothing_matches_is_refused_with_what_there_is(
    found: dict[str, Result], text: str, said: str
) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text).judge(found)
    assert said in str(error.value)


# Decisions.


def test_one_number_is_judged_by_its_own_interval() -> None:
    frame = gaps(gap("A", "B", 0.10, 0.05, 0.15))
    for claim, shown in (("> 0.049", True), ("> 0.05", False), (">= 0.05", True),
                         ("< 0.15", False), ("<= 0.15", True), ("< 0.151", True)):  # fmt: skip
        on, unless = (parse(f"transfer.gap {claim}", unless=u).judge_frame(frame)
                      for u in (False, True))  # fmt: skip
        assert (on.failed, unless.failed) == (shown, not shown), claim
        (number,) = on.decisive
        assert (number.simultaneous_low, number.simultaneous_high) == (0.05, 0.15)
        assert number.shown == shown


def test_several_numbers_are_judged_by_wider_intervals() -> None:
    normal = NormalDist()
    factor = normal.inv_cdf(1 - 0.025 / 3) / normal.inv_cdf(0.975)
    assert factor == pytest.approx(2.39398 / 1.95996, abs=1e-5)
    verdict = parse("transfer.gap > 0.05").judge_frame(THREE)
    # 0.10 - 1.2214 * 0.04 = 0.0511 is beyond, 0.20 - 1.2214 * 0.10 = 0.078 too.
    assert verdict.failed
    assert [w.where for w in verdict.decisive] == ["train_on B, test_on A", "train_on A, test_on B"]
    near = verdict.decisive[1]
    assert near.simultaneous_low == pytest.approx(0.10 - factor * 0.04)
    assert near.simultaneous_high == pytest.approx(0.10 + factor * 0.04)
    assert (near.value, near.low, near.high) == (0.10, 0.06, 0.14)
    assert verdict.sentences == (
        "FAIL transfer.gap > 0.05: 2 of 3 numbers are shown to be above 0.05",
        "  train_on B, test_on A: 0.200 [0.100, 0.300], for all 3 at once [0.078, 0.322]",
        "  train_on A, test_on B: 0.100 [0.060, 0.140], for all 3 at once [0.051, 0.149]",
    )
    # By their own intervals 0.055 and 0.09 would be below both numbers; at once they are not.
    assert len(parse("transfer.gap > 0.055").judge_frame(THREE).decisive) == 1
    passed = parse("transfer.gap > 0.09").judge_frame(THREE)
    assert not passed.failed
    assert passed.sentences == (
        "ok transfer.gap > 0.09: none of 3 numbers is shown to be above 0.09",
        "  nearest by value: train_on B, test_on A: 0.200 [0.100, 0.300], "
        "for all 3 at once [0.078, 0.322]",
    )


@pytest.mark.parametrize(
    ("claim", "unless", "where"),
    [("> 0.5", False, "B"), ("< -0.5", False, "C"), ("< 0.9", True, "B"), ("> -0.9", True, "C")],
)
def test_the_nearest_is_the_nearest_by_value(claim: str, unless: bool, where: str) -> None:
    # The extreme values have the widest intervals: by either end A would be nearest.
    frame = gaps(
        gap("A", "B", 0.08, 0.06, 0.10),
        gap("B", "A", 0.21, -0.30, 0.72),
        gap("C", "A", -0.05, -0.50, 0.40),
    )
    verdict = parse(f"transfer.gap {claim}", unless=unless).judge_frame(frame)
    assert not verdict.failed
    assert verdict.sentences[1].startswith(f"  nearest by value: train_on {where}")


def test_unless_asks_for_proof_of_every_number() -> None:
    verdict = parse("transfer.gap < 0.2", unless=True).judge_frame(THREE)
    assert verdict.failed
    assert verdict.sentences[0] == (
        "FAIL unless transfer.gap < 0.2: only 2 of 3 numbers are shown to be below 0.2"
    )
    assert [w.where for w in verdict.decisive] == ["train_on B, test_on A"]
    passed = parse("transfer.gap < 0.4", unless=True).judge_frame(THREE)
    assert not passed.failed
    assert passed.sentences[0] == ("ok transfer.gap < 0.4: all 3 numbers are shown to be below 0.4")
    none = parse("transfer.gap > 0.9", unless=True).judge_frame(THREE)
    assert "none of 3 numbers is shown" in none.sentences[0]
    assert len(none.decisive) == 3


def test_what_could_not_be_computed_is_not_shown_to_be_anything() -> None:
    some = pl.concat([THREE, gaps({**gap("B", "A B"), "method": "not computed: no rows"})])
    on = parse("transfer.gap > 0.09").judge_frame(some)
    # It takes no part in the widening: there are three numbers to be wrong about.
    assert not on.failed
    assert "none of 3 numbers is shown to be above 0.09; 1 could not be" in on.sentences[0]
    unless = parse("transfer.gap < 0.9", unless=True).judge_frame(some)
    assert unless.failed
    assert "only 3 of 4 numbers are shown to be below 0.9; 1 could not" in unless.sentences[0]
    assert unless.sentences[1] == "  train_on B, test_on A B: (not computed: no rows)"


@pytest.mark.parametrize("unless", [False, True])
def test_a_gate_that_cannot_judge_does_not_pass(unless: bool) -> None:
    gate = parse("transfer.gap > 0.05", unless=unless)
    verdict = gate.judge_frame(gaps(gap("A", "B"), gap("B", "A")))
    assert verdict.failed
    assert "cannot be judged: every one of 2 numbers could not be computed" in verdict.sentences[0]
    one = gate.judge_frame(gaps(gap("A", "B")))
    assert "the only number could not be computed" in one.sentences[0]
    skipped = gate.judge({}, {"transfer": "there is no ethnicity"})
    assert skipped.failed
    assert skipped.sentences[0].endswith("cannot be judged: there is no ethnicity")
    assert gate.judge({}).failed


def test_odd_intervals_are_not_judged() -> None:
    odd = [gap("A", "B", 0.1, None, 0.2), gap("A", "B", math.nan, 0.1, 0.2),
           {**gap("A", "B", 0.1, 0.1, 0.2), "level": 1.0}]  # fmt: skip
    for each in odd:
        assert "cannot be judged" in parse("transfer.gap > 0").judge_frame(gaps(each)).sentences[0]


def test_a_number_by_definition_has_no_width() -> None:
    rows = [row("probe", "chance", 0.5, 0.5, 0.5, target=t, probe="none", group="all")
            for t in ("a", "b")]  # fmt: skip
    frame = make_frame(rows, ProbeResult.columns)
    assert not parse("probe.chance >= 50%", unless=True).judge_frame(frame).failed
    assert parse("probe.chance > 50%", unless=True).judge_frame(frame).failed


def test_many_numbers_are_counted_not_listed() -> None:
    rows = [gap("A", f"g{k}", 0.5, 0.4, 0.6) for k in range(30)]
    verdict = parse("transfer.gap > 0.05").judge_frame(gaps(*rows))
    assert "all 30 numbers are shown to be above 0.05" in verdict.sentences[0]
    assert len(verdict.sentences) == 7
    assert verdict.sentences[-1] == "  and 25 more"
    assert len(verdict.decisive) == 30


def test_sides_are_stretched_apart_and_stay_where_numbers_can_be() -> None:
    rows = [gap(f"g{k}", "A", 0.9, 0.5, 0.95) for k in range(20)]
    (number, *_) = parse("transfer.gap > 0").judge_frame(gaps(*rows)).decisive
    factor = stretch(0.95, 20)
    assert number.simultaneous_low == pytest.approx(0.9 - factor * 0.4)
    assert number.simultaneous_high == pytest.approx(min(1.0, 0.9 + factor * 0.05))
    rows = [gap(f"g{k}", "A", 0.9, 0.5, 0.99) for k in range(20)]
    (number, *_) = parse("transfer.gap > 0").judge_frame(gaps(*rows)).decisive
    assert number.simultaneous_high == 1.0


def test_stretching_is_by_normal_quantiles() -> None:
    assert stretch(0.95, 1) == 1
    assert stretch(0.9, 10) == pytest.approx(2.575829 / 1.644854, rel=1e-6)


@given(st.integers(0, 3), st.integers(20, 500), st.integers(2, 200))
def test_exact_intervals_are_stretched_enough(hits: int, n: int, count: int) -> None:
    value, (low, high) = hits / n, clopper_pearson(hits, n, 0.95)
    truly = clopper_pearson(hits, n, 1 - 0.05 / count)
    factor = stretch(0.95, count, "exact interval over identities")
    assert value - factor * (value - low) <= truly[0] + 1e-12
    assert value + factor * (high - value) >= truly[1] - 1e-12


def test_normal_quantiles_would_be_too_narrow_for_what_is_rare() -> None:
    high, truly = (clopper_pearson(0, 100, level)[1] for level in (0.95, 1 - 0.05 / 30))
    assert stretch(0.95, 30) * high < truly < stretch(0.95, 30, "exact bound") * high


def test_two_runs_are_judged_by_a_frame_of_differences() -> None:
    gate = parse("change(transfer.gap[test_on=A B]) > -50%")
    assert gate.judge_frame(THREE).failed
    assert gate.judge({}, changes={"transfer": THREE}) == gate.judge_frame(THREE)
    assert "cannot be judged" in gate.judge({}, changes={}).sentences[0]
    with pytest.raises(ConfigError, match="difference between two runs"):
        gate.judge({})


def test_differences_of_a_comparison_can_be_judged(found: dict[str, Result]) -> None:
    for name in ("probe", "transfer"):
        frame = compare_results(found[name], found[name]).frame
        gate = parse(f"change({name}.balanced_accuracy) > 0.001")
        assert not gate.judge_frame(frame).failed
        assert gate.select(frame).height == parse(f"{name}.balanced_accuracy > 0").select(
            found[name].frame()).height  # fmt: skip


def test_names_can_not_break_the_terminal() -> None:
    frame = gaps(gap("\x1b[31mA", "B", 0.9, 0.8, 1), gap("C\nD", "B", 0.9, 0.8, 1))
    verdict = parse("transfer.gap > 0").judge_frame(frame)
    assert all(s.isprintable() for s in verdict.sentences)
