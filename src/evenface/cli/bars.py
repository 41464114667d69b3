"""Bars that a terminal shows: a stage, its state, how far it is, and the time left."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class TimeLeft(TimeRemainingColumn):
    """The time left, from the first part that is done on."""

    def render(self, task: Task) -> Text:
        """Return the time left, or the time taken once it is over."""
        known = task.finished or not task.started or task.time_remaining is not None
        if known or not task.completed or not task.total or task.elapsed is None:
            return super().render(task)
        seconds = int(task.elapsed * (task.total - task.completed) / task.completed)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        shown = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"
        return Text(shown, style="progress.remaining")


def make_bars() -> Progress:
    """Return bars on standard error; tasks have the fields ``state`` and ``detail``."""
    return Progress(
        TextColumn("{task.description:<10}"),
        TextColumn("{task.fields[state]:<7}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed}/{task.total}"),
        TimeLeft(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[detail]}", markup=False),
        console=Console(stderr=True),
        # Parts may take minutes; the time left is told from the last of them all the same.
        speed_estimate_period=1800,
    )
