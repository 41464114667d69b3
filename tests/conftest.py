"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from evenface.cli import main
from support import real_data, write_picture

# A slow machine is no failure.
settings.register_profile("evenface", deadline=None, max_examples=40)
settings.load_profile("evenface")


@pytest.fixture(scope="session")
def real() -> Path:
    folder = real_data()
    if folder is None:
        pytest.skip("no real faces here: set EVENFACE_REAL_DATA to a folder that holds them")
    return folder


@pytest.fixture
def diveface(tmp_path: Path) -> Path:
    """A DiveFace tree of noise: six groups of six identities with two pictures each."""
    seed = 0
    for group in ("HA", "HB", "HN", "MA", "MB", "MN"):
        for person in range(6):
            for k in range(2):
                seed += 1
                place = tmp_path / "dive" / "4K_120" / f"{group}4K_120" / f"p{person}"
                write_picture(place / f"{k}.png", seed=seed)
    return tmp_path / "dive"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must end with code 2 and one message; return the message."""

    def run(*argv: object) -> str:
        capsys.readouterr()
        assert main([str(a) for a in argv]) == 2
        said = capsys.readouterr().err
        lines = [line for line in said.splitlines() if line.startswith("evenface: error: ")]
        assert len(lines) == 1, said
        assert "Traceback" not in said
        return said[said.index("evenface: error: ") :]

    return run
