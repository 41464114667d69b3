"""Options and labels that studies can't work with, or would mistake for something else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from evenface.config import make_config
from evenface.embed.embeddings import Embeddings
from evenface.errors import ConfigError, SelectionError, VectorError
from evenface.studies import erased_fitted
from evenface.studies.data import CommonOptions
from evenface.studies.erase import EraseOptions, EraseResult, erase
from evenface.studies.map import MapOptions, map_space
from evenface.studies.probe import ProbeOptions, probe
from evenface.studies.transfer import TransferOptions, transfer
from populations import Gaussian

QUICK = CommonOptions(seeds=1, resamples=100)


@pytest.fixture(scope="module")
def people() -> Embeddings:
    return Gaussian(identities=12, images=2, separation=3).embeddings()


def renamed(people: Embeddings, **names: str) -> Embeddings:
    return replace(people, rows=people.rows.rename(names))


@pytest.mark.parametrize(
    ("section", "value", "said"),
    [
        ("common", {"group_by": []}, "common.group_by"),
        ("map", {"dims": []}, "map.dims"),
        ("map", {"per_group": []}, "map.per_group"),
        ("checks", {"tiny": 10**21}, "checks.tiny"),
        ("spaces", {"dims": []}, "spaces.dims"),
        ("spaces", {"balance": []}, "spaces.balance"),
        ("spaces", {"epochs_of": {"triplet": 0}}, "spaces.epochs_of.triplet"),
        ("bias", {"epochs_of": {"triplet": 0}}, "bias.epochs_of.triplet"),
    ],
)
def test_values_that_leave_nothing_to_do_are_named(section: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_config({"schema": "evenface.study/1", section: value})


def test_what_is_given_twice_is_done_once(people: Embeddings) -> None:
    options = MapOptions(dims=(2, 2), per_group=(10, 10), method="pca")
    assert (options.dims, options.per_group) == ((2,), (10,))
    assert map_space(people, options, QUICK).reading()


def asked(name: str) -> list[Callable[[Embeddings, CommonOptions], Any]]:
    return [
        lambda e, c: probe(e, ProbeOptions(targets=(name,), probes=("linear",)), c),
        lambda e, c: erase(e, EraseOptions(attributes=(name,)), c),
        lambda e, c: transfer(e, TransferOptions(target=name), c),
    ]


def test_a_column_called_group_is_not_taken_for_the_group(people: Embeddings) -> None:
    own = renamed(people, gender="group")
    by = QUICK.model_copy(update={"group_by": ("ethnicity",)})
    for ask in asked("group"):
        with pytest.raises(ConfigError, match="'group' is a recorded attribute here"):
            ask(own, by)
    # Where it makes the groups it is both.
    mine = QUICK.model_copy(update={"group_by": ("group",)})
    found = probe(own, ProbeOptions(targets=("group",), probes=("linear",), controls=0), mine)
    assert found.where(metric="chance", target="group")["value"].unique().to_list() == [0.5]


def test_an_attribute_called_none_is_refused_by_erase(people: Embeddings) -> None:
    with pytest.raises(ConfigError, match="rename the attribute"):
        erase(renamed(people, gender="none"), EraseOptions(attributes=("none",)), QUICK)


def test_a_value_called_like_the_model_of_all_is_refused_by_transfer(people: Embeddings) -> None:
    rows = people.rows.with_columns(pl.col("ethnicity").replace("Asian", "all"))
    with pytest.raises(SelectionError, match="a value of ethnicity is 'all'"):
        transfer(replace(people, rows=rows), None, QUICK)


@pytest.fixture(scope="module")
def read_by_mlp(people: Embeddings) -> EraseResult:
    options = EraseOptions(
        attributes=("gender",), erasers=("leace",), strengths=(), training=(), probes=("mlp",),
        splits=1,
    )  # fmt: skip
    return erase(people, options, QUICK)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ({"value": 0.8, "low": 0.7, "high": 0.9}, "After LEACE an MLP still reads gender ("),
        ({"value": 0.5, "low": 0.4, "high": 0.6}, "After LEACE no probe is shown to read gender ("),
        (
            {"value": None, "low": None, "high": None, "method": "too few"},
            "What LEACE leaves of gender can't be said: too few.",
        ),
    ],
)
def test_one_probe_that_is_not_linear_is_believed(
    read_by_mlp: EraseResult, new: dict[str, Any], said: str
) -> None:
    after = (pl.col("eraser") == "leace") & (pl.col("metric") == "balanced_accuracy")
    changed = [pl.when(after).then(pl.lit(v)).otherwise(pl.col(c)).alias(c) for c, v in new.items()]
    numbers = read_by_mlp.numbers.with_columns(changed)
    assert replace(read_by_mlp, numbers=numbers).reading()[0].startswith(said)


def test_ways_that_were_left_out_do_not_narrow_the_others(
    people: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What training adds was forgotten where another eraser could not be fitted at all."""
    fit = erased_fitted.fit_eraser

    def fits(method: str, *more: Any, **how: Any) -> Any:
        if method == "coral":
            raise VectorError("not this one")
        return fit(method, *more, **how)

    monkeypatch.setattr(erased_fitted, "fit_eraser", fits)
    options = EraseOptions(
        attributes=("gender",), erasers=("leace",), strengths=(), training=(), probes=("linear",),
        splits=5,
    )  # fmt: skip
    common = CommonOptions(seeds=5, resamples=100)
    at = {"metric": "balanced_accuracy", "probe": "linear", "eraser": "leace", "target": "gender"}
    alone = erase(people, options, common).estimate(**at)
    both = erase(people, options.model_copy(update={"erasers": ("leace", "coral")}), common)
    assert "not this one" in str(both.tables["left_out"]["reason"][0])
    assert both.estimate(**at) == alone
    assert alone.training_share is not None
