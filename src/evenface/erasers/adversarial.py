"""A linear map that an adversary can't read an attribute after."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from evenface.erasers.eraser import Codes, Maps
from evenface.erasers.leace import RANK
from evenface.erasers.projections import new_readers
from evenface.erasers.rows import Rows
from evenface.erasers.span import Span
from evenface.heads.threads import torch_threads

WIDTH = 16
"""Rank of what the map takes away."""

ROUNDS, STEPS, RATE = 12, 60, 0.01
WEIGHT = 10.0
"""Of hiding against keeping."""


def adversarial(rows: Rows, *, weight: float = WEIGHT) -> Maps:
    """Learn a map against one reader after another, in the way of SensitiveNets.

    Each round a logistic regression learns each attribute from what the map leaves, and the map
    ``r(x) = x - B A (x - E[x])``, A and B of rank 16, then lowers

    ``E|r(x) - x|^2 / tr Cov[x] + weight mean_q E[KL(u || q(r(x)))]``

    over all readers q so far, u uniform over their classes; it ends when a new reader is no better
    than chance on rows it was not fitted to. SensitiveNets (Morales et al. 2021) keep identities
    apart by a triplet loss and hide by ``log(1 + |0.9 - p|)`` towards one class. Here vectors are
    kept where they were, which needs no second picture of anybody; readers are to say nothing
    rather than one class; and all past readers count, without which map and reader chase each
    other and never settle.

    Parameters
    ----------
    rows : Rows
        Their seed gives the same map each time on one machine.
    weight : float
    """
    span = Span.of(rows.vectors, least=RANK)
    held, truth = rows.judging
    places = span.within(rows.vectors)
    roots = places.std(axis=0)
    white, judged = ((p / roots).astype(np.float32) for p in (places, span.within(held)))
    with torch_threads(1):
        into, out = _learn(rows, white, judged, truth, roots, weight)
    return span.lifted(Maps.projection(np.zeros(len(roots)), roots[:, None] * out, into / roots))


def _learn(
    rows: Rows,
    white: npt.NDArray[np.float32],
    judged: npt.NDArray[np.float32],
    truth: Codes,
    roots: npt.NDArray[np.float64],
    weight: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    x, d = torch.from_numpy(white), white.shape[1]
    r = min(WIDTH, d)
    generator = torch.Generator().manual_seed(rows.seed)
    into = (torch.randn(r, d, generator=generator) / d**0.5).requires_grad_()
    out = torch.zeros(d, r, requires_grad=True)
    cost = torch.from_numpy((roots**2 / (roots**2).sum()).astype(np.float32))
    descent = torch.optim.Adam([into, out], lr=RATE)
    readers: list[Tensor] = []
    for _ in range(ROUNDS):
        with torch.no_grad():
            seen, left = (
                (own - (own @ into.T) @ out.T).numpy() for own in (x, torch.from_numpy(judged))
            )
        new = new_readers(rows, seen, left, truth)
        if not new:
            break
        # Classes of nobody, which are never said, have no part in what is uniform.
        readers += [torch.from_numpy(w[np.isfinite(w[:, -1])].T.copy()) for w in new]
        bare = [x @ q[:-1] + q[-1] for q in readers]
        for _ in range(STEPS):
            taken = x @ into.T
            told = [
                _told(own - taken @ (out.T @ q[:-1])) for own, q in zip(bare, readers, strict=True)
            ]
            # Rows are white: their change's mean square needs no row.
            kept = (into @ into.T * ((out.T * cost) @ out)).sum()
            loss = kept + weight * torch.stack(told).mean()
            descent.zero_grad()
            loss.backward()
            descent.step()
    found = [part.detach().numpy().astype(np.float64) for part in (into, out)]
    return found[0], found[1]


def _told(logits: Tensor) -> Tensor:
    """Return the mean KL from uniform to what a reader says."""
    return -log_softmax(logits, dim=1).mean() - float(np.log(logits.shape[1]))
