"""The chapter of `verify`: in the form of evaluations by group, whatever labels hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evenface.embed.embeddings import Embeddings, embeddings_from_arrays
from evenface.report.page import build_report
from evenface.report.verified import verify_tables
from evenface.studies.data import CommonOptions
from evenface.studies.table import load_result
from evenface.studies.verify import VerifyResult, verify
from evenface.studies.verify_options import VerifyOptions

Go = Callable[..., Any]
OPTIONS = VerifyOptions(fmr=(0.05, 0.01, 1e-6), threshold=0.5, remedies=("none", "z_norm"))
COMMON = CommonOptions(resamples=100)


def pictures(labels: dict[str, tuple[str, str]]) -> Embeddings:
    """Forty people with three pictures each."""
    rng = np.random.default_rng(2)
    rows: dict[str, list[str]] = {k: [] for k in ("identity", "path", *labels)}
    vectors = []
    for i in range(40):
        person = rng.normal(size=8)
        for k in range(3):
            vectors.append(person + 0.45 * rng.normal(size=8))
            rows["identity"].append(f"person <{i}>")
            rows["path"].append(f"folder/<i>{i}</i>-{k}.png")
            for name, place in zip(labels, (i % 2, i // 2 % 2), strict=True):
                rows[name].append(labels[name][place])
    return embeddings_from_arrays(np.array(vectors), pl.DataFrame(rows))


@pytest.fixture(scope="module")
def result(hostile_labels: dict[str, tuple[str, str]]) -> VerifyResult:
    return verify(pictures(hostile_labels), OPTIONS, COMMON)


@pytest.fixture(scope="module")
def page(result: VerifyResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    result.save(folder / "results")
    return build_report(folder)


def test_tables_show_the_study_s_own_numbers(result: VerifyResult) -> None:
    tables = verify_tables(result)
    # Two targets and a given threshold; a millionth would take ten million impostor pairs.
    assert len(tables) == 3
    assert [t["first"] for t in tables] == [True, False, False]
    way = tables[0]["ways"][0]
    assert len(way["rows"]) == len(way["matrix"]) == 4
    for i, row in enumerate(way["rows"]):
        assert row["genuine_pairs"] == row["identities"] * 3
        own = way["matrix"][i]["cells"][i]["cell"]
        assert own.numbers == row["fmr"].numbers
        assert own.value == row["fmr"].value
        assert way["matrix"][i]["cells"][0]["cell"] == way["matrix"][0]["cells"][i]["cell"]
    measures = {r["title"] for r in tables[0]["differentials"][0]["rows"]}
    assert {"GARBE", "Inequity rate"} <= measures


def test_labels_do_nothing_in_the_chapter(visit: Go, page: Path) -> None:
    seen = visit(page)
    assert seen.complaints == []
    assert seen.page.evaluate("window.__pwned") is None
    chapter = seen.page.locator('section[aria-labelledby="verify"]')
    assert "Errors at the threshold for an FMR of" in chapter.inner_text()
    assert "onerror" in chapter.inner_text()
    assert seen.page.locator('section[aria-labelledby="verify"] img').count() == 3


def test_it_comes_back_from_its_file(result: VerifyResult, page: Path) -> None:
    again = load_result(page.parent / "results" / "verify.json")
    assert again.numbers.equals(result.numbers)
    assert again.reading() == result.reading()


def test_numbers_in_a_standard_s_terms_are_the_same(result: VerifyResult, page: Path) -> None:
    file = page.parent / "results" / "iso-19795-10" / "verify.json"
    found = json.loads(file.read_text(encoding="utf-8"))
    assert "states no conformance" in found["notice"]
    assert found["mated_comparison_trials"] == 120
    assert found["non_mated_comparison_trials"] == 120 * 119 // 2 - 120
    rates = [p for p in found["performance"] if p["measure"] == "false match rate"]
    own = result.numbers.filter(metric="fmr")
    assert [r["value"] for r in rates] == own["value"].to_list()
    assert sum(g["test_subjects"] for g in found["demographic_groups"]) == 3 * 40
    (refused,) = [t for t in found["decision_thresholds"] if t["threshold"] is None]
    assert refused["target_false_match_rate"] == 1e-6
