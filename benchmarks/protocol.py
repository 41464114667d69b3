"""What a careful protocol changes: each flaw of a careless one alone, and all of them together.

    python benchmarks/protocol.py [--study studies/careless.toml] [--data synthetic,london]
                                  [--real FOLDER] [--only FLAW,FLAW] [--quick]

Trains the careful protocol, and the same with one flaw, on the same splits, and prints how far
the flaw moves the figure that it touches, as Markdown. Intervals are of paired differences over
people, widened for who was learned from as far as splits show it; they are not corrected for
their number. Real faces (`--real`, `EVENFACE_REAL_DATA` or `../shared/real` beside the checkout:
`london`, `fairface360` and `models`) are used where they are present.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import torch
from protocol_data import NAMES, real, synthetic
from protocol_file import read_study
from protocol_runs import run
from protocol_table import Found, Line, lines_of, table
from threadpoolctl import threadpool_limits
from timing import machine

from evenface.errors import ConfigError, EvenfaceError

ROOT = Path(__file__).resolve().parents[1]


def main(argv: list[str] | None = None) -> int:
    """Run the comparison; 0, or 2 after one message about what is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--study", type=Path, default=ROOT / "studies" / "careless.toml")
    parser.add_argument("--data", help="of synthetic, london, fairface360; all that are there")
    parser.add_argument("--real", type=Path, help="folder with the real faces")
    parser.add_argument("--only", default="", help="flaws, with commas between them")
    parser.add_argument("--quick", action="store_true", help="to see that it runs; no numbers")
    args = parser.parse_args(argv)
    try:
        compare(args)
    except EvenfaceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def compare(args: argparse.Namespace) -> None:
    study = read_study(args.study, only=tuple(filter(None, args.only.split(","))))
    if args.quick:
        study = study.quick()
    folder = args.real or Path(os.environ.get("EVENFACE_REAL_DATA") or ROOT.parent / "shared/real")
    columns: dict[str, list[Line]] = {}
    start = time.perf_counter()
    for name in _wanted(args.data, folder, quick=args.quick):
        subject = synthetic(study) if name == "synthetic" else real(name, folder, study)
        # Networks are small: threads that share one would wait for each other.
        torch.set_num_threads(1)
        with threadpool_limits(1):
            runs = run(subject, study, _say)
            columns[subject.title] = lines_of(Found(subject, study, runs))
    print(table(columns))
    print(f"\n{study.careful.seeds} splits, {study.careful.level:.0%} intervals, "
          f"{time.perf_counter() - start:.0f} s, {machine()}")  # fmt: skip
    if args.quick:
        print("\nQuick: these numbers mean nothing.")


def _wanted(said: str | None, folder: Path, *, quick: bool) -> list[str]:
    if said is None:
        there = not quick and folder.is_dir()
        if not there and not quick:
            _say(f"{folder}: no such folder, so without real faces")
        return list(NAMES) if there else [NAMES[0]]
    names = list(dict.fromkeys(said.split(",")))
    for name in names:
        if name not in NAMES:
            raise ConfigError(f"--data has no data set {name!r}; there are {', '.join(NAMES)}")
    return names


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
