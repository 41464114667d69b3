"""Group DRO and the adversarial branch: closed forms, slopes, and what they do to networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from evenface.heads.fit import fit
from evenface.heads.hidden import FADES, RIDGE, Hidden, Moments, Reversed, ramp
from evenface.heads.jobs import Job, Recipe
from evenface.heads.losses import Batch, LossOptions, Softmax, cross_entropy
from evenface.heads.networks import Network, Stack
from evenface.heads.objectives import LOSSES
from evenface.heads.partners import PARTNERS, SHARPNESS, Partners
from evenface.heads.robust import GroupRobust, Robust, tilted
from evenface.heads.sampling import partners
from evenface.heads.updates import Update


def test_group_weights_move_by_the_closed_form() -> None:
    q = torch.tensor([[0.2, 0.3, 0.5], [1 / 3, 1 / 3, 1 / 3]], dtype=torch.float64)
    losses = torch.tensor([[1.0, 2.0, 0.5], [0.0, 0.0, 3.0]], dtype=torch.float64)
    step = torch.tensor([[0.1], [0.5]], dtype=torch.float64)
    wanted = q * torch.exp(step * losses)
    wanted /= wanted.sum(dim=1, keepdim=True)
    found = tilted(q, losses, step)
    assert torch.allclose(found, wanted, atol=1e-15)
    assert found.sum(dim=1).tolist() == pytest.approx([1, 1])
    assert found[1, 2] > q[1, 2]
    # However large a loss, weights stay numbers.
    assert torch.isfinite(tilted(q, 1e6 * losses, step)).all()


def batch(k: int = 2, b: int = 24, dims: int = 3, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    y = torch.tensor(rng.integers(0, 3, size=(k, b)))
    rows = torch.tensor(np.stack([rng.permutation(b) for _ in range(k)]))
    z = torch.tensor(rng.normal(size=(k, b, dims)), dtype=torch.float32)
    return Batch(z, y, rows, torch.ones(k, b))


def test_a_robust_step_is_the_groups_losses_under_their_new_weights() -> None:
    one = batch()
    codes = [np.arange(24) % 3, np.arange(24) // 20]
    asked = [Robust(codes[0], 4, 0.3), Robust(codes[1], 4, 0.7)]
    loss = GroupRobust(Softmax([0, 1], 3, 3, LossOptions(), "cpu"), asked, "cpu")
    made = loss.slopes(one)
    weight = loss.inner.weight.detach()
    for k in range(2):
        z, own = one.z[k].clone().requires_grad_(), weight[k].clone().requires_grad_()
        each = torch.nn.functional.cross_entropy(z @ own.T, one.y[k], reduction="none")
        group = torch.tensor(codes[k])[one.rows[k]]
        means = torch.stack([each[group == g].mean() if (group == g).any() else each.sum() * 0
                             for g in range(4)])  # fmt: skip
        q = 0.25 * torch.exp(asked[k].step * means.detach())
        q = q / q.sum()
        assert torch.allclose(loss.q[k], q, atol=1e-6)
        (q * means).sum().backward()
        assert torch.allclose(made.slope[k], z.grad, atol=1e-6)
        assert torch.allclose(loss.learned(k)[0].grad, own.grad, atol=1e-6)
    # Validation rows are judged by the loss as it is.
    assert torch.allclose(loss(one), loss.inner(one))


def reversed_loss(*asked: Hidden, y: torch.Tensor, by_angle: bool = True) -> Reversed:
    place = LOSSES["arcface" if by_angle else "softmax"].place
    inner = Softmax([0, 1][: len(asked)], 3, 3, LossOptions(), "cpu")
    return Reversed(inner, asked, [own.numpy() for own in y], place, 10, "cpu")


@pytest.mark.parametrize("by_angle", [False, True])
def test_the_reversed_slope_is_that_of_finite_differences(by_angle: bool) -> None:
    one, codes = batch(), np.arange(24) % 4 - 1
    by_row = torch.empty_like(one.y).scatter_(1, one.rows, one.y)
    asked = [Hidden(codes, 3, 0.5), Hidden(codes, 3, 2.0)]
    loss = reversed_loss(*asked, y=by_row, by_angle=by_angle)
    loss.done = 4
    made, plain = loss.slopes(one), loss.inner.slopes(one)
    assert loss.seen is not None
    weights, biases = (part.double() for part in loss.seen.discriminant())
    code = torch.tensor(codes)[one.rows]
    share = torch.where(code >= 0, 1.0, 0.0).double()

    def read(z: torch.Tensor) -> torch.Tensor:
        logits = (normalize(z, dim=-1) if by_angle else z) @ weights + biases
        return cross_entropy(logits, replace(one, y=code.clamp_min(0), weight=share))

    z, h = one.z.double(), 1e-5
    for k, i, p in ((0, 0, 0), (0, 3, 2), (1, 5, 1), (1, 23, 0)):
        shift = torch.zeros_like(z)
        shift[k, i, p] = h
        numeric = (read(z + shift) - read(z - shift))[k] / (2 * h)
        # Values are equally many here, so that their weights are.
        wanted = -asked[k].strength * ramp(0.4) * numeric
        assert float((made.slope - plain.slope)[k, i, p]) == pytest.approx(float(wanted), abs=1e-5)
    # A row whose value isn't known is pushed nowhere by the branch.
    assert torch.equal(made.slope[code < 0], plain.slope[code < 0])


def test_the_ramp_is_ganins() -> None:
    assert ramp(0) == 0
    assert ramp(0.5) == pytest.approx(0.986614, abs=1e-6)
    assert ramp(1) == pytest.approx(0.999909, abs=1e-6)


def test_what_a_class_tells_already_is_not_hidden() -> None:
    one = batch()
    by_row = torch.empty_like(one.y).scatter_(1, one.rows, one.y)
    told = reversed_loss(
        *(Hidden(own.numpy(), 3, 5.0, within=True) for own in by_row), y=by_row, by_angle=False
    )
    told.done = 10
    assert torch.equal(told.slopes(one).slope, told.inner.slopes(one).slope)
    open_ = reversed_loss(
        *(Hidden(own.numpy(), 3, 5.0) for own in by_row), y=by_row, by_angle=False
    )
    open_.done = 10
    assert not torch.allclose(open_.slopes(one).slope, open_.inner.slopes(one).slope, atol=1e-3)


def test_the_branch_is_the_linear_discriminant_of_the_latest_outputs() -> None:
    rng = np.random.default_rng(0)
    z = torch.tensor(rng.normal(size=(2, 1, 50, 3)), dtype=torch.float64)
    codes = torch.tensor(rng.integers(0, 2, size=(2, 1, 50)))
    ones = torch.ones(1, 50, dtype=torch.float64)
    first, second = (Moments.of(z[t], codes[t], ones, 3) for t in range(2))
    weights, biases = first.faded(second).discriminant()
    share = np.repeat([FADES, 1], 50)
    x, c = z.numpy().reshape(100, 3), codes.numpy().reshape(100)
    centre = np.average(x, axis=0, weights=share)
    spread = np.cov(x.T, aweights=share, ddof=0)
    # Three outputs of 50 rows, and of 50 that count for less.
    ridge = RIDGE * 3 / (50 + 50 * FADES)
    spread += ridge * np.trace(spread) / 3 * np.eye(3)
    for k in range(2):
        mean = np.average(x[c == k], axis=0, weights=share[c == k]) - centre
        own = np.linalg.solve(spread, mean)
        assert weights[0, :, k].numpy() == pytest.approx(own, abs=1e-10)
        assert float(biases[0, 0, k]) == pytest.approx(-own @ mean / 2 - own @ centre, abs=1e-10)
    # A value that nobody has had so far is never said.
    assert float(biases[0, 0, 2]) == -np.inf


def mixed() -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Return inputs, classes and groups: what tells classes in many misleads about few."""
    rng = np.random.default_rng(0)
    y, g = np.arange(1200) % 2, (np.arange(1200) // 2 % 12 == 0).astype(np.intp)
    sign = 2 * y - 1
    x = rng.normal(size=(1200, 6))
    x[:, 0] += 1.2 * sign
    x[:, 1] += 2.0 * sign * (1 - 2 * g)
    return torch.tensor(x, dtype=torch.float32), y.astype(np.intp), g


def jobs_of_all_kinds(loss: str = "softmax") -> list[Job]:
    x, y, g = mixed()
    train, held = np.arange(240), np.arange(240, 320)
    plain = Job(x, train, y[train], held, y[held], 2, 2, LOSSES[loss], 0, 3e-3)
    robust, hidden = Robust(g[train], 2), Hidden(g[train], 2)
    return [
        plain,
        replace(plain, robust=robust),
        replace(plain, hidden=hidden, seed=1),
        replace(plain, hidden=replace(hidden, strength=3.0, within=True)),
        replace(plain, robust=replace(robust, step=1.0), hidden=hidden),
        replace(plain, robust=robust, strata=g[train]),
    ]


@pytest.mark.parametrize("loss", ["softmax", "contrastive", "triplet"])
def test_remedied_networks_end_side_by_side_as_they_do_alone(loss: str) -> None:
    recipe = Recipe((16,), epochs=6, batch=40)
    jobs = jobs_of_all_kinds(loss)
    together = fit(jobs, recipe)
    for job, one in zip(jobs, together, strict=True):
        (alone,) = fit([job], recipe)
        assert one.best == alone.best
        for a, b in zip(one.network.weights, alone.network.weights, strict=True):
            assert torch.allclose(a, b, atol=1e-3)
    again = fit(jobs, recipe)
    for one, other in zip(together, again, strict=True):
        assert one.history == other.history
        assert all(map(torch.equal, one.network.weights, other.network.weights))
    ends = [one.history[-1]["train_loss"] for one in together]
    assert len(set(ends)) == len(ends)


def test_a_network_with_something_hidden_is_the_mean_of_its_second_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[Network] = []
    copy = Stack.copy

    def noted(stack: Stack, place: int) -> Network:
        taken.append(copy(stack, place))
        return taken[-1]

    monkeypatch.setattr(Stack, "copy", noted)
    (found,) = fit([jobs_of_all_kinds()[2]], Recipe((8,), epochs=7, batch=40, patience=1))
    assert len(found.history) == 7
    assert found.best == 6
    assert len(taken) == 4
    for k, own in enumerate(found.network.weights):
        mean = torch.stack([one.weights[k] for one in taken]).mean(dim=0)
        assert torch.allclose(own, mean, atol=1e-6)
    assert not torch.allclose(taken[0].weights[0], taken[-1].weights[0], atol=1e-3)


def test_group_dro_raises_the_worst_groups_accuracy() -> None:
    x, y, g = mixed()
    train, held, test = np.arange(600), np.arange(600, 700), np.arange(700, 1200)
    plain = Job(x, train, y[train], held, y[held], 2, 2, LOSSES["softmax"], 0, 1e-2)
    robust = replace(plain, strata=g[train], robust=Robust(g[train], 2))
    worst = []
    for one in fit([plain, robust], Recipe((), epochs=20, batch=60, patience=20)):
        z, classes = one.network(x).numpy(), y[train]
        centre = [z[train][classes == c].mean(axis=0) for c in range(2)]
        # The axis that the network has made of the classes, cut half-way.
        axis = centre[1] - centre[0]
        cut = (z - (centre[0] + centre[1]) / 2) @ axis > 0
        worst.append(min((cut[test] == y[test])[g[test] == k].mean() for k in range(2)))
    assert worst[1] > worst[0] + 0.2


def test_partners_have_their_hand_value_and_no_row_is_its_own() -> None:
    y = np.array([0, 0, 1, 1, 2, 2, 2, 3])
    plan = partners(y, 1, 8, np.random.default_rng(0))
    first, second = plan.rows[0, :8], plan.rows[0, 8:]
    assert sorted(first) == list(range(8))
    assert (y[first] == y[second]).all()
    assert ((first == second) == (y[first] == 3)).all()
    z = torch.tensor(np.random.default_rng(1).normal(size=(1, 16, 4)), requires_grad=True)
    rows = plan.rows
    one = Batch(z, torch.tensor(y[rows]), torch.tensor(rows), torch.ones(1, 16).double(),
                torch.tensor(plan.ties))  # fmt: skip
    loss = Partners([0], 4, 4, LossOptions(), "cpu")
    a, p = np.split(normalize(z.detach()[0], dim=-1).numpy(), 2)
    cosines, found = SHARPNESS * a @ p.T, []
    for i in range(8):
        if y[first[i]] != 3:
            others = [j for j in range(8) if j == i or y[first[j]] != y[first[i]]]
            found.append(np.log(np.exp(cosines[i, others]).sum()) - cosines[i, i])
    assert float(loss(one).detach()) == pytest.approx(np.mean(found), rel=1e-10)
    assert torch.autograd.gradcheck(lambda own: loss(replace(one, z=own)), (z,))
    assert PARTNERS.by_angle


def test_a_start_is_where_training_starts_and_what_decay_leads_back_to() -> None:
    start = Network((torch.eye(6, 2),), (torch.ones(2),))
    job = replace(jobs_of_all_kinds()[0], start=start, rate=1e-9)
    (still,) = fit([job], Recipe((), epochs=1, batch=40))
    assert torch.allclose(still.network.weights[0], start.weights[0], atol=1e-6)
    value = torch.tensor([1.0, 2.0])
    update = Update([value], 0.1, Recipe(decay=2.0, optimizer="sgd"), held=True)
    value += 1
    update.step([torch.zeros(2)])
    assert value.tolist() == pytest.approx([1.8, 2.8])
