"""Commands that end in a report: ``demo``, ``run``, ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from evenface.cli.console import Console, say
from evenface.cli.gates import finish_run, read_gates
from evenface.cli.options import (
    COMMON,
    EMBED,
    GATES,
    SELECT,
    CommonArgs,
    EmbedArgs,
    GateArgs,
    Names,
    SelectArgs,
    common_values,
    configure,
    embed_values,
    select_values,
    words,
)
from evenface.cli.whole import Whole


def demo(
    *,
    out: Path = Path("out/demo"),
    identities: Whole = 60,
    images: Whole = 3,
    seed: Whole = 0,
) -> None:
    """Render synthetic faces, ask every study, write one report.

    Parameters
    ----------
    out
        Output folder.
    identities
        Identities of each of the six groups.
    images
        Pictures of each identity.
    seed
        Another seed, other faces.
    """
    from evenface.studies.table import STUDIES
    from evenface.study import demo as make_demo

    with Console() as console:
        report = make_demo(out, identities=identities, images=images, seed=seed, on_step=console)
    finish_run(out, report, tuple(STUDIES))


def run(
    source: Path,
    /,
    *,
    out: Path,
    study: Path | None = None,
    only: str | None = None,
    names: Names = False,
    embed: EmbedArgs = EMBED,
    select: SelectArgs = SELECT,
    common: CommonArgs = COMMON,
    gates: GateArgs = GATES,
) -> None:
    """Go from faces to a report.

    Parameters
    ----------
    source
        A DiveFace tree, its annotation lists, a manifest (.csv, .tsv, .parquet), or an embedding
        folder.
    out
        Output folder. A run that was stopped goes on there.
    study
        A study file (TOML); options given here go before it.
    only
        Studies to ask, with commas. [default: all]
    names
        Show paths and identities in the report.
    """
    from evenface.study import run as make_run

    config = configure(
        study,
        studies=words(only),
        embed=embed_values(embed),
        select=select_values(select, common),
        common=common_values(common),
    )
    held_to = read_gates(gates, config.studies)
    with Console() as console:
        report = make_run(
            source, out, config, images_root=embed.images_root, names=names, on_step=console
        )
    finish_run(out, report, config.studies, held_to)


def report(
    folder: Path,
    /,
    *,
    names: Names = False,
    thumbnails: Literal["none", "blurred", "full"] = "none",
    images_root: Path = Path(),
) -> None:
    """Write an output folder's report again, without computing anything.

    Parameters
    ----------
    folder
        Output folder of run, demo or a study.
    names
        Show paths and identities in the report.
    thumbnails
        Small pictures of the faces in the explorer: none, blurred or full.
    images_root
        What pictures' paths are relative to, for thumbnails.
    """
    from evenface.report.page import build_report
    from evenface.report.thumbnails import Thumbnails

    wanted = None if thumbnails == "none" else Thumbnails(thumbnails, images_root)
    say(build_report(folder, names=names, thumbnails=wanted))
