"""The Dockerfile: what a linter says of it, and what an image must and must not have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from support import ROOT

FILE = ROOT / "Dockerfile"
# Instructions, with lines that go on put together.
LINES = [
    line
    for line in re.sub(r"\\\n\s*", "", FILE.read_text()).splitlines()
    if line and not line.startswith("#")
]


def said(instruction: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in LINES if line.split()[0] == instruction]


def test_the_linter_has_nothing_to_say() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        assert not os.environ.get("CI"), "hadolint is in [dev]"
        pytest.skip("hadolint is not installed (it is in [dev])")
    done = subprocess.run([linter, "--no-color", str(FILE)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_images_it_stands_on_are_pinned() -> None:
    bases = [line.split()[0] for line in said("FROM")]
    assert bases
    for base in bases:
        assert re.fullmatch(r"python:3\.1[123]\.\d+-slim-\w+", base), base


def test_it_runs_evenface_as_nobody_in_particular() -> None:
    assert said("USER") == ["10001"]
    assert said("ENTRYPOINT") == ['["evenface"]']
    assert LINES.index("USER 10001") > max(i for i, s in enumerate(LINES) if s.startswith("RUN"))


def test_unless_told_torch_is_the_one_for_processors() -> None:
    assert "TORCH_INDEX=https://download.pytorch.org/whl/cpu" in said("ARG")
    (install,) = [r for r in said("RUN") if "TORCH_INDEX" in r]
    first, second = install.split("&&")
    assert "--index-url" in first
    assert first.rstrip().endswith(" torch")
    assert "/wheels/*.whl" in second
    assert all("--constraint /opt/evenface/constraints.txt" in step for step in (first, second))


def test_nothing_but_the_package_goes_in() -> None:
    rules = [r for r in (ROOT / ".dockerignore").read_text().splitlines() if r and r[0] != "#"]
    assert rules[0] == "*"
    let_in = {r[1:] for r in rules if r.startswith("!")}
    copied = {name for line in said("COPY") for name in line.split()[:-1]}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)
    assert not any(fnmatch(name, "*shared*") or name in (".", ".git") for name in copied)
    assert not said("ADD")
    assert not re.search(r"(?i)token|password|secret|api.?key", FILE.read_text())
