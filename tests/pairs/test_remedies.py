"""Remedies of scores: against direct sums, and on people whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import expit, logit

from evenface.errors import SelectionError
from evenface.pairs.calibrate import FairCal, fit_fair_cal, nearest, unit
from evenface.pairs.normalise import Cohort, SNorm, ZNorm, fit_cohort, fit_s_norm, fit_z_norm
from evenface.pairs.people import People
from evenface.pairs.remedies import NONE, REMEDIES
from evenface.pairs.samples import Sample, Training, of_block, of_pairs
from evenface.pairs.similarity import Prepared
from evenface.pairs.thresholds import GroupThresholds, Highest, fit_group_thresholds
from evenface.stats.rates import Scores, threshold_at

RATES = 0.01


def people_of(
    persons: int = 120, images: int = 3, *, seed: int = 0, shared: float = 1.0, spread: float = 0.7
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Vectors, persons and groups; whoever is of group b has something in common."""
    rng = np.random.default_rng(seed)
    group = np.arange(persons) % 2
    who = rng.normal(size=(persons, 32))
    who[:, 0] = np.where(group == 1, shared * np.sqrt(32), who[:, 0])
    person = np.repeat(np.arange(persons), images)
    vectors = who[person] + spread * rng.normal(size=(person.size, 32))
    return vectors.astype(np.float32), person, ["ab"[g] for g in group[person]]


def sample_of(
    vectors: np.ndarray, person: np.ndarray, group: list[str | None], name: str = "cosine"
) -> Sample:
    people = People.of(person, person, group)
    prepared = Prepared.of(vectors, people.order, name)
    return Sample.of(prepared, people, np.arange(len(people.order)))


def trained(target: float = RATES, seed: int = 0, **about: float) -> Training:
    return Training(sample_of(*people_of(**about)), target, seed)  # type: ignore[arg-type]


def cosines(sample: Sample) -> np.ndarray:
    v = sample.prepared.vectors.numpy().astype(np.float64)
    return v @ v.T


@pytest.mark.parametrize(("persons", "images"), [(600, 1), (200, 3)])
def test_a_sample_has_each_pair_once(persons: int, images: int) -> None:
    vectors, person, group = people_of(persons, images)
    sample = sample_of(vectors, person, group)
    seen = np.zeros((len(sample),) * 2, dtype=int)
    scores = cosines(sample)
    for tile in sample.tiles():
        which = sample.impostors(tile)
        block = sample.scores(tile)
        assert_allclose(block, scores[tile.rows, tile.columns], atol=1e-5)
        assert (sample.group[tile.rows] == tile.groups[0]).all()
        assert (sample.group[tile.columns] == tile.groups[1]).all()
        seen[tile.rows, tile.columns] += np.ones_like(block, int) if which is None else which
    upper = np.triu(np.ones_like(seen), 1)
    assert (seen == upper * (sample.person[:, None] != sample.person)).all()
    assert seen.sum() == sample.pairs == sum(c.size for c in sample.by_groups.values())
    first, second = sample.genuine()
    assert len(first) == persons * images * (images - 1) // 2
    assert (first < second).all()
    assert (sample.person[first] == sample.person[second]).all()


def test_two_identities_of_one_person_are_no_genuine_pair() -> None:
    identity, person = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 0, 1])
    people = People.of(identity, person, ["a"] * 5)
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    sample = Sample.of(Prepared.of(vectors, people.order, "cosine"), people, np.arange(5))
    first, second = sample.genuine()
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 1), (2, 3)]
    assert sample.pairs == 4


@pytest.mark.parametrize("name", REMEDIES)
def test_blocks_and_lists_of_pairs_have_the_same_new_scores(name: str) -> None:
    training = trained()
    remedy, sample = REMEDIES[name].fit(training), training.sample
    facts = remedy.facts(sample)
    assert facts.dtype == np.float32
    for tile in list(sample.tiles())[:2]:
        new = of_block(remedy, sample.scores(tile), facts, tile)
        assert new.dtype == np.float32
        i, j = (x.ravel() for x in np.mgrid[tile.rows, tile.columns])
        listed = of_pairs(remedy, sample, facts, i, j)
        assert np.isfinite(listed).all()
        assert_allclose(new.ravel(), listed, atol=1e-3)


@pytest.mark.parametrize("name", REMEDIES)
def test_a_seed_settles_what_is_fitted(name: str) -> None:
    one, other = (REMEDIES[name].fit(trained(seed=3)) for _ in range(2))
    sample = trained().sample
    assert (one.facts(sample) == other.facts(sample)).all()


