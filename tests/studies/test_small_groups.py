"""Groups of one, two and three people: every study says what it can't say, and nothing fails."""

from __future__ import annotations

import numpy as np
import pytest

from evenface.config import StudyConfig
from evenface.embed.embeddings import Embeddings
from evenface.studies.table import STUDIES
from populations import labelled

FEW = {("female", "Black"): 1, ("male", "Black"): 2, ("female", "Asian"): 3}
MANY = {
    (gender, ethnicity): 12
    for ethnicity in ("Caucasian", "Indian") for gender in ("female", "male")
} | {("male", "Asian"): 30}  # fmt: skip


@pytest.fixture(scope="module")
def embeddings() -> Embeddings:
    rng = np.random.default_rng(0)
    vectors, rows = [], []
    for (gender, ethnicity), people in (FEW | MANY).items():
        for i in range(people):
            person = rng.normal(size=8) + 3 * (gender == "male") + 2 * (ethnicity == "Asian")
            for picture in range(2):
                name = f"{ethnicity}{gender}{i}"
                vectors.append(person + 0.1 * rng.normal(size=8))
                rows.append((f"{name}-{picture}", name, gender, ethnicity))
    return labelled(np.array(vectors), rows)


QUICK = {
    "common": {"seeds": 5, "resamples": 200},
    "probe": {"probes": ("linear", "knn")},
    "transfer": {"probes": ("linear",)},
    "spaces": {"losses": ("softmax",), "hidden": (8,), "rates": (0.003,), "epochs": 2},
    "bias": {"losses": ("softmax",), "hidden": (8,), "rates": (0.003,), "epochs": 2,
             "remedies": ()},
    "erase": {"probes": ("linear", "knn"), "training": (), "strengths": ()},
}  # fmt: skip


@pytest.mark.parametrize("name", STUDIES)
def test_small_groups_are_named_or_have_wide_intervals(name: str, embeddings: Embeddings) -> None:
    config = StudyConfig.model_validate(QUICK)
    result = STUDIES[name].ask(embeddings, config.options_of(name), config.common)
    assert result.reading()
    assert result.figures()
    numbers = result.frame()
    lacking = numbers.filter(numbers["value"].is_null())
    assert lacking["method"].str.starts_with("not computed: ").all()
    told = numbers.drop_nulls("value")
    for column in ("value", "low", "high"):
        assert np.isfinite(told[column].to_numpy()).all()
    alone = numbers.filter(numbers["n_identities"] == 1)
    assert alone["value"].null_count() == alone.height
    said = " ".join(result.reading())
    if name == "transfer":
        assert "Left out for too few identities of a class: Black (3) and Asian (3)" in said
    if name in ("probe", "spaces", "bias"):
        assert "female · Black (1)" in said
        assert "male · Black (2)" in said
