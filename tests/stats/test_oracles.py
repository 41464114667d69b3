"""Intervals and group metrics against other libraries, where definitions coincide."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from statsmodels.stats.proportion import proportion_confint

from evenface.stats.accuracy import Recalls, mean
from evenface.stats.asked import Asked
from evenface.stats.bootstrap import bca
from evenface.stats.intervals import clopper_pearson, rule_of_three, wilson_interval

# SciPy before 1.15 calls it otherwise.
SEED = "rng" if "rng" in inspect.signature(stats.bootstrap).parameters else "random_state"


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (3, 7), (7, 7), (180, 200), (1, 5000)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_proportions_are_statsmodels(hits: int, n: int, level: float) -> None:
    for ours, name in ((wilson_interval, "wilson"), (clopper_pearson, "beta")):
        expected = proportion_confint(hits, n, alpha=1 - level, method=name)
        assert ours(hits, n, level) == pytest.approx(np.nan_to_num(expected, nan=1.0), abs=1e-10)


@pytest.mark.parametrize("n", [1, 30, 1000])
def test_the_rule_of_three_is_the_one_sided_exact_bound(n: int) -> None:
    _, high = proportion_confint(0, n, alpha=0.1, method="beta")
    assert rule_of_three(n, 0.95) == pytest.approx(high, abs=1e-12)


def test_bca_of_the_same_resamples_is_scipy_s() -> None:
    values = np.random.default_rng(3).beta(8, 2, size=60)
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="BCa", vectorized=True, **{SEED: 7}
    )
    low, high = bca(
        values.mean(), found.bootstrap_distribution, values - values.mean(), 0.95
    )  # fmt: skip
    # For a mean SciPy's jackknife has the same skewness as the influence of each value.
    assert (low, high) == pytest.approx(tuple(found.confidence_interval), abs=1e-12)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_resampled_means_come_near_scipy_s(method: str) -> None:
    # One picture a person; we draw n - 1 of n, which is 1 in 2 n of the width.
    values = np.random.default_rng(4).beta(8, 2, size=300)
    ours = mean(values, np.arange(300), Asked(0.95, method, 8000, 0))  # type: ignore[arg-type]
    kind = {"percentile": "percentile", "bca": "BCa"}[method]
    theirs = stats.bootstrap((values,), np.mean, n_resamples=8000, method=kind, **{SEED: 1})
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert (ours.low, ours.high) == pytest.approx(
        tuple(theirs.confidence_interval), abs=0.04 * width
    )


def test_accuracies_by_group_are_fairlearn_s() -> None:
    rng = np.random.default_rng(5)
    n = 900
    group = np.array(["a", "b", "c"], dtype=object)[rng.integers(3, size=n)]
    true, said = rng.integers(2, size=(2, n))
    said = np.where(rng.random(n) < 0.7, true, said)
    frame = MetricFrame(
        metrics={"accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score},
        y_true=true, y_pred=said, sensitive_features=group,
    )  # fmt: skip
    right, person = (said == true).astype(float)[:, None], rng.integers(200, size=n)
    found = {}
    for name in "abc":
        own = group == name
        recalls = Recalls(right[own], true[own], person[own], Asked())
        plain = mean(right[own, 0], person[own], Asked())
        found[name] = (plain.value, recalls.balanced().value)
        assert found[name] == pytest.approx(tuple(frame.by_group.loc[name]), abs=1e-12)
    gaps = np.ptp(np.array(list(found.values()), dtype=float), axis=0)
    assert tuple(gaps) == pytest.approx(tuple(frame.difference("between_groups")), abs=1e-12)
