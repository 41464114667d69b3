"""What stands on top of a report: five findings at most, each with its interval and a link."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl

from evenface.report.findings import MOST, findings
from evenface.report.page import build_report
from evenface.report.summary import FEW, data_facts, method_facts
from evenface.studies.data import CommonOptions
from evenface.studies.erase import EraseOptions, erase
from evenface.studies.result import Result
from populations import Gaussian

Save = Callable[..., Path]


def test_five_stand_first_in_the_order_of_studies(plain: dict[str, Result]) -> None:
    first, others = findings(plain)
    assert [c["kind"] for c in first] == ["checks", "map", "probe", "probe", "transfer"]
    assert len(first) == MOST
    # The group is the attributes again: it is what probes are asked last.
    assert [c["title"] for c in others] == ["demographic group read from the vectors"]
    assert findings({"checks": plain["checks"]})[1] == []


def test_sentences_say_what_intervals_and_tests_support(plain: dict[str, Result]) -> None:
    first, others = findings(plain)
    for card in [*first, *others]:
        low = card["cell"].numbers[1]
        shown = "not shown" not in card["says"]
        if card["kind"] == "probe":
            chance = float(re.sub("[^0-9.]", "", card["tick_name"]))
            assert shown == (low > chance)
        elif card["kind"] == "map":
            assert shown == (low > 0)
        elif card["kind"] == "transfer":
            result = plain["transfer"]
            tests = result.tables["tests"].filter(about=result.headline)
            told = tests.filter((tests["p_holm"] < 0.05) & (tests["low"] > 0))
            assert shown == bool(told.height)
            assert shown == (low > 0 and card["cell"].numbers[0] in told["value"].to_list())


def test_what_an_eraser_leaves_is_a_finding() -> None:
    people = Gaussian(identities=10, separation=3.0).embeddings()
    options = EraseOptions(
        attributes=("gender",), erasers=("leace",), strengths=(), probes=("linear", "knn"),
        training=(), splits=1,
    )  # fmt: skip
    result = erase(people, options, CommonOptions(seeds=1, resamples=100))
    (card,), others = findings({"erase": result})
    assert not others
    value = result.estimate(metric="balanced_accuracy", eraser="leace", probe="strongest",
                            target="gender")  # fmt: skip
    assert card["cell"].numbers[0] == value.value
    assert card["title"] == "gender read after LEACE"
    assert ("not shown" not in card["says"]) == (value.low > 0.5)
    before = result.estimate(metric="balanced_accuracy", eraser="none", probe="strongest",
                             target="gender")  # fmt: skip
    assert f"{before.value:.2f} [{before.low:.2f}" in card["detail"]


def test_the_gap_on_top_is_one_that_is_shown_if_any_is(plain: dict[str, Result]) -> None:
    result = plain["transfer"]
    own = result.numbers.filter(metric="transfer_gap", probe=result.headline)
    own = own.filter(own["train_on"].is_in(["Asian", "Black"]))
    gaps = pl.DataFrame(
        {"train_on": ["Asian", "Black"], "value": [0.1, 0.3], "low": [0.05, -0.1],
         "high": [0.15, 0.7]}
    )  # fmt: skip
    numbers = own.drop("value", "low", "high").join(gaps, on="train_on").select(own.columns)
    tests = result.tables["tests"].filter(about=result.headline).with_columns(
        p_holm=pl.when(pl.col("b") == "Asian").then(0.003).otherwise(0.2)
    )  # fmt: skip
    changed = replace(result, numbers=numbers, tables={**result.tables, "tests": tests})
    ((card,), _) = findings({"transfer": changed})
    assert card["cell"].numbers[0] == 0.1
    assert "is read worse on another." in card["says"]
    assert "1 of 2 are shown" in card["detail"]
    none = tests.with_columns(p_holm=pl.lit(0.2))
    changed = replace(changed, tables={**result.tables, "tests": none})
    ((card,), _) = findings({"transfer": changed})
    assert card["cell"].numbers[0] == 0.3
    assert "not shown" in card["says"]


def test_a_gap_is_judged_by_the_test_of_its_own_pair(plain: dict[str, Result]) -> None:
    result = plain["transfer"]
    gaps = result.where(metric="transfer_gap", probe=result.headline)
    tests = result.tables["tests"].filter(about=result.headline)
    both = tests.join(gaps, left_on=["a", "b"], right_on=["test_on", "train_on"])
    assert both.height == tests.height > 0
    assert (both["value"] - both["value_right"]).abs().max() < 1e-9


def test_the_page_folds_the_others_and_every_link_leads_somewhere(
    plain: dict[str, Result], plain_page: Path
) -> None:
    html = plain_page.read_text(encoding="utf-8")
    assert html.count('<li class="card">') == 6
    assert "<summary>1 more finding</summary>" in html
    assert "Chosen by a fixed order" in html
    ids = set(re.findall(r' id="([^"]+)"', html))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= ids


def test_one_study_has_its_findings_alone(
    save: Save, plain: dict[str, Result], tmp_path: Path
) -> None:
    html = build_report(save(plain, tmp_path, "probe")).read_text(encoding="utf-8")
    assert html.count('<li class="card">') == 3
    assert "Chosen by" not in html


def test_a_number_of_few_people_says_so_on_its_card(
    save: Save, plain: dict[str, Result], tmp_path: Path
) -> None:
    few = replace(
        plain["probe"], numbers=plain["probe"].numbers.with_columns(n_identities=pl.lit(FEW - 1))
    )
    assert {c["few"] for c in findings({"probe": few})[0]} == {FEW}
    enough = replace(few, numbers=few.numbers.with_columns(n_identities=pl.lit(FEW)))
    assert {c["few"] for c in findings({"probe": enough})[0]} == {0}
    for k, (result, said) in enumerate(((few, True), (enough, False))):
        page = build_report(save({"probe": result}, tmp_path / str(k), "probe"))
        assert (f"fewer than {FEW}, a rough sketch" in page.read_text(encoding="utf-8")) == said


def test_cards_say_what_was_left_out_and_why(plain: dict[str, Result]) -> None:
    context = plain["probe"].context
    data = dict(data_facts(context))
    assert data["Without an embedding"] == "2: no face (2)"
    assert data["Noticed"].startswith("junk (3)")
    method = dict(method_facts(context, context["splits"], plain["probe"].config))
    assert method["Intervals"] == "95 %, people as the unit"
    assert method["Alignment"].startswith("none: small wants")
    many = {**context, "failures": 9, "failure_reasons": [
        {"stage": "read", "reason": f"r{k}", "len": 1} for k in range(9)
    ]}  # fmt: skip
    assert dict(data_facts(many))["Without an embedding"].endswith("r3 (1); 5 more reasons")
    assert pl.Series([n for n, _ in data_facts({})]).is_unique().all()
