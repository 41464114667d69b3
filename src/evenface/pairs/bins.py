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
        at = torch.mul(scores, scale).add_(-self.low * scale)
        return at.clamp_(0, self.count - 1).to(torch.int64)

    @cached_property
    def edges(self) -> Values:
        """The smallest float32 score of each bin, shape (count,); -inf for the first."""
        width = (self.high - self.low) / self.count
        wanted = np.arange(self.count)
        found = (self.low + width * wanted).astype(np.float32)
        below, above = (np.float32(x) for x in (-np.inf, np.inf))
        for _ in range(64):
            one_less = np.nextafter(found, below)
            down = self._of(one_less) >= wanted
            up = ~down & (self._of(found) < wanted)
            if not (down | up)[1:].any():
                break
            found = np.where(down, one_less, np.where(up, np.nextafter(found, above), found))
        found[0] = -np.inf
        return found

    def _of(self, scores: Values) -> npt.NDArray[np.int64]:
        places: npt.NDArray[np.int64] = self.places(torch.from_numpy(scores)).numpy()
        return places
