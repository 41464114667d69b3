"""What a terminal shows while a run goes on: bars for people, lines for logs."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenface.step import Step


class Console:
    """Shows steps on standard error; a context manager.

    On a terminal every stage has its state and a bar with the time left; those that wait are there
    from the start. Elsewhere a stage has one line when it starts and one when it ends.
    """

    def __init__(self) -> None:
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._seen: dict[str, str] = {}

    def __enter__(self) -> Console:
        if sys.stderr.isatty():
            from evenface.cli.bars import make_bars

            self._bars = make_bars()
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, step: Step) -> None:
        """Show one step."""
        if self._bars is not None:
            self._show_bar(step)
        else:
            self._show_line(step)

    def _show_bar(self, step: Step) -> None:
        bars, waiting = self._bars, step.state == "waiting"
        if step.stage not in self._tasks:
            told = {"detail": "", "state": step.state}
            self._tasks[step.stage] = bars.add_task(step.stage, start=False, total=1, **told)
        task = self._tasks[step.stage]
        if waiting:
            return
        # The time counts from when it is its turn.
        bars.start_task(task)
        done, total = (step.done, step.total) if step.total else (1, 1)
        if step.state == "done" and total == 1:
            # It ends with as many parts as it had.
            done = total = bars.tasks[task].total
        bars.update(task, completed=done, total=total, detail=step.detail, state=step.state)

    def _show_line(self, step: Step) -> None:
        if step.state == "waiting" or self._seen.get(step.stage) == step.state:
            return
        self._seen[step.stage] = step.state
        running = step.state == "running"
        said = "..." if running else step.state
        detail = f" ({step.detail})" if step.detail and not running else ""
        print(f"{step.stage}: {said}{detail}", file=sys.stderr, flush=True)  # noqa: T201


def say(text: object) -> None:
    """Print to standard output."""
    print(text)  # noqa: T201
