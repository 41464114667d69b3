"""What can be taken out, judged on people who were not fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from evenface.embed.embeddings import Embeddings
from evenface.errors import ConfigError, LeakError, SelectionError
from evenface.faces.split import Split, make_splits
from evenface.report.findings import findings
from evenface.studies import erased
from evenface.studies.data import CommonOptions
from evenface.studies.erase import EraseOptions, EraseResult, erase
from evenface.studies.erase_curve import curve
from evenface.studies.heldout import OTHERS
from evenface.studies.table import load_result
from populations import Gaussian, exclusive_or

QUICK = CommonOptions(seeds=5, resamples=100)
FEW = EraseOptions(
    erasers=("leace", "recentre"),
    strengths=(0.5,),
    probes=("linear", "knn"),
    splits=5,
    training=(),
)


@pytest.fixture(scope="module")
def plain() -> EraseResult:
    """Gender along one axis, ethnicity along others, people in the rest."""
    return erase(noisy(), FEW, QUICK)


def one(result: EraseResult, metric: str, **own: Any) -> Any:
    return result.estimate(metric=metric, **own)


def read(
    result: EraseResult, target: str, eraser: str, attribute: str, strength: float,
    probe: str = "linear",
) -> Any:  # fmt: skip
    return one(
        result, "balanced_accuracy", target=target, probe=probe, eraser=eraser,
        attribute=attribute, strength=strength,
    )  # fmt: skip


def test_what_is_linear_goes_and_the_rest_stays(plain: EraseResult) -> None:
    before = read(plain, "gender", "none", "none", 0.0)
    assert before.value == pytest.approx(Gaussian(separation=3.0).accuracy(0, 0), abs=0.06)
    for eraser in FEW.erasers:
        after = read(plain, "gender", eraser, "gender", 1.0)
        assert after.low < 0.5 < after.high
        assert after.value < 0.6
        assert read(plain, "ethnicity", eraser, "gender", 1.0).value > 0.95
        change = one(plain, "balanced_accuracy_change", target="gender", probe="linear",
                     eraser=eraser, attribute="gender", strength=1.0)  # fmt: skip
        assert change.high < 0
        assert change.value == pytest.approx(after.value - before.value)
    half = read(plain, "gender", "leace", "gender", 0.5)
    # A linear probe reads what is only made smaller.
    assert half.value > 0.8


def test_both_go_together(plain: EraseResult) -> None:
    both = "gender + ethnicity"
    assert read(plain, "gender", "leace", both, 1.0).value < 0.62
    assert read(plain, "ethnicity", "leace", both, 1.0).value < 0.5


def test_verification_is_of_people_not_fitted_to(plain: EraseResult) -> None:
    before = one(plain, "eer", eraser="none", group="all")
    after = one(plain, "eer", eraser="leace", attribute="ethnicity", strength=1.0, group="all")
    change = one(
        plain, "eer_change", eraser="leace", attribute="ethnicity", strength=1.0, group="all"
    )
    assert change.value == pytest.approx(after.value - before.value)
    for rate in (before, after):
        assert 0 <= rate.low <= rate.value <= rate.high <= 1
        assert rate.n_identities == 240
    groups = set(plain.where(metric="fnmr")["group"].to_list())
    assert len(groups) == 7
    fmr = one(plain, "fmr", eraser="none", group="all")
    # Thresholds were set on other people: FMR is near its target, and not on it.
    assert 0.004 < fmr.value < 0.02


def test_vectors_turn_by_what_is_taken_out(plain: EraseResult) -> None:
    shift = one(plain, "cosine_shift", eraser="leace", attribute="gender", strength=1.0)
    half = one(plain, "cosine_shift", eraser="leace", attribute="gender", strength=0.5)
    assert 0 < half.value < shift.value < 0.5


def test_sentences_follow_the_intervals(plain: EraseResult) -> None:
    said = plain.reading()
    assert any(s.startswith("After LEACE no probe is shown to read gender") for s in said)
    assert any("The equal error rate of verification is" in s for s in said)
    assert any("own label" in s for s in said)


def test_the_front_is_beaten_by_nobody(plain: EraseResult) -> None:
    points = curve(plain, "gender")
    assert {p["eraser"] for p in points} == {"none", *FEW.erasers}
    assert any(p["front"] for p in points)
    for p in (p for p in points if p["front"]):
        assert not any(q["leak"] < p["leak"] and q["eer_value"] < p["eer_value"] for q in points)
    # Being read below chance is no less of a leak.
    for p in points:
        assert p["leak"] == pytest.approx(2 * abs(p["leak_value"] - 0.5))
    # Together, what is farthest from its chance counts, on a scale that both have.
    for p in curve(plain, "gender + ethnicity"):
        chances = {"gender": 1 / 2, "ethnicity": 1 / 3}
        assert p["chance"] == 0
        assert p["leak"] == abs(p["leak_value"])
        assert p["leak_low"] <= p["leak_value"] <= p["leak_high"]
        for target, chance in chances.items():
            other = read(plain, target, p["eraser"], "gender + ethnicity" if p["eraser"] != "none"
                         else "none", p["strength"], OTHERS)  # fmt: skip
            assert p["leak"] >= abs(other.value - chance) / (1 - chance) - 1e-12


def altered(result: EraseResult, value: float, low: float, high: float) -> EraseResult:
    """Return a result that reads gender otherwise after LEACE."""
    which = (
        (pl.col("metric") == "balanced_accuracy")
        & (pl.col("target") == "gender")
        & (pl.col("eraser") == "leace")
        & (pl.col("attribute") == "gender")
    )
    new = {"value": value, "low": low, "high": high}
    moved = [pl.when(which).then(pl.lit(v)).otherwise(pl.col(c)).alias(c) for c, v in new.items()]
    return replace(result, numbers=result.numbers.with_columns(moved))


@pytest.mark.parametrize(
    ("ends", "sentence", "card"),
    [
        ((0.5, 0.4, 0.6), "After LEACE no probe is shown to read gender (", "is not shown"),
        ((0.27, 0.2, 0.35), "wrong more often than chance, which gives it away too", "below"),
        ((0.8, 0.7, 0.9), "After LEACE a linear probe still reads gender (", "can still be read"),
    ],
)
def test_words_card_and_curve_agree_about_what_is_left(
    plain: EraseResult, ends: tuple[float, float, float], sentence: str, card: str
) -> None:
    result = altered(plain, *ends)
    assert any(sentence in s for s in result.reading())
    shown = next(f for f in findings({"erase": result})[0] if f["title"].startswith("gender"))
    assert card in shown["says"]
    (point,) = (p for p in curve(result, "gender") if p["eraser"] == "leace" and p["strength"] == 1)
    assert point["leak"] == pytest.approx(2 * abs(ends[0] - 0.5))


def test_a_result_is_saved_and_drawn(plain: EraseResult, tmp_path: Any) -> None:
    again = load_result(plain.save(tmp_path))
    assert again.numbers.equals(plain.numbers)
    assert again.reading() == plain.reading()
    assert set(plain.figures()) == {"erase", "erase_probes"}


def test_linear_erasure_leaves_what_is_not_linear_to_an_mlp() -> None:
    people, best = exclusive_or(400)
    # Beside what no line separates, an axis of its own, and some that say nothing.
    rng = np.random.default_rng(1)
    sign = np.where(people.rows["gender"].to_numpy() == "male", 1.0, -1.0)
    more = rng.normal(size=(len(people), 6)) + 0.8 * sign[:, None] * (np.arange(6) == 0)
    people = replace(people, vectors=np.hstack([people.vectors, more]).astype(np.float32))
    options = EraseOptions(
        attributes=("gender",), erasers=("leace",), strengths=(), probes=("linear", "mlp")
    )
    result = erase(people, options, CommonOptions(seeds=2, resamples=100))
    linear, mlp = (
        one(result, "balanced_accuracy", target="gender", probe=p, eraser="leace")
        for p in options.probes
    )
    assert linear.low < 0.5 < linear.high
    assert best - 0.2 < mlp.value < best + 0.05
    assert read(result, "gender", "none", "none", 0.0).low > 0.6
    said = next(s for s in result.reading() if "gender" in s)
    assert said.startswith("Linear erasure leaves gender to an MLP")
    # One picture a person: no genuine pairs, and no word about verification.
    assert not result.where(metric="eer").height
    assert any("no identity has two pictures" in s for s in result.reading())
    # Nor can spaces of people be learned, which is said once.
    why = result.tables["left_out"].filter(pl.col("what").str.contains("learned space"))
    assert why.height == 1
    assert "use more pictures of each person" in why["reason"][0]
    assert "learned, adversarial branch (gender)" in why["what"][0]
    assert not result.where(eraser="learned-none").height


LEARNING = EraseOptions(
    attributes=("gender",),
    erasers=("leace",),
    strengths=(),
    probes=("linear", "knn"),
    training=("sampling", "weights", "dro", "adversarial"),
    hiding=(0.1, 30.0),
    fmr=0.005,
    splits=5,
)


def noisy() -> Embeddings:
    people = Gaussian(identities=40, images=3, separation=3.0, dimension=16).embeddings()
    noise = np.random.default_rng(0).normal(size=people.vectors.shape).astype(np.float32)
    return replace(people, vectors=people.vectors + 0.25 * noise)


@pytest.fixture(scope="module")
def learned() -> EraseResult:
    return erase(noisy(), LEARNING, QUICK)


def test_remedies_while_learning_lie_on_the_same_axes(learned: EraseResult) -> None:
    names = ["learned-none", *(f"learned-{r}" for r in learned.config["training"])]
    assert {p["eraser"] for p in curve(learned, "gender")} == {"none", "leace", *names}
    plain = read(learned, "gender", "learned-none", "none", 1.0)
    assert plain.value > 0.85
    for remedy in ("sampling", "weights", "dro"):
        # Groups are as large as each other: there is nothing to make even.
        assert read(learned, "gender", f"learned-{remedy}", "gender", 1.0).value > 0.85
    faint, strong = (read(learned, "gender", "learned-adversarial", "gender", s) for s in (0.1, 30))
    assert strong.value < min(faint.value, plain.value - 0.2)
    own = {"eraser": "learned-adversarial", "attribute": "gender"}
    at = {"target": "gender", "probe": "linear", "strength": 30.0}
    change = one(learned, "balanced_accuracy_change", **own, **at)
    # A remedy is held against a space without one, not against vectors as they are.
    assert change.value == pytest.approx(strong.value - plain.value)
    assert change.high < 0
    # At a lesser strength the first probe alone reads.
    assert not learned.where(**own, strength=0.1, probe="knn").height
    assert learned.where(**own, strength=30.0, probe="knn", metric="balanced_accuracy").height == 2
    eers = [one(learned, "eer", group="all", eraser=e, strength=s)
            for e, s in (("learned-none", 1.0), ("learned-adversarial", 30.0))]  # fmt: skip
    moved = one(learned, "eer_change", group="all", strength=30.0, **own)
    assert moved.value == pytest.approx(eers[1].value - eers[0].value)
    # Vectors of another space have no angle to what they were.
    assert set(learned.where(metric="cosine_shift")["eraser"]) == {"leace"}


def test_intervals_of_changed_vectors_know_nothing_of_spaces(learned: EraseResult) -> None:
    # Spaces vary more from split to split: what training adds to theirs is none of the others'.
    alone = erase(noisy(), LEARNING.model_copy(update={"training": ()}), QUICK)
    for metric in ("balanced_accuracy", "balanced_accuracy_change"):
        found, own = (
            r.where(metric=metric).filter(~pl.col("eraser").str.starts_with("learned"))
            for r in (learned, alone)
        )
        assert found.height
        assert found.equals(own)


def test_thresholds_of_learned_spaces_are_set_on_people_not_learned_from(
    learned: EraseResult,
) -> None:
    # 48 validation people of three pictures make 10 152 impostor pairs.
    fmr = one(learned, "fmr", eraser="learned-none", group="all")
    assert 0.001 < fmr.value < 0.015
    few = EraseOptions(
        attributes=("gender",), erasers=("leace",), strengths=(), probes=("linear",),
        training=("dro",), fmr=0.02, splits=1,
    )  # fmt: skip
    people = Gaussian(identities=10, images=2, separation=3.0, dimension=8).embeddings()
    result = erase(people, few, CommonOptions(seeds=5, resamples=100))
    missing = one(result, "fnmr", eraser="learned-dro", group="all")
    assert missing.value is None
    assert "impostor pairs of validation people" in missing.method
    assert one(result, "fnmr_change", eraser="learned-dro", group="all").value is None
    assert one(result, "eer", eraser="learned-dro", group="all").value is not None
    assert one(result, "fnmr", eraser="leace", group="all").value is not None


def test_sentences_say_what_remedies_did(learned: EraseResult, tmp_path: Any) -> None:
    (said,) = (s for s in learned.reading() if s.startswith("A space learned to tell people"))
    assert "adversarial branch, lambda 30" in said
    assert said.count("(less)") == 1
    assert said.count("(that it is less is not shown)") == 3
    assert "learned with learned" not in said
    again = load_result(learned.save(tmp_path))
    assert again.reading() == learned.reading()
    assert set(learned.figures()) == {"erase", "erase_probes"}


def test_a_planted_leak_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    people = Gaussian(identities=12, images=2).embeddings()
    split = make_splits(people.rows, people.rows["gender"].to_list(), seeds=1, folds=5, seed=0)[0]
    leaking = replace(split, train=np.append(split.train, split.test[:1]))
    with pytest.raises(LeakError):
        erase(people, FEW, QUICK, splits=[leaking])
    # Were splits not checked, the eraser itself would refuse.
    monkeypatch.setattr(erased, "fit", seeing_everybody(erased.fit))
    with pytest.raises(LeakError, match="this eraser was fitted on"):
        erase(people, FEW, CommonOptions(seeds=1, resamples=100))


def seeing_everybody(fit: Callable[..., Any]) -> Callable[..., Any]:
    def leaking(asked: Any, way: Any, split: Split, *more: Any) -> Any:
        everybody = np.concatenate([split.train, split.test])
        return fit(asked, way, replace(split, train=everybody), *more)

    return leaking


def test_what_can_not_be_done_is_said() -> None:
    people = Gaussian(identities=6, images=2).embeddings()
    # Before anything is computed, in a study file too.
    with pytest.raises(ValidationError, match="no eraser named 'x'"):
        EraseOptions(erasers=("x",))
    with pytest.raises(ValidationError, match=r"no remedy named 'logits' for learning people"):
        EraseOptions(training=("logits",))
    with pytest.raises(ValidationError, match="no probe named"):
        EraseOptions(probes=("x",))
    with pytest.raises(ConfigError, match="no attribute named"):
        erase(people, EraseOptions(attributes=("age",)), QUICK)
    constant = replace(people, rows=people.rows.with_columns(eyes=pl.lit("brown")))
    with pytest.raises(SelectionError, match="nothing to take out"):
        erase(constant, EraseOptions(attributes=("eyes",)), QUICK)
