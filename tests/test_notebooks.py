"""The notebooks in docs run from top to bottom, without a warning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support import ROOT, wanted

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
STRICT = """import warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="ipykernel")
"""


def read(file: Path) -> Any:
    return wanted("nbformat").read(file, as_version=4)


def test_there_are_notebooks() -> None:
    assert [n.stem for n in NOTEBOOKS] == ["first-look", "own-embeddings"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_kept_without_outputs(file: Path) -> None:
    for cell in read(file).cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


# Sockets and loops of the kernel's client are not ours.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(file: Path, tmp_path: Path) -> None:
    wanted("ipykernel")
    nbclient = wanted("nbclient")
    notebook = read(file)
    first = next(c for c in notebook.cells if c.cell_type == "code")
    first.source = STRICT + first.source
    client = nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    shown = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert not [o for o in shown if o.get("name") == "stderr"]
    html = [o["data"]["text/html"] for o in shown if "text/html" in o.get("data", {})]
    assert any("<h4>" in h and "interval" in h for h in html)
    assert any("image/png" in o.get("data", {}) for o in shown)
    assert list(tmp_path.rglob("report.html"))
