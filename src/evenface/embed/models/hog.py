"""Histograms of oriented gradients: an embedding without weights, for a baseline and for tests.

It is no recognition network. It says where edges of which direction are (Dalal and Triggs 2005),
so two pictures are near when pose, light and outline agree, whoever is on them.
"""

from __future__ import annotations

from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from evenface.embed.models.cards import ModelCard
from evenface.embed.models.catalogue import HOG

BLOCK, STRIDE, CELL, BINS = (28, 28), (14, 14), (14, 14), 9


@final
class HogEmbedder:
    """Grey 112 x 112 crops to 7 x 7 blocks of 2 x 2 cells of 9 directions: 1764 numbers."""

    card: Final[ModelCard] = HOG

    def __init__(self) -> None:
        import cv2

        self._hog: Any = cv2.HOGDescriptor(HOG.size, BLOCK, STRIDE, CELL, BINS)

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the histograms of RGB crops.

        Parameters
        ----------
        crops : uint8 array, shape (n, 112, 112, 3)

        Returns
        -------
        float32 array, shape (n, 1764)
        """
        import cv2

        vectors = np.empty((len(crops), HOG.dimension), np.float32)
        for vector, crop in zip(vectors, crops, strict=True):
            grey = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)
            vector[:] = np.asarray(self._hog.compute(grey)).ravel()
        return vectors
