"""Vectors of six groups that can be told apart, though not perfectly. Synthetic: no faces."""

from __future__ import annotations

import numpy as np
import polars as pl

from evenface.embed.embeddings import Embeddings, embeddings_from_arrays

ETHNICITIES, GENDERS, LATENT = ("Asian", "Black", "Caucasian"), ("female", "male"), 64


def population(
    identities: int = 3000, *, width: int = 2048, strength: float = 1.0, seed: int = 0
) -> Embeddings:
    """Return one vector an identity, `identities` of each group.

    Latent traits of falling spread; gender and ethnicity shift them, gender partly in a way of
    its own in each ethnicity. Two random layers turn them into features as networks have them:
    non-negative, correlated, a little noisy.
    """
    rng = np.random.default_rng(seed)
    scale = 2 * np.exp(-np.arange(LATENT) / 16) + 0.3
    layers = [rng.normal(size=s) / np.sqrt(s[0]) for s in ((LATENT, 256), (256, width))]

    def directions(n: int) -> np.ndarray:
        found = rng.normal(size=(n, LATENT))
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    common, own, where = directions(1)[0], directions(3), directions(3)
    vectors, rows = [], []
    for e, ethnicity in enumerate(ETHNICITIES):
        for sign, gender in zip((-1, 1), GENDERS, strict=True):
            shift = strength * (3.2 * where[e] + sign * 1.9 * (common + 0.5 * own[e]))
            hidden = np.maximum(
                (rng.normal(size=(identities, LATENT)) * scale + shift) @ layers[0], 0
            )
            features = np.maximum(hidden @ layers[1] + 0.5, 0)
            features += 0.02 * rng.normal(size=features.shape)
            vectors.append(features.astype(np.float32))
            names = [f"{ethnicity}-{gender}-{i}" for i in range(identities)]
            rows += [(name, name, gender, ethnicity) for name in names]
    schema = ["sample_id", "identity", "gender", "ethnicity"]
    return embeddings_from_arrays(
        np.concatenate(vectors), pl.DataFrame(rows, schema=schema, orient="row")
    )
