"""What `checks` finds in pictures and labels that were made to have it, and nothing elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenface.cli import main
from evenface.config import StudyConfig
from evenface.embed.embeddings import Embeddings, embeddings_from_arrays
from evenface.embed.folder import write_embeddings
from evenface.errors import SourceError
from evenface.report.page import build_report
from evenface.studies.checks import ChecksOptions, ChecksResult, checks
from evenface.studies.checks_view import title_of_rate
from evenface.studies.copies import chance_of, find_copies
from evenface.studies.data import CommonOptions
from evenface.study import run

QUICK = CommonOptions(resamples=300)
RATES = {"male · A": 0.02, "female · A": 0.02, "male · B": 0.15, "female · B": 0.02}
YUNET = {"align": "yunet", "aligned": True, "detector": {"name": "yunet"}}


def population(
    rates: dict[str, float] = RATES, *, people: int = 80, pictures: int = 3, seed: int = 0,
    **given: Any,
) -> Embeddings:  # fmt: skip
    """Groups whose faces are missed with known rates; 5 % of pictures show two faces."""
    rng = np.random.default_rng(seed)
    made, failed = [], []
    for group, rate in rates.items():
        gender, ethnicity = group.split(" · ")
        for i in range(people):
            for k in range(pictures):
                person = f"{gender}-{ethnicity}-{i}"
                row = {"sample_id": f"{person}-{k}", "path": f"{person}/{k}.png",
                       "sha256": f"{person}-{k}", "identity": person, "gender": gender,
                       "ethnicity": ethnicity}  # fmt: skip
                missed, unread = rng.random(2) < (rate, 0.01)
                if missed or unread:
                    stage = "decode" if unread else "detect"
                    failed.append({**row, "stage": stage, "reason": "no"})
                    continue
                size = int(rng.normal(60 if ethnicity == "A" else 36, 8))
                faces = 1 + int(rng.random() < 0.05)
                made.append({**row, "faces_found": faces, "face_size": size})
    described = {"preprocessing": YUNET, "card": {"size": [112, 96]}, **given}
    vectors = rng.normal(size=(len(made), 64)) + 3
    failures = pl.DataFrame(failed) if failed else None
    return embeddings_from_arrays(vectors, pl.DataFrame(made), failures=failures, **described)


@pytest.fixture(scope="module")
def found() -> ChecksResult:
    return checks(population(), None, QUICK)


def within(result: ChecksResult, truth: float, **own: str) -> bool:
    estimate = result.estimate(**own)
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


def test_planted_rates_of_missed_faces_are_recovered(found: ChecksResult) -> None:
    for group, rate in RATES.items():
        assert within(found, rate, metric="failure_to_enrol", group=group)
        assert within(found, 0.01, metric="unreadable", group=group)
    whole = found.estimate(metric="failure_to_enrol", group="all")
    unread = found.estimate(metric="unreadable", group="all")
    # Pictures that could not be read are not the face's fault.
    assert unread.n == 4 * 80 * 3
    assert whole.n == unread.n - round((unread.value or 0) * unread.n)
    people = found.estimate(metric="people_not_enrolled", group="all")
    assert people.n == people.n_identities == whole.n_identities


def test_intervals_of_a_group_hold_over_populations() -> None:
    held = dict.fromkeys(RATES, 0)
    for seed in range(8):
        result = checks(population(seed=seed, people=40), None, QUICK)
        for group, rate in RATES.items():
            held[group] += within(result, rate, metric="failure_to_enrol", group=group)
    assert min(held.values()) >= 6


def test_groups_are_said_to_differ_only_where_they_are_shown_to(found: ChecksResult) -> None:
    told = found.tables["differences"].filter(metric="failure_to_enrol").filter("told")
    assert all("male · B" in (r["a"], r["b"]) for r in told.rows(named=True))
    assert told.height == 3
    sentence = next(s for s in found.reading() if s.startswith("A face is missed more often"))
    assert "male · B" in sentence
    assert "3 of 6 pairs" in sentence
    false = 0
    for seed in range(8):
        same = checks(population(dict.fromkeys(RATES, 0.05), people=30, seed=seed), None, QUICK)
        shown = same.tables["differences"].filter(metric="failure_to_enrol")["told"].any()
        false += shown
        assert shown != any("does not show that there is none" in s for s in same.reading())
    assert false <= 1


def test_several_and_small_faces_are_counted(found: ChecksResult) -> None:
    assert within(found, 0.05, metric="several_faces", group="all")
    # 32 pixels are half a standard deviation below 36, and three and a half below 60.
    assert within(found, 0.287, metric="tiny_faces", group="male · B")
    assert (found.estimate(metric="tiny_faces", group="male · A").value or 0) < 0.02
    assert found.estimate(metric="enlarged_faces", group="all").value == 1
    assert within(found, 60, metric="face_size_median", group="male · A")
    assert title_of_rate("enlarged_faces", found) == "face below the network's 96 px"
    drawn = [axes.get_title(loc="left") for axes in found.figures()["checks"].axes]
    assert drawn == ["no face found", "several faces", "face below 32 px"]


def test_nobody_found_at_all_in_a_group_is_a_rate_too() -> None:
    result = checks(population({"male · A": 0.0, "female · A": 1.0}, people=30), None, QUICK)
    lost = result.estimate(metric="failure_to_enrol", group="female · A")
    assert (lost.value, lost.high) == (1, 1)
    assert 0.8 < (lost.low or 0) < 1
    none = result.estimate(metric="failure_to_enrol", group="male · A")
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 30))
    assert result.estimate(metric="people_not_enrolled", group="female · A").value == 1


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"preprocessing": {"align": "none", "aligned": False}}, "no detector ran"),
        ({"preprocessing": None}, "isn't known of these vectors"),
    ],
)
def test_without_a_detector_nothing_is_zero(given: dict[str, Any], why: str) -> None:
    made = population(dict.fromkeys(RATES, 0.0), people=10, pictures=1)
    blank = made.rows.with_columns(pl.lit(None, pl.Int32).alias(c)
                                   for c in ("faces_found", "face_size"))  # fmt: skip
    result = checks(embeddings_from_arrays(made.vectors, blank, **given), None, QUICK)
    for metric in ("failure_to_enrol", "people_not_enrolled", "several_faces", "tiny_faces"):
        (row,) = result.where(metric=metric).rows(named=True)
        assert row["value"] is None
        assert why in row["method"]
    assert not result.where(metric="face_size_median").height
    assert any("can't be said" in s and why in s for s in result.reading())


def test_vectors_whose_failures_were_not_kept_have_no_rate() -> None:
    made = population(dict.fromkeys(RATES, 0.0), people=10)
    result = checks(embeddings_from_arrays(made.vectors, made.rows), None, QUICK)
    assert "no record of failures" in result.estimate(metric="failure_to_enrol", group="all").method
    assert result.estimate(metric="several_faces", group="all").value is not None


def test_failures_of_no_recorded_group_are_said() -> None:
    made = population(people=20)
    nameless = made.failures.with_columns(pl.lit(None, pl.String).alias("ethnicity"))
    result = checks(
        embeddings_from_arrays(made.vectors, made.rows, failures=nameless, preprocessing=YUNET),
        None, QUICK,
    )  # fmt: skip
    assert any("belong to no recorded group" in s for s in result.reading())
    assert result.estimate(metric="failure_to_enrol", group="male · B").value == 0
    assert (result.estimate(metric="failure_to_enrol", group="all").value or 0) > 0


@settings(max_examples=6)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_planted_copies_are_found_and_nothing_else(seed: int, planted: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 700))
    vectors = (rng.normal(size=(n, 48)) * np.linspace(4, 1, 48) + 20).astype(np.float32)
    identity = np.arange(n) // 2
    spread = vectors.std(axis=0)
    rows = rng.permutation(n // 2)[: 2 * planted] * 2
    for a, b in rows.reshape(-1, 2):
        vectors[b] = vectors[a] + 0.05 * spread * rng.normal(size=48)
    copies = find_copies(vectors, identity, None, 0.98)
    assert copies.why == ""
    assert set(np.flatnonzero(copies.across)) == set(rows.tolist())
    pairs = {tuple(sorted(p)) for p in rows.reshape(-1, 2).tolist()}
    assert set(copies.pairs.select("a", "b").rows()) == pairs
    counts = {(r["place"], r["alike"]): r["pairs"] for r in copies.counts.rows(named=True)}
    assert counts["across", "similar"] == planted
    assert counts["within", "similar"] == 0
    assert counts["across", "bytes"] is None
    # Every pair, the long way.
    unit = vectors - vectors.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    assert ((unit @ unit.T > 0.98).sum() - n) // 2 == planted


def test_pairs_are_found_wherever_tiles_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenface.studies.copies._TILE", 7)
    monkeypatch.setattr("evenface.studies.copies._BLOCK", 11)
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(40, 40)), 3, axis=0).astype(np.float32)
    copies = find_copies(vectors[rng.permutation(120)], np.arange(120), None, 0.98)
    assert copies.counts["pairs"][1] == copies.counts["pairs"][2] == 40 * 3


def test_bytes_and_vectors_are_told_apart() -> None:
    vectors = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)
    vectors[[1, 2, 5]] = vectors[0]
    identity = np.array([0, 1, 1, *range(2, 29)])
    picture = np.array([0, 0, 0, *range(1, 27), -1])
    counts = find_copies(vectors, identity, picture, 0.98).counts.rows()
    assert counts == [
        ("across", "bytes", 2, 3, 2), ("across", "equal", 5, 4, 3), ("across", "similar", 5, 4, 3),
        ("within", "bytes", 1, 2, 1), ("within", "equal", 1, 2, 1), ("within", "similar", 1, 2, 1),
    ]  # fmt: skip


def test_vectors_that_vary_too_little_are_not_compared() -> None:
    rng = np.random.default_rng(0)
    narrow = rng.normal(size=(300, 3)).astype(np.float32)
    assert "directions" in find_copies(narrow, np.arange(300), None, 0.98).why
    same = np.ones((20, 40), np.float32)
    assert find_copies(same, np.arange(20), None, 0.98).why == "all vectors are the same"
    assert "one identity" in find_copies(narrow, np.zeros(300, np.intp), None, 0.98).why
    assert chance_of(0.0, 5) == pytest.approx(0.5)
    # A cap of the sphere in three dimensions has the share (1 - t) / 2.
    assert chance_of(0.98, 3) == pytest.approx(0.01)
    huge = rng.normal(size=(60, 40)).astype(np.float32) * np.float32(1e30)
    huge[7] = huge[3]
    assert find_copies(huge, np.arange(60), None, 0.98).across.nonzero()[0].tolist() == [3, 7]


def test_contradicting_labels_are_found_for_labels_of_people_alone() -> None:
    made = population(people=20)
    rows = made.rows.with_columns(pl.Series("age", [str(i) for i in range(len(made))]))
    at = rows["identity"].to_list().index("male-A-3")
    rows[at, "gender"] = "female"
    result = checks(embeddings_from_arrays(made.vectors, rows), None, QUICK)
    gender = result.estimate(metric="label_conflicts", attribute="gender")
    assert (gender.value, gender.n_identities) == (1 / 80, 80)
    assert result.estimate(metric="label_conflicts", attribute="ethnicity").value == 0
    assert not result.where(attribute="age").height
    assert any(s == "More than one gender is recorded of 1 of 80 identities." for s in
               result.reading())  # fmt: skip
    (pair,) = result.tables["conflicts"].rows(named=True)
    assert pair["a"].startswith("male-A-3")


def test_results_survive_json_and_hold_no_name(found: ChecksResult, tmp_path: Path) -> None:
    leading = ["study", "metric", "value", "low", "high", "level", "n", "n_identities", "method",
               "training_share"]  # fmt: skip
    assert found.frame().columns == [*leading, "group", "attribute"]
    again = ChecksResult.from_dict(json.loads(found.save(tmp_path).read_text()))
    assert again.frame().equals(found.frame())
    assert again.reading() == found.reading()
    assert all(again.tables[t].equals(found.tables[t]) for t in found.tables)
    numbers = found.frame().drop_nulls("value")
    assert (numbers["low"] <= numbers["value"]).all()
    assert (numbers["value"] <= numbers["high"]).all()


def test_one_group_is_enough_and_none_recorded_is_not() -> None:
    one = population({"male · A": 0.1}, people=10)
    assert checks(one, None, QUICK).reading()
    rows = one.rows.drop("gender", "ethnicity")
    with pytest.raises(SourceError, match="no gender and no ethnicity"):
        checks(embeddings_from_arrays(one.vectors, rows), None, QUICK)


def copied(folder: Path) -> Path:
    made = population(people=12, pictures=2)
    vectors = made.vectors.copy()
    vectors[30] = vectors[0]
    rows = made.rows.clone()
    rows[4, "gender"] = "female"
    described = {"preprocessing": YUNET, "failures": made.failures, "card": made.card}
    write_embeddings(embeddings_from_arrays(vectors, rows, **described), folder)
    return folder


def test_the_report_shows_people_on_request_only(tmp_path: Path) -> None:
    config = StudyConfig(studies=("checks",), common=QUICK)
    emb = copied(tmp_path / "out" / "embeddings")
    page = run(emb, _begun(tmp_path / "out"), config)
    text = page.read_text(encoding="utf-8")
    assert "male-A-0" not in text
    assert "nearly the same vector" in text
    for heading in (
        "Pictures that could not be read, faces that were not found",
        "Several faces, small faces",
        "The same picture more than once",
        "Labels that contradict each other",
    ):
        assert f"<h3>{heading}</h3>" in text
    named = build_report(tmp_path / "out", names=True).read_text(encoding="utf-8")
    assert "<bdi>male-A-0</bdi>: <bdi>male-A-0/0.png</bdi>" in named


def _begun(out: Path) -> Path:
    (out / "study.toml").write_text('schema = "evenface.study/1"\n')
    return out


def test_only_names_what_is_asked_and_checks_come_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert StudyConfig().studies[0] == "checks"
    emb = copied(tmp_path / "emb")
    assert main(["checks", str(emb), "--resamples", "100", "--tiny", "40"]) == 0
    assert "fewer than 40 pixels" in capsys.readouterr().out
    assert main(["checks", str(emb), "--duplicate-similarity", "2"]) == 2
    assert "duplicate_similarity" in capsys.readouterr().err
    out = tmp_path / "out"
    argv = ["run", str(emb), "--out", str(out), "--resamples", "100", "--images", "1"]
    assert main([*argv, "--only", "checks"]) == 0
    saved = json.loads((out / "results" / "checks.json").read_text())
    (row,) = (n for n in saved["numbers"] if n["metric"] == "failure_to_enrol")
    assert "were chosen from" in row["method"]


def test_options_have_bounds() -> None:
    for bad in ({"duplicate_similarity": 0.2}, {"tiny": 0}):
        with pytest.raises(ValueError, match="greater than"):
            ChecksOptions(**bad)
