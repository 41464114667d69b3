"""Counting scores in fine bins, whose edges are floats at which the counts are exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

BINS = 1 << 15
"""Bins of all scores; of cosines each is 6e-5 wide."""

MOST = 1 << 24
"""Counts held: with many groups bins are wider."""

LOWEST = float(np.finfo(np.float32).min)
"""No score is lower."""

NARROWEST = 1e-30
"""Between two scores; what is closer has no bins in single precision."""

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Bins:
    """Equal bins between two scores.

    Attributes
    ----------
    low, high : float
        Scores lie between them, but for rounding.
    count : int
        Number of bins.
    """

    low: float
    high: float
    count: int

    @classmethod
    def between(cls, reach: tuple[float, float], cells: int) -> Bins:
        """Return bins for so many pairs of groups: as fine as memory allows."""
        fine = BINS
        while fine * cells > MOST and fine > 1 << 8:
            fine //= 2
        return cls(*reach, fine)

    def places(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the bin of each score, int64; what lies outside is in the first or the last."""
        scale = self.count / (self.high - self.low)
        # Rounding keeps the order of scores: a larger one is never in a lower bin.
        at = torch.sub(scores, self.low).mul_(scale)
        return at.clamp_(0, self.count - 1).to(torch.int64)

    @cached_property
    def edges(self) -> Values:
        """The smallest float32 score of each bin, shape (count,); -inf for the first."""
        wanted = np.arange(self.count)
        most = int(_number(np.array([np.finfo(np.float32).max], dtype=np.float32))[0])
        # Of all floats, by halves: near 0 there are millions of them in the rounding of one place.
        low, high = np.full(self.count, -most), np.full(self.count, most)
        while (low < high).any():
            middle = (low + high) >> 1
            reached = self._of(_float(middle)) >= wanted
            low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
        found = _float(high)
        found[0] = -np.inf
        return found

    def _of(self, scores: Values) -> npt.NDArray[np.int64]:
        places: npt.NDArray[np.int64] = self.places(torch.from_numpy(scores)).numpy()
        return places


def _number(floats: Values) -> npt.NDArray[np.int64]:
    """Number floats in their order: 0 is 0, the next larger one 1."""
    bits = floats.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _float(numbers: npt.NDArray[np.int64]) -> Values:
    """Return the floats of some numbers."""
    size = np.abs(numbers).astype(np.int32).view(np.float32)
    found: Values = np.where(numbers < 0, -size, size)
    return found
