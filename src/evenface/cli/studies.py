"""Commands that ask one study of an embedding folder: ``checks``, ``map``, ``probe`` ..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from evenface.cli.console import Console
from evenface.cli.gates import finish, finish_run, read_gates
from evenface.cli.options import (
    COMMON,
    GATES,
    LEARN,
    CommonArgs,
    GateArgs,
    LearnArgs,
    OutDir,
    common_values,
    configure,
    learn_values,
    numbers,
    whole_numbers,
    words,
)
from evenface.cli.remarks import remark
from evenface.cli.whole import Whole
from evenface.errors import ConfigError


def ask_study(
    name: str, emb: Path, out: Path | None, common: CommonArgs, gates: GateArgs, options: Any
) -> None:
    """Ask one study; with an output folder, write its results, figures and a report."""
    from evenface.embed.store import open_embeddings
    from evenface.studies.table import STUDIES

    held_to = read_gates(gates, (name,))
    config = configure(studies=(name,), common=common_values(common), **{name: options})
    if out is not None:
        from evenface.study import run as make_run

        open_embeddings(emb)
        with Console() as console:
            report = make_run(emb, out, config, on_step=console)
        finish_run(out, report, (name,), held_to)
        return
    result = STUDIES[name].ask(open_embeddings(emb), config.options_of(name), config.common)
    remark(result.context)
    finish(result.reading(), held_to, {name: result})


def checks(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    duplicate_similarity: float | None = None,
    tiny: Whole | None = None,
    common: CommonArgs = COMMON,
    gates: GateArgs = GATES,
) -> None:
    """Look for faces not found, small faces, copies and labels that contradict each other.

    Parameters
    ----------
    emb
        Embedding folder.
    out
        Output folder. [default: only print the reading]
    duplicate_similarity
        Cosine from which on pictures of two identities count as copies. [default: 0.98]
    tiny
        Pixels below which a face counts as tiny. [default: 32]
    """
    given = {"duplicate_similarity": duplicate_similarity, "tiny": tiny}
    ask_study("checks", emb, out, common, gates, given)


def map_command(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    per_group: str | None = None,
    dims: str | None = None,
    method: Literal["tsne", "umap", "pca"] | None = None,
    perplexity: float | None = None,
    metric: Literal["cosine", "euclidean"] | None = None,
    images: Whole | None = None,
    common: CommonArgs = COMMON,
    gates: GateArgs = GATES,
) -> None:
    """Draw maps and say how far to believe them.

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
    method
        tsne, umap (extra umap) or pca. [default: tsne]
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
        "method": method,
        "perplexity": perplexity,
        "metric": metric,
        "images": images,
    }
    ask_study("map", emb, out, common, gates, given)


def probe(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    targets: str | None = None,
    probes: str | None = None,
    controls: Whole | None = None,
    dimensions: str | None = None,
    common: CommonArgs = COMMON,
    gates: GateArgs = GATES,
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
    controls
        Splits on which labels shuffled among identities are learned as well. [default: 1]
    dimensions
        Numbers of principal axes that a linear probe is cut to, with commas. [default: 2,8,32,128]
    """
    options = {
        "targets": words(targets),
        "probes": words(probes),
        "controls": controls,
        "dimensions": whole_numbers(dimensions, "--dimensions"),
    }
    ask_study("probe", emb, out, common, gates, options)


def transfer(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    target: str | None = None,
    across: str | None = None,
    probes: str | None = None,
    match: Literal["smallest", "none"] | None = None,
    train: Whole | None = None,
    test: Whole | None = None,
    common: CommonArgs = COMMON,
    gates: GateArgs = GATES,
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
    train
        People of each group to learn from, equally many of each class. [default: all]
    test
        People of each group to test on, in each split. [default: all]
    """
    options = {"target": target, "across": across, "probes": words(probes), "match": match,
               "train": train, "test": test}  # fmt: skip
    ask_study("transfer", emb, out, common, gates, options)


def spaces(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    dims: str | None = None,
    balance: str | None = None,
    learn: LearnArgs = LEARN,
    common: CommonArgs = COMMON,
    gates: GateArgs = GATES,
) -> None:
    """Learn small spaces with several losses and look at people held out.

    Parameters
    ----------
    emb
        Embedding folder.
    out
        Output folder. [default: only print the reading]
    dims
        Dimensions of the spaces, with commas. [default: 2]
    balance
        balanced, recorded: learn from equally many people of each group, or from all.
        [default: balanced]
    """
    given = {"dims": whole_numbers(dims, "--dims"), "balance": words(balance)}
    ask_study("spaces", emb, out, common, gates, {**learn_values(learn), **given})


def bias(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    majority: str | None = None,
    shares: str | None = None,
    total: Whole | None = None,
    remedies: str | None = None,
    no_remedies: Annotated[bool, Parameter(negative=())] = False,
    dims: Whole | None = None,
    learn: LearnArgs = LEARN,
    common: CommonArgs = COMMON,
    gates: GateArgs = GATES,
) -> None:
    """Raise one group's share of the people learned from, and see who loses.

    Parameters
    ----------
    emb
        Embedding folder.
    out
        Output folder. [default: only print the reading]
    majority
        The group, as evenface names it, or each. [default: Asian men, or the largest group]
    shares
        Its shares beyond the balanced one, with commas. [default: those of 0.3, 0.5, 0.7,
        0.9 and 0.95 that can be reached]
    total
        Identities in each training set. [default: as many as every share allows]
    remedies
        sampling, weights, logits, dro, adversarial, with commas. [default: all]
    no_remedies
        Compare no remedies.
    dims
        Dimensions of the spaces. [default: 2]
    """
    if no_remedies and remedies is not None:
        raise ConfigError("--remedies and --no-remedies exclude each other")
    given = {
        "majority": majority,
        "shares": numbers(shares, "--shares"),
        "total": total,
        "remedies": () if no_remedies else words(remedies),
        "dims": dims,
    }
    ask_study("bias", emb, out, common, gates, {**learn_values(learn), **given})
