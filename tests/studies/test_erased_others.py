"""What linear erasers leave to a probe of people whom they were not fitted to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from evenface.embed.embeddings import Embeddings, embeddings_from_arrays
from evenface.faces.split import Split, make_splits
from evenface.report.findings import findings
from evenface.studies import erased_others
from evenface.studies.data import CommonOptions, prepare
from evenface.studies.erase import EraseOptions, EraseResult, erase
from evenface.studies.erased_others import Halves
from evenface.studies.heldout import OTHERS

BY = CommonOptions(group_by=("side",), resamples=100)
LEACE = EraseOptions(
    attributes=("side",), erasers=("leace",), strengths=(), training=(), probes=("linear",),
    splits=5,
)  # fmt: skip


def sides(people: int, dimension: int, apart: float = 3.0, pictures: int = 1) -> Embeddings:
    """People of two sides, apart along one axis of many."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(people), pictures)
    side = who % 2
    x = rng.standard_normal((len(who), dimension))
    x[:, 0] += np.where(side, apart, -apart) / 2
    rows = pl.DataFrame({
        "sample_id": [str(i) for i in range(len(who))],
        "identity": [str(i) for i in who],
        "side": ["ab"[k] for k in side],
    })  # fmt: skip
    return embeddings_from_arrays(x.astype(np.float32), rows)


def read(result: EraseResult, probe: str, eraser: str = "leace") -> Any:
    return result.estimate(metric="balanced_accuracy", probe=probe, eraser=eraser)


@pytest.fixture(scope="module")
def few() -> EraseResult:
    return erase(sides(300, 64), LEACE, BY)


def test_other_people_tell_what_is_hidden_from_the_eraser_s_own(few: EraseResult) -> None:
    own, others = read(few, "linear"), read(few, OTHERS)
    assert own.low < 0.5 < own.high
    # Half of 180 people tell 64 means and covariances so roughly that much is left.
    assert others.low > 0.55
    change = few.estimate(metric="balanced_accuracy_change", probe=OTHERS)
    assert change.value == pytest.approx(others.value - read(few, OTHERS, "none").value)


def test_sentence_and_card_say_who_reads_it(few: EraseResult) -> None:
    said = few.reading()[0]
    assert "leaves side to a linear probe that learned from other people: after LEACE no" in said
    assert "no linear probe of the people it saw is shown to read it" in said
    (card, *_) = findings({"erase": few})[0]
    assert "can still be read" in card["says"]
    assert "other people than the eraser" in card["detail"]


def test_of_many_people_in_few_dimensions_nothing_is_left_to_anybody() -> None:
    result = erase(sides(2000, 4), LEACE, BY)
    others = read(result, OTHERS)
    assert others.low < 0.5 < others.high
    assert result.reading()[0].startswith("After LEACE no probe is shown to read side (")


def test_halves_share_nobody_and_both_have_every_label() -> None:
    people = sides(50, 3, pictures=2)
    rows = people.rows
    split = make_splits(rows, rows["side"].to_list(), seeds=1, folds=5, seed=0)[0]
    data = prepare(people, BY)
    asked: Any = SimpleNamespace(data=data, targets={"side": data.labels("side")})
    halves = Halves.of(asked, split)
    one, other = halves.fitted.train, halves.read.train
    assert sorted([*one, *other]) == split.train.tolist()
    assert not set(data.person[one]) & set(data.person[other])
    assert abs(len(one) - len(other)) <= 2
    for half in (one, other):
        assert len(set(data.labels("side").codes[half])) == 2
        assert not set(half) & {*split.test, *split.validation}


def test_the_probe_s_people_are_not_the_eraser_s(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, learned = [], []
    fit, learn = erased_others.fit, erased_others.learn

    def fits(asked: Any, way: Any, split: Split, *more: Any) -> Any:
        fitted.append(set(split.train))
        return fit(asked, way, split, *more)

    def learns(vectors: Any, tasks: Any, probes: Any) -> Any:
        learned.append((set(tasks[0].train), {*tasks[0].validation, *tasks[0].test}))
        return learn(vectors, tasks, probes)

    monkeypatch.setattr(erased_others, "fit", fits)
    monkeypatch.setattr(erased_others, "learn", learns)
    erase(sides(60, 4), LEACE, BY)
    assert len(fitted) == 5
    # The vectors as they are come first on each split.
    for seen, (train, held) in zip(fitted, learned[1::2], strict=True):
        assert seen
        assert not seen & (train | held)


def test_too_few_people_for_halves_leave_the_other_probes_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = erase(sides(60, 4), LEACE, BY)
    monkeypatch.setattr(erased_others, "learn", lambda vectors, tasks, probes: [None] * len(tasks))
    after = erase(sides(60, 4), LEACE, BY)
    assert not after.where(probe=OTHERS).height
    assert read(after, "linear") == read(before, "linear")
    assert after.reading()[0].startswith("After LEACE")
