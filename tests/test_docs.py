"""What README and docs show is what the program does."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evenface.cli import COMMANDS, main
from evenface.config import make_config, read_config
from evenface.embed.folder import write_embeddings
from evenface.embed.models.options import read_sidecar
from evenface.faces.synthetic import SyntheticPopulation, write_faces
from evenface.studies.table import STUDIES
from populations import Gaussian
from support import ROOT
from weight_files import weights_of, write_torch

# What takes long is tested elsewhere; here it's what pages show.
QUICK = """schema = "evenface.study/1"
[common]
seeds = 1
resamples = 100
[probe]
probes = ["linear", "knn"]
[transfer]
probes = ["linear", "knn"]
[spaces]
epochs = 2
[bias]
epochs = 2
"""
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def commands(page: Path) -> list[str]:
    lines = [line for block in blocks(page, "") for line in block.splitlines()]
    return [line for line in lines if line.startswith("evenface ")]


SHOWING = [page for page in PAGES if commands(page)]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """A folder with the files that the examples name."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def test_the_python_example_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(ROOT / "README.md", "python")
    # Studies at their defaults are run elsewhere.
    assert code.count('ef.run(folder, "out")') == 1
    code = code.replace('ef.run(folder, "out")', 'ef.run(folder, "out", quick)')
    namespace: dict[str, object] = {"quick": make_config(tomllib.loads(QUICK))}
    exec(compile(code, "README.md", "exec"), namespace)
    assert Path(str(namespace["report"])).is_file()
    assert "balanced accuracy" in capsys.readouterr().out


def test_the_streaming_example_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(ROOT / "docs" / "scale.md", "python")
    made = Gaussian(identities=30, dimension=8).embeddings()
    write_embeddings(made, here / "emb" / "all")
    exec(compile(code, "scale.md", "exec"), {})
    assert float(capsys.readouterr().out.split()[-1]) > 0.7


@pytest.fixture
def stocked(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with faces, vectors, labels, and the smallest network with random weights."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    monkeypatch.setenv("EVENFACE_MODELS", str(here / "models"))
    (here / "models").mkdir()
    write_torch(here / "models" / "model_mobilefacenet.pth", weights_of("mobilefacenet"))
    write_faces(SyntheticPopulation(12, 2), here / "faces")
    made = Gaussian(identities=8).embeddings()
    np.save(here / "vectors.npy", made.vectors)
    made.rows.select("identity", "gender", "ethnicity").write_csv(here / "labels.csv")
    (here / "quick.toml").write_text(QUICK)
    return here


def runnable(line: str, here: Path) -> list[str]:
    """Return a command's words, with what isn't here replaced by what is, and quick."""
    # Those that need a network and a detector of one's own are run with HOG in their place, those
    # of a network by name with the smallest.
    argv = shlex.split(line)[1:]
    argv = ["mobilefacenet" if a == "vggface2-resnet50" else a for a in argv]
    if "--detector" in argv:
        place = argv.index("--model")
        argv[place : place + 4] = ["--model", "hog"]
    argv = ["faces" if a == "SOURCE" else "12" if a == "500" else a for a in argv]
    argv = ["vectors.npz" if a == "FILE" else a for a in argv]
    if argv[0] in STUDIES or "--study" in argv:
        argv += ["--seeds", "1", "--resamples", "100"]
    if argv[0] == "run" and "--study" not in argv:
        argv += ["--study", str(here / "quick.toml")]
    if "--model" in argv and "mobilefacenet" in argv:
        # Otherwise every engine would be built to find the fastest.
        argv += ["--runtime", "eager", "--dtype", "float32"]
        # README's run asks every study; a network is named in the same way for each.
        argv += ["--only", "checks,map"] if argv[0] == "run" else []
    if argv[0] in ("spaces", "bias") and "--epochs" not in argv:
        argv += ["--epochs", "2"]
    return argv


# Pages that go on from what the README shows.
BEFORE = {
    "report": ("embed faces --out emb", "map emb --out out --seeds 1 --resamples 100"),
    "studies": ("embed faces --out emb",),
}


@pytest.mark.parametrize("page", SHOWING, ids=lambda p: p.name)
def test_the_commands_run(page: Path, stocked: Path) -> None:
    for line in BEFORE.get(page.stem, ()):
        assert main(line.split()) == 0
    for line in commands(page):
        argv = runnable(line, stocked)
        if argv[0] in ("embed", "import") and (stocked / argv[argv.index("--out") + 1]).exists():
            continue
        assert main(argv) == 0, line


def test_pages_show_commands() -> None:
    assert len(SHOWING) >= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    for name in re.findall(r"`evenface ([a-z]+)", page.read_text(encoding="utf-8")):
        assert name in {*COMMANDS, "models", "datasets"}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "ARCHITECTURE.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_card_in_the_docs_is_a_card(tmp_path: Path) -> None:
    (card,) = blocks(ROOT / "docs" / "embedding.md", "json")
    file = tmp_path / "network.onnx"
    (tmp_path / "network.onnx.json").write_text(card)
    options = read_sidecar(file)
    assert options["size"] == (112, 112)


def test_the_study_file_in_the_docs_is_one(tmp_path: Path) -> None:
    (text,) = blocks(ROOT / "docs" / "studies.md", "toml")
    (tmp_path / "study.toml").write_text(text)
    config = make_config(read_config(tmp_path / "study.toml"))
    assert config.map.per_group == (50, 500)
    assert config.studies == ("map", "transfer")
