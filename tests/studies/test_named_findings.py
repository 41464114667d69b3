"""Sentences name what is shown, and signs follow the order in which groups are named."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from evenface.studies.data import CommonOptions
from evenface.studies.transfer import TransferOptions, transfer
from evenface.studies.verify import VerifyResult, verify
from evenface.studies.verify_options import VerifyOptions
from evenface.studies.verify_view_further import associated
from populations import Gaussian

QUICK = CommonOptions(seeds=1, resamples=100)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (0, "0 of 6 gaps differ from zero. "),
        (1, "1 of 6 gaps differ from zero: on {a0} for a model of {b0}. "),
        (2, "differ from zero: on {a0} for a model of {b0} and on {a1} for a model of {b1}. "),
        (4, "4 of 6 gaps differ from zero. "),
    ],
)
def test_gaps_that_stand_after_the_correction_are_named(shown: int, said: str) -> None:
    people = Gaussian(identities=12, images=2).embeddings()
    result = transfer(people, TransferOptions(probes=("linear",)), QUICK)
    tests = result.tables["tests"].filter(metric="transfer_gap")
    assert tests.height == 6
    p = pl.Series([0.01] * shown + [1.0] * (6 - shown))
    changed = replace(result, tables={**result.tables, "tests": tests.with_columns(p_holm=p)})
    names = {f"{c}{k}": tests[c][k] for c in "ab" for k in range(2)}
    assert any(said.format(**names) in s for s in changed.reading())


@pytest.fixture(scope="module")
def verified() -> VerifyResult:
    people = Gaussian(identities=12, images=3, separation=3).embeddings()
    return verify(people, VerifyOptions(fmr=(0.01,), remedies=()), QUICK)


def test_an_association_has_the_sign_of_the_groups_as_they_are_named(
    verified: VerifyResult,
) -> None:
    table = verified.tables["associations"].drop_nulls("p").head(1)
    x, y = table["x"][0], table["y"][0]
    said = {}
    for sign in (1, -1):
        low, high = sorted((0.3 * sign, 0.9 * sign))
        own = table.with_columns(value=pl.lit(0.6 * sign), low=pl.lit(low), high=pl.lit(high),
                                 p=pl.lit(0.001))  # fmt: skip
        (said[sign],) = associated(
            replace(verified, tables={**verified.tables, "associations": own})
        )
        assert "d = +0.60 [+0.30, +0.90]" in said[sign]
    assert f"vectors of {x} lie nearer" in said[1]
    assert f"vectors of {y} lie nearer" in said[-1]
