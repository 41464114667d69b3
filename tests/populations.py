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


MANY: dict[str, tuple[str, ...]] = {
    "gender": ("female", "male", "non-binary", "withheld"),
    "ethnicity": tuple(f"ethnicity {k}" for k in range(7)),
    "glasses": ("no", "yes"),
    "shape": ("long", "oval", "round"),
    "region": tuple(f"region {k:02d}" for k in range(12)),
}


def many_values(people: int = 7, *, dimension: int = 20, seed: int = 3) -> Embeddings:
    """Attributes of 2, 3, 4, 7 and 12 values, of which vectors know all; two pictures each.

    Of each of 28 groups there are `people`; every ninth of them has pictures of two genders.
    Further 8 people have no gender, written as ``unknown`` or not at all, and no region.
    """
    rng = np.random.default_rng(seed)
    axes = {a: 2 * rng.normal(size=(len(v), dimension)) for a, v in MANY.items()}
    wholes = [(g, e) for g in range(4) for e in range(7) for _ in range(people)]
    glasses, shape = (rng.permutation(len(wholes) + 8) for _ in range(2))
    rows, vectors = [], []
    for n, (gender, ethnicity) in enumerate([*wholes, *((-1, k % 7) for k in range(8))]):
        own = {"gender": gender, "ethnicity": ethnicity, "glasses": glasses[n] % 2,
               "shape": shape[n] % 3, "region": n % 12 if gender >= 0 else -1}  # fmt: skip
        person = sum(axes[a][k] for a, k in own.items() if k >= 0) + rng.normal(size=dimension)
        for k in range(2):
            said: dict[str, str | None] = {
                a: MANY[a][v] if v >= 0 else None for a, v in own.items()
            }
            if gender < 0 and n % 2:
                said["gender"] = "unknown"
            if gender >= 0 and n % 9 == 0 and k == 1:
                said["gender"] = MANY["gender"][(gender + 1) % 4]
            rows.append({"sample_id": f"s{n}-{k}", "identity": f"p{n}", **said})
            vectors.append(person + 0.8 * rng.normal(size=dimension))
    return embeddings_from_arrays(np.array(vectors, dtype=np.float32), pl.DataFrame(rows))
