"""A run that is stopped from outside leaves what it found; a terminal shows how far it is."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evenface.cli import main
from evenface.cli.bars import TimeLeft, make_bars
from evenface.cli.console import Console
from evenface.embed.folder import write_embeddings
from evenface.report.results import load_results
from evenface.step import Step
from populations import Gaussian

# Nobody waits for the second study.
LONG = """schema = "evenface.study/1"
studies = ["checks", "spaces"]
[common]
seeds = 1
resamples = 100
[spaces]
epochs = 500
losses = ["softmax"]
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_killed_has_a_report(tmp_path: Path, sent: signal.Signals) -> None:
    emb, out, file = tmp_path / "emb", tmp_path / "out", tmp_path / "study.toml"
    write_embeddings(Gaussian(identities=400, images=4, dimension=64).embeddings(), emb)
    file.write_text(LONG)
    line = ["-m", "evenface", "run", str(emb), "--out", str(out), "--study", str(file)]
    began = subprocess.Popen(
        [sys.executable, *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    found = b""
    assert began.stderr is not None
    os.set_blocking(began.stderr.fileno(), False)
    until = time.monotonic() + 120
    while b"spaces: ..." not in found and began.poll() is None and time.monotonic() < until:
        found += began.stderr.buffer.read() or b""
        time.sleep(0.05)
    began.send_signal(sent)
    os.set_blocking(began.stderr.fileno(), True)
    _, said = began.communicate(timeout=60)
    if sent is signal.SIGKILL:
        assert not (out / "report.html").exists()
        assert main(["report", str(out)]) == 0
    else:
        assert began.returncode == 128 + sent
        assert f"report: done (of what was found so far: {out / 'report.html'})" in said
        assert "stopped; the same command goes on from here" in said
    html = (out / "report.html").read_text(encoding="utf-8")
    assert '<h2 id="checks">' in html
    assert "Not answered yet: Learned spaces." in html
    assert load_results(out).waiting == ("spaces",)
    assert list(json.loads((out / "results" / "skipped.json").read_text())) == ["spaces"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_every_study_and_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Console() as console:
        for name in ("checks", "map", "probe", "bias"):
            console(Step(name, 0, 1, state="waiting"))
        console(Step("checks", 1, 1, "kept from an earlier run"))
        console(Step("map", 0, 1))
        console(Step("map", 12, 30))
        console(Step("map", 1, 1))
        console(Step("bias", 0, 1, "there is [no] ethnicity", state="skipped"))
    last = shown.getvalue().replace("\x1b[2K", "").split("\x1b[1A")[-1]
    rows = {line.split()[0]: line for line in last.splitlines() if line.strip()}
    assert rows["checks"].split()[1] == "done"
    assert "kept from an earlier run" in rows["checks"]
    assert rows["map"].split()[1] == "done"
    assert "30/30" in rows["map"]
    assert rows["probe"].split()[1] == "waiting"
    assert rows["bias"].split()[1] == "skipped"
    assert "there is [no] ethnicity" in rows["bias"]


def test_time_left_is_told_from_the_first_part_on() -> None:
    now = 0.0
    bars = make_bars()
    bars.get_time = lambda: now
    task = bars.add_task("spaces", start=False, total=1, state="waiting", detail="")
    column = TimeLeft(compact=True, elapsed_when_finished=True)
    assert column.render(bars.tasks[task]).plain == "--:--"
    bars.start_task(task)
    now = 90.0
    bars.update(task, completed=1, total=3)
    assert column.render(bars.tasks[task]).plain == "03:00"
    now = 7290.0
    bars.update(task, completed=1, total=3)
    assert column.render(bars.tasks[task]).plain == "4:03:00"


def test_lines_say_when_a_stage_starts_and_how_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with Console() as console:
        console(Step("map", 0, 1, state="waiting"))
        console(Step("map", 0, 2))
        console(Step("map", 1, 2))
        console(Step("map", 2, 2))
        console(Step("map", 1, 1))
        console(Step("bias", 0, 1, "too few people", state="skipped"))
    assert capsys.readouterr().err.splitlines() == [
        "map: ...", "map: done", "bias: skipped (too few people)",
    ]  # fmt: skip
