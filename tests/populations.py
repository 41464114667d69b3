"""Populations whose answers are known in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import norm

from evenface.embed.embeddings import Embeddings, embeddings_from_arrays

ETHNICITIES = ("Asian", "Black", "Caucasian")


@dataclass(frozen=True)
class Gaussian:
    """Groups with unit noise; gender lies along one direction an ethnicity.

    ``x = offset_e + (+-) separation / 2 * w_e + noise``, with offsets orthogonal to every w. The
    best classifier of gender within e has accuracy ``Phi(separation / 2)``; carried from i to j
    it has ``Phi(separation / 2 * cos(w_i, w_j))``.
    """

    identities: int = 300
    images: int = 1
    separation: float = 2.5
    angle: float = 0.0
    offset: float = 4.0
    dimension: int = 8
    seed: int = 0

    def direction(self, ethnicity: int) -> np.ndarray:
        w = np.zeros(self.dimension)
        w[0], w[1] = np.cos(self.angle * ethnicity), np.sin(self.angle * ethnicity)
        return w

    def accuracy(self, train: int, test: int) -> float:
        cosine = float(self.direction(train) @ self.direction(test))
        return float(norm.cdf(self.separation / 2 * cosine))

    def embeddings(self) -> Embeddings:
        rng = np.random.default_rng(self.seed)
        vectors, rows = [], []
        for e, ethnicity in enumerate(ETHNICITIES):
            offset = np.zeros(self.dimension)
            offset[2 + e] = self.offset
            for gender, sign in (("female", -1), ("male", 1)):
                for i in range(self.identities):
                    mean = offset + sign * self.separation / 2 * self.direction(e)
                    # All images of a person are the person's vector: clusters in the extreme.
                    person = mean + rng.normal(size=self.dimension)
                    for k in range(self.images):
                        vectors.append(person)
                        name = f"{ethnicity[0]}{gender[0]}{i}"
                        rows.append((f"{name}-{k}", name, gender, ethnicity))
        return labelled(np.array(vectors), rows)


def labelled(
    vectors: np.ndarray, rows: list[tuple[str, str, str | None, str | None]]
) -> Embeddings:
    """Make embeddings of vectors and (sample_id, identity, gender, ethnicity)."""
    frame = pl.DataFrame(
        rows,
        schema={"sample_id": pl.String, "identity": pl.String, "gender": pl.String,
                "ethnicity": pl.String},
        orient="row",
    )  # fmt: skip
    return embeddings_from_arrays(vectors.astype(np.float32), frame)


def exclusive_or(
    identities: int = 400, *, shift: float = 1.6, seed: int = 0
) -> tuple[Embeddings, float]:
    """Gender is the product of two signs: no line separates it. Return it and the best accuracy.

    Each sign is read rightly with p = Phi(shift), so the product is with p^2 + (1-p)^2.
    """
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 1], size=(2 * identities, 2))
    vectors = rng.normal(size=(2 * identities, 4))
    vectors[:, :2] += shift * signs
    rows = [
        (f"s{i}", f"p{i}", "male" if a * b > 0 else "female", ETHNICITIES[i % 2])
        for i, (a, b) in enumerate(signs.tolist())
    ]
    p = float(norm.cdf(shift))
    return labelled(vectors, rows), p**2 + (1 - p) ** 2
