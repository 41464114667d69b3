"""Make the site's figures: all studies of people whose truth is known, kept until a source changes.

The figures are those of a report; pages name them as ``/_build/figures/NAME.svg``.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import evenface as ef

DOCS = Path(__file__).resolve().parents[1]
STUDY = DOCS / "figures.toml"
FIGURES = DOCS / "_build" / "figures"
MADE_OF = ".made-of"


def sources() -> str:
    """Return a hash of all that a figure can depend on."""
    package = Path(ef.__file__).parent
    digest = hashlib.sha256()
    for file in [*sorted(package.rglob("*.py")), STUDY, Path(__file__)]:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def make_figures(folder: Path) -> None:
    """Ask made-up people every study, keep the figures; `folder` is replaced as a whole."""
    from evenface.config import make_config, read_config
    from evenface.studies.drawing import RASTER, styled
    from evenface.studies.table import STUDIES

    config = make_config(read_config(STUDY), str(STUDY))
    embeddings = ef.VectorPopulation(60, 2, 32).embeddings()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch) / folder.name
        made.mkdir()
        # Without a report's pages and PDFs, which take longer than the studies.
        for name, study in STUDIES.items():
            result = study.ask(embeddings, config.options_of(name), config.common)
            for stem, figure in result.figures().items():
                with styled():
                    figure.savefig(made / f"{stem}.svg", metadata={"Date": None}, dpi=RASTER)
        (made / MADE_OF).write_text(sources())
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def _ensure(app: Any) -> None:
    del app
    known = FIGURES / MADE_OF
    if not known.is_file() or known.read_text() != sources():
        # In a process of its own: Sphinx listens to every library's messages.
        subprocess.run([sys.executable, __file__], check=True)


def setup(app: Any) -> dict[str, bool]:
    """Make figures before pages are read."""
    app.connect("builder-inited", _ensure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    make_figures(FIGURES)
