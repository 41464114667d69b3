"""A projection that an adversary can't read an attribute after."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from evenface.erasers.eraser import Array, Maps
from evenface.erasers.leace import RANK
from evenface.erasers.projections import linear_reader, reads
from evenface.erasers.rows import Rows
from evenface.erasers.span import Span
from evenface.errors import VectorError
from evenface.heads.threads import torch_threads

ROUNDS, STEPS = 12, 60
"""Most rounds, and most steps of a round's descent."""

WEIGHT, GROWTH = 10.0, 10.0
"""Of hiding against keeping, and by what it grows from round to round."""

QUIET = 2
"""Rounds without a reader at which the game ends: on few rows one may fail to read by luck."""

SURE = 3.0
"""Standard errors above chance at which a reader that is left after the last round is no luck."""


def adversarial(rows: Rows, *, weight: float = WEIGHT) -> Maps:
    """Learn a projection against one reader after another, in the way of SensitiveNets.

    Each round logistic regressions learn each attribute from what is left, and the map
    ``r(x) = x - S U U^T S^-1 (x - E[x])``, U orthonormal, then lowers

    ``E|r(x) - x|^2 / tr Cov[x] + weight mean_q said(q, r) / said(q, r_q)``

    over U and all readers q so far; ``said`` is the variance between classes of what q says on
    average of each (its logits), ``r_q`` the map that q learned after. The weight grows tenfold a
    round. It ends when twice in a row no new reader is better than chance on rows it was not
    fitted to.

    A map that only makes a direction smaller hides nothing: who scales it up again reads it. So
    r takes directions away wholly, as many as means of classes differ along, and half of the
    readers see what is left with unit variance along each axis, the others in the units of S,
    which is diagonal in the principal axes and holds spreads by a covariance shrunk towards an
    even one: narrow axes of few rows are noise, and maps that lean on them tear pictures of one
    person apart.

    SensitiveNets (Morales et al. 2021) keep identities apart by a triplet loss and hide by
    ``log(1 + |0.9 - p|)`` towards one class. Here vectors are kept where they were, which needs
    no second picture of anybody; what readers say is not to depend on the class, whatever else
    they say; and all past readers count, without which map and reader chase each other and never
    settle.

    Parameters
    ----------
    rows : Rows
        Their seed, by which directions start, gives the same map each time on one machine.
    weight : float
        In the first round.

    Raises
    ------
    VectorError
        If a reader is still surely better than chance after the last round.
    """
    span = Span.of(rows.vectors, least=RANK)
    game = _Game(rows, span.within(rows.vectors), span.within(rows.judging[0]))
    with torch_threads(1):
        basis = _learn(game, weight)
    none, widths = np.zeros(len(basis)), game.widths
    return span.lifted(Maps.projection(none, widths[:, None] * basis, basis.T / widths))


@dataclass(frozen=True)
class _Reader:
    """Of an attribute: its weights (size, d + 1), and whether it reads and surely so."""

    attribute: int
    weights: npt.NDArray[np.float32]
    reads: bool
    surely: bool


@dataclass(frozen=True, eq=False)
class _Game:
    """Training rows and those that judge, as their places (n, d) along principal axes."""

    rows: Rows
    places: Array
    judged: Array

    @cached_property
    def roots(self) -> Array:
        found: Array = self.places.std(axis=0)
        return found

    @cached_property
    def widths(self) -> Array:
        """S: the axes' spreads by the shrunk covariance."""
        n, d = self.places.shape
        share, own = d / (d + n), self.roots**2
        found: Array = np.sqrt((1 - share) * own + share * own.mean())
        return found

    @cached_property
    def means(self) -> list[Array]:
        """Of each attribute, how far its classes' means lie from their middle, in units of S."""
        found = []
        for codes in self.rows.codes.T:
            own = [self.places[codes == k].mean(axis=0) for k in np.unique(codes)]
            found.append((own - np.mean(own, axis=0)) / self.widths)
        return found

    def readers(self, basis: Array) -> list[_Reader]:
        """Let two readers of each attribute learn from what is left."""
        held, found = self.rows.judging[1], []
        left, seen = (
            (own / self.widths - own / self.widths @ basis @ basis.T).astype(np.float32)
            for own in (self.places, self.judged)
        )
        for scale in (np.ones(len(basis)), self.widths / self.roots):
            scaled = left * scale.astype(np.float32)
            for k, size in enumerate(self.rows.sizes):
                weights = linear_reader(scaled, self.rows.codes[:, k], size)
                weights[:, :-1] *= scale.astype(np.float32)
                own = [reads(weights, seen, held[:, k], sure=sure) for sure in (0.0, SURE)]
                found.append(_Reader(k, weights, *own))
        return found


