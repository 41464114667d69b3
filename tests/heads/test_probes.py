"""Probes: against scikit-learn, closed forms, and the case that only some can solve."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import norm
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from evenface.errors import ConfigError, TrainingError
from evenface.heads import kernel, linear, mlp, probes
from evenface.heads.logistic import fit_regressions
from evenface.heads.mlp import fit_mlps
from evenface.heads.neighbours import FittedNeighbours, Neighbourhood
from evenface.heads.networks import xavier
from evenface.heads.probes import PROBES, Task, check_probes, train_probes
from evenface.heads.problem import Problem, Trained, balanced_accuracy, pose
from evenface.heads.scaling import fit_scaling


def gaussians(n: int, d: int, separation: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.normal(size=(n, d))
    x[:, 0] += separation * (y - 0.5)
    # Scales and offsets that a probe must not depend on.
    return (x * np.linspace(0.1, 10, d) + 5).astype(np.float32), y.astype(np.intp)


def trained(
    names: list[str], sides: tuple[np.ndarray, np.ndarray], labels: tuple[np.ndarray, np.ndarray]
) -> dict[str, Trained]:
    """Train on the first side, choose on the second."""
    vectors, codes = np.concatenate(sides), np.concatenate(labels)
    train, validation = np.split(np.arange(len(codes)), [len(labels[0])])
    task = Task(codes, train, validation, validation[:0], n_classes=2, seed=0)
    return train_probes(names, vectors, [task])[0].trained


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_nears_the_best_accuracy(name: str) -> None:
    x, y = gaussians(3000, 6, 3.0)
    best = norm.cdf(1.5)
    probe = trained([name], (x[:1500], x[1500:2000]), (y[:1500], y[1500:2000]))[name]
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
    probe = trained([name], (x[:900], x[900:1100]), (y[:900], y[900:1100]))[name]
    found = balanced_accuracy(y[1100:], probe.predict(x[1100:]))
    assert found > 0.9 if solves else found < 0.65


def test_rows_in_their_span_lose_nothing() -> None:
    x, _ = gaussians(40, 300, 3.0)
    scaling = fit_scaling(x)
    full = (x - x.mean(axis=0)) / x.std(axis=0)
    small = scaling(x)
    assert small.shape[1] < 40
    assert small @ small.T == pytest.approx(full @ full.T, abs=2e-2, rel=1e-4)


@pytest.mark.parametrize("n", [50, 400])
def test_the_widest_axes_are_principal_components(n: int) -> None:
    x, _ = gaussians(n, 120, 3.0)
    x[:, :60] += 5 * x[:, 60:]
    full, cut = fit_scaling(x)(x), fit_scaling(x, 20)(x)
    theirs = np.linalg.svd((x - x.mean(axis=0)) / x.std(axis=0), compute_uv=False)
    # Squares are added in float32, so the narrowest are as exact as the widest are.
    near = pytest.approx(theirs[: full.shape[1]], rel=1e-3, abs=1e-5 * float(theirs[0]))
    assert np.linalg.norm(full, axis=0) == near
    # An axis may point either way.
    assert np.abs(cut) == pytest.approx(np.abs(full[:, :20]), abs=2e-3)
    basis = fit_scaling(x, 20).basis
    assert basis.T @ basis == pytest.approx(np.eye(20), abs=1e-5)


def test_constant_features_and_identical_rows_do_no_harm() -> None:
    x, _ = gaussians(60, 5, 4.0)
    x[:, 3] = 7.0
    assert np.isfinite(fit_scaling(x)(x)).all()
    same = np.ones((20, 30), np.float32)
    assert np.isfinite(fit_scaling(same)(same)).all()
    labels = np.arange(20, dtype=np.intp) % 2
    for name, probe in trained(list(PROBES), (same, same), (labels, labels)).items():
        assert set(probe.predict(same).tolist()) <= {0, 1}, name


def test_a_rare_class_counts_as_much_as_a_common_one() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.08).astype(np.intp)
    x = rng.normal(size=(2000, 4)).astype(np.float32)
    x[:, 0] += 1.5 * y
    found = trained(["linear", "mlp", "rbf"], (x[:1000], x[1000:1400]), (y[:1000], y[1000:1400]))
    for name, probe in found.items():
        recall = (probe.predict(x[1400:])[y[1400:] == 1] == 1).mean()
        assert recall > 0.55, name


def problem(n: int = 120, d: int = 4) -> Problem:
    x, y = gaussians(n, d, 2.0)
    return pose(x, y, x[:30], y[:30], n_classes=2, seed=0)[0]


def test_kernel_machine_equals_scikit_learn_s_ridge() -> None:
    # With equal classes the weights are 1 and the machine is kernel ridge regression on +-1.
    p = problem()
    targets = np.where(p.y[:, None] == np.arange(2), 1.0, -1.0)
    x = p.x.astype(np.float64)
    gram = kernel.gaussian(kernel.squared_distances(x, x), 0.1)
    ours = kernel._exact(gram, [p])[0].solve(0.5)
    theirs = KernelRidge(alpha=0.5, kernel="precomputed").fit(gram, targets).dual_coef_
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_all_rows_as_landmarks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    p = problem(200)
    exact = kernel.fit_kernel([p])[0]
    monkeypatch.setattr(kernel, "LANDMARKS", 150)
    fewer = kernel.fit_kernel([p])[0]
    agreement = (exact.predict(p.x) == fewer.predict(p.x)).mean()
    assert agreement > 0.95


def test_equations_on_landmarks_are_those_of_the_definition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    p = problem(200)
    q = dataclasses.replace(p, y=(np.arange(200) % 3).astype(np.intp), n_classes=3)
    monkeypatch.setattr(kernel, "BLOCK", 30)
    points = p.x[::4]
    k_mm, k_nm = (kernel.gaussian(kernel.squared_distances(a, points), 0.1) for a in (points, p.x))
    systems = kernel._reduced([k_mm], [0.1], p.x, points, [p, q])[0]
    for one, system in zip((p, q), systems, strict=True):
        weighted = k_nm * one.class_weights[one.y][:, None]
        targets = np.where(one.y[:, None] == np.arange(one.n_classes), 1.0, -1.0)
        assert system.fixed == pytest.approx(k_nm.T @ weighted, rel=1e-5)
        assert system.right == pytest.approx(weighted.T @ targets, abs=1e-4)


def test_many_rows_in_a_plane_are_no_trouble_for_the_kernel_machine() -> None:
    # 2000 rows in two dimensions: a kernel matrix of hardly any rank.
    x, y = gaussians(2500, 2, 3.0)
    x[:500] = x[500:1000]
    assert (
        trained(["rbf"], (x[:2000], x[2000:]), (y[:2000], y[2000:]))["rbf"].fitted.validation > 0.88
    )


@pytest.mark.parametrize("k", [1, 5, 10])
def test_neighbours_equal_scikit_learn_s(k: int) -> None:
    p = problem()
    ours = FittedNeighbours(p, Neighbourhood(p.x, 10), k).predict(p.x[:60] + 0.3)
    theirs = KNeighborsClassifier(k).fit(p.x, p.y).predict(p.x[:60] + 0.3)
    # With equal classes votes are plain counts; even k may tie.
    assert (ours == theirs).mean() == 1.0 if k % 2 else (ours == theirs).mean() > 0.9


def logistic_case(n: int, d: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(d)
    scores = rng.normal(size=(n, classes)) + np.log(np.arange(1, classes + 1))
    y = scores.argmax(axis=1).astype(np.intp)
    x = rng.normal(size=(n, d)) * np.linspace(3, 0.3, d)
    x[:, :classes] += 0.7 * scores
    return x.astype(np.float32), y


@pytest.mark.parametrize(("n", "d"), [(600, 8), (300, 200), (150, 400)])
@pytest.mark.parametrize("classes", [2, 4])
def test_regressions_equal_scikit_learn_s(n: int, d: int, classes: int) -> None:
    x, y = logistic_case(n + 400, d, classes)
    p = pose(x[:n], y[:n], x[n:], y[n:], n_classes=classes, seed=0)[0]
    fitted = fit_regressions(p.x, linear._regressions(p))
    for strength, weights in zip(linear.STRENGTHS, fitted, strict=True):
        model = LogisticRegression(
            C=strength, class_weight="balanced", solver="newton-cg", tol=1e-8, max_iter=10_000
        )
        model.fit(p.x.astype(np.float64), p.y)
        logits = p.x_validation @ weights[:, :-1].T + weights[:, -1]
        ours = softmax(logits, axis=1)
        theirs = model.predict_proba(p.x_validation)
        assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() >= 0.995
        assert ours == pytest.approx(theirs, abs=1e-2)


@pytest.mark.parametrize("dimension", [32, 64])
@pytest.mark.parametrize("shrunk", [0.1, 0.01])
def test_a_direction_made_smaller_is_read_as_before(dimension: int, shrunk: float) -> None:
    rng = np.random.default_rng(0)
    y = (np.arange(2400) % 2).astype(np.intp)
    x = rng.normal(size=(2400, dimension))
    x[:, 0] += 3 * (y - 0.5)
    # Turned, or each feature's own scale would undo it.
    turn = np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    found = []
    for size in (1.0, shrunk):
        v = (x * np.where(np.arange(dimension) == 0, size, 1) @ turn).astype(np.float32)
        probe = trained(["linear"], (v[:800], v[800:1200]), (y[:800], y[800:1200]))["linear"]
        found.append(balanced_accuracy(y[1200:], probe.predict(v[1200:])))
    assert found[0] > 0.9
    assert found[1] > found[0] - 0.03


def test_targets_that_share_rows_are_solved_as_if_alone() -> None:
    x, y = logistic_case(500, 30, 4)
    first, scaling = pose(x[:300], y[:300], x[300:400], y[300:400], n_classes=4, seed=0)
    # Class 2 of three has no training row.
    codes = np.where(y < 2, 0, 1).astype(np.intp)
    second = dataclasses.replace(first, y=codes[:300], y_validation=codes[300:400], n_classes=3)
    for name, probe in PROBES.items():
        if probe.gathers:
            continue
        together = probe.fit([first, second])
        for problem, one in zip((first, second), together, strict=True):
            alone = probe.fit([problem])[0]
            assert one.settings == pytest.approx(alone.settings), name
            predicted, same = one.predict(scaling(x)), alone.predict(scaling(x))
            assert (predicted == same).mean() > 0.995, name
        assert set(together[1].predict(scaling(x)).tolist()) == {0, 1}


def test_tasks_about_different_rows_get_their_own_answers() -> None:
    x, y = gaussians(500, 6, 3.0)
    upside_down = 1 - y
    rows = np.arange(500)
    tasks = [
        Task(codes, train, rows[300:400], rows[400:], n_classes=2, seed=0)
        for codes, train in ((y, rows[:300]), (y, rows[:200]), (upside_down, rows[:300]))
    ]
    counts: list[int] = []
    names = ["knn", "mlp", "linear"]
    answers = train_probes(names, x, tasks, on_fit=counts.append)
    assert sum(counts) == len(names) * len(tasks)
    for task, answer in zip(tasks, answers, strict=True):
        assert list(answer.trained) == list(answer.predicted) == names
        for name in names:
            assert (answer.predicted[name] == answer.trained[name].predict(x[400:])).all()
            assert balanced_accuracy(task.codes[400:], answer.predicted[name]) > 0.85


def test_curved_probes_are_given_the_widest_axes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "COMPONENTS", 3)
    x, y = gaussians(300, 6, 3.0)
    found = trained(["linear", "knn"], (x[:200], x[200:]), (y[:200], y[200:]))
    assert found["linear"].scaling.basis.shape == (6, 6)
    assert found["knn"].scaling.basis.shape == (6, 3)


def test_mlp_is_repeatable_and_records_curves() -> None:
    p = problem()
    first, again = (fit_mlps([p])[0] for _ in range(2))
    assert first.history == again.history
    assert first.history[-1]["train_loss"] < first.history[0]["train_loss"]
    assert 0 <= first.history[0]["validation_accuracy"] <= 1


def test_mlp_stops_early_and_keeps_the_best_epoch() -> None:
    x, _ = gaussians(80, 30, 0.0)
    y = np.random.default_rng(0).integers(0, 2, 80).astype(np.intp)
    p = pose(x[:50], y[:50], x[50:], y[50:], n_classes=2, seed=0)[0]
    fitted = fit_mlps([p])[0]
    losses = [h["validation_loss"] for h in fitted.history]
    assert len(losses) < 40
    assert fitted.settings["epochs"] == int(np.argmin(losses)) + 1


def test_a_diverging_run_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp, "RATES", dict.fromkeys(mlp.RATES, 1e9))
    with pytest.raises(TrainingError, match="diverged"):
        fit_mlps([problem()])


def test_xavier_start_has_its_spread() -> None:
    weight = xavier(400, 200, torch.Generator().manual_seed(0)).numpy()
    limit = np.sqrt(6 / 600)
    assert np.abs(weight).max() <= limit
    assert weight.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize("names", [["magic"], []])
def test_unknown_probes_are_refused(names: list[str]) -> None:
    with pytest.raises(ConfigError, match="linear, mlp, rbf, knn"):
        check_probes(names)
