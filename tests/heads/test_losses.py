"""Losses against hand values and pytorch-metric-learning; the stacked loop against itself alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from evenface.errors import ConfigError
from evenface.heads.contrastive import Contrastive, hadsell, hadsell_slope
from evenface.heads.fit import fit
from evenface.heads.jobs import Job, Recipe
from evenface.heads.losses import (
    Batch,
    Criterion,
    LossOptions,
    Softmax,
    squared_distance,
    triplet_loss,
)
from evenface.heads.objectives import LOGITS, LOSSES
from evenface.heads.sampling import (
    batch_triplets,
    batches,
    deal,
    pairs,
    triplets,
)


def test_contrastive_has_its_hand_values_and_slopes() -> None:
    squared = torch.tensor([0.09, 0.09, 0.36], dtype=torch.float64, requires_grad=True)
    loss = hadsell(squared, torch.tensor([False, True, True]), 0.5)
    # 1/2 D^2 = 0.045; 1/2 (0.5 - 0.3)^2 = 0.02; beyond the margin 0.
    assert loss.tolist() == pytest.approx([0.045, 0.02, 0.0], abs=1e-12)
    loss.sum().backward()
    # d/dD^2: 1/2; -(m - D) / (2 D) = -0.2 / 0.6; 0.
    assert squared.grad.tolist() == pytest.approx([0.5, -1 / 3, 0.0], abs=1e-12)
    slope = hadsell_slope(squared.detach(), torch.tensor([False, True, True]), 0.5)
    assert slope.tolist() == pytest.approx([0.5, -1 / 3, 0.0], abs=1e-12)


def test_all_pairs_of_a_batch_are_each_rows_means_pair_by_pair() -> None:
    rng = np.random.default_rng(0)
    z = torch.tensor(rng.normal(scale=0.3, size=(1, 9, 2)), requires_grad=True)
    y, rows = [0, 0, 0, 1, 1, 2, 2, 2, 3], [0, 1, 1, 3, 4, 5, 6, 7, 8]
    weight = rng.uniform(0.5, 2, size=9)
    loss = Contrastive([0], 4, 2, LossOptions(), "cpu")
    batch = Batch(z, torch.tensor([y]), torch.tensor([rows]), torch.tensor(weight[None]))
    points, means = z.detach().numpy()[0], {}
    for i in range(9):
        for j in range(9):
            far = np.linalg.norm(points[i] - points[j])
            if y[i] != y[j]:
                means.setdefault((i, True), []).append(max(0.5 - far, 0) ** 2 / 2)
            elif rows[i] != rows[j]:
                means.setdefault((i, False), []).append(far**2 / 2)
    sides = [
        np.average([np.mean(v) for (_, d), v in means.items() if d == side],
                   weights=[weight[i] for i, d in means if d == side])
        for side in (False, True)
    ]  # fmt: skip
    assert float(loss(batch).detach()) == pytest.approx(sum(sides) / 2, rel=1e-12)

    def by_embeddings(z: torch.Tensor) -> torch.Tensor:
        return loss(Batch(z, batch.y, batch.rows, batch.weight))

    assert torch.autograd.gradcheck(by_embeddings, (z,))


def test_rows_that_fall_together_leave_finite_slopes() -> None:
    z = torch.zeros(1, 4, 2, requires_grad=True)
    y = torch.tensor([[0, 0, 1, 1]])
    batch = Batch(z, y, torch.arange(4)[None], torch.ones(1, 4))
    loss = Contrastive([0], 2, 2, LossOptions(), "cpu")(batch)
    loss.sum().backward()
    assert float(loss[0].detach()) == pytest.approx(0.5 * 0.125)
    assert torch.isfinite(z.grad).all()


def test_triplet_has_its_hand_values_and_slopes() -> None:
    positive = torch.tensor([0.25, 0.25], requires_grad=True)
    negative = torch.tensor([0.30, 1.00], requires_grad=True)
    loss = triplet_loss(positive, negative, 0.2)
    assert loss.tolist() == pytest.approx([0.15, 0.0])
    loss.sum().backward()
    assert positive.grad.tolist() == [1.0, 0.0]
    assert negative.grad.tolist() == [-1.0, 0.0]


def test_softmax_is_cross_entropy_on_the_bottleneck() -> None:
    z, y = torch.randn(2, 5, 3), torch.randint(0, 4, (2, 5))
    criterion = Softmax([0, 1], 4, 3, LossOptions(), "cpu")
    found = criterion(Batch(z, y, torch.arange(5).expand(2, 5), torch.ones(2, 5)))
    for k in range(2):
        logits = z[k] @ criterion.weight[k].T
        wanted = torch.nn.functional.cross_entropy(logits, y[k])
        assert float(found[k].detach()) == pytest.approx(float(wanted.detach()), abs=1e-6)


def test_losses_agree_with_pytorch_metric_learning() -> None:
    library = pytest.importorskip("pytorch_metric_learning", reason="an extra")
    from pytorch_metric_learning import distances, losses, reducers

    del library
    z, y = torch.randn(12, 2, dtype=torch.float64), torch.arange(12) % 3
    plain = distances.LpDistance(normalize_embeddings=False, p=2, power=2)
    anchor, positive, negative = (
        torch.tensor(t) for t in zip(*[(0, 3, 1), (1, 4, 2), (5, 2, 0)], strict=True)
    )
    theirs = losses.TripletMarginLoss(margin=0.2, distance=plain, reducer=reducers.MeanReducer())
    ours = triplet_loss(
        squared_distance(z[anchor], z[positive]), squared_distance(z[anchor], z[negative]), 0.2
    ).mean()
    assert float(ours) == pytest.approx(float(theirs(z, y, (anchor, positive, negative))), abs=1e-6)
    # Their hinge isn't squared: where only pairs of one class count the definitions coincide.
    same = losses.ContrastiveLoss(
        pos_margin=0, neg_margin=0, distance=plain, reducer=reducers.MeanReducer()
    )
    first, second = torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5])
    none = torch.zeros(0, dtype=torch.long)
    wanted = same(z, y, (first, second, none, none))
    different = torch.zeros(3, dtype=torch.bool)
    found = 2 * hadsell(squared_distance(z[first], z[second]), different, 0.5).mean()
    assert float(found) == pytest.approx(float(wanted), abs=1e-6)


@pytest.mark.parametrize("balanced", [False, True])
def test_an_image_is_never_paired_with_itself(balanced: bool) -> None:
    rng = np.random.default_rng(0)
    y = np.array([0] * 30 + [1] * 7 + [2] * 3)
    strata = y if balanced else None
    steps, rows = batches(len(y), 10)
    pair = pairs(y, steps, rows, rng, strata)
    first, second = pair.rows[:, :rows], pair.rows[:, rows:]
    assert (first != second).all()
    alike = y[first] == y[second]
    assert (alike.sum(axis=1) == rows // 2).all()
    three = triplets(y, steps, rows, rng, strata)
    a, p, n = (three.rows[:, k * rows : (k + 1) * rows] for k in range(3))
    assert (a != p).all()
    assert (y[a] == y[p]).all()
    assert (y[a] != y[n]).all()


def test_triplets_within_a_batch_keep_to_it() -> None:
    y = np.repeat(np.arange(3), 20)
    plan = batch_triplets(y, 3, 20, np.random.default_rng(1))
    assert plan.ties is not None
    assert plan.ties.max() < 20
    labels = y[plan.rows]
    a, p, n = (np.take_along_axis(labels, plan.ties[..., k], axis=1) for k in range(3))
    assert (a == p).all()
    assert (a != n).all()
    assert (plan.ties[..., 0] != plan.ties[..., 1]).all()


def test_a_balanced_deal_is_balanced_and_a_plain_one_shows_each_row_once() -> None:
    y = np.array([0] * 90 + [1] * 10)
    rng = np.random.default_rng(0)
    assert abs(y[deal(len(y), 5, 20, rng, y)].mean() - 0.5) < 1e-9
    assert len(np.unique(deal(len(y), 5, 20, rng))) == 100


@pytest.mark.parametrize("name", ["margin", "alpha"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_margins_must_be_above_zero(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        LossOptions(**{name: value})


def jobs(rate: float = 3e-3, **changes: object) -> list[Job]:
    rng = np.random.default_rng(0)
    y = np.arange(160) % 3
    x = torch.tensor(rng.normal(size=(160, 12)) + 2 * np.eye(3, 12)[y], dtype=torch.float32)
    train, held = np.arange(120), np.arange(120, 160)
    return [
        Job(x, train, y[train], held, y[held], 3, 2, LOSSES[loss], seed, rate, **changes)  # type: ignore[arg-type]
        for loss in ("softmax", "contrastive", "triplet")
        for seed in (0, 1)
    ]


@pytest.mark.parametrize("pairs_from", ["batch", "drawn"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_networks_end_side_by_side_as_they_do_alone(pairs_from: str, dropout: float) -> None:
    recipe = Recipe((32, 8), epochs=4, batch=30, pairs=pairs_from, dropout=dropout)  # type: ignore[arg-type]
    together = fit(jobs(), recipe)
    alone = [fit([job], recipe)[0] for job in jobs()]
    for one, other in zip(together, alone, strict=True):
        assert one.best == other.best
        for name in ("train_loss", "validation_loss"):
            assert one.history[-1][name] == pytest.approx(other.history[-1][name], abs=1e-4)
    assert together[0].history[-1]["train_loss"] < together[0].history[0]["train_loss"]
    assert [o.history for o in fit(jobs(), recipe)] == [o.history for o in together]


def test_gradients_of_the_stack_are_those_of_autograd() -> None:
    from evenface.heads.networks import Stack

    stack = Stack((5, 7, 4, 2), [0, 1])
    x = torch.randn(2, 6, 5)
    z = stack.forward(x)
    stack.backward(torch.ones_like(z))
    for k in range(2):
        own = [p[k].clone().requires_grad_() for p in stack.parameters]
        h = x[k]
        for layer in range(3):
            h = h @ own[2 * layer] + own[2 * layer + 1]
            h = h.relu() if layer < 2 else h
        h.sum().backward()
        for value, slope in zip(own, stack.gradients, strict=True):
            assert torch.allclose(value.grad, slope[k], atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rates", [(0.01, 0.01), (0.01, 0.002)])
def test_steps_block_by_block_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, optimizer: str, kind: torch.dtype, rates: tuple[float, float]
) -> None:
    # The first layer's 12 rows in blocks of 5, of 5 and of 2, and of all.
    monkeypatch.setattr("evenface.heads.fit.product_kind", lambda *_: kind)
    monkeypatch.setattr("evenface.heads.networks.ALIGNED", 1)
    recipe = Recipe((32, 8), epochs=3, batch=30, optimizer=optimizer, decay=0.01)  # type: ignore[arg-type]
    some = [replace(j, rate=r) for j, r in zip(jobs()[:2], rates, strict=True)]
    found = {}
    for size in (5 * 32, 1 << 18):
        monkeypatch.setattr("evenface.heads.networks.BLOCK", size)
        found[size] = fit(some, recipe)
    exact = 1e-5 if kind == torch.float32 else 2e-2
    for one, other in zip(*found.values(), strict=True):
        for name in ("train_loss", "validation_loss"):
            assert one.history[-1][name] == pytest.approx(other.history[-1][name], abs=exact)
        for own, its in zip(one.network.weights, other.network.weights, strict=True):
            assert torch.allclose(own, its, atol=10 * exact)


def test_steps_are_those_of_torch_s_optimizers() -> None:
    from evenface.heads.updates import Update

    for name, make in (("adam", torch.optim.AdamW), ("sgd", torch.optim.SGD)):
        recipe = Recipe(optimizer=name, decay=0.1, momentum=0.8)  # type: ignore[arg-type]
        value = torch.randn(7, 3)
        theirs = value.clone().requires_grad_()
        momentum = {"momentum": 0.8} if name == "sgd" else {}
        optimizer = make([theirs], lr=0.05, weight_decay=0.1, **momentum)
        update = Update([value], 0.05, recipe)
        for _ in range(5):
            slope = torch.randn(7, 3)
            theirs.grad = slope.clone()
            optimizer.step()
            update.step([slope])
        assert torch.allclose(value, theirs.detach(), atol=1e-6)


def test_a_diverging_network_leaves_the_others_alone() -> None:
    calm, wild = jobs()[:1], jobs(rate=1e12)[:1]
    recipe = Recipe((16,), epochs=6, batch=30, optimizer="sgd")
    both = fit([*calm, *wild], recipe)
    assert both[1].diverged is not None
    assert both[0].diverged is None
    assert both[0].history[-1] == pytest.approx(fit(calm, recipe)[0].history[-1], abs=1e-4)


def test_a_missing_gpu_is_said() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="no GPU"):
        fit(jobs(), Recipe(device="cuda"))


@pytest.mark.parametrize("name", ["softmax", "contrastive", "triplet", "cross-entropy"])
@pytest.mark.parametrize("drawn", [False, True])
def test_slopes_that_are_written_out_are_those_of_autograd(name: str, drawn: bool) -> None:
    loss = LOSSES.get(name, LOGITS)
    dims = 4 if name == "cross-entropy" else 2
    rng = np.random.default_rng(1)
    y = rng.integers(0, 4, size=40)
    made = (loss.drawn if drawn else loss.plan)(y, 1, 24, rng)
    rows = np.stack([made.rows[0]] * 2)
    weight = torch.tensor(rng.uniform(0.2, 2, size=rows.shape))
    ties = None if made.ties is None else torch.tensor(np.stack([made.ties[0]] * 2))
    offset = torch.tensor(rng.normal(size=(2, 4))) if loss.classifies and dims == 2 else None
    z = torch.tensor(rng.normal(scale=0.3, size=(*rows.shape, dims)))
    batch = Batch(z, torch.tensor(y[rows]), torch.tensor(rows), weight, ties, offset)
    found = []
    for how in (loss.criterion.slopes, Criterion.slopes):
        criterion = loss.criterion([0, 1], 4, dims, LossOptions(), "cpu")
        if name == "softmax":
            criterion.weight = criterion.weight.detach().double().requires_grad_()
            criterion.weight.grad = torch.zeros_like(criterion.weight)
        one = how(criterion, batch)
        learned = [value.grad for k in range(2) for value in criterion.learned(k)]
        found.append([one.losses, one.slope, *learned])
    assert float(found[1][1].abs().max()) > 1e-3
    for ours, its in zip(*found, strict=True):
        assert torch.allclose(ours, its, atol=1e-12)
