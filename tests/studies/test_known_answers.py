"""Studies find what is there, within their intervals, on populations in closed form."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evenface.embed.embeddings import Embeddings
from evenface.errors import ConfigError, EvenfaceError, LeakError, SelectionError, SourceError
from evenface.faces.split import frame_persons
from evenface.heads.probes import PROBES
from evenface.heads.problem import Trained
from evenface.stats.intervals import Estimate
from evenface.studies.data import CommonOptions, prepare, study_splits
from evenface.studies.heldout import Curves
from evenface.studies.probe import ProbeOptions, ProbeResult, probe
from evenface.studies.training_sets import ALL, MATCHED
from evenface.studies.transfer import TransferOptions, TransferResult, transfer
from populations import ETHNICITIES, Gaussian, exclusive_or, labelled

QUICK = CommonOptions(resamples=500)
# Control tasks and few axes are asked about in test_controls.
BARE: dict[str, Any] = {"controls": 0, "dimensions": ()}


def within(estimate: Estimate, truth: float, slack: float = 0.0) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low - slack <= truth <= estimate.high + slack


@pytest.fixture(scope="module")
def population() -> Gaussian:
    return Gaussian(identities=300, angle=0.9)


@pytest.fixture(scope="module")
def probed(population: Gaussian) -> ProbeResult:
    straight = dataclasses.replace(population, angle=0.0)
    return probe(straight.embeddings(), ProbeOptions(targets=("gender",)), QUICK)


@pytest.fixture(scope="module")
def carried(population: Gaussian) -> TransferResult:
    return transfer(population.embeddings(), TransferOptions(probes=("linear",)), QUICK)


def test_intervals_of_the_headline_hold_the_best_accuracy() -> None:
    # Ten populations: nominal 95 % intervals may miss now and then, not often.
    hits = 0
    for seed in range(10):
        drawn = Gaussian(identities=150, seed=seed)
        asked = ProbeOptions(targets=("gender",), probes=("linear",), **BARE)
        result = probe(drawn.embeddings(), asked, QUICK)
        found = result.estimate(metric="balanced_accuracy", target="gender", group="all")
        hits += within(found, drawn.accuracy(0, 0))
        assert found.n_identities == 900
    assert hits >= 8


@pytest.mark.parametrize("name", ["linear", "mlp", "rbf"])
def test_every_curved_or_straight_probe_is_near_it(
    probed: ProbeResult, population: Gaussian, name: str
) -> None:
    found = probed.estimate(metric="balanced_accuracy", target="gender", probe=name, group="all")
    # What finite training data cost, at most.
    assert within(found, population.accuracy(0, 0), slack=0.01)
    assert found.n_identities == 1800


@pytest.mark.parametrize("train", range(3))
@pytest.mark.parametrize("test", range(3))
def test_transfer_is_within_its_interval_of_the_truth(
    carried: TransferResult, population: Gaussian, train: int, test: int
) -> None:
    names = {"train_on": ETHNICITIES[train], "test_on": ETHNICITIES[test], "probe": "linear"}
    truth = population.accuracy(train, test)
    # 9 intervals at once, each from a model that learned from finite data.
    assert within(carried.estimate(metric="balanced_accuracy", **names), truth, slack=0.02)
    if train != test:
        gap = population.accuracy(test, test) - truth
        assert within(carried.estimate(metric="transfer_gap", **names), gap, slack=0.02)


def test_where_all_groups_agree_no_gap_is_found() -> None:
    # Without an offset the three groups are one distribution.
    same = Gaussian(identities=150, angle=0.0, offset=0.0, seed=1)
    result = transfer(same.embeddings(), TransferOptions(probes=("linear",)), QUICK)
    gaps = result.where(metric="transfer_gap").filter(~pl.col("train_on").is_in([ALL, MATCHED]))
    assert (gaps["low"] > 0).sum() <= 1


def test_labels_without_meaning_are_at_chance() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (f"s{i}", f"p{i}", str(rng.choice(["male", "female"])), str(rng.choice(ETHNICITIES)))
        for i in range(400)
    ]
    result = probe(labelled(rng.normal(size=(400, 10)), rows), ProbeOptions(**BARE), QUICK)
    for target, best, classes, _ in result.tables["headline"].rows():
        found = result.estimate(metric="balanced_accuracy", target=target, probe=best, group="all")
        assert within(found, 1 / classes, slack=0.02)
        # The words follow the interval, whichever way it fell.
        assert found.low is not None
        verdict = next(s for s in result.reading() if s.lower().startswith(_start(target)))
        assert ("not shown" in verdict) == (found.low <= 1 / classes)


def _start(target: str) -> str:
    return "the demographic group" if target == "group" else target


def test_a_model_without_validation_rows_has_no_say() -> None:
    def scored(**scores: float) -> dict[str, Trained]:
        return {n: Trained(SimpleNamespace(validation=v), None) for n, v in scores.items()}  # type: ignore[arg-type]

    memorised, honest = scored(knn=1.0, linear=0.6), scored(knn=0.6, linear=0.8)
    assert Curves().choose("t", [memorised, honest], [0, 40]) == "linear"
    assert Curves().choose("t", [memorised, honest], [0, 0]) == "knn"


def test_a_linear_probe_alone_under_reports_what_is_known() -> None:
    embeddings, best = exclusive_or()
    result = probe(embeddings, ProbeOptions(targets=("gender",), **BARE), QUICK)
    linear = result.estimate(metric="balanced_accuracy", probe="linear", group="all")
    assert within(linear, 0.5, slack=0.03)
    assert result.headline("gender") == "strongest"
    assert "linear" not in result.tables["headline"]["chosen"][0]
    strongest = result.estimate(metric="balanced_accuracy", probe="strongest", group="all")
    assert within(strongest, best, slack=0.03)


def test_size_matched_models_learn_from_as_many_people(carried: TransferResult) -> None:
    sizes = dict(carried.tables["sizes"].select("train_on", "identities").rows())
    single = [sizes[e] for e in ETHNICITIES]
    assert max(single) - min(single) == 0
    assert sizes[MATCHED] == single[0]
    assert sizes[ALL] > 2.9 * single[0]


def test_frames_have_the_columns_of_the_design(
    probed: ProbeResult, carried: TransferResult
) -> None:
    leading = ["study", "metric", "value", "low", "high", "level", "n", "n_identities", "method",
               "training_share"]  # fmt: skip
    assert probed.frame().columns == [*leading, "target", "probe", "group", "dimension"]
    assert carried.frame().columns == [
        *leading, "target", "across", "train_on", "test_on", "probe",
    ]  # fmt: skip
    assert {
        "accuracy",
        "balanced_accuracy",
        "chance",
        "majority",
        "control_accuracy",
        "control_accuracy_seen",
        "selectivity",
        "balanced_accuracy_by_dimension",
        "lost_by_dimension",
    } == set(probed.frame()["metric"])
    for frame in (probed.frame(), carried.frame()):
        numbers = frame.drop_nulls("value")
        assert (numbers["low"] <= numbers["value"]).all()
        assert (numbers["value"] <= numbers["high"]).all()


@pytest.mark.parametrize("name", ["probed", "carried"])
def test_results_survive_json(name: str, request: pytest.FixtureRequest, tmp_path: object) -> None:
    import json
    from pathlib import Path

    result = request.getfixturevalue(name)
    file = result.save(Path(str(tmp_path)))
    again = type(result).from_dict(json.loads(file.read_text()))
    assert again.frame().equals(result.frame())
    assert again.reading() == result.reading()
    assert all(again.tables[t].equals(result.tables[t]) for t in result.tables)
    assert pl.read_parquet(file.with_suffix(".parquet")).equals(result.frame())


def test_the_same_seed_gives_the_same_numbers() -> None:
    embeddings = Gaussian(identities=20).embeddings()
    asked = ProbeOptions(targets=("gender",), **BARE)
    first, again = (probe(embeddings, asked, QUICK) for _ in range(2))
    assert first.frame().equals(again.frame())


def test_splits_that_leak_are_refused_by_every_study() -> None:
    embeddings = Gaussian(identities=20, images=2).embeddings()
    data = prepare(embeddings, QUICK)
    good = study_splits(data, QUICK)
    leaky = [dataclasses.replace(good[0], train=np.append(good[0].train, good[0].test[:1]))]
    for study in (probe, transfer):
        with pytest.raises(LeakError, match="train and test"):
            study(embeddings, None, QUICK, splits=leaky)


@settings(max_examples=25)
@given(
    st.integers(0, 10_000),
    st.integers(10, 60),
    st.integers(1, 4),
    st.integers(3, 6),
)
def test_studies_never_share_a_person_between_sides(
    seed: int, people: int, images: int, folds: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = []
    for p in range(people):
        for k in range(int(rng.integers(1, images + 1))):
            gender = rng.choice(["male", "female", None], p=[0.45, 0.45, 0.1])
            rows.append((f"{p}-{k}", f"p{p}", gender, str(rng.choice(ETHNICITIES))))
    embeddings = labelled(rng.normal(size=(len(rows), 3)), rows)
    hashes = pl.Series("sha256", [f"h{rng.integers(0, 3 * people)}" for _ in rows])
    embeddings = dataclasses.replace(embeddings, rows=embeddings.rows.with_columns(hashes))
    common = CommonOptions(folds=folds)
    try:
        data = prepare(embeddings, common)
        splits = study_splits(data, common)
    except SelectionError:
        assert frame_persons(embeddings.rows).max() + 1 < folds or people < 20
        return
    for split in splits:
        for side, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
            a, b = getattr(split, side), getattr(split, other)
            for column in ("identity", "sha256"):
                values = embeddings.rows[column]
                assert not set(values[a].to_list()) & set(values[b].to_list())


def one_gender() -> Embeddings:
    rows = [(f"s{i}", f"p{i}", "male", "Asian") for i in range(30)]
    return labelled(np.random.default_rng(0).normal(size=(30, 3)), rows)


def test_one_group_only_is_refused() -> None:
    for study in (probe, transfer):
        with pytest.raises(SelectionError, match="one group, 'male · Asian'"):
            study(one_gender(), None, QUICK)


def test_what_is_not_recorded_is_named() -> None:
    embeddings = Gaussian(identities=10).embeddings()
    with pytest.raises(ConfigError, match="age"):
        probe(embeddings, ProbeOptions(targets=("age",)), QUICK)
    with pytest.raises(SourceError, match="age"):
        probe(embeddings, None, CommonOptions(group_by=("age",)))
    with pytest.raises(ValidationError, match="must differ"):
        TransferOptions(target="gender", across="gender")


@pytest.mark.parametrize("identities", [1, 2, 3])
def test_tiny_groups_end_in_words_not_in_numbers(identities: int) -> None:
    embeddings = Gaussian(identities=identities, images=3).embeddings()
    try:
        result = probe(embeddings, None, QUICK)
        assert result.reading()
        transfer(embeddings, None, QUICK)
    except EvenfaceError as error:
        assert "identities" in str(error)  # noqa: PT017


def test_groups_too_small_for_a_class_are_left_out_and_said() -> None:
    embeddings = Gaussian(identities=30).embeddings()
    rows = embeddings.rows.with_columns(
        ethnicity=pl.when(pl.col("identity") == "Af0").then(pl.lit("rare")).otherwise("ethnicity")
    )
    result = transfer(
        dataclasses.replace(embeddings, rows=rows), TransferOptions(probes=("linear",)), QUICK
    )
    assert "rare" not in result.frame()["test_on"].to_list()
    assert "rare (1)" in " ".join(result.reading())


def test_every_probe_of_the_table_runs_in_transfer() -> None:
    result = transfer(Gaussian(identities=12).embeddings(), None, QUICK)
    assert set(result.frame()["probe"]) == {*PROBES, "strongest"}


def test_the_strongest_is_chosen_split_by_split_and_never_flattered() -> None:
    # Labels without meaning: the best of four probes on the test rows would beat chance; the
    # best on each split's validation rows may not.
    rng = np.random.default_rng(1)
    values = []
    for seed in range(6):
        rows = [(f"s{i}", f"p{i}", "male" if i % 2 else "female", "x") for i in range(60)]
        embeddings = labelled(rng.normal(size=(60, 5)), rows)
        result = probe(
            embeddings, ProbeOptions(probes=("linear", "rbf", "knn")), CommonOptions(seed=seed)
        )
        values.append(result.estimate(metric="balanced_accuracy", target="gender",
                                      probe="strongest", group="all").value)  # fmt: skip
    # Six draws of 60: the mean has a standard error of 0.026.
    assert np.mean(values) < 0.5 + 3 * 0.026