def _learn(game: _Game, weight: float) -> Array:
    """Return U, shape (d, r)."""
    basis = np.zeros((game.places.shape[1], 0))
    rng = np.random.default_rng(game.rows.seed)
    past: dict[int, list[Array]] = {}
    quiet = 0
    for turn in range(ROUNDS + 1):
        new = game.readers(basis)
        reading = [q for q in new if q.reads]
        quiet = 0 if reading else quiet + 1
        # What nobody could read at the start there is no need to hide.
        if quiet == QUIET or not (past or reading):
            break
        if turn == ROUNDS:
            if any(q.surely for q in new):
                raise VectorError(
                    f"an adversarial map could not hide what it was to hide within {ROUNDS} "
                    "rounds: new linear readers still read it"
                )
            break
        past |= {q.attribute: [] for q in reading if q.attribute not in past}
        for q in (q for q in new if q.attribute in past):
            past[q.attribute].append(_saying(game, q, basis))
        more = _differing([game.means[k] for k in past]) - basis.shape[1]
        start = np.hstack([basis, rng.normal(size=(len(basis), more))])
        basis = _descended(game, np.linalg.qr(start)[0], past, weight)
        weight *= GROWTH
    return basis


def _differing(means: list[Array]) -> int:
    """Return along how many directions means of classes differ."""
    sizes = np.linalg.svd(np.concatenate(means), compute_uv=False)
    return int((sizes > sizes.max() * RANK).sum())


def _saying(game: _Game, reader: _Reader, basis: Array) -> Array:
    """Return weights (d, size) by which a reader now says 1 in all of its classes' means."""
    means = game.means[reader.attribute]
    # Classes of nobody are never said.
    own = reader.weights[np.isfinite(reader.weights[:, -1]), :-1].T.astype(np.float64)
    said = float(np.linalg.norm((means - means @ basis @ basis.T) @ own))
    return np.asarray(own / max(said, 1e-30))


def _descended(game: _Game, start: Array, past: dict[int, list[Array]], weight: float) -> Array:
    """Return where the loss is lowest from some directions on."""
    free = torch.from_numpy(start.copy()).requires_grad_()
    variance = torch.from_numpy((game.roots / game.widths) ** 2)
    cost = torch.from_numpy(game.widths**2 / (game.roots**2).sum())
    # Readers are linear: what they say of a class on average they say of its mean.
    saying = [(torch.from_numpy(game.means[k]), torch.from_numpy(np.hstack(past[k]))) for k in past]
    bare = [m @ q for m, q in saying]
    count = sum(len(own) for own in past.values())
    descent = torch.optim.LBFGS(
        [free], max_iter=STEPS, tolerance_grad=1e-12, tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss() -> Any:
        descent.zero_grad()
        u = torch.linalg.qr(free)[0]
        told = [
            ((own - (m @ u) @ (u.T @ q)) ** 2).sum()
            for own, (m, q) in zip(bare, saying, strict=True)
        ]
        kept = cost @ ((u @ (u.T @ (variance[:, None] * u))) * u).sum(dim=1)
        found = kept / weight + torch.stack(told).sum() / count
        found.backward()
        return found

    descent.step(loss)  # type: ignore[no-untyped-call]
    found: Array = np.linalg.qr(free.detach().numpy())[0]
    return found
