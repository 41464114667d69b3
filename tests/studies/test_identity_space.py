"""Spaces of identities: verification stays, and what a remedy is about goes."""

from __future__ import annotations

import numpy as np
import pytest

from evenface.errors import ConfigError, SelectionError, TrainingError
from evenface.heads.linear import fit_linear
from evenface.heads.problem import balanced_accuracy, pose
from evenface.stats.rates import Scores, equal_error
from evenface.studies import identity_space
from evenface.studies.identity_space import BLOCK, People, Treatment, learn_space, learn_spaces

TREATMENTS = [
    *(Treatment(name) for name in ("none", "sampling", "weights", "dro")),
    *(Treatment("adversarial", strength) for strength in (0.1, 10.0)),
]


def population(seed: int = 0, d: int = 64) -> tuple[np.ndarray, People]:
    """Return vectors of 300 people, four each, whose group stands in one direction of them all."""
    rng = np.random.default_rng(seed)
    group = (rng.random(300) < 0.4).astype(np.intp)
    direction = rng.normal(size=d)
    direction /= np.linalg.norm(direction)
    mean = rng.normal(size=(300, d)) + 2 * (2 * group - 1)[:, None] * direction
    who = np.repeat(np.arange(300), 4)
    vectors = mean[who] + 0.8 * rng.normal(size=(1200, d)) + 0.5
    train, validation = np.flatnonzero(who < 180), np.flatnonzero((who >= 180) & (who < 240))
    return vectors.astype(np.float32), People(who, train, validation, group[who])


def eer(z: np.ndarray, who: np.ndarray) -> float:
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    i, j = np.triu_indices(len(z), 1)
    scores, genuine = (z @ z.T)[i, j], who[i] == who[j]
    return equal_error(Scores.of(scores[genuine]), Scores.of(scores[~genuine])).value


def read(z: np.ndarray, people: People) -> float:
    """Return how well a fresh linear probe reads the group of people held out."""
    test, group = np.arange(960, 1200), people.groups
    problem, scaling = pose(
        z[people.train], group[people.train], z[people.validation], group[people.validation],
        n_classes=2, seed=0,
    )  # fmt: skip
    (probe,) = fit_linear([problem])
    return balanced_accuracy(group[test], probe.predict(scaling(z[test])))


def test_verification_stays_and_what_is_hidden_goes() -> None:
    for seed in (0, 1):
        vectors, people = population(seed)
        raw, test = eer(vectors[960:], people.identity[960:]), slice(960, None)
        assert raw < 0.02
        assert read(vectors, people) > 0.9
        spaces = learn_spaces(vectors, people, TREATMENTS, seed=seed)
        told = {}
        for space in spaces:
            z = space(vectors)
            assert eer(z[test], people.identity[test]) < raw + 0.02
            told[space.treatment] = read(z, people)
        none, *others, faint, strong = told.values()
        assert none > 0.9
        assert min(others) > 0.85
        assert strong < none - 0.2
        assert strong < faint


def test_a_space_says_what_it_was_learned_from_and_maps_in_blocks() -> None:
    vectors, people = population()
    plain, hiding = learn_spaces(vectors, people, [TREATMENTS[0], TREATMENTS[-1]], dims=16)
    assert (plain.people, plain.rows) == (180, 720)
    assert plain.best <= plain.epochs == len(plain.history)
    losses = [one["validation_loss"] for one in plain.history]
    assert losses[plain.best - 1] == min(losses)
    assert hiding.best == hiding.epochs
    many = np.tile(vectors, (BLOCK // len(vectors) + 2, 1))
    z = plain(many)
    assert z.dtype == np.float32
    assert z.shape == (len(many), 16)
    assert np.linalg.norm(z, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.allclose(z[-5:], plain(vectors)[-5:], atol=1e-6)
    assert learn_space(vectors[:, :6], people).weights.shape == (6, 6)


def test_a_space_is_the_same_each_time_and_alone() -> None:
    vectors, people = population()
    first, again = (learn_spaces(vectors, people, TREATMENTS, seed=3) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.weights.tobytes() == other.weights.tobytes()
    alone = learn_space(vectors, people, TREATMENTS[-1], seed=3)
    assert np.allclose(alone(vectors), first[-1](vectors), atol=2e-3)
    other = learn_space(vectors, people, seed=4)
    assert not np.allclose(other.weights, first[0].weights, atol=1e-3)


def test_people_whose_group_is_unknown_take_no_part() -> None:
    vectors, people = population()
    groups = np.where(people.identity < 20, -1, people.groups)
    known = People(people.identity, people.train, people.validation, groups)
    assert learn_space(vectors, known, Treatment("dro")).people == 160


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, people = population()
    single = People(np.arange(1200), people.train, people.validation)
    with pytest.raises(SelectionError, match=r"two pictures of one.*more pictures"):
        learn_space(vectors, single)
    held = people.validation[::4]
    with pytest.raises(SelectionError, match="validation identities"):
        learn_space(vectors, People(people.identity, people.train, held))
    assert learn_space(vectors, People(people.identity, people.train, held[:0])).best == 40
    with pytest.raises(ConfigError, match="needs groups"):
        learn_space(vectors, People(people.identity, people.train, held[:0]), Treatment("dro"))
    with pytest.raises(ConfigError, match=r"'logits'.*adversarial"):
        Treatment("logits")
    with pytest.raises(ConfigError, match="strength"):
        Treatment("adversarial", float("nan"))
    with pytest.raises(ConfigError, match="dims"):
        learn_space(vectors, people, dims=0)
    monkeypatch.setattr(identity_space, "RATE", 1e38)
    with pytest.raises(TrainingError, match="extreme values"):
        learn_space(vectors, people)
