"""Intervals of differentials: how often they hold, small groups, no errors, missing groups."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from evenface.stats.differential_intervals import (
    AT_LEAST,
    DifferentialEstimate,
    differential_intervals,
)
from evenface.stats.differentials import DIFFERENTIALS
from evenface.stats.equality import equal_rates
from evenface.stats.group_rates import GroupRates, correlation
from evenface.stats.less_unequal import deviance, drawn_in
from evenface.stats.pair_counts import PairCounts
from evenface.stats.pairs import pair_covariance, pair_variance


def table(rate: list[float], effective: list[float], freedom: float = np.inf) -> GroupRates:
    n = np.array(effective, dtype=float)
    return GroupRates(
        tuple("abcdefghijklmnopqrstuvwxyz"[: n.size]),
        np.array(rate, dtype=float),
        n,
        np.full(n.size, freedom),
        2 * n,
        np.full(n.size, 40),
    )


def found(rng: np.random.Generator, rate: list[float], n: int) -> GroupRates:
    return table(list(rng.binomial(n, rate) / n), [n] * len(rate))


def holds(name: str, e: DifferentialEstimate, truth: float) -> bool:
    low, high = e.estimate.low, e.estimate.high
    assert low is not None
    assert high is not None
    return low - 1e-9 <= truth and (e.bound or truth <= high + 1e-9)


def people(rng: np.random.Generator, size: int, fmr: float, fnmr: float) -> tuple[PairCounts, ...]:
    """Two pictures of each of some identities, errors at random."""
    i, j = np.triu_indices(size, 1)
    hits = rng.binomial(4, fmr, i.size)
    some = hits > 0
    who = np.arange(size)
    return (
        PairCounts.among(np.full(size, 2), i[some], j[some], hits[some]),
        PairCounts.listed(who, who, rng.random(size) < fnmr),
    )


@pytest.mark.parametrize(
    ("fmr", "fnmr"),
    [
        ([0.01] * 4, [0.05] * 4),
        ([0.01, 0.012, 0.015, 0.015], [0.05, 0.06, 0.05, 0.05]),
        ([0.01, 0.05], [0.05, 0.05]),
        ([0.01, 0.03, 0.05], [0.04, 0.05, 0.12]),
    ],
    ids=["equal", "near", "one side", "both sides"],
)
def test_intervals_hold(fmr: list[float], fnmr: list[float]) -> None:
    rng = np.random.default_rng(5)
    draws = 60
    held = dict.fromkeys(DIFFERENTIALS, 0)
    for seed in range(draws):
        one, other = found(rng, fmr, 3000), found(rng, fnmr, 500)
        for name, e in differential_intervals(one, other, draws=150, seed=seed).items():
            held[name] += holds(name, e, float(DIFFERENTIALS[name](fmr, fnmr).value))
    # 0.95 of 60 would come below 52 once in 200 times.
    assert min(held.values()) >= 52, held


def test_noise_alone_is_no_inequality() -> None:
    e = differential_intervals(table([0.02, 0.01, 0.03], [200] * 3), table([0.1] * 3, [50] * 3))
    for name, kind in DIFFERENTIALS.items():
        x = e[name].estimate
        end = x.low if kind.larger_is_worse else x.high
        assert end == pytest.approx(kind.equal)
        assert e[name].p is not None
        assert e[name].p > 0.1
    # With as many comparisons a ratio is as large by chance.
    assert e["fmr_max_min"].expected == pytest.approx(3, rel=0.5)
    assert e["fmr_max_min"].extreme > e["fmr_max_min"].expected > 1
    assert e["fdr"].extreme < e["fdr"].expected < 1


def test_differences_beyond_noise() -> None:
    e = differential_intervals(table([0.01, 0.05], [20000] * 2), table([0.05, 0.1], [5000] * 2))
    for name, kind in DIFFERENTIALS.items():
        x = e[name].estimate
        assert x.low < x.value < x.high
        assert (x.low > kind.equal) if kind.larger_is_worse else (x.high < kind.equal)
        assert e[name].p < 0.01
    # Two rates: the log of their ratio is nearly normal.
    x = e["fmr_max_min"].estimate
    reach = 1.96 * np.sqrt(0.99 / 200 + 0.95 / 1000)
    np.testing.assert_allclose(np.log([x.low, x.high]), np.log(5) + np.array([-reach, reach]),
                               atol=0.03)  # fmt: skip


def test_rates_of_zero() -> None:
    e = differential_intervals(
        table([0, 0.05, 0.04], [1000] * 3),
        table([0, 0, 0], [20, 30, 40]),
        which=list(DIFFERENTIALS),
    )
    x = e["fmr_max_min"]
    assert x.bound
    assert x.estimate.method == AT_LEAST
    assert 1 < x.estimate.low <= x.estimate.value == x.estimate.high
    assert x.estimate.value == pytest.approx(0.05 / (1 - 0.025**0.001))
    nothing = e["fnmr_max_min"]
    assert nothing.bound
    assert nothing.estimate.value == nothing.estimate.low == 1
    assert e["garbe"].estimate.high <= 1
    assert not e["garbe"].bound
    for y in e.values():
        assert np.isfinite([y.estimate.value, y.estimate.low, y.estimate.high, y.p]).all()


def test_a_small_group_without_errors_says_little() -> None:
    big, small = table([0.01, 0.05], [10000] * 2), table([0.01, 0.05, 0], [10000, 10000, 15])
    other = [table([0.1] * k, [100] * k) for k in (2, 3)]
    lows = [
        differential_intervals(r, o, which=["fmr_max_min"])["fmr_max_min"].estimate.low
        for r, o in zip((big, small), other, strict=True)
    ]
    assert lows[1] == pytest.approx(lows[0], rel=0.25)
    assert lows[1] > 3


def test_missing_groups_are_left_out_and_named() -> None:
    fmr = table([0.01, np.nan, 0.03, 0.02], [1000, 0, 1000, 1000])
    fnmr = table([0.1, 0.1, 0.1, np.nan], [100, 100, 100, 0])
    e = differential_intervals(fmr, fnmr)
    assert e["fdr"].groups == ("a", "c")
    assert e["fdr"].left_out == ("b", "d")
    assert "without b, d" in e["fdr"].estimate.method
    assert e["fmr_max_min"].groups == ("a", "c", "d")
    assert e["fnmr_max_min"].left_out == ("d",)
    assert e["fmr_max_min"].estimate.n == 6000
    assert e["fmr_max_min"].estimate.n_identities == 120
    few = differential_intervals(replace(fmr, rate=np.array([0.01, np.nan, np.nan, np.nan])), fnmr)
    assert few["garbe"].estimate.value is None
    assert "1 group has rates, 2 are needed" in few["garbe"].estimate.method
    assert few["fnmr_max_min"].estimate.value is not None


def test_the_same_seed_draws_the_same() -> None:
    a, b = table([0.01, 0.03, 0.02], [500] * 3, 12), table([0.1, 0.1, 0.2], [90] * 3, 12)
    assert differential_intervals(a, b, seed=3) == differential_intervals(a, b, seed=3)
    assert differential_intervals(a, b, seed=3) != differential_intervals(a, b, seed=4)


def test_correlated_rates_widen_what_adds_them() -> None:
    a, b = table([0.01, 0.05], [5000] * 2), table([0.05, 0.2], [1000] * 2)
    wide = [
        np.log(e.estimate.high / e.estimate.low)
        for r in (-0.9, 0, 0.9)
        for e in [differential_intervals(a, b, correlation=r)["inequity_rate"]]
    ]
    assert wide[0] < 0.75 * wide[1] < wide[1] < 0.85 * wide[2]


def test_rates_drawn_in() -> None:
    rates = table([0.01, 0.02, 0.2, 0.05], [1000, 100, 50, 400])
    path = drawn_in(rates, 8)
    np.testing.assert_allclose(path[0], rates.pooled)
    np.testing.assert_allclose(path[-1], rates.rate)
    assert (np.diff(np.ptp(path, axis=1)) >= 0).all()
    cost = deviance(rates, path)
    assert (np.diff(cost) <= 0).all()
    assert cost[-1] == pytest.approx(0)
    # No other place of the span is likelier.
    low, high = (
        np.log(path[3].min() / (1 - path[3].min())),
        np.log(path[3].max() / (1 - path[3].max())),
    )
    for shift in (-0.01, 0.01):
        ends = 1 / (1 + np.exp(-np.array([low + shift, high + shift])))
        other = np.stack([np.clip(rates.rate, *ends), rates.rate])
        assert deviance(rates, other)[0] > cost[3]


def test_equality_of_rates() -> None:
    rates = table([0.1, 0.2, 0.15], [200, 200, 100])
    test = equal_rates(rates, draws=20000)
    assert test is not None
    counts = np.array([[20, 40, 15], [180, 160, 85]])
    exact = stats.chi2_contingency(counts, correction=False)
    assert test.statistic == pytest.approx(exact.statistic)
    assert test.freedom == 2
    assert test.p == pytest.approx(exact.pvalue, abs=0.005)
    assert equal_rates(table([0, 0], [10, 20])).p == 1
    assert equal_rates(table([0.1, np.nan], [10, 0])) is None
    # A variance that is hardly known proves less.
    assert equal_rates(replace(rates, freedom=np.full(3, 2.0)), draws=20000).p > 1.5 * test.p


def test_rates_of_counts() -> None:
    rng = np.random.default_rng(2)
    groups = {name: people(rng, 60, 0.03, 0.2) for name in "ab"}
    groups["c"] = people(rng, 60, 0, 0)
    groups["d"] = (PairCounts.among([3], [], []), PairCounts.listed([], [], [], identities=1))
    fmr, fnmr = (GroupRates.of({k: v[s] for k, v in groups.items()}) for s in (0, 1))
    np.testing.assert_array_equal(fmr.present, [True, True, True, False])
    c = groups["a"][0]
    independent = c.rate * (1 - c.rate) / pair_variance(c)
    assert fmr.effective[0] == pytest.approx(min(independent, c.total))
    # No error in c: as alike as in the others, rather than 30 pairs that share nobody.
    assert 100 < fmr.effective[2] <= 4 * 60 * 59 / 2
    assert fnmr.effective[2] == pytest.approx(60)
    assert 0 < fmr.ceilings(0.95)[2] < 0.05
    alone = GroupRates.of({"c": groups["c"][0]})
    assert alone.effective[0] == 30


def test_correlation_of_counts() -> None:
    rng = np.random.default_rng(3)
    fmr, fnmr = people(rng, 40, 0.1, 0.3)
    exact = pair_covariance(fmr, fnmr) / np.sqrt(pair_variance(fmr) * pair_variance(fnmr))
    assert correlation({"a": fmr}, {"a": fnmr}) == pytest.approx(np.clip(exact, -1, 1))
    # Those taken for others are those not recognised.
    size = 30
    bad = np.arange(size) < 8
    i, j = np.triu_indices(size, 1)
    taken = bad[i] | bad[j]
    both = (PairCounts.among(np.full(size, 2), i[taken], j[taken], 2),
            PairCounts.listed(np.arange(size), np.arange(size), bad))  # fmt: skip
    assert correlation({"a": both[0]}, {"a": both[1]}) > 0.8
    none = PairCounts.listed(np.arange(size), np.arange(size), np.zeros(size))
    assert correlation({"a": both[0]}, {"a": none}) == 0


def test_many_groups_are_cheap() -> None:
    rng = np.random.default_rng(1)
    a, b = found(rng, [0.01] * 20, 2000), found(rng, [0.05] * 20, 300)
    start = time.process_time()
    differential_intervals(a, b)
    assert time.process_time() - start < 1


def test_errors() -> None:
    a, b = table([0.1, 0.2], [10, 10]), table([0.1, 0.2, 0.3], [10] * 3)
    with pytest.raises(ValueError, match="same groups"):
        differential_intervals(a, b)
    with pytest.raises(ValueError, match="alpha"):
        differential_intervals(a, a, alpha=2)
    with pytest.raises(ValueError, match="correlation"):
        differential_intervals(a, a, correlation=-2)
    with pytest.raises(ValueError, match="each group"):
        replace(a, names=("a",))
    with pytest.raises(ValueError, match="rates lie"):
        replace(a, rate=np.array([0.1, 1.2]))
