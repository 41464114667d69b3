"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from evenface.cli import main
from support import real_data, write_picture

# A slow machine is no failure.
settings.register_profile("evenface", deadline=None, max_examples=40)
settings.load_profile("evenface")


def pytest_configure() -> None:
    """Give each test process its share of the cores: threads beyond it wait for each other."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes == 1:
        return
    share = max(1, (os.cpu_count() or 1) // processes)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(share))
    # NumPy is loaded already and reads no environment any more.
    threadpool_limits(share, user_api="blas")


COMMON = "".join(map(chr, range(32, 127))) + "·–−→…×"
"""Letters that figures have."""


@pytest.fixture(scope="session")
def real() -> Path:
    folder = real_data()
    if folder is None:
        pytest.skip("no real faces here: set EVENFACE_REAL_DATA to a folder that holds them")
    return folder


@pytest.fixture(scope="session", autouse=True)
def forget_fonts() -> Iterator[Callable[[], None]]:
    """Keep what a font is cut down to for the letters of a PDF, and forget it where asked.

    Cutting takes a third of drawing, and Matplotlib does it anew for every figure. A cut with all
    common letters serves nearly every figure.
    """
    from matplotlib.backends import _backend_pdf_ps as shared
    from matplotlib.font_manager import get_font

    cut = shared.get_glyphs_subset
    known: dict[tuple[Any, ...], list[tuple[set[int], bytes, dict[int, int]]]] = {}

    def cut_once(font: Any, glyphs: Any) -> Any:
        cuts = known.setdefault((str(font), font.face_index), [])
        wanted = set(glyphs)
        if not any(wanted <= have for have, *_ in cuts):
            wanted |= {get_font(font).get_char_index(ord(c)) for c in COMMON}
            with cut(font, wanted) as found:
                data = shared.font_as_file(found.font).getvalue()
                cuts.append((wanted, data, dict(found.glyph_index_map)))
        data, places = next(rest for have, *rest in cuts if set(glyphs) <= have)
        kept = SimpleNamespace(save=lambda file, **_: file.write(data))
        return nullcontext(SimpleNamespace(font=kept, glyph_index_map=places))

    with pytest.MonkeyPatch.context() as patch:
        # Older ones return something else.
        if hasattr(shared, "SubsetResults"):
            patch.setattr(shared, "get_glyphs_subset", cut_once)
        yield known.clear


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
