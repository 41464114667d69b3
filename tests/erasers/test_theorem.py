"""What erasers promise: nothing linear is left, and as little as possible is changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.neighbors import KNeighborsClassifier

from evenface.erasers.leace import LeaceFitter, fit_leace
from evenface.erasers.methods import ERASERS, fit_eraser
from evenface.errors import VectorError
from support import wanted

CLASSES = ("a", "b", "c")


def people(n: int = 600, d: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes whose means differ, in vectors of unequal variances, far from 0."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    mixed = rng.normal(size=(d, d)) * np.linspace(0.3, 3, d)
    means = rng.normal(size=(3, d))
    return (rng.normal(size=(n, d)) + means[codes]) @ mixed + 50, codes


def fitted(method: str, x: np.ndarray, codes: np.ndarray, **more: Any) -> Any:
    return fit_eraser(method, x, codes, attributes=["z"], classes=[CLASSES], **more)


def read(x: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """Cross-entropy and accuracy of the best linear reader on the very rows."""
    x = (x - x.mean(axis=0)) / x.std()
    model = LogisticRegression(C=1e6, max_iter=5000, tol=1e-8).fit(x, codes)
    return log_loss(codes, model.predict_proba(x)), float(model.score(x, codes))


@pytest.mark.parametrize("method", ["leace", "oracle-leace", "recentre"])
def test_no_linear_reader_beats_the_best_constant(method: str) -> None:
    x, codes = people()
    shares = np.bincount(codes) / len(codes)
    constant = -float(shares @ np.log(shares))
    loss, accuracy = read(x, codes)
    assert loss < constant - 0.3
    assert accuracy > shares.max() + 0.2
    erased = fitted(method, x, codes)(x, codes)
    loss, accuracy = read(erased.astype(np.float64), codes)
    assert loss == pytest.approx(constant, abs=1e-5)
    assert accuracy <= shares.max() + 1e-9


@pytest.mark.parametrize("method", list(ERASERS))
def test_covariance_with_the_attribute_goes(method: str) -> None:
    x, codes = people(1500)
    marks = np.eye(3)[codes]

    def cross(vectors: np.ndarray) -> float:
        centred = vectors - vectors.mean(axis=0, dtype=np.float64)
        return float(np.linalg.norm(centred.T @ (marks - marks.mean(axis=0))) / len(x))

    left = cross(fitted(method, x, codes)(x, codes)) / cross(x)
    # An adversary and INLP stop where a reader is hardly better than chance.
    assert left < {"adversarial": 5e-3, "inlp": 5e-3}.get(method, 1e-5)


def test_no_other_linear_eraser_changes_less() -> None:
    x, codes = people()
    inverse = np.linalg.inv(np.cov(x.T))

    def shift(away: np.ndarray, norm: np.ndarray) -> float:
        return float(np.einsum("ni,ij,nj->n", away, norm, away).mean())

    rng = np.random.default_rng(1)
    own = fitted("leace", x, codes)(x).astype(np.float64) - x
    others = [fitted(m, x, codes)(x).astype(np.float64) - x for m in ("mean-projection", "inlp")]
    # Oblique projections along other directions, off the same covariances.
    middle = x - x.mean(axis=0)
    cross = middle.T @ np.eye(3)[codes][:, :2]
    for _ in range(5):
        span = rng.normal(size=(12, 2)) + cross / np.abs(cross).max()
        others.append(-middle @ span @ np.linalg.inv(cross.T @ span) @ cross.T)
    for norm in (np.eye(12), inverse, np.diag(rng.random(12))):
        least = shift(own, norm)
        assert least > 0
        assert all(least <= shift(other, norm) * (1 + 1e-4) for other in others)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_leace_is_the_reference_s() -> None:
    reference = wanted("concept_erasure")
    import torch

    x, codes = people(400)
    marks = torch.from_numpy(np.eye(3)[codes])
    theirs = reference.LeaceFitter.fit(
        torch.from_numpy(x), marks, svd_tol=1e-6, shrinkage=False
    ).eraser
    expected = theirs(torch.from_numpy(x)).numpy()
    # Numbers of 91 in single precision are 8e-6 apart.
    np.testing.assert_allclose(fitted("leace", x, codes)(x), expected, rtol=0, atol=1e-5)
    oracle = reference.OracleFitter.fit(torch.from_numpy(x), marks).eraser
    expected = oracle(torch.from_numpy(x), marks).numpy()
    found = fitted("oracle-leace", x, codes)(x, codes)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
def test_leace_follows_affine_maps(seed: int, scale: float) -> None:
    x, codes = people(200, 6, seed)
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0] * scale
    moved = x @ turn + rng.normal(size=6)
    one = fitted("leace", x, codes)(x).astype(np.float64) @ turn
    other = fitted("leace", moved, codes)(moved) - (moved - x @ turn)
    np.testing.assert_allclose(other, one, atol=2e-4 * scale * 50)


def test_erasing_twice_changes_nothing_more() -> None:
    x, codes = people()
    eraser = fitted("leace", x, codes)
    once = eraser(x)
    np.testing.assert_allclose(eraser(once), once, atol=1e-3)
    assert eraser.rank == 2


def test_what_is_not_linear_is_left() -> None:
    rng = np.random.default_rng(0)
    sides = rng.choice([-2.0, 2.0], size=(800, 2))
    codes = (sides.prod(axis=1) > 0).astype(int)
    x = np.hstack([sides + 0.5 * rng.normal(size=(800, 2)), rng.normal(size=(800, 4))])
    eraser = fit_eraser("leace", x[:400], codes[:400], attributes=["z"], classes=[("a", "b")])
    erased = eraser(x)
    near = KNeighborsClassifier(9).fit(erased[:400], codes[:400])
    assert balanced_accuracy_score(codes[400:], near.predict(erased[400:])) > 0.9


def test_streams_joined_give_the_map_of_all_rows() -> None:
    x, codes = people(3000)
    whole = fit_leace([(x, codes)], [3], "float64")
    first = LeaceFitter([3], "float64").update(x[:700], codes[:700])
    other = first.beside().update(x[700:2000], codes[700:2000])
    last = first.beside()
    for at in range(2000, 3000, 250):
        last.update(x[at : at + 250], codes[at : at + 250])
    first.join(other)
    first.join(last)
    found = first.maps()
    np.testing.assert_allclose(
        found.out[0] @ found.into[0], whole.out[0] @ whole.into[0], atol=1e-8
    )
    single = fit_leace([(x.astype(np.float32), codes)], [3])
    np.testing.assert_allclose(
        single.out[0] @ single.into[0], whole.out[0] @ whole.into[0], atol=1e-3
    )


@pytest.mark.parametrize("narrow", [1e-2, 1e-4, 1e-6])
def test_an_attribute_in_a_narrow_axis_goes_too(narrow: float) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 500)
    x = rng.normal(size=(500, 6))
    x[:, 0] = narrow * (rng.normal(size=500) + 3 * codes)
    eraser = fit_eraser("leace", x, codes, attributes=["z"], classes=[("a", "b")])
    left = eraser(x)[:, 0].astype(np.float64)
    assert abs(np.corrcoef(left, codes)[0, 1]) < 0.01


def test_sums_from_another_mean_are_not_joined() -> None:
    x, codes = people(100)
    first, other = (LeaceFitter([3]).update(v, codes) for v in (x, x + 1))
    with pytest.raises(VectorError, match="another mean"):
        first.join(other)
    with pytest.raises(VectorError, match="class numbers"):
        first.update(x, codes + 1)
    with pytest.raises(VectorError, match="after some of 12"):
        first.update(x[:, :5], codes)


def test_inlp_takes_no_more_directions_than_there_are() -> None:
    rng = np.random.default_rng(0)
    # Class three lies inside the others' span, whatever direction is left.
    codes = rng.integers(0, 3, 500)
    x = rng.normal(size=(500, 5)) * (1 + codes[:, None]) + codes[:, None]
    taken = fitted("inlp", x, codes).maps
    assert taken.into.shape[1] <= 5
    np.testing.assert_allclose(
        taken.into[0] @ taken.into[0].T, np.eye(taken.into.shape[1]), atol=1e-6
    )
