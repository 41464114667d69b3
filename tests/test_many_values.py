"""Attributes of 2 to 12 values, missing and withheld ones, and differing labels, in every study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from evenface import study
from evenface.cli import main
from evenface.embed.embeddings import Embeddings
from evenface.embed.folder import write_embeddings
from evenface.errors import ConfigError
from evenface.faces.unrecorded import without_values
from evenface.report.results import load_results
from evenface.studies import drawing
from evenface.studies.data import CommonOptions
from evenface.studies.result import Result
from evenface.studies.table import STUDIES
from populations import MANY, many_values
from support import shared_folder

KNOWN = 28 * 7
PEOPLE = KNOWN + 8
LEARN = {"losses": ["softmax"], "epochs": 2, "rates": [0.003], "hidden": [16]}
QUICK: dict[str, dict[str, Any]] = {
    "map": {"perplexity": 8, "dims": [2]},
    "probe": {"probes": ["linear"], "dimensions": [], "controls": 0},
    "transfer": {"probes": ["linear"]},
    "spaces": LEARN,
    "bias": {**LEARN, "remedies": []},
    "verify": {"associations": False, "remedies": [], "fmr": [0.01]},
    "erase": {"erasers": ["leace"], "probes": ["linear"], "strengths": [], "training": [],
              "splits": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def many() -> Embeddings:
    return many_values()


def ask(many: Embeddings, name: str, *by: str, folds: int = 3, **own: Any) -> Result:
    common = {"group_by": by, "seeds": 1, "folds": folds, "resamples": 100}
    missing = own.pop("missing", ())
    options = STUDIES[name].options.model_validate({**QUICK.get(name, {}), **own})
    return STUDIES[name].ask(many, options, CommonOptions(**common, missing=missing))


def values(result: Result, column: str, **of: Any) -> set[str]:
    return set(result.where(**of).drop_nulls("value")[column].to_list())


@pytest.mark.parametrize("attribute", [a for a in MANY if a != "gender"])
def test_every_value_of_2_3_7_and_12_is_in_every_study(many: Embeddings, attribute: str) -> None:
    every = set(MANY[attribute])
    missed = 8 if attribute == "region" else 0
    target = {"target": "glasses" if attribute != "glasses" else "shape", "across": attribute}
    found = {name: ask(many, name, attribute, **(target if name == "transfer" else {}))
             for name in STUDIES if name != "bias"}  # fmt: skip
    own = {"shares": [0.2]} if attribute == "region" else {}
    found["bias"] = ask(many, "bias", attribute, folds=5, **own)
    for result in found.values():
        groups = {g["group"]: g["identities"] for g in result.context["groups"]}
        assert set(groups) == every | ({"(unknown)"} if missed else set())
        assert sum(groups.values()) == PEOPLE
        assert groups.get("(unknown)", 0) == missed
        assert result.reading()
        assert result.figures() or result.study == "checks"
    assert values(found["checks"], "attribute", metric="label_conflicts") >= {attribute, "gender"}
    shown = found["map"].tables["rows"]
    assert set(shown[attribute].to_list()) == every
    # Up to 50 of each value where every value has them, else everybody.
    assert shown.height == (50 * len(every) if len(every) < 4 else PEOPLE - missed)
    of = {"probe": "group", "spaces": "group", "bias": "group", "transfer": "test_on"}
    for name, column in of.items():
        assert every <= values(found[name], column), name
    assert every <= values(found["verify"], "group_a", metric="fnmr")
    assert every <= values(found["erase"], "group", metric="fnmr")
    chance = found["probe"].estimate(metric="chance", target=attribute).value
    assert chance == pytest.approx(1 / len(every))


@pytest.fixture(scope="module")
def crossed(many: Embeddings) -> dict[str, Result]:
    names = ("checks", "map", "probe", "transfer", "spaces", "verify")
    return {name: ask(many, name, "gender", "ethnicity") for name in names}


def test_28_groups_of_four_genders_and_seven_ethnicities(crossed: dict[str, Result]) -> None:
    groups = {f"{g} · {e}" for g in MANY["gender"] for e in MANY["ethnicity"]}
    for name in ("probe", "spaces"):
        assert len(values(crossed[name], "group") & groups) >= 24, name
    assert values(crossed["verify"], "group_a", metric="fmr", attribute="group") == groups
    genders = {"group": "all", "metric": "chance", "target": "gender"}
    assert crossed["probe"].estimate(**genders).value == 0.25
    assert set(MANY["ethnicity"]) <= values(crossed["transfer"], "test_on")
    drawn = drawing.marks(crossed["map"].tables["rows"]["group"].to_list())
    assert {m.label for m in drawn} == groups
    assert len({(m.colour, m.shape) for m in drawn}) == 28


def test_what_is_not_recorded_is_counted_and_kept_for_what_is(crossed: dict[str, Result]) -> None:
    for result in crossed.values():
        notes = {(n["kind"], n["text"]): n["count"] for n in result.context["notes"]}
        assert notes["no label", "Pictures without a recorded gender: 16."] == 16
        assert notes["no label", "Pictures without a recorded region: 16."] == 16
        assert [n for kind, n in notes.items() if kind[0] == "no group"] == [16]
    # Their ethnicity is known, so it is read of them: hands of all and of the others.
    tested = {t: crossed["probe"].estimate(metric="balanced_accuracy", target=t, group="all",
                                           probe="linear").n_identities
              for t in ("gender", "ethnicity")}  # fmt: skip
    assert tested["ethnicity"] > tested["gender"]
    pooled = (
        crossed["verify"].where(metric="eer", group_a="all").filter(pl.col("attribute").is_null())
    )
    assert pooled["n_identities"].to_list() == [PEOPLE]
    assert crossed["map"].tables["rows"].height == PEOPLE - 8


def test_identities_with_two_labels_are_counted_and_kept(crossed: dict[str, Result]) -> None:
    two = len(range(0, KNOWN, 9))
    for result in crossed.values():
        text = f"Identities with more than one recorded gender: {two}."
        assert text in [n["text"] for n in result.context["notes"]]
    share = crossed["checks"].estimate(metric="label_conflicts", attribute="gender")
    assert share.value == pytest.approx(two / KNOWN)
    # A person stands in one group in verification, and with either of its pictures in a map.
    counts = crossed["verify"].tables["counts"].filter(attribute="gender")
    assert counts["identities"].sum() == KNOWN
    # Without a gender they are in no group of ethnicity either.
    other = crossed["verify"].tables["counts"].filter(attribute="ethnicity")
    assert other["identities"].sum() == KNOWN
    chosen = crossed["map"].tables["rows"]["sample_id"]
    assert chosen.str.split("-").list.first().n_unique() == PEOPLE - 8


@pytest.mark.parametrize("name", [n for n in STUDIES if n != "transfer"])
def test_a_value_that_counts_as_missing_is_in_no_study(many: Embeddings, name: str) -> None:
    result = ask(many, name, "gender", missing=["Withheld", "unknown", "elsewhere"])
    counts = {g["group"]: g["images"] for g in result.context["groups"]}
    withheld = int((many.rows["gender"] == "withheld").sum())
    assert set(counts) == {"female", "male", "non-binary", "(unknown)"}
    assert counts["(unknown)"] == withheld + 16
    assert "withheld" not in str(result.frame().rows()).lower()
    said = [n["text"] for n in result.context["notes"]]
    assert f"Labels of gender taken as missing, as asked ('withheld'): {withheld}." in said
    assert "Asked to be taken as missing, but recorded nowhere: 'elsewhere'." in said
    assert result.context["embedding_fingerprint"] == many.fingerprint
    assert many.rows["gender"].is_in(["withheld"]).any()


def test_missing_values_are_no_empty_ones(many: Embeddings) -> None:
    with pytest.raises(ConfigError, match="empty"):
        without_values(many.rows, ["gender"], [" "])
    with pytest.raises(ValueError, match="empty"):
        CommonOptions(missing=("",))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder of every study on 28 groups, asked by a study file."""

    def make(place: Path) -> None:
        write_embeddings(many_values(), place / "emb")
        common = {"seeds": 1, "folds": 10, "resamples": 100}
        further = {
            "bias": {**QUICK["bias"], "shares": [0.045]},
            "erase": {**QUICK["erase"], "attributes": ["gender"], "together": False},
        }
        config = {"common": common, **QUICK, **further, "schema": "evenface.study/1"}
        text = study.StudyConfig.model_validate(config).to_toml(embedded=True)
        (place / "study.toml").write_text(text)
        ways = ["--study", str(place / "study.toml"), "--out", str(place / "out")]
        assert main(["run", str(place / "emb"), *ways]) == 0

    return shared_folder(tmp_path_factory, "many", make) / "out"


