"""Vectors of made-up people have the accuracies and error rates that their truth says."""

from __future__ import annotations

import numpy as np

from evenface.embed.vector_geometry import solve_geometry
from evenface.embed.vector_population import TABLE, VectorPopulation


def test_the_geometry_has_the_source_reports_table() -> None:
    np.testing.assert_allclose(solve_geometry(TABLE).table(), TABLE, atol=1e-9)


def test_vectors_are_marked_as_synthetic() -> None:
    made = VectorPopulation(identities_per_group=5).embeddings()
    assert made.synthetic
    assert made.vectors.shape == (60, 128)
