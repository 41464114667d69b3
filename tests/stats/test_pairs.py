"""Error rates over pairs: against sums over all pairs, and populations whose truth is known."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evenface.stats.disjoint import independent
from evenface.stats.intervals import Estimate, all_right_bound, wilson_interval
from evenface.stats.pair_bootstrap import weighted
from evenface.stats.pair_counts import PairCounts
from evenface.stats.pairs import (
    BOUND,
    DIFFERENCE,
    FEW,
    METHODS,
    MIN_APART,
    WEIGHTS,
    freedom,
    pair_covariance,
    pair_difference,
    pair_rate,
    pair_variance,
    resampled_variance,
)

KINDS = ["listed", "among", "between"]


def some(kind: str, rng: np.random.Generator, people: int = 7, rate: float = 0.3) -> PairCounts:
    """A few identities with errors at random; on the list genuine pairs too."""
    if kind == "listed":
        one, other = rng.integers(0, people, (2, 30))
        return PairCounts.listed(one, other, rng.random(30) < rate, identities=people)
    a = rng.integers(0, 4, people)
    b = a if kind == "among" else rng.integers(0, 3, people)
    i, j = (x.ravel() for x in np.meshgrid(np.repeat(np.arange(people), a),
                                           np.repeat(np.arange(people), b)))  # fmt: skip
    wrong = (i < j if kind == "among" else i != j) & (rng.random(i.size) < rate)
    if kind == "among":
        return PairCounts.among(a, j[wrong], i[wrong])
    return PairCounts.between(a, b, i[wrong], j[wrong])


def tables(counts: PairCounts) -> tuple[np.ndarray, np.ndarray]:
    """Errors and comparisons of each pair i <= j of identities."""
    hits, trials = np.zeros((2, counts.identities, counts.identities))
    i, j = np.triu_indices(counts.identities, 1)
    trials[i, j] = counts.implied(i, j)
    np.add.at(trials, (counts.first, counts.second), counts.trials)
    hits[counts.first, counts.second] = counts.hits
    return hits, trials


def over_all_pairs(one: PairCounts, other: PairCounts) -> float:
    """The covariance, from every two cells that share an identity."""
    (h, t), (g, s) = tables(one), tables(other)
    e, f = h - h.sum() / t.sum() * t, g - g.sum() / s.sum() * s
    found = shared = 0.0
    cells = list(zip(*np.triu_indices(len(t)), strict=True))
    for c in cells:
        for d in cells:
            if set(c) & set(d):
                found += e[c] * f[d]
                shared += t[c] * s[d]
    apart = t.sum() * s.sum() - shared
    return found / apart if apart else np.inf


def scores(
    rng: np.random.Generator, people: int, pictures: int, effect: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of all pairs of pictures, each normal with variance 1, and who is on a picture."""
    person = np.repeat(np.arange(people), pictures)
    own = np.sqrt(effect / 2) * rng.normal(size=people)[person]
    noise = np.sqrt(1 - effect) * rng.normal(size=(person.size, person.size))
    return own[:, None] + own + noise, person


def impostors(rng: np.random.Generator, rate: float, *about: float) -> PairCounts:
    score, person = scores(rng, *about)  # type: ignore[arg-type]
    i, j = np.nonzero((score >= stats.norm.isf(rate)) & (person[:, None] < person))
    return PairCounts.among(np.bincount(person), person[i], person[j])


def genuine(
    rng: np.random.Generator, rate: float, people: int, pictures: int, effect: float
) -> PairCounts:
    pairs = pictures * (pictures - 1) // 2
    score = np.sqrt(effect) * rng.normal(size=(people, 1))
    score = score + np.sqrt(1 - effect) * rng.normal(size=(people, pairs))
    who = np.arange(people)
    return PairCounts.listed(who, who, (score >= stats.norm.isf(rate)).sum(axis=1), pairs)


def ends(found: Estimate) -> tuple[float, float, float]:
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    return found.low, found.value, found.high


