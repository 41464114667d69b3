"""The command that compares two runs."""

from __future__ import annotations

from pathlib import Path

from evenface.cli.gates import finish, read_gates
from evenface.cli.options import GATES, GateArgs, OutDir, words


def compare(
    first: Path,
    second: Path,
    /,
    *,
    out: OutDir = None,
    only: str | None = None,
    gates: GateArgs = GATES,
) -> None:
    """Compare two runs on the people that both have: embedders, losses, versions.

    Gates are about the second run; change(...) is about its numbers minus the first's, as in
    --fail-on "change(transfer.gap) > 0.02".

    Parameters
    ----------
    first
        Output folder of the run to compare with.
    second
        Output folder of the run that is new.
    out
        Folder for a page and tables. [default: only print the reading]
    only
        Studies to compare, with commas. [default: all that both have]
    """
    held_to = read_gates(gates, words(only), two_runs=True)
    from evenface.comparison import FILES
    from evenface.comparison import compare as make_comparison

    found = make_comparison(first, second, studies=words(only), out=out)
    page = None if out is None else out / FILES[1]
    lacking = {name: f"one of the runs has no result of {name}" for name in found.alone}
    changes = {c.study: c.frame for c in found.studies}
    finish(found.reading(), held_to, found.second, lacking, changes, last=page)
