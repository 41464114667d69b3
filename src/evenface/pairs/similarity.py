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

MOST_RATIO = 64.0
"""Of squared lengths to the squared distance, up to which single precision is enough: it keeps
four digits of a distance."""

SHORTEST = 1e-30
"""Squared length of the longest vector below which squares lose digits in single precision."""


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


def _mean(vectors: Vectors, order: Rows) -> npt.NDArray[np.float64]:
    """Return the mean of some rows."""
    summed = np.zeros(vectors.shape[1])
    for start in range(0, len(order), BLOCK):
        summed += vectors[order[start : start + BLOCK]].sum(axis=0, dtype=np.float64)
    return summed / max(len(order), 1)


def _loses_digits(vectors: Vectors, order: Rows, centre: npt.NDArray[np.float64]) -> bool:
    """Tell whether most squared distances of neighbours are small beside squared lengths.

    ``|x|^2 + |y|^2 - 2 x y`` then differs by little from 0, and rounding is much of it: vectors
    lie in clusters far from each other, or one of them far from all. Rows that follow each other
    are of one person or one group.
    """
    if len(order) < 2:
        return False
    first = np.unique(np.linspace(0, len(order) - 2, BLOCK).astype(np.intp))
    x, y = (vectors[order[rows]].astype(np.float64) - centre for rows in (first, first + 1))
    apart = ((x - y) ** 2).sum(axis=1)
    lengths = (x**2).sum(axis=1) + (y**2).sum(axis=1)
    known = apart > 0
    return bool(known.any() and np.median(lengths[known] / apart[known]) > MOST_RATIO)


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
        float64 where single precision would lose the digits of distances. Scores are float32.
    norms : tensor of the same kind, shape (n,)
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
            If the measure is the cosine and a vector is zero, or a distance is beyond single
            precision.
        """
        measure = SIMILARITIES[name]
        centre = _mean(vectors, order) if measure.moved else None
        made = None
        if centre is None or not _loses_digits(vectors, order, centre):
            made = cls._made(vectors, order, name, centre, torch.float32, device)
        if made is None or not made._fits():
            made = cls._made(vectors, order, name, centre, torch.float64, device)
        longest = float(made.norms.max()) if len(order) else 0.0
        if 2 * longest**0.5 > torch.finfo(torch.float32).max:
            row = int(order[int(made.norms.argmax())])
            raise VectorError(f"row {row}: its vector is too long to be compared; scale vectors")
        return made

    @classmethod
    def _made(
        cls, vectors: Vectors, order: Rows, name: str, centre: npt.NDArray[np.float64] | None,
        kind: torch.dtype, device: str | torch.device,
    ) -> Prepared:  # fmt: skip
        measure, numpy_kind = SIMILARITIES[name], np.float32 if kind == torch.float32 else float
        made = torch.empty((len(order), vectors.shape[1]), dtype=kind, device=device)
        for start in range(0, len(order), BLOCK):
            some = order[start : start + BLOCK]
            part = np.ascontiguousarray(vectors[some], numpy_kind)
            zero = np.empty(0, dtype=np.intp) if measure.zero else zero_rows(part)
            if zero.size:
                raise VectorError(
                    f"row {some[zero[0]]}: its vector is zero, which has no direction; leave such "
                    "rows out, or compare by --similarity euclidean"
                )
            if centre is not None:
                part = part - centre.astype(numpy_kind)
            made[start : start + len(some)] = torch.from_numpy(measure.prepare(part))
        return cls(made, torch.linalg.vecdot(made, made), name)

    def _fits(self) -> bool:
        """Tell whether squares neither overflow nor vanish in the precision of the vectors."""
        # The square of a distance is at most four times the longest squared length.
        if not bool(torch.isfinite(4 * self.norms).all()):
            return False
        longest = float(self.norms.max()) if len(self.norms) else 1.0
        return longest > SHORTEST or not bool(self.vectors.any())

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
        return SIMILARITIES[self.name].finish(products, a_norms, b_norms).float()

    def listed(self, first: Rows, second: Rows) -> Vectors:
        """Return the scores of listed pairs of rows, shape (len(first),)."""
        found = np.empty(len(first), dtype=np.float32)
        finish = SIMILARITIES[self.name].finish
        for start in range(0, len(first), BLOCK):
            some = slice(start, start + BLOCK)
            i, j = (torch.from_numpy(rows[some]).to(self.norms.device) for rows in (first, second))
            products = torch.linalg.vecdot(self.vectors[i], self.vectors[j])
            found[some] = finish(products, self.norms[i], self.norms[j]).float().cpu().numpy()
        return found