@pytest.mark.parametrize("kind", KINDS)
def test_variances_are_the_sums_over_all_pairs(kind: str) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        one = some(kind, rng)
        assert pair_variance(one) == pytest.approx(over_all_pairs(one, one), rel=1e-9)
        for other in (some(k, rng) for k in KINDS):
            theirs = over_all_pairs(one, other)
            assert pair_covariance(one, other) == pytest.approx(theirs, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_count_each_pair_of_identities_by_their_product(kind: str) -> None:
    rng = np.random.default_rng(1)
    counts = some(kind, rng)
    w = rng.integers(0, 3, (counts.identities, 6)).astype(float)
    hits, trials = weighted(counts, w)
    for r in range(6):
        by = np.outer(w[:, r], w[:, r])
        np.fill_diagonal(by, w[:, r])
        assert (hits[r], trials[r]) == pytest.approx(tuple((x * by).sum() for x in tables(counts)))


def test_folds_are_what_listing_the_pairs_within_each_would_be() -> None:
    """Whoever was tested in another fold was not compared."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        a, fold = rng.integers(0, 4, 9), rng.integers(0, 3, 9)
        i, j = (x.ravel() for x in np.meshgrid(*2 * [np.repeat(np.arange(9), a)]))
        within = (i < j) & (fold[i] == fold[j])
        pairs = [(within & (rng.random(i.size) < r)) for r in (0.3, 0.4)]
        one, other = (PairCounts.among(a, i[w], j[w], fold=fold) for w in pairs)
        listed = [PairCounts.listed(i[within], j[within], w[within], identities=9) for w in pairs]
        assert (one.total, one.rate) == pytest.approx((listed[0].total, listed[0].rate))
        assert one.compared == pytest.approx(listed[0].compared)
        assert one.residuals == pytest.approx(listed[0].residuals)
        wanted = pair_covariance(*listed)
        for pair in ((one, other), (one, listed[1]), (listed[0], other)):
            assert pair_covariance(*pair) == pytest.approx(wanted, rel=1e-9)
        v = pair_variance(one)
        assert freedom(one, v) == pytest.approx(freedom(listed[0], v), rel=1e-6)
        w = rng.integers(0, 3, (9, 4)).astype(float)
        for found, sure in zip(weighted(one, w), weighted(listed[0], w), strict=True):
            assert found == pytest.approx(sure)
        assert independent(listed[0]) <= independent(one) <= 2 * independent(listed[0])
    with pytest.raises(ValueError, match="same folds"):
        pair_covariance(one, PairCounts.among(a, [], [], fold=np.zeros(9, dtype=int)))


def moved(counts: PairCounts, w: np.ndarray) -> float:
    """Log of variance / (rate (1 - rate)) when identities count w_i times."""
    by = np.outer(w, w)
    np.fill_diagonal(by, w)
    hits, trials = (by * x for x in tables(counts))
    p = hits.sum() / trials.sum()
    e = hits - p * trials
    touching = e.sum(axis=0) + e.sum(axis=1) - np.diag(e)
    spread = touching @ touching - (np.triu(e, 1) ** 2).sum()
    return float(np.log(spread / trials.sum() ** 2 / p / (1 - p)))


@pytest.mark.parametrize("kind", KINDS)
def test_degrees_of_freedom_follow_from_how_weights_move_the_effective_share(kind: str) -> None:
    seen = 0
    for seed in range(20):
        counts = some(kind, np.random.default_rng(seed), 9)
        v, p = pair_variance(counts), counts.rate
        assert freedom(counts, p * (1 - p) / counts.total / 2) > 1e9
        excess = 1 - p * (1 - p) / counts.total / v
        if not 0.2 < excess < 1:
            continue
        steps = 1e-6 * np.eye(counts.identities)
        psi = np.array([moved(counts, 1 + s) - moved(counts, 1 - s) for s in steps]) / 2e-6
        wanted = max(2 / (excess * (psi**2).sum()), 1)
        assert freedom(counts, v) == pytest.approx(wanted, rel=1e-4)
        seen += wanted > 1
    assert seen >= 2


@pytest.mark.parametrize("weights", WEIGHTS)
def test_bootstraps_vary_as_much_as_the_closed_form_says(weights: str) -> None:
    rng = np.random.default_rng(2)
    counts = impostors(rng, 0.2, 150, 2, 0.6)
    theirs = resampled_variance(counts, weights, resamples=3000)
    assert theirs == pytest.approx(pair_variance(counts), rel=0.12)
    # Genuine pairs count once by identity, so nothing counts twice.
    alone = genuine(rng, 0.2, 150, 3, 0.3)
    theirs = resampled_variance(alone, weights, resamples=3000)
    assert theirs == pytest.approx(pair_variance(alone), rel=0.12)
    # Where only single pairs vary, each is counted by the variance of a product of weights.
    noise = impostors(rng, 0.2, 150, 2, 0.0)
    binomial = 0.2 * 0.8 / noise.total
    assert resampled_variance(noise, weights, resamples=1500) == pytest.approx(
        3 * binomial, rel=0.35
    )


def test_both_groups_are_drawn_apart() -> None:
    images = np.ones(40)
    one, other = images * (np.arange(40) < 10), images * (np.arange(40) >= 10)
    w = WEIGHTS["vertex"](np.random.default_rng(0), (one > 0) + 2 * (other > 0), 50)
    assert w[:10].sum(axis=0) == pytest.approx(np.full(50, 10.0))
    assert w[10:].sum(axis=0) == pytest.approx(np.full(50, 30.0))


def test_memory_is_that_of_a_block_of_resamples() -> None:
    rng = np.random.default_rng(0)
    people = 24_000
    i, j = rng.integers(0, people, (2, 50_000))
    counts = PairCounts.among(np.ones(people), i[i != j], j[i != j], 0.5)
    tracemalloc.start()
    found = pair_rate(counts, method="vertex", resamples=400)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**28
    assert found.n == people * (people - 1) // 2
    assert found.n_identities == people


COVERED = [(impostors, 0.1, 40, 2, 0.5), (genuine, 0.2, 40, 4, 0.5)]


@pytest.mark.parametrize(("draw", "rate", "people", "pictures", "effect"), COVERED)
def test_intervals_hold_as_often_as_they_say(draw, rate, people, pictures, effect) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(3)
    held, alone, draws = 0, 0, 400
    for _ in range(draws):
        counts = draw(rng, rate, people, pictures, effect)
        low, _, high = ends(pair_rate(counts))
        held += low <= rate <= high
        # Pairs as units, which is what they aren't.
        low, high = wilson_interval(counts.errors, counts.total, 0.95)
        alone += low <= rate <= high
    # 400 draws: 0.95 has a standard error of 0.011.
    assert 0.92 <= held / draws <= 0.98
    assert alone / draws < 0.85


@pytest.mark.parametrize("weights", WEIGHTS)
def test_resampled_intervals_hold_at_least_as_often(weights: str) -> None:
    rng = np.random.default_rng(4)
    held = 0
    for seed in range(100):
        counts = impostors(rng, 0.1, 40, 2, 0.5)
        found = pair_rate(counts, method=weights, resamples=200, seed=seed)
        assert found.method == METHODS[weights]
        low, _, high = ends(found)
        held += low <= 0.1 <= high
    assert held >= 90


def test_same_seed_same_interval_other_seed_another() -> None:
    counts = impostors(np.random.default_rng(0), 0.2, 30, 2, 0.5)
    found = [pair_rate(counts, method="vertex", resamples=50, seed=s) for s in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_one_pair_an_identity_gives_wilson_s_interval() -> None:
    who = np.arange(60)
    found = pair_rate(PairCounts.listed(who, who, who < 12))
    # n - 1, as the variance is estimated without bias.
    assert ends(found)[::2] == pytest.approx(wilson_interval(0.2 * 59, 59, 0.95), rel=1e-3)
    assert (found.n, found.n_identities, found.method) == (60, 60, METHODS["wilson"])


def test_no_error_gives_a_bound_for_the_pairs_that_share_nobody() -> None:
    none: list[int] = []
    images = np.full(20, 3)
    among = pair_rate(PairCounts.among(images, none, none))
    assert (among.value, among.low, among.method) == (0.0, 0.0, BOUND)
    assert among.high == pytest.approx(1 - all_right_bound(10, 0.95))
    assert among.n == 190 * 9
    between = PairCounts.between(
        images * (np.arange(20) < 4), images * (np.arange(20) >= 4), 0, 9, 0
    )
    assert pair_rate(between).high == pytest.approx(1 - all_right_bound(4, 0.95))
    own = pair_rate(PairCounts.listed(np.arange(20), np.arange(20), 0 * images, images))
    assert own.high == pytest.approx(1 - all_right_bound(20, 0.95))
    star = pair_rate(PairCounts.listed(np.zeros(9, int), np.arange(1, 10), np.zeros(9)))
    assert star.high == pytest.approx(1 - all_right_bound(1, 0.95))
    every = pair_rate(PairCounts.listed(np.arange(20), np.arange(20), images, images))
    assert (every.low, every.value, every.high) == (all_right_bound(20, 0.95), 1.0, 1.0)


def test_one_person_who_is_taken_for_everybody_is_one_error() -> None:
    images = np.full(30, 2)
    others = np.arange(1, 30)
    hub = pair_rate(PairCounts.among(images, np.zeros(29, int), others, 2))
    assert hub.method == FEW
    assert ends(hub)[2] > 0.2
    # As many errors, of people who share none: five of them are enough.
    for pairs in (MIN_APART - 1, MIN_APART):
        who = 2 * np.arange(pairs)
        found = pair_rate(PairCounts.among(images, who, who + 1, 4))
        assert (found.method == FEW) == (pairs < MIN_APART)
    assert "fewer than 5" in FEW
    # The exact interval never says more than that of no error at all.
    few = pair_rate(PairCounts.among(images, [0], [1]))
    assert ends(few)[2] >= 1 - all_right_bound(15, 0.95)


def test_what_cannot_be_said_says_why() -> None:
    nobody = PairCounts.among(np.zeros(4), [], [])
    assert pair_rate(nobody).method == "not computed: no comparisons"
    single = PairCounts.listed([0, 0], [0, 0], [True, False])
    assert pair_rate(single).method == "not computed: only 1 identity"
    assert pair_rate(PairCounts.listed([], [], [])).value is None
    assert pair_difference(nobody, single, same=False).method == "not computed: no comparisons"
    with pytest.raises(ValueError, match="no method 'magic'; there are wilson"):
        pair_rate(single, method="magic")
    with pytest.raises(ValueError, match="numbered alike"):
        pair_covariance(single, nobody)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda: PairCounts.among([1, 1], [0], [2]), "numbered from 0 to 1"),
        (lambda: PairCounts.listed([-1], [0], [True]), "numbered from 0"),
        (lambda: PairCounts.among([1, 1], [0, 1], [1, 0]), "more errors than comparisons"),
        (lambda: PairCounts.among([2, 1], [0], [0]), "more errors than comparisons"),
        (lambda: PairCounts.among([-2, 1], [], []), "fewer than 0 pictures"),
    ],
)
def test_counts_that_cannot_be_are_refused(wrong, why: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=why):
        wrong()


def test_pairs_may_come_in_any_order() -> None:
    one = PairCounts.among([2, 2, 1], [0, 2, 1, 0], [1, 0, 0, 2])
    other = PairCounts.among([2, 2, 1], [0, 0], [1, 2], [2, 2])
    assert (one.hits == other.hits).all()
    assert (one.total, one.errors) == (8, 4)


def test_groups_make_up_the_whole() -> None:
    rng = np.random.default_rng(5)
    counts = impostors(rng, 0.2, 12, 3, 0.3)
    images, here = np.full(12, 3.0), np.arange(12) < 5
    x, y = here[counts.first], here[counts.second]
    parts = []
    for a, b in ((True, True), (False, False), (True, False)):
        m, k = images * (here == a), images * (here == b)
        of = (x == a) & (y == b) | (x == b) & (y == a)
        i, j, h = counts.first[of], counts.second[of], counts.hits[of]
        parts += [PairCounts.among(m, i, j, h) if a == b else PairCounts.between(m, k, i, j, h)]
    assert sum(p.total for p in parts) == counts.total
    assert sum(p.errors for p in parts) == counts.errors
    # Two groups share nobody; a group and the pairs across it do.
    assert pair_covariance(parts[0], parts[1]) == pytest.approx(0, abs=1e-18)
    assert abs(pair_covariance(parts[0], parts[2])) > 1e-9


def test_differences_are_paired_over_identities() -> None:
    rng = np.random.default_rng(6)
    score, person = scores(rng, 60, 2, 0.6)
    images = np.bincount(person)
    apart = person[:, None] < person
    two = [np.nonzero(apart & (score >= t)) for t in (0.8, 1.0)]
    one, other = (PairCounts.among(images, person[i], person[j]) for i, j in two)
    paired, not_paired = (pair_difference(one, other, same=s) for s in (True, False))
    low, value, high = ends(paired)
    assert value == pytest.approx(one.rate - other.rate)
    assert low > 0
    wide = ends(not_paired)
    assert high - low < 0.5 * (wide[2] - wide[0])
    assert (paired.n_identities, not_paired.n_identities, paired.method) == (60, 120, DIFFERENCE)
    v, w = ends(pair_rate(one)), ends(pair_rate(other))
    assert wide[0] == pytest.approx(wide[1] - np.hypot(v[1] - v[0], w[2] - w[1]))
    # The same errors throughout tell nothing of what the difference could be.
    assert ends(pair_difference(one, one, same=True))[2] > 0.01


def test_paired_differences_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    held, draws = 0, 300
    for _ in range(draws):
        own, noise = rng.normal(size=30), rng.normal(size=(3, 30, 30))
        base = (own[:, None] + own) * 0.5 + noise[0] * 0.5
        made = []
        for k, rate in ((1, 0.2), (2, 0.1)):
            score = base + np.sqrt(0.25) * noise[k]
            i, j = np.nonzero(np.triu(score >= stats.norm.isf(rate), 1))
            made.append(PairCounts.among(np.ones(30), i, j))
        low, _, high = ends(pair_difference(*made, same=True))
        held += low <= 0.1 <= high
    assert 0.92 <= held / draws <= 0.98


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), min_size=1, max_size=40
    ),
    st.sampled_from(sorted(METHODS)),
)
def test_any_list_gives_an_estimate_in_range_or_a_reason(
    rows: list[tuple[int, int, bool]], method: str
) -> None:
    counts = PairCounts.listed(*zip(*rows, strict=True))
    check(pair_rate(counts, method=method, resamples=20), counts)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=14), st.integers(0, 99), st.floats(0, 1))
def test_any_pictures_give_an_estimate_in_range_or_a_reason(
    images: list[int], seed: int, rate: float
) -> None:
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(len(images)), images)
    wrong = (rng.random((person.size, person.size)) < rate) & (person[:, None] < person)
    i, j = np.nonzero(wrong)
    among = PairCounts.among(images, person[i], person[j])
    check(pair_rate(among), among)
    half = np.arange(len(images)) % 2
    i, j = np.nonzero(wrong & (half[person][:, None] != half[person]))
    between = PairCounts.between(images * half, images * (1 - half), person[i], person[j])
    check(pair_rate(between), between)
    apart = pair_difference(among, between, same=True)
    if apart.value is not None:
        low, value, high = ends(apart)
        assert -1 <= low <= value <= high <= 1


def check(found: Estimate, counts: PairCounts) -> None:
    if found.value is None:
        assert found.method.startswith("not computed: ")
    else:
        low, value, high = ends(found)
        assert 0 <= low <= value <= high <= 1
        assert low < high
        assert value == counts.rate
