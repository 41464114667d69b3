"""Two runs on the same people."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm
from tests.populations import Gaussian

import evenface as ef
from evenface.embed.embeddings import Embeddings
from evenface.errors import ConfigError, StoreError
from evenface.studies.compare import Compared, compare_results
from evenface.studies.compare_view import _beyond_zero, read_overlap
from evenface.studies.data import CommonOptions
from evenface.studies.erase import EraseOptions, EraseResult, erase
from evenface.studies.gate import parse
from evenface.studies.matched import Matched
from evenface.studies.outcomes import FIXED
from evenface.studies.probe import ProbeOptions, ProbeResult, probe
from evenface.studies.transfer import TransferOptions, TransferResult, transfer

QUICK = CommonOptions(resamples=300)
GENDER = ProbeOptions(targets=("gender",), probes=("linear", "knn"), controls=0, dimensions=())
ACROSS = TransferOptions(probes=("linear",))


def noisier(embeddings: Embeddings, spread: float, seed: int = 0) -> Embeddings:
    noise = np.random.default_rng(seed).normal(size=embeddings.vectors.shape) * spread
    return dataclasses.replace(embeddings, vectors=(embeddings.vectors + noise).astype(np.float32))


@pytest.fixture(scope="module")
def population() -> Gaussian:
    return Gaussian(identities=100, images=2, separation=2.5, angle=0.6)


@pytest.fixture(scope="module")
def probed(population: Gaussian) -> tuple[ProbeResult, ProbeResult]:
    first = population.embeddings()
    return probe(first, GENDER, QUICK), probe(noisier(first, 1.5), GENDER, QUICK)


@pytest.fixture(scope="module")
def carried(population: Gaussian) -> tuple[TransferResult, TransferResult]:
    first = population.embeddings()
    return transfer(first, ACROSS, QUICK), transfer(noisier(first, 0.5), ACROSS, QUICK)


def test_a_run_does_not_differ_from_itself(carried: tuple[TransferResult, TransferResult]) -> None:
    same = compare_results(carried[0], carried[0])
    assert same.frame.height == carried[0].numbers.height
    assert same.frame["paired"].all()
    assert same.frame["value"].abs().max() < 1e-12  # type: ignore[operator]
    # Shares' intervals reach further to one side, which leaves a little of perfect pairing.
    assert (same.frame["high"] - same.frame["low"]).max() < 0.06  # type: ignore[operator]
    assert (same.frame["low"] <= 0).all()
    assert (same.frame["high"] >= 0).all()
    assert (same.frame["p"] == 1).all()
    assert same.same_splits
    assert same.identities == 600
    assert same.alone == (0, 0)


@pytest.fixture(scope="module")
def erased() -> tuple[EraseResult, EraseResult]:
    people = Gaussian(identities=20, images=2, separation=3.0, dimension=12).embeddings()
    first, second = noisier(people, 0.2), noisier(people, 1.0)
    options = EraseOptions(
        attributes=("gender",), erasers=("leace",), strengths=(0.5,), probes=("linear", "knn"),
        training=("adversarial",), splits=2,
    )  # fmt: skip
    return erase(first, options, QUICK), erase(second, options, QUICK)


def test_what_erasers_leave_is_paired_and_what_verification_pays_is_not(
    erased: tuple[EraseResult, EraseResult],
) -> None:
    found = compare_results(*erased).frame
    read = found.filter(pl.col("metric").str.starts_with("balanced_accuracy"))
    assert read["paired"].all()
    assert set(read["eraser"]) == {"none", "leace", "learned-none", "learned-adversarial"}
    apart = (read["b"] - read["a"] - read["value"]).abs().max()
    assert apart < 1e-9  # type: ignore[operator]
    assert not found.filter(metric="eer")["paired"].any()


@pytest.mark.parametrize("which", ["probed", "carried"])
def test_a_change_is_the_difference_of_both_numbers(
    which: str, request: pytest.FixtureRequest
) -> None:
    first, second = request.getfixturevalue(which)
    found = compare_results(first, second).frame
    assert found["paired"].all()
    assert set(found["metric"]) >= {"accuracy", "balanced_accuracy"}
    apart = (found["b"] - found["a"] - found["value"]).abs().max()
    assert apart < 1e-9  # type: ignore[operator]
    assert (found["low"] <= found["value"]).all()
    assert (found["value"] <= found["high"]).all()


def test_a_worse_embedder_is_found_and_its_truth_covered(
    probed: tuple[ProbeResult, ProbeResult], population: Gaussian
) -> None:
    found = compare_results(*probed).frame.filter(
        metric="balanced_accuracy", probe="linear", group="all"
    )
    row = found.row(0, named=True)
    # Noise of 1.5 on noise of 1: the best accuracy is Phi(separation / 2 / sqrt(1 + 1.5^2 / 2))
    # or less, as pictures of a person share one of the two.
    cut = float(norm.cdf(2.5 / 2 / np.sqrt(1 + 1.5**2))) - population.accuracy(0, 0)
    assert row["p_holm"] < 0.05
    assert row["high"] < 0
    assert row["low"] - 0.05 < cut < row["high"] + 0.05


def test_pairing_narrows_and_other_splits_widen(population: Gaussian) -> None:
    first = population.embeddings()
    one = probe(first, GENDER, QUICK)
    near = probe(noisier(first, 0.2), GENDER, QUICK)
    other = probe(noisier(first, 0.2), GENDER, QUICK.model_copy(update={"seed": 9}))
    at = {"metric": "balanced_accuracy", "probe": "linear", "group": "all"}

    def width(compared: Compared) -> float:
        row = compared.frame.filter(**at).row(0, named=True)
        return float(row["high"] - row["low"])

    paired, apart = compare_results(one, near), compare_results(one, other)
    assert paired.same_splits
    assert not apart.same_splits
    own = one.estimate(**at)
    assert own.low is not None
    assert own.high is not None
    assert width(paired) < 1.2 * (own.high - own.low)
    assert apart.frame.filter(**at)["training_share"][0] is not None


def test_only_people_in_both_runs_count(population: Gaussian) -> None:
    first = population.embeddings()
    kept = (first.rows["identity"].str.slice(2).cast(pl.Int64) >= 20).to_numpy()
    second = first.take(kept)
    found = compare_results(probe(first, GENDER, QUICK), probe(second, GENDER, QUICK))
    assert found.identities == 480
    assert found.alone == (120, 0)
    assert found.pictures == 960
    assert found.frame.filter(metric="accuracy", group="all")["n_identities"].max() == 480


def test_pictures_with_other_labels_are_left_out(population: Gaussian) -> None:
    first = population.embeddings()
    gender = first.rows["gender"].to_list()
    gender[0] = gender[1] = "male" if gender[0] == "female" else "female"
    second = dataclasses.replace(first, rows=first.rows.with_columns(gender=pl.Series(gender)))
    found = compare_results(probe(first, GENDER, QUICK), probe(second, GENDER, QUICK))
    assert found.disagree == 2
    assert found.alone == (0, 0)
    assert found.pictures == 1198


def test_runs_of_one_probe_each_are_compared_all_the_same(population: Gaussian) -> None:
    first = population.embeddings()
    runs = [
        probe(first, GENDER.model_copy(update={"probes": (name,)}), QUICK)
        for name in ("linear", "knn")
    ]
    found = compare_results(*runs)
    assert found.differs == {"probe": ("linear", "knn")}
    carried = [
        transfer(first, ACROSS.model_copy(update={"probes": (name,)}), QUICK)
        for name in ("linear", "knn")
    ]
    found = compare_results(*carried)
    assert found.differs == {"probe": ("linear", "knn")}
    assert found.frame.height == carried[0].numbers.height
    assert found.frame["paired"].all()


def test_numbers_of_axes_are_paired_too(population: Gaussian) -> None:
    first = population.embeddings()
    options = GENDER.model_copy(update={"dimensions": (2, 4)})
    runs = [probe(e, options, QUICK) for e in (first, noisier(first, 1.0))]
    found = compare_results(*runs).frame.filter(pl.col("dimension").is_not_null())
    assert found["dimension"].to_list() == [2, 4, 8, 2, 4]
    assert found["paired"].all()
    assert (found["b"] - found["a"] - found["value"]).abs().max() < 1e-9  # type: ignore[operator]


def test_what_either_run_links_is_one_person() -> None:
    def outcomes(person: list[int]) -> pl.DataFrame:
        n = len(person)
        return pl.DataFrame(
            {"topic": "t", "split": [0] * n, "sample_id": [f"s{i}" for i in range(n)],
             "person": person, "recorded": ["x"] * n, "group": [None] * n, "m": [True] * n},
            schema_overrides=FIXED,
        )  # fmt: skip

    matched = Matched.of(outcomes([0, 1, 1, 2, 3]), outcomes([5, 5, 6, 7, 8]))
    assert matched.person.tolist() == [0, 0, 0, 1, 2]
    assert matched.labels.height == 5


def test_intervals_are_widened_for_their_number() -> None:
    rows = pl.DataFrame(
        {"value": [0.2, 0.2], "low": [0.01, 0.1], "high": [0.4, 0.3], "level": [0.95] * 2,
         "method": ["x"] * 2}
    )  # fmt: skip
    # Two at once: 2.241 standard errors instead of 1.960.
    assert _beyond_zero(rows).to_list() == [False, True]
    assert _beyond_zero(rows.head(1)).to_list() == [True]


def test_numbers_that_cannot_be_paired_stand_beside_each_other(population: Gaussian) -> None:
    first = population.embeddings()
    options = ef.MapOptions(dims=(2,))
    runs = [ef.map_space(e, options, QUICK) for e in (first, noisier(first, 2.0))]
    found = compare_results(*runs).frame
    assert not found["paired"].any()
    assert found["p"].null_count() == found.height
    known = found.drop_nulls("value")
    assert (known["b"] - known["a"] - known["value"]).abs().max() < 1e-12  # type: ignore[operator]


def test_folders_are_compared_and_a_page_is_written(
    probed: tuple[ProbeResult, ProbeResult],
    carried: tuple[TransferResult, TransferResult],
    tmp_path: Path,
) -> None:
    for name, place in (("a", 0), ("b", 1)):
        for result in (probed[place], carried[place]):
            result.save(tmp_path / name / "results")
    out = tmp_path / "out"
    found = ef.compare(tmp_path / "a", tmp_path / "b", out=out)
    text = (out / "comparison.html").read_text()
    said = "\n".join(found.reading())
    assert "600 identities" in said
    assert "Changes are the second's minus the first's" in said
    assert "balanced accuracy: the second run's is lower for gender" in said
    assert text.count("<table>") == 2
    assert "<script" not in text
    assert "connect-src" in text
    assert pl.read_parquet(out / "probe.parquet").equals(found.frame("probe"))
    # Twice the same, and only on what is its own.
    ef.compare(tmp_path / "a", tmp_path / "b", out=out)
    assert (out / "comparison.html").read_text() == text
    with pytest.raises(StoreError, match="holds something else"):
        ef.compare(tmp_path / "a", tmp_path / "b", out=tmp_path / "a")
    with pytest.raises(ConfigError, match="no study named 'prob'"):
        ef.compare(tmp_path / "a", tmp_path / "b", studies=("prob",))
    with pytest.raises(StoreError, match="no such folder"):
        ef.compare(tmp_path / "a", tmp_path / "c")
    # Without outcomes of one run nothing can be paired, and it is said.
    (tmp_path / "b" / "results" / "probe.outcomes.parquet").unlink()
    bare = ef.compare(tmp_path / "a", tmp_path / "b", studies=("probe",), out=out)
    assert not (out / "transfer.parquet").exists()
    assert {f.stem for f in (out / "figures").iterdir()} == {"probe_changes"}
    bare = ef.compare(tmp_path / "a", tmp_path / "b")
    assert not bare.frame("probe")["paired"].any()
    assert bare.frame("transfer")["paired"].all()
    assert "Not paired: probe;" in "\n".join(bare.reading())
    said = "\n".join(bare.reading())
    assert "the second run has no results/probe.outcomes.parquet; run it again" in said
    (tmp_path / "a" / "results" / "probe.json").unlink()
    (tmp_path / "b" / "results" / "transfer.json").unlink()
    with pytest.raises(StoreError, match="no study in common"):
        ef.compare(tmp_path / "a", tmp_path / "b")


def test_runs_without_a_picture_in_common_stand_beside_each_other(population: Gaussian) -> None:
    first = population.embeddings()
    strangers = first.rows.with_columns(pl.format("x{}", "sample_id").alias("sample_id"))
    renamed = first.rows.with_columns(gender=pl.col("gender").replace({"male": "m", "female": "f"}))
    one = probe(first, GENDER, QUICK)
    for rows, disagree in ((strangers, 0), (renamed, 1200)):
        found = compare_results(one, probe(dataclasses.replace(first, rows=rows), GENDER, QUICK))
        assert (found.pictures, found.disagree) == (0, disagree)
        assert "no picture in common" in found.unpaired
        assert not found.frame["paired"].any()
        assert found.frame.filter(metric="balanced_accuracy")["value"].null_count() == 0


def test_what_is_asked_is_never_compared_with_something_else(
    probed: tuple[ProbeResult, ProbeResult], population: Gaussian
) -> None:
    ethnicity = GENDER.model_copy(update={"targets": ("ethnicity",)})
    other = probe(population.embeddings(), ethnicity, QUICK)
    found = compare_results(probed[0], other)
    assert found.differs == {}
    assert found.frame["value"].null_count() == found.frame.height
    assert "no attribute in common" in found.unpaired
    # A gate that finds nothing to compare does not pass.
    for unless in (False, True):
        gate = parse("change(probe.balanced_accuracy) > -0.9", unless=unless)
        assert gate.judge_frame(found.frame).failed


def test_numbers_of_one_run_alone_are_named_and_fail_unless(
    carried: tuple[TransferResult, TransferResult],
) -> None:
    numbers = carried[1].numbers.filter(pl.col("test_on") != "Black")
    found = compare_results(carried[0], dataclasses.replace(carried[1], numbers=numbers))
    lone = found.frame.filter(test_on="Black")
    assert lone["value"].null_count() == lone.height > 0
    assert lone["a"].null_count() == 0
    assert f"{lone.height} numbers that the first run has alone" in "\n".join(read_overlap([found]))
    gate = parse("change(transfer.gap[train_on=*]) > -0.9", unless=True)
    verdict = gate.judge_frame(found.frame)
    assert verdict.failed
    assert "could not be judged" in verdict.sentences[0]
