"""``evenface verify``: error rates of comparing pictures, by group."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from evenface.cli.options import (
    COMMON,
    GATES,
    CommonArgs,
    GateArgs,
    OutDir,
    numbers,
    words,
)
from evenface.cli.studies import ask_study
from evenface.errors import ConfigError


def verify(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    similarity: Literal["cosine", "euclidean"] | None = None,
    fmr: str | None = None,
    threshold: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    thresholds_from: Path | None = None,
    pairs: Path | None = None,
    missing_pairs: Literal["error", "skip"] | None = None,
    alpha: float | None = None,
    remedies: str | None = None,
    no_remedies: Annotated[bool, Parameter(negative=())] = False,
    no_associations: Annotated[bool, Parameter(negative=())] = False,
    common: CommonArgs = COMMON,
    gates: GateArgs = GATES,
) -> None:
    """Compare pictures with each other, and say whom verification fails.

    Parameters
    ----------
    emb
        Embedding folder.
    out
        Output folder. [default: only print the reading]
    similarity
        cosine, or euclidean: minus the distance. [default: cosine]
    fmr
        False match rates over everybody that thresholds are set for, with commas.
        [default: 0.01,0.001,0.0001,0.00001,0.000001, as far as there are pairs]
    threshold
        Scores to count errors at as well, with commas: cosines, or minus distances. The reading
        is then about the first.
    thresholds_from
        Output folder of another run, whose thresholds are taken over.
    pairs
        File of the pairs to compare: LFW's or RFW's list, or a table with the columns a and b.
        [default: all pairs]
    missing_pairs
        error, or skip pairs whose pictures are not embedded. [default: error]
    alpha
        Weight of FMR in measures of inequality, 0 to 1. [default: 0.5]
    remedies
        group_thresholds, z_norm, s_norm, fair_cal, with commas. [default: all]
    no_remedies
        Try no remedies.
    no_associations
        Test no associations between groups and attributes.
    """
    if no_remedies and remedies is not None:
        raise ConfigError("--remedies and --no-remedies exclude each other")
    options = {
        "similarity": similarity,
        "fmr": numbers(fmr, "--fmr"),
        "threshold": numbers(threshold, "--threshold"),
        "thresholds_from": None if thresholds_from is None else str(thresholds_from.absolute()),
        "pairs": None if pairs is None else str(pairs.absolute()),
        "missing_pairs": missing_pairs,
        "alpha": alpha,
        "remedies": () if no_remedies else words(remedies),
        "associations": False if no_associations else None,
    }
    ask_study("verify", emb, out, common, gates, options)
