"""What is installed is the wheel of this source; it stands on what it says it needs alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import evenface
from evenface import comparison, config
from evenface._version import __version__
from evenface.embed import manifest
from evenface.embed.folder import write_embeddings
from evenface.erasers import saved
from evenface.faces import synthetic
from evenface.studies import result
from populations import Gaussian
from support import ROOT
from weight_files import weights_of, write_torch

SOURCE = ROOT / "src" / "evenface"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
FOR_DEVELOPERS = {"dev", "docs"}


# The wheel


@pytest.fixture
def installed() -> set[str]:
    """Return the files of the installed wheel; skip where evenface is editable, but not in CI."""
    origin = json.loads(distribution("evenface").read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable") and not os.environ.get("CI"):
        pytest.skip("evenface is installed editable; scripts/test installs a wheel in a new .venv")
    files = distribution("evenface").files or []
    return {str(f) for f in files if f.suffix != ".pyc"}


def test_tests_import_the_installed_wheel(installed: set[str]) -> None:
    assert installed
    home = Path(evenface.__file__).parent
    assert "site-packages" in home.parts
    assert SOURCE not in (home, *home.parents)


def test_the_wheel_holds_the_source_and_nothing_else(installed: set[str]) -> None:
    sources = {
        f.relative_to(SOURCE.parent).as_posix(): f
        for f in SOURCE.rglob("*")
        if f.is_file() and "__pycache__" not in f.parts
    }
    about = {f for f in installed if f.startswith(f"evenface-{__version__}.dist-info/")}
    scripts = {f for f in installed if re.fullmatch(r"(\.\./)+(bin|Scripts)/evenface(\.exe)?", f)}
    assert installed - about - scripts == set(sources)
    assert len(scripts) == 1
    assert f"evenface-{__version__}.dist-info/licenses/LICENSE" in about
    assert {"evenface/py.typed", "evenface/report/templates/style.css"} <= set(sources)
    home = Path(evenface.__file__).parents[1]
    stale = [
        name for name, file in sources.items() if (home / name).read_bytes() != file.read_bytes()
    ]
    assert not stale, "another source was built"


def test_the_metadata_are_those_of_pyproject(installed: set[str]) -> None:
    made = distribution("evenface").metadata
    assert made["Version"] == __version__ == evenface.__version__
    assert made["License-Expression"] == PROJECT["license"]
    assert made["Requires-Python"] == PROJECT["requires-python"]
    assert made["Summary"] == PROJECT["description"]
    assert set(made.get_all("Provides-Extra") or []) == set(EXTRAS)
    assert (made.get_payload() or made["Description"]).startswith("# evenface")
    needed = [Requirement(r) for r in made.get_all("Requires-Dist") or []]
    core = {str(r) for r in needed if r.marker is None}
    assert core == {str(Requirement(r)) for r in PROJECT["dependencies"]}
    entries = [(e.name, e.value) for e in distribution("evenface").entry_points]
    assert entries == [("evenface", "evenface.cli:main")]


# The core by itself


# What an interpreter does without everything that the core doesn't bring.
ALONE = """
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as plain

def needed(name, seen):
    if plain(name) in seen:
        return
    seen.add(plain(name))
    try:
        asked = requires(name) or []
    except PackageNotFoundError:
        return
    for text in asked:
        other = Requirement(text)
        if other.marker is None or other.marker.evaluate({"extra": ""}):
            needed(other.name, seen)

core = set()
needed("evenface", core)
OTHERS = {module for module, owners in packages_distributions().items()
          if not core & {plain(o) for o in owners}}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in OTHERS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