@pytest.mark.parametrize("name", REMEDIES)
def test_who_is_not_trained_on_changes_nothing(name: str) -> None:
    """Others' vectors may be noise."""
    vectors, person, group = people_of()
    people = People.of(person, person, group)
    noise = np.random.default_rng(9).normal(size=vectors.shape).astype(np.float32)
    test = person >= 80
    found = []
    for every in (vectors, np.where(test[:, None], noise, vectors)):
        prepared = Prepared.of(every, people.order, "cosine")
        training = Sample.of(prepared, people, np.flatnonzero(~test[people.order]))
        remedy = REMEDIES[name].fit(Training(training, RATES))
        found.append(remedy.facts(training))
    assert (found[0] == found[1]).all()


def test_z_norm_is_in_deviations_of_others_scores_with_the_reference() -> None:
    training = trained()
    sample = training.sample
    scores = cosines(sample)
    others = np.where(sample.person[:, None] != sample.person, scores, np.nan)
    mean, deviation = np.nanmean(others, axis=1), np.nanstd(others, axis=1)
    z = (scores - mean[:, None]) / deviation[:, None]
    i, j = np.triu_indices(len(sample), 1)
    for remedy, wanted in ((fit_z_norm(training), z), (fit_s_norm(training), (z + z.T) / 2)):
        found = of_pairs(remedy, sample, remedy.facts(sample), i, j)
        assert_allclose(found, wanted[i, j], atol=1e-3)
    s_norm = fit_s_norm(training)
    facts = s_norm.facts(sample)
    there, back = (of_pairs(s_norm, sample, facts, *p) for p in ((i, j), (j, i)))
    assert_allclose(there, back, atol=1e-5)


def test_a_cohort_has_everybody_before_it_has_anybody_twice() -> None:
    training = trained(persons=50, images=4)
    cohort = fit_cohort(training, most=70)
    assert np.bincount(cohort.person).tolist().count(2) == 20
    assert np.unique(cohort.person).size == 50
    assert len(fit_cohort(training).person) == 200
    with pytest.raises(SelectionError, match="2 training persons"):
        fit_cohort(trained(persons=1))


def test_scores_without_spread_are_not_divided_by_it() -> None:
    same = sample_of(np.ones((6, 4), np.float32), np.arange(6), ["a"] * 6)
    remedy = fit_z_norm(Training(same, RATES))
    new = of_pairs(remedy, same, remedy.facts(same), np.array([0, 1]), np.array([2, 3]))
    assert new == pytest.approx([0, 0], abs=1e-4)
    # Whoever has no impostor is normalised as others are.
    alone = sample_of(np.eye(4, dtype=np.float32), np.zeros(4, dtype=int), ["a"] * 4)
    cohort = Cohort(alone.prepared, alone.person, 0.25, 0.5)
    assert cohort.moments(alone) == pytest.approx(np.tile([0.25, 0.5], (4, 1)))


def false_matches(remedy: ZNorm | SNorm | GroupThresholds, sample: Sample, at: float) -> np.ndarray:
    """FMR of all pairs, and within each group."""
    facts = remedy.facts(sample)
    i, j = np.triu_indices(len(sample), 1)
    two = sample.person[i] != sample.person[j]
    i, j = i[two], j[two]
    hits = of_pairs(remedy, sample, facts, i, j) >= at
    a, b = sample.group[i], sample.group[j]
    every = [hits, *(hits[(a == g) & (b == g)] for g in range(2))]
    return np.array([h.mean() for h in every])


def test_group_thresholds_make_groups_fmr_equal_and_keep_the_overall_one() -> None:
    training = trained(persons=200)
    none = false_matches(REMEDIES[NONE].fit(training), training.sample, 0.5)  # type: ignore[arg-type]
    assert none[2] > 3 * none[1]
    remedy = fit_group_thresholds(training)
    every, *groups = false_matches(remedy, training.sample, 0)
    assert groups == pytest.approx([remedy.within] * 2, rel=5e-3)
    assert every == pytest.approx(RATES, rel=5e-3)
    assert every <= RATES
    assert remedy.own.tolist() == [True, True]


def test_who_has_no_group_or_too_small_a_one_has_the_threshold_of_all() -> None:
    vectors, person, group = people_of(200)
    named: list[str | None] = [
        None if p < 20 else "c" if p < 24 else g for p, g in zip(person, group, strict=True)
    ]
    sample = sample_of(vectors, person, named)
    remedy = fit_group_thresholds(Training(sample, RATES))
    assert sample.groups == ("a", "b", "c", None)
    assert remedy.own.tolist() == [True, True, False, False]
    scores = np.concatenate(list(sample.by_groups.values()))
    wanted = threshold_at(Scores.of(scores), RATES)
    assert remedy.thresholds[2:] == pytest.approx([wanted] * 2)
    with pytest.raises(SelectionError, match="no recorded group"):
        fit_group_thresholds(Training(sample_of(vectors, person, [None] * len(person)), RATES))