def test_a_run_answers_every_study_and_reports_every_group(out: Path) -> None:
    loaded = load_results(out)
    assert set(loaded.results) == set(STUDIES)
    assert not loaded.skipped
    html = (out / "report.html").read_text()
    for gender in MANY["gender"]:
        for ethnicity in MANY["ethnicity"]:
            assert f"{gender} · {ethnicity}" in html
    assert (
        "Pictures that belong to no group, as gender or ethnicity isn&#39;t recorded: 16." in html
    )


def test_the_command_line_takes_missing_values(out: Path, tmp_path: Path) -> None:
    asked = ["--missing", "withheld,other", "--group-by", "gender", "--folds", "3"]
    emb = str(out.parent / "emb")
    assert main(["checks", emb, "--out", str(tmp_path / "out"), *asked]) == 0
    found = json.loads((tmp_path / "out" / "results" / "checks.json").read_text())
    assert found["config"]["missing"] == ["withheld", "other"]
    assert main(["run", emb, "--out", str(tmp_path / "two"), *asked, "--per-group", "30",
                 "--only", "checks"]) == 0  # fmt: skip
    rows = pl.read_parquet(tmp_path / "two" / "results" / "checks.parquet")
    groups = set(rows["group"].drop_nulls().to_list())
    assert groups == {"all", "female", "male", "non-binary"}
    fitted = tmp_path / "e.safetensors"
    assert main(["fit-eraser", emb, "--attributes", "gender", "--missing", "withheld",
                 "--out", str(fitted)]) == 0  # fmt: skip
    assert b"non-binary" in fitted.read_bytes()
    assert b"withheld" not in fitted.read_bytes()


def test_labels_that_cannot_be_told_apart_share_one_grey_entry() -> None:
    drawn = drawing.marks([*(f"v{k:02d}" for k in range(70)), None])
    looks = [(m.colour, m.shape) for m in drawn]
    assert len(set(looks)) == len(looks) == drawing.LOOKS + 2
    assert drawn[-1].label == "6 further values"
    table = pl.DataFrame({"a": ["v00", "v69", "v65", None]})
    assert drawn[-1].of(table, "a")["a"].to_list() == ["v69", "v65"]
    assert len({(drawing.colour(k), drawing.marker(k)) for k in range(64)}) == 64
