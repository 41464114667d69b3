"""Every study at the source report's size: seconds a study, and the peak of memory so far.

    python benchmarks/full.py [--study FILE] [--rows 18000] [--width 2048] [--only map,probe]

Vectors are synthetic and are made by a process of their own, so they don't count.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from timing import machine

from evenface.config import make_config, read_config
from evenface.study import Step, run


def write(folder: Path, rows: int, width: int) -> None:
    from population import population

    from evenface.embed.folder import write_embeddings

    write_embeddings(population(rows // 6, width=width), folder)


def peak() -> float:
    """Return the most memory this process has held, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Clock:
    """Prints a line whenever another stage begins, and at the end."""

    def __init__(self) -> None:
        self.start = self.since = time.perf_counter()
        self.stage = "read"

    def __call__(self, step: Step) -> None:
        if step.state == "skipped":
            print(f"{step.stage:9s} {step.detail}", flush=True)
        if step.stage != self.stage and step.state != "waiting":
            self.end(step.stage)

    def end(self, following: str = "") -> None:
        """Print how long the stage took that has just ended."""
        now = time.perf_counter()
        print(f"{self.stage:9s} {now - self.since:6.1f} s   peak {peak():.2f} GiB", flush=True)
        self.stage, self.since = following, now


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--study", type=Path)
    parser.add_argument("--rows", type=int, default=18_000)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--only", default="map,probe,transfer,spaces,bias")
    args = parser.parse_args()
    values = read_config(args.study) if args.study else {"schema": "evenface.study/1"}
    config = make_config({**values, "studies": args.only.split(",")})
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "embeddings"
        made = multiprocessing.get_context("spawn").Process(
            target=write, args=(folder, args.rows, args.width)
        )
        made.start()
        made.join()
        which = args.study.name if args.study else f"careful default, {config.common.seeds} seeds"
        print(f"{args.rows} x {args.width}, {which}, {machine()}", flush=True)
        clock = Clock()
        run(folder, Path(place) / "out", config, on_step=clock)
        clock.end()
        print(f"in all    {time.perf_counter() - clock.start:6.1f} s   peak {peak():.2f} GiB")


if __name__ == "__main__":
    main()
