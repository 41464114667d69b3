"""Probes: against scikit-learn, closed forms, and the case that only some can solve."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.kernel_ridge import KernelRidge
from sklearn.neighbors import KNeighborsClassifier

from evenface.errors import ConfigError, TrainingError
from evenface.heads import kernel
from evenface.heads.fit import MlpOptions, fit_mlp
from evenface.heads.neighbours import FittedNeighbours
from evenface.heads.networks import Mlp
from evenface.heads.probes import PROBES, check_probes, train_probes
from evenface.heads.problem import Problem, balanced_accuracy, pose
from evenface.heads.scaling import fit_scaling


def gaussians(n: int, d: int, separation: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.normal(size=(n, d))
    x[:, 0] += separation * (y - 0.5)
    # Scales and offsets that a probe must not depend on.
    return (x * np.linspace(0.1, 10, d) + 5).astype(np.float32), y.astype(np.intp)


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_nears_the_best_accuracy(name: str) -> None:
    x, y = gaussians(3000, 6, 3.0)
    best = norm.cdf(1.5)
    probe = train_probes([name], x[:1500], y[:1500], x[1500:2000], y[1500:2000], n_classes=2,
                         seed=0)[name]  # fmt: skip
    found = balanced_accuracy(y[2000:], probe.predict(x[2000:]))
    # 1000 rows: a standard error of 0.008, and kNN pays for its dimensions.
    assert best - 0.05 < found < best + 0.03


@pytest.mark.parametrize(("name", "solves"), [("linear", False), ("mlp", True), ("rbf", True),
                                              ("knn", True)])  # fmt: skip
def test_only_curved_probes_read_an_exclusive_or(name: str, solves: bool) -> None:
    rng = np.random.default_rng(0)
    signs = rng.choice([-1, 1], size=(1500, 2))
    x = (2.5 * signs + rng.normal(size=(1500, 2))).astype(np.float32)
    y = (signs.prod(axis=1) > 0).astype(np.intp)
    probe = train_probes([name], x[:900], y[:900], x[900:1100], y[900:1100], n_classes=2, seed=0)
    found = balanced_accuracy(y[1100:], probe[name].predict(x[1100:]))
    assert found > 0.9 if solves else found < 0.65


def test_rows_in_their_span_lose_nothing() -> None:
    x, _ = gaussians(40, 300, 3.0)
    scaling = fit_scaling(x)
    assert scaling.basis is not None
    full = (x - scaling.centre) / scaling.spread
    small = scaling(x)
    assert small.shape[1] < 40
    assert small @ small.T == pytest.approx(full @ full.T, abs=2e-2, rel=1e-4)


def test_constant_features_and_identical_rows_do_no_harm() -> None:
    x, _ = gaussians(60, 5, 4.0)
    x[:, 3] = 7.0
    assert np.isfinite(fit_scaling(x)(x)).all()
    same = np.ones((20, 30), np.float32)
    assert np.isfinite(fit_scaling(same)(same)).all()
    labels = np.arange(20, dtype=np.intp) % 2
    for name, probe in train_probes(list(PROBES), same, labels, same, labels, n_classes=2,
                                    seed=0).items():  # fmt: skip
        assert set(probe.predict(same).tolist()) <= {0, 1}, name


def test_a_rare_class_counts_as_much_as_a_common_one() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.08).astype(np.intp)
    x = rng.normal(size=(2000, 4)).astype(np.float32)
    x[:, 0] += 1.5 * y
    for name, probe in train_probes(["linear", "mlp", "rbf"], x[:1000], y[:1000], x[1000:1400],
                                    y[1000:1400], n_classes=2, seed=0).items():  # fmt: skip
        recall = (probe.predict(x[1400:])[y[1400:] == 1] == 1).mean()
        assert recall > 0.55, name


def problem(n: int = 120, d: int = 4) -> Problem:
    x, y = gaussians(n, d, 2.0)
    return pose(x, y, x[:30], y[:30], n_classes=2, seed=0)[0]


def test_kernel_machine_equals_scikit_learn_s_ridge() -> None:
    # With equal classes the weights are 1 and the machine is kernel ridge regression on +-1.
    p = problem()
    targets = np.where(p.y[:, None] == np.arange(2), 1.0, -1.0)
    gram = np.exp(-0.1 * kernel.squared_distances(p.x, p.x))
    ours = kernel._solve(gram, None, targets, p.class_weights[p.y], 0.5)
    theirs = KernelRidge(alpha=0.5, kernel="precomputed").fit(gram, targets).dual_coef_
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_all_rows_as_landmarks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem(200)
    exact = kernel.fit_kernel(p)
    monkeypatch.setattr(kernel, "LANDMARKS", 150)
    fewer = kernel.fit_kernel(p)
    agreement = (exact.predict(p.x) == fewer.predict(p.x)).mean()
    assert agreement > 0.95


@pytest.mark.parametrize("k", [1, 5, 10])
def test_neighbours_equal_scikit_learn_s(k: int) -> None:
    p = problem()
    ours = FittedNeighbours(p, k, 0.0).predict(p.x[:60] + 0.3)
    theirs = KNeighborsClassifier(k).fit(p.x, p.y).predict(p.x[:60] + 0.3)
    # With equal classes votes are plain counts; even k may tie.
    assert (ours == theirs).mean() == 1.0 if k % 2 else (ours == theirs).mean() > 0.9


def test_mlp_is_repeatable_and_records_curves() -> None:
    p = problem()
    first, again = (fit_mlp(p, MlpOptions(hidden=32, epochs=5)) for _ in range(2))
    assert first.history == again.history
    assert [h["epoch"] for h in first.history] == [1, 2, 3, 4, 5]
    assert first.history[-1]["train_loss"] < first.history[0]["train_loss"]
    assert 0 <= first.history[0]["validation_accuracy"] <= 1


def test_mlp_stops_early_and_keeps_the_best_epoch() -> None:
    x, _ = gaussians(80, 30, 0.0)
    y = np.random.default_rng(0).integers(0, 2, 80).astype(np.intp)
    p = pose(x[:50], y[:50], x[50:], y[50:], n_classes=2, seed=0)[0]
    fitted = fit_mlp(p, MlpOptions(hidden=64, epochs=100, patience=3, rate=0.1))
    losses = [h["validation_loss"] for h in fitted.history]
    assert len(losses) < 100
    assert fitted.settings["epochs"] == int(np.argmin(losses)) + 1


def test_a_diverging_run_is_an_error() -> None:
    with pytest.raises(TrainingError, match="diverged"):
        fit_mlp(problem(), MlpOptions(rate=1e6, epochs=30, momentum=0.99))


def test_xavier_start_has_its_spread() -> None:
    weight = next(Mlp((400, 200, 2), seed=0).parameters()).detach().numpy()
    limit = np.sqrt(6 / 600)
    assert np.abs(weight).max() <= limit
    assert weight.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize("names", [["magic"], []])
def test_unknown_probes_are_refused(names: list[str]) -> None:
    with pytest.raises(ConfigError, match="linear, mlp, rbf, knn"):
        check_probes(names)
