"""The package's imports run one way; no file grows without bound."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from support import ROOT

PACKAGE = ROOT / "src" / "evenface"
ORDER = ["_version", "errors", "faces", "embed", "stats", "heads", "erasers", "pairs", "studies",
         "report", "config", "output", "step", "extraction", "study", "comparison", "cli",
         "__main__"]  # fmt: skip
# What a part may import of evenface, beyond itself; DESIGN's arrows.
MAY = {
    "_version": set(),
    "errors": set(),
    "faces": {"errors"},
    "embed": {"errors", "faces"},
    "stats": set(),
    "heads": {"errors", "stats"},
    "erasers": {"errors", "faces", "embed", "stats", "heads"},
    "pairs": {"errors", "faces", "embed", "stats", "heads", "erasers"},
    "studies": {"errors", "faces", "embed", "stats", "heads", "erasers", "pairs"},
    "report": set(ORDER[: ORDER.index("report")]),
    "config": {"errors", "embed", "erasers", "studies"},
    "output": {"errors", "config", "erasers", "report", "studies"},
    "step": set(),
    "extraction": {"config", "embed", "errors", "faces", "step"},
    "study": set(ORDER) - {"cli", "__main__", "study", "comparison"},
    "comparison": {"errors", "report", "studies"},
    "cli": set(ORDER) - {"__main__", "cli"},
    "__main__": {"cli"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """Return every module that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def backward(name: str, modules: set[str]) -> set[str]:
    """Return the parts of evenface that a part imports but may not."""
    parts = {m.split(".")[1] for m in modules if m.startswith("evenface.")}
    return (parts & set(ORDER)) - MAY[name] - {name}


@pytest.mark.parametrize("file", [f for f in FILES if part(f) != "__init__"], ids=str)
def test_imports_run_one_way(file: Path) -> None:
    assert part(file) in ORDER, f"{file} is in no part that the design knows"
    assert not backward(part(file), imported(file))


def test_a_backward_import_would_be_found() -> None:
    assert backward("faces", {"evenface.embed.store"}) == {"embed"}
    assert backward("stats", {"evenface.faces.table"}) == {"faces"}


@pytest.mark.parametrize("file", sorted((PACKAGE / "stats").glob("*.py")), ids=str)
def test_stats_stand_on_numpy_and_scipy_alone(file: Path) -> None:
    outside = {m.split(".")[0] for m in imported(file)}
    allowed = {"numpy", "scipy", "evenface", "__future__", "collections", "dataclasses", "typing"}
    assert outside <= allowed


@pytest.mark.parametrize("file", FILES, ids=str)
def test_files_stay_short(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 300


UNPICKLES = PACKAGE / "embed" / "pickled.py"


def test_no_pickle_is_loaded() -> None:
    for file in FILES:
        modules = {"pickle"} & imported(file) if file != UNPICKLES else set()
        assert not modules | {"_pickle", "dill", "joblib", "cloudpickle"} & imported(file), file
        assert "allow_pickle=True" not in file.read_text(), file


def test_the_one_unpickler_imports_nothing_that_a_file_names() -> None:
    tree = ast.parse(UNPICKLES.read_text())
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name) and node.value.id == "pickle"}  # fmt: skip
    assert not used & {"load", "loads", "Unpickler"}
    (machine,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "pickle._Unpickler" in map(ast.unparse, node.bases)
    )
    own = {node.name for node in machine.body if isinstance(node, ast.FunctionDef)}
    assert {"find_class", "persistent_load"} <= own
    assert not {"__import__", "import_module", "getattr"} & {
        node.id for node in ast.walk(machine) if isinstance(node, ast.Name)
    }
