"""Commands that ask one study of an embedding folder: ``map``, ``probe``, ``transfer``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from evenface.cli.console import Console, say
from evenface.cli.options import (
    COMMON,
    CommonArgs,
    OutDir,
    common_values,
    configure,
    whole_numbers,
    words,
)


def _study(name: str, emb: Path, out: Path | None, common: CommonArgs, options: Any) -> None:
    """Ask one study; with an output folder, write its results, figures and a report."""
    from evenface.embed.store import open_embeddings
    from evenface.studies.table import STUDIES

    config = configure(studies=(name,), common=common_values(common), **{name: options})
    if out is not None:
        from evenface.study import run as make_run

        open_embeddings(emb)
        with Console() as console:
            say(make_run(emb, out, config, on_step=console))
        return
    result = STUDIES[name].ask(open_embeddings(emb), config.options_of(name), config.common)
    for sentence in result.reading():
        say(sentence)


def map_command(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    per_group: str | None = None,
    dims: str | None = None,
    perplexity: float | None = None,
    metric: Literal["cosine", "euclidean"] | None = None,
    images: int | None = None,
    common: CommonArgs = COMMON,
) -> None:
    """Draw t-SNE maps and say how far to believe them.

    Parameters
    ----------
    emb
        Embedding folder.
    out
        Output folder. [default: only print the reading]
    per_group
        Identities a group, one set of maps for each number: 50,500,1000.
    dims
        2, 3 or 2,3. [default: 2,3]
    perplexity
        Of t-SNE. [default: 30]
    metric
        Distance between embeddings. [default: cosine]
    images
        Pictures of each identity. [default: 1]
    """
    given = {
        "per_group": whole_numbers(per_group, "--per-group"),
        "dims": whole_numbers(dims, "--dims"),
        "perplexity": perplexity,
        "metric": metric,
        "images": images,
    }
    _study("map", emb, out, common, given)


def probe(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    targets: str | None = None,
    probes: str | None = None,
    common: CommonArgs = COMMON,
) -> None:
    """Measure what can be read out of the vectors of people not trained on.

    Parameters
    ----------
    emb
        Embedding folder.
    out
        Output folder. [default: only print the reading]
    targets
        Attributes to read, with commas. [default: those of the groups, and group]
    probes
        linear, mlp, rbf, knn, with commas. [default: all]
    """
    _study("probe", emb, out, common, {"targets": words(targets), "probes": words(probes)})


def transfer(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    target: str | None = None,
    across: str | None = None,
    probes: str | None = None,
    match: Literal["smallest", "none"] | None = None,
    common: CommonArgs = COMMON,
) -> None:
    """Train on each group and on all, test on each.

    Parameters
    ----------
    emb
        Embedding folder.
    out
        Output folder. [default: only print the reading]
    target
        Attribute to learn. [default: gender]
    across
        Attribute to carry it across. [default: ethnicity]
    probes
        linear, mlp, rbf, knn, with commas. [default: all]
    match
        smallest: each group's model learns from as many people as the smallest has.
        [default: smallest]
    """
    options = {"target": target, "across": across, "probes": words(probes), "match": match}
    _study("transfer", emb, out, common, options)