assert {"pytest", "ray", "pytorch_metric_learning", "pyarrow"} <= OTHERS
assert not {"evenface", "torch", "numpy", "polars"} & OTHERS
import evenface
from evenface.cli import COMMANDS, main
"""


def alone(code: str, here: Path) -> str:
    """Run code where only the core's requirements can be imported; return what it prints."""
    # Which extras happen to be installed here must make no difference.
    env = {**os.environ, "EVENFACE_MODELS": str(here / "models"), "XDG_CACHE_HOME": str(here)}
    done = subprocess.run(
        [sys.executable, "-c", ALONE + code], capture_output=True, text=True, cwd=here, env=env
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with vectors and the smallest network."""
    folder = tmp_path_factory.mktemp("alone")
    write_embeddings(Gaussian(identities=12, dimension=8).embeddings(), folder / "emb")
    (folder / "models").mkdir()
    write_torch(folder / "models" / "model_mobilefacenet.pth", weights_of("mobilefacenet"))
    return folder


def test_the_core_works_without_any_extra(here: Path) -> None:
    code = """
for name in evenface.__all__:
    getattr(evenface, name)
for command in COMMANDS:
    assert main([command, "--help"]) == 0, command
assert main("probe emb --probes linear,knn --seeds 1 --resamples 100".split()) == 0
faces = evenface.write_faces(evenface.SyntheticPopulation(2, 2), "faces")
assert main(["embed", "faces", "--out", "hog"]) == 0
"""
    assert "reaches a balanced accuracy of" in " ".join(alone(code, here).split())


LEARNED = "--seeds 1 --resamples 100 --epochs 1 --dims 2"
# A command that needs each extra.
NEEDING = {
    "metric": (
        f"spaces emb {LEARNED} --losses supcon",
        f"bias emb {LEARNED[:-9]} --losses arcface",
    ),
    "openvino": (
        "embed faces --model mobilefacenet --align none --runtime openvino --dtype float32 --out o",
    ),
    "ray": ("embed faces --out r --engine ray",),
    "s3": ("embed s3://bucket/faces.csv --out s", "probe s3://bucket/emb"),
    "gcs": ("embed gs://bucket/faces.csv --out g", "check gs://bucket/emb"),
    "umap": ("map emb --method umap --seeds 1 --resamples 100",),
}


def test_every_extra_is_asked_for_somewhere() -> None:
    assert set(NEEDING) == set(EXTRAS) - FOR_DEVELOPERS


def test_a_missing_extra_is_one_line_that_says_how_to_get_it(here: Path) -> None:
    lines = [(extra, line) for extra, several in NEEDING.items() for line in several]
    code = f"""
import contextlib, io, json
evenface.write_faces(evenface.SyntheticPopulation(2, 2), "faces")
found = []
for extra, line in {lines}:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        found.append((extra, line, main(line.split()), said.getvalue()))
print("FOUND" + json.dumps(found))
"""
    for extra, line, code_, said in json.loads(alone(code, here).split("FOUND")[1]):
        complaint = [s for s in said.splitlines() if s]
        assert code_ == 2, (line, said)
        assert complaint[-1].startswith("evenface: error: "), (line, said)
        assert len([s for s in complaint if s.startswith("evenface: error")]) == 1
        assert f'pip install "evenface[{extra}]"' in complaint[-1], (line, said)
        assert "Traceback" not in said


# Versions


def bounds() -> dict[str, Requirement]:
    """Return what the core and its extras need, by name."""
    texts = list(PROJECT["dependencies"])
    texts += [t for extra in EXTRAS.keys() - FOR_DEVELOPERS for t in EXTRAS[extra]]
    return {r.name.lower(): r for r in map(Requirement, texts)}


def pins(file: str) -> dict[str, Version]:
    found = {}
    for line in (ROOT / file).read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            found[name.lower().replace("_", "-")] = Version(version)
    return found


def test_every_requirement_has_a_lower_bound_that_lowest_txt_pins() -> None:
    lowest = {
        name: [Version(s.version) for s in need.specifier if s.operator == ">="]
        for name, need in bounds().items()
    }
    assert {name: [version] for name, version in pins("lowest.txt").items()} == lowest


def test_the_versions_that_are_tested_with_are_allowed() -> None:
    tested = pins("constraints.txt")
    wanted = [*PROJECT["dependencies"], *(t for several in EXTRAS.values() for t in several)]
    for need in map(Requirement, wanted):
        if (version := tested.get(need.name.lower())) is not None:
            assert need.specifier.contains(version), f"{need} but {version} in constraints.txt"
    for need in map(Requirement, PROJECT["dependencies"]):
        assert need.name.lower() in tested, f"{need} is not pinned in constraints.txt"


def test_the_changelog_begins_with_what_is_to_come_or_with_this_version() -> None:
    heads = re.findall(
        r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert heads
    if heads[0] == ("Unreleased", ""):
        heads = heads[1:]
    released = [Version(version) for version, _ in heads]
    assert all(day for _, day in heads), "a version has no date"
    assert released == sorted(released, reverse=True)
    # Between releases _version.py has that of the next one.
    assert not released or Version(__version__) >= released[0]


def test_the_page_on_what_stays_names_every_schema() -> None:
    said = re.findall(
        r"^\| `(evenface\.\w+/\d+)`", (ROOT / "docs" / "deprecation.md").read_text(), re.M
    )
    assert set(said) == {
        config.SCHEMA,
        manifest.SCHEMA,
        f"evenface.STUDY/{result.VERSION}",
        f"{saved.SCHEMA}/{saved.VERSION}",
        comparison.SCHEMA,
        synthetic.SCHEMA,
    }
