"""Comparisons of output folders: what is refused, what is never overwritten."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import evenface as ef
from evenface.errors import StoreError
from evenface.studies.data import CommonOptions
from evenface.studies.probe import ProbeOptions, ProbeResult, probe
from populations import Gaussian


@pytest.fixture(scope="module")
def probed() -> ProbeResult:
    options = ProbeOptions(targets=("gender",), probes=("linear",), controls=0, dimensions=())
    return probe(Gaussian(identities=20).embeddings(), options, CommonOptions(resamples=100))


def test_a_folder_of_somebodys_is_left_alone(probed: ProbeResult, tmp_path: Path) -> None:
    probed.save(tmp_path / "a" / "results")

    def compare_into(out: Path) -> None:
        ef.compare(tmp_path / "a", tmp_path / "a", out=out)

    out = tmp_path / "out"
    for name in ("comparison.json", "probe.parquet"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("{}")
        with pytest.raises(StoreError, match=f"such as '{name}'"):
            compare_into(tmp_path / name)
        assert (tmp_path / name / name).read_text() == "{}"
    compare_into(out)
    (out / "map.parquet").write_text("mine")
    compare_into(out)
    assert (out / "map.parquet").read_text() == "mine"
    # It is not one of the files of the comparison that the folder holds.
    saved = (out / "comparison.json").read_text()
    (out / "comparison.json").write_text(saved.replace('"probe": {', '"other": {', 1))
    with pytest.raises(StoreError, match=r"such as 'figures/probe_changes\.pdf'"):
        compare_into(out)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be used for --out: Not a directory"):
        compare_into(tmp_path / "file" / "out")


BOOL = '{"probe": "linear"}'


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda o: o.drop("split"), "has no column 'split'"),
        (lambda o: o.with_columns(pl.col("split").cast(pl.String)), "String in column 'split'"),
        (lambda o: o.with_columns(pl.lit(7.5).alias(BOOL)), "expected Boolean"),
        (lambda o: o.with_columns(person=pl.lit(None, pl.Int64)), "empty cells in column 'person'"),
        (lambda o: pl.concat([o, o]), "a picture twice in one split"),
        (None, "can't be read"),
    ],
)
def test_outcomes_that_somebody_changed_are_refused(
    probed: ProbeResult,
    tmp_path: Path,
    change: Callable[[pl.DataFrame], pl.DataFrame] | None,
    said: str,
) -> None:
    probed.save(tmp_path / "results")
    file = tmp_path / "results" / "probe.outcomes.parquet"
    if change is None:
        file.write_bytes(b"PAR1")
    else:
        change(pl.read_parquet(file)).write_parquet(file)
    with pytest.raises(StoreError, match=said) as error:
        ef.compare(tmp_path, tmp_path)
    assert str(file) in str(error.value)


@pytest.mark.parametrize(
    ("place", "key", "value", "said"),
    [
        ("config", "level", 7, "level: Input should be less than or equal to 0.9999"),
        ("config", "resamples", 0, "resamples: Input should be"),
        ("config", "seed", None, "seed: Input should be"),
        ("context", "card", "x", "card must be an object"),
        ("tables", "repeats", None, "damaged"),
    ],
)
def test_results_without_a_seal_that_somebody_changed_are_refused(
    probed: ProbeResult,
    tmp_path: Path,
    place: str,
    key: str,
    value: object,
    said: str,
) -> None:
    file = probed.save(tmp_path / "results")
    saved = json.loads(file.read_text())
    # As an older version wrote it.
    del saved["seal"]
    saved[place][key] = value
    file.write_text(json.dumps(saved))
    with pytest.raises(StoreError, match=said):
        ef.compare(tmp_path, tmp_path)


def test_other_numbers_of_classes_are_said(probed: ProbeResult, tmp_path: Path) -> None:
    probed.save(tmp_path / "a" / "results")
    third = pl.when(metric="chance").then(1 / 3).otherwise("value")
    harder = probed.numbers.with_columns(third.alias("value"))
    dataclasses.replace(probed, numbers=harder).save(tmp_path / "b" / "results")
    said = "\n".join(ef.compare(tmp_path / "a", tmp_path / "b").reading())
    assert "chance is: gender 0.500 and 0.333" in said
