"""How alike two vectors are, in a table: every measure is a product of prepared rows.

Scores are similarities, larger for more alike, so that one rule serves all: a pair matches if its
score is at least the threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from evenface.errors import VectorError

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
BLOCK = 4096
"""Rows put in order at a time."""


@dataclass(frozen=True)
class Similarity:
    """A measure.

    Attributes
    ----------
    prepare : callable
        ``prepare(vectors) -> (n, d) float32``: rows whose products are what is compared.
    finish : callable
        ``finish(products, a, b)`` makes products scores, in place; a and b are squared lengths,
        of shapes that broadcast to the products'.
    reach : callable
        ``reach(norms) -> (low, high)``: between which scores lie.
    moved : bool
        Whether scores stay as they are when all vectors move by one: they lose fewer digits
        when these lie around 0.
    zero : bool
        Whether vectors of zero can be compared.
    """

    prepare: Callable[[Vectors], Vectors]
    finish: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    reach: Callable[[torch.Tensor], tuple[float, float]]
    moved: bool
    zero: bool


def zero_rows(vectors: Vectors) -> Rows:
    """Return the rows whose vector is zero: they have no direction."""
    return np.flatnonzero(~vectors.any(axis=1))


def _unit(vectors: Vectors) -> Vectors:
    """Divide rows by their length; in two steps, for squares beyond 1e38 overflow."""
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    scaled: Vectors = vectors / largest
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled


def _mean(vectors: Vectors, order: Rows) -> Vectors:
    """Return the mean of some rows."""
    summed = np.zeros(vectors.shape[1])
    for start in range(0, len(order), BLOCK):
        summed += vectors[order[start : start + BLOCK]].sum(axis=0, dtype=np.float64)
    return (summed / max(len(order), 1)).astype(np.float32)


def _cosine(products: torch.Tensor, _a: torch.Tensor, _b: torch.Tensor) -> torch.Tensor:
    return products


def _distance(products: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Minus the Euclidean distance: ``-sqrt(|x|^2 + |y|^2 - 2 x y)``."""
    products.mul_(-2).add_(a).add_(b)
    return products.clamp_(min=0).sqrt_().neg_()


def _farthest(norms: torch.Tensor) -> tuple[float, float]:
    longest = float(norms.max()) if norms.numel() else 0.0
    return -2 * float(np.sqrt(longest)) * (1 + 1e-5) - 1e-30, 0.0


SIMILARITIES: dict[str, Similarity] = {
    "cosine": Similarity(_unit, _cosine, lambda _: (-1.0, 1.0), moved=False, zero=False),
    "euclidean": Similarity(lambda v: v, _distance, _farthest, moved=True, zero=True),
}


@dataclass(frozen=True)
class Prepared:
    """Vectors ready to be compared.

    Attributes
    ----------
    vectors : tensor of float32, shape (n, d)
    norms : tensor of float32, shape (n,)
        Squared lengths.
    name : str
        Of the measure, a key of `SIMILARITIES`.
    """

    vectors: torch.Tensor
    norms: torch.Tensor
    name: str

    @classmethod
    def of(
        cls, vectors: Vectors, order: Rows, name: str, device: str | torch.device = "cpu"
    ) -> Prepared:
        """Prepare rows in an order; the only copy of all vectors that is made.

        Raises
        ------
        VectorError
            If the measure is the cosine and a vector is zero.
        """
        measure = SIMILARITIES[name]
        made = torch.empty((len(order), vectors.shape[1]), dtype=torch.float32, device=device)
        centre = _mean(vectors, order) if measure.moved else None
        for start in range(0, len(order), BLOCK):
            some = order[start : start + BLOCK]
            part = np.ascontiguousarray(vectors[some], np.float32)
            zero = np.empty(0, dtype=np.intp) if measure.zero else zero_rows(part)
            if zero.size:
                raise VectorError(
                    f"row {some[zero[0]]}: its vector is zero, which has no direction; leave such "
                    "rows out, or compare by --similarity euclidean"
                )
            part = measure.prepare(part if centre is None else part - centre)
            made[start : start + len(some)] = torch.from_numpy(part)
        norms = torch.linalg.vecdot(made, made)
        # The square of a distance is at most four times the longest squared length.
        if not bool(torch.isfinite(4 * norms).all()):
            row = int(order[int(norms.argmax())])
            raise VectorError(f"row {row}: its vector is too long to be compared; scale vectors")
        return cls(made, norms, name)

    def at(self, places: Rows) -> Prepared:
        """Return a copy of the rows at some places."""
        where = torch.from_numpy(places).to(self.norms.device)
        return Prepared(self.vectors[where], self.norms[where], self.name)

    @property
    def reach(self) -> tuple[float, float]:
        """Between which scores lie."""
        return SIMILARITIES[self.name].reach(self.norms)

    def block(self, a: slice, b: slice) -> torch.Tensor:
        """Return the scores of rows a with rows b, a new tensor (rows a, rows b)."""
        products = self.vectors[a] @ self.vectors[b].T
        a_norms, b_norms = self.norms[a][:, None], self.norms[b][None, :]
        return SIMILARITIES[self.name].finish(products, a_norms, b_norms)

    def listed(self, first: Rows, second: Rows) -> Vectors:
        """Return the scores of listed pairs of rows, shape (len(first),)."""
        found = np.empty(len(first), dtype=np.float32)
        finish = SIMILARITIES[self.name].finish
        for start in range(0, len(first), BLOCK):
            some = slice(start, start + BLOCK)
            i, j = (torch.from_numpy(rows[some]).to(self.norms.device) for rows in (first, second))
            products = torch.linalg.vecdot(self.vectors[i], self.vectors[j])
            found[some] = finish(products, self.norms[i], self.norms[j]).cpu().numpy()
        return found
