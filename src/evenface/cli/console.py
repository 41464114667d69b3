"""What a terminal shows while a run goes on: bars for people, lines for logs."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenface.step import Step


class Console:
    """Shows steps on standard error; a context manager.

    On a terminal every stage has a bar with its rate and the time left. Elsewhere a stage has one
    line when it starts and one when it ends.
    """

    def __init__(self) -> None:
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._seen: dict[str, str] = {}

    def __enter__(self) -> Console:
        if sys.stderr.isatty():
            from rich.console import Console as RichConsole
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bars = Progress(
                TextColumn("{task.description:<10}"),
                BarColumn(bar_width=30),
                TextColumn("{task.completed}/{task.total}"),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                TextColumn("{task.fields[detail]}", markup=False),
                console=RichConsole(stderr=True),
            )
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
        if step.stage not in self._tasks:
            self._tasks[step.stage] = self._bars.add_task(step.stage, total=None, detail="")
        total = step.total or 1
        done = step.done if step.total else 1
        self._bars.update(self._tasks[step.stage], completed=done, total=total, detail=step.detail)

    def _show_line(self, step: Step) -> None:
        state = "end" if step.done >= step.total else "start"
        if self._seen.get(step.stage) == state:
            return
        self._seen[step.stage] = state
        said = "..." if state == "start" else "done"
        detail = f" ({step.detail})" if step.detail and state == "end" else ""
        print(f"{step.stage}: {said}{detail}", file=sys.stderr, flush=True)  # noqa: T201


def say(text: object) -> None:
    """Print to standard output."""
    print(text)  # noqa: T201
