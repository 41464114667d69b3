"""A linear map that an adversary can't read an attribute after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from evenface.erasers.eraser import Codes, Maps
from evenface.erasers.leace import RANK, one_hot, require_classes
from evenface.erasers.projections import linear_reader, reads
from evenface.heads.threads import torch_threads

WIDTH = 16
"""Rank of what the map takes away."""

ROUNDS, STEPS, RATE = 12, 60, 0.01
WEIGHT = 10.0
"""Of hiding against keeping."""


def adversarial(
    vectors: npt.NDArray[Any],
    codes: Codes,
    sizes: Sequence[int],
    *,
    held: tuple[npt.NDArray[Any], Codes] | None = None,
    weight: float = WEIGHT,
    seed: int = 0,
) -> Maps:
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
    vectors : ndarray, shape (n, d)
    codes : ndarray of intp, shape (n, attributes)
        All known.
    sizes : sequence of int
    held : (vectors, codes), optional
        Rows that say when to stop; those fitted to if not given.
    weight : float
    seed : int
        The same gives the same map on one machine.
    """
    require_classes(one_hot(codes, sizes).sum(axis=1), sizes)
    x = vectors.astype(np.float64)
    middle = x.mean(axis=0)
    values, axes = np.linalg.eigh((x - middle).T @ (x - middle) / len(x))
    real = values > max(values[-1], 0) * RANK
    roots, axes = np.sqrt(values[real]), axes[:, real]
    white = ((x - middle) @ (axes / roots)).astype(np.float32)
    judged, truth = white, codes
    if held is not None and len(held[0]):
        judged = ((held[0] - middle) @ (axes / roots)).astype(np.float32)
        truth = held[1]
    with torch_threads(1):
        into, out = _learn(white, codes, sizes, judged, truth, roots, weight, seed)
    return Maps.projection(middle, (axes * roots) @ out, into @ (axes / roots).T)


def _learn(
    white: npt.NDArray[np.float32],
    codes: Codes,
    sizes: Sequence[int],
    judged: npt.NDArray[np.float32],
    truth: Codes,
    roots: npt.NDArray[np.float64],
    weight: float,
    seed: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    x, d = torch.from_numpy(white), white.shape[1]
    r = min(WIDTH, d)
    generator = torch.Generator().manual_seed(seed)
    into = (torch.randn(r, d, generator=generator) / d**0.5).requires_grad_()
    out = torch.zeros(d, r, requires_grad=True)
    cost = torch.from_numpy((roots**2 / (roots**2).sum()).astype(np.float32))
    descent = torch.optim.Adam([into, out], lr=RATE)
    readers: list[Tensor] = []
    for _ in range(ROUNDS):
        with torch.no_grad():
            seen, left = (
                (rows - (rows @ into.T) @ out.T).numpy() for rows in (x, torch.from_numpy(judged))
            )
        new = [
            weights
            for k, size in enumerate(sizes)
            if (weights := linear_reader(seen, codes[:, k], size)) is not None
            and reads(weights, left, truth[:, k])
        ]
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