@pytest.mark.parametrize("ties", [False, True])
def test_the_highest_scores_tell_thresholds_as_all_do(ties: bool) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=300_000).astype(np.float32)
    if ties:
        scores = np.round(scores, 1)
    held = Highest(scores.size, 0.01)
    for part in np.split(scores, 30):
        held.add(held.chosen(part))
    for target in (0.01, 0.001, 1e-5):
        wanted = threshold_at(Scores.of(scores), target)
        assert held.threshold(target) == pytest.approx(wanted, abs=1e-6)
        assert (scores >= np.float32(held.threshold(target))).mean() <= target


def test_fair_cal_with_one_cluster_ranks_as_scores_do() -> None:
    training = trained()
    sample = training.sample
    remedy = fit_fair_cal(training, clusters=1)
    i, j = np.triu_indices(len(sample), 1)
    new = of_pairs(remedy, sample, remedy.facts(sample), i, j)
    raw = sample.prepared.listed(i, j)
    order = np.argsort(raw)
    assert (np.diff(new[order]) >= -1e-4).all()
    assert stats.spearmanr(new, raw).statistic > 0.99999
    # At even odds a probability of one half has as many of either kind.
    same = sample.person[i] == sample.person[j]
    assert expit(new[same]).mean() > 0.9
    assert expit(new[~same]).mean() < 0.1


def test_fair_cal_is_the_papers_mean_over_both_clusters() -> None:
    training = trained()
    sample = training.sample
    remedy = fit_fair_cal(training, clusters=4)
    assert isinstance(remedy, FairCal)
    assert remedy.own == 4
    own = nearest(sample, remedy.centres)
    i, j = np.triu_indices(len(sample), 1)
    new = of_pairs(remedy, sample, remedy.facts(sample), i, j)
    x = unit(sample.prepared.listed(i, j), (-1, 1)).astype(np.float64)
    a, b, c, n = remedy.maps.astype(np.float64).T
    p = [expit(a[k] * np.log(x) - b[k] * np.log1p(-x) + c[k]) for k in (own[i], own[j])]
    theta = n[own[i]] / (n[own[i]] + n[own[j]])
    assert_allclose(new, logit(theta * p[0] + (1 - theta) * p[1]), atol=2e-3)
    assert n.tolist() == [((own[i] == k) | (own[j] == k)).sum() for k in range(4)]
    # A higher score is never less likely to be genuine.
    scores = np.linspace(-1, 1, 101, dtype=np.float32)
    for one in remedy.maps:
        for other in remedy.maps:
            assert (np.diff(remedy(scores, one, other)) >= -1e-4).all()


def test_fair_cal_takes_the_map_of_all_where_there_are_few_genuine_pairs() -> None:
    training = trained(persons=40)
    remedy = fit_fair_cal(training, clusters=30)
    assert remedy.own < 30
    pooled = fit_fair_cal(training, clusters=1).maps[0, :3]
    same = (np.abs(remedy.maps[:, :3] - pooled) < 1e-6).all(axis=1)
    assert same.sum() == 30 - remedy.own
    with pytest.raises(SelectionError, match="0 genuine pairs"):
        fit_fair_cal(trained(images=1))


def test_fair_cal_knows_when_there_is_nothing_to_calibrate() -> None:
    """Pictures of one person are as unlike as can be."""
    vectors, person, group = people_of(60, 2)
    vectors[1::2] = -vectors[::2]
    with pytest.raises(SelectionError, match="not more alike"):
        fit_fair_cal(Training(sample_of(vectors, person, group), RATES))


def test_fair_cal_has_no_more_clusters_than_different_vectors() -> None:
    vectors, person, group = people_of(60, 4)
    copies = vectors[np.arange(240) // 24]
    remedy = fit_fair_cal(Training(sample_of(copies, person, group), RATES), clusters=50)
    assert len(remedy.centres) <= 50
    assert np.isfinite(remedy.maps).all()


@pytest.mark.parametrize("name", REMEDIES)
def test_distances_can_be_remedied_too(name: str) -> None:
    vectors, person, group = people_of()
    sample = sample_of(5 * vectors, person, group, "euclidean")
    remedy = REMEDIES[name].fit(Training(sample, RATES))
    first, second = sample.genuine()
    others = np.roll(second, 30)
    facts = remedy.facts(sample)
    genuine, impostor = (of_pairs(remedy, sample, facts, first, x) for x in (second, others))
    assert genuine.mean() > impostor.mean()
