"""Gates of the command line: read before work starts, judged and said at its end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evenface.cli.console import say
from evenface.cli.options import GateArgs
from evenface.cli.remarks import first_sentences, remark
from evenface.errors import ConfigError, GateFailed

if TYPE_CHECKING:
    import polars as pl

    from evenface.studies.gate import Gate, Verdict
    from evenface.studies.result import Result


def read_gates(
    args: GateArgs, studies: Sequence[str] | None = None, *, two_runs: bool = False
) -> list[Gate]:
    """Read the gates of a command.

    Parameters
    ----------
    args : GateArgs
    studies : sequence of str, optional
        Those that are asked.
    two_runs : bool
        Whether there are two runs to compare.

    Raises
    ------
    ConfigError
        If one makes no sense, is about a study that is not asked, or about two runs where there
        is one.
    """
    if not (args.fail_on or args.fail_unless):
        return []
    from evenface.studies.gate import parse

    gates = [parse(text) for text in args.fail_on]
    gates += [parse(text, unless=True) for text in args.fail_unless]
    for gate in gates:
        if not two_runs:
            gate.require_one_run()
        if studies is not None and gate.study not in studies:
            raise gate.claim.error(
                f"the study {gate.study} is not asked here, only {', '.join(studies)}; ask it too, "
                "or leave the gate out"
            )
    return gates


def results_in(out: Path, studies: Sequence[str]) -> tuple[dict[str, Result], dict[str, str]]:
    """Return what a run found of the studies it asked, and why some found nothing."""
    from evenface.report.results import SKIPPED
    from evenface.studies.table import load_result

    files = {name: out / "results" / f"{name}.json" for name in studies}
    found = {name: load_result(file) for name, file in files.items() if file.is_file()}
    return found, json.loads((out / "results" / SKIPPED).read_text(encoding="utf-8"))


def finish_run(out: Path, report: Path, studies: Sequence[str], gates: Sequence[Gate] = ()) -> None:
    """Print the first of what a run found, each gate's verdict, and where the report is.

    Raises
    ------
    ConfigError, GateFailed
        As `finish`.
    """
    results, skipped = results_in(out, studies)
    remark(next(iter(results.values())).context)
    finish(first_sentences(results), gates, results, skipped, last=report)


def finish(
    said: Sequence[object],
    gates: Sequence[Gate],
    results: Mapping[str, Result],
    skipped: Mapping[str, str] | None = None,
    changes: Mapping[str, pl.DataFrame] | None = None,
    *,
    last: object = None,
) -> None:
    """Print what a command found, then each gate's verdict; see `Gate.judge`.

    `last` is printed last, whatever the verdicts: scripts take the last line for the report.

    Raises
    ------
    ConfigError
        If a gate is about numbers that there are none of; the others are judged first.
    GateFailed
        If one failed, even where nobody reads what is printed any more.
    """
    verdicts: list[Verdict] = []
    wrong: ConfigError | None = None
    for gate in gates:
        try:
            verdicts.append(gate.judge(results, skipped, changes))
        except ConfigError as error:
            wrong = wrong or error
    failed = sum(v.failed for v in verdicts)
    try:
        end = () if last is None else (last,)
        for text in (*said, *(s for v in verdicts for s in v.sentences), *end):
            say(text)
    finally:
        if wrong is not None:
            raise wrong
        if failed:
            gate_s = "gate" if len(gates) == 1 else "gates"
            raise GateFailed(f"{failed} of {len(gates)} {gate_s} failed")
