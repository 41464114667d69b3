"""What README and docs show is what the program does."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evenface.cli import COMMANDS
from evenface.config import make_config
from evenface.embed.folder import write_embeddings
from evenface.embed.vector_population import VectorPopulation
from evenface.faces.synthetic import SyntheticPopulation, write_faces
from evenface.studies.table import STUDIES
from pages import Reader, blocks
from populations import Gaussian
from support import ROOT
from weight_files import weights_of, write_pooling, write_torch

DOCS = ROOT / "docs"
MADE = DOCS / "reference"
PAGES = [
    ROOT / "README.md",
    *(p for p in sorted(DOCS.rglob("*.md")) if "_build" not in p.parts and MADE not in p.parents),
]
SHOWING = [page for page in PAGES if blocks(page)]
TUTORIAL = DOCS / "tutorial.md"

# What takes long is tested elsewhere; here it's what pages show.
QUICK = """schema = "evenface.study/1"
studies = ["checks", "probe"]
[common]
seeds = 1
resamples = 100
[map]
dims = [2]
[probe]
probes = ["linear", "knn"]
[transfer]
probes = ["linear", "knn"]
"""
# Words that stand for something of the reader's own, or for more than a test has time for.
HERE = {
    "FILE": "vectors.npz",
    "500": "12",
    "vggface2-resnet50": "mobilefacenet",
    "mine.h5": "models/model_mobilefacenet.pth",
}
# Options of studies that take seconds, unless a page gives them.
BRIEF = {
    "spaces": {"--epochs": "2", "--losses": "softmax"},
    "bias": {"--epochs": "2", "--losses": "softmax,triplet", "--remedies": "sampling"},
    "erase": {"--training": "none", "--erasers": "leace", "--splits": "1", "--strengths": "0.5"},
}


def short(page: Path) -> str:
    return str(page.relative_to(ROOT))


def quick(words: list[str]) -> list[str] | None:
    """Return a command's words as they are run here; None if what it makes is there."""
    source = "emb" if words[0] == "run" and Path("emb").exists() else "faces"
    argv = [source if word == "SOURCE" else HERE.get(word, word) for word in words]
    if argv[0] == "demo":
        return None  # It takes a minute, and has tests of its own.
    if "--detector" in argv:
        # A detector that finds faces has more weights than a test can make up.
        at = argv.index("--detector")
        argv[at : at + 2] = ["--align", "none"]
    if argv[0] in ("embed", "import", "vectors") and Path(argv[argv.index("--out") + 1]).exists():
        return argv if argv[argv.index("--out") + 1] == "emb/all" else None
    if argv[0] in STUDIES or "--study" in argv:
        argv += ["--seeds", "1", "--resamples", "100"]
    if argv[0] == "run" and "--study" not in argv:
        argv += ["--study", "quick.toml"]
    for option, value in BRIEF.get(argv[0], {}).items():
        argv += [] if option in argv else [option, value]
    if "mobilefacenet" in argv and argv[0] != "models":
        # Otherwise every engine would be built to find the fastest.
        argv += ["--runtime", "eager", "--dtype", "float32"]
    if argv[0] == "run" and "--model" in argv and "--only" not in argv:
        # README's run asks every study; a network is named in the same way for each.
        argv += ["--only", "checks,map"]
    return argv


def quick_code(text: str) -> str:
    """Ask less of studies at their defaults, which are run elsewhere."""
    return text.replace('ef.run(folder, "out/python")', 'ef.run(folder, "out/python", quick)')


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def stocked(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with faces, vectors, labels, and small networks with weights of no meaning."""
    monkeypatch.setenv("EVENFACE_MODELS", str(here / "models"))
    (here / "models").mkdir()
    write_torch(here / "models" / "model_mobilefacenet.pth", weights_of("mobilefacenet"))
    write_pooling(here / "network.onnx")
    write_faces(SyntheticPopulation(12, 2), here / "faces")
    made = Gaussian(identities=8).embeddings()
    np.save(here / "vectors.npy", made.vectors)
    made.rows.select("identity", "gender", "ethnicity").write_csv(here / "labels.csv")
    (here / "quick.toml").write_text(QUICK)
    return here


# Where studies are what is shown, they are of vectors that are there already.
OF_VECTORS = ("README.md", "docs/studies", "docs/study-file.md", "docs/report.md", "docs/howto/pip")


@pytest.mark.parametrize("page", [p for p in SHOWING if p != TUTORIAL], ids=short)
def test_every_block_of_a_page_runs(
    page: Path, stocked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if short(page).startswith(OF_VECTORS):
        write_embeddings(VectorPopulation(24, 2, 16).embeddings(), stocked / "emb")
    reader = Reader(lambda: capsys.readouterr().out, quick, quick_code)
    reader.names["quick"] = make_config(tomllib.loads(QUICK))
    reader.follow(page)


def test_the_tutorial_is_true_word_by_word(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is replaced, and nothing is there before."""
    assert list(here.iterdir()) == []
    Reader(lambda: "".join(capsys.readouterr())).follow(TUTORIAL)


def test_the_readme_asks_every_study_at_its_defaults() -> None:
    (block,) = blocks(ROOT / "README.md", "python")
    assert quick_code(block.text) != block.text


def test_the_streaming_example_learns(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks(DOCS / "scale.md", "python")
    write_embeddings(Gaussian(identities=30, dimension=8).embeddings(), here / "emb" / "all")
    Reader(lambda: "").python(block)
    assert float(capsys.readouterr().out.split()[-1]) > 0.7


@pytest.mark.parametrize("spoil", ["```rust\nfn main() {}\n```\n", "```\nmake all\n```\n"])
def test_a_block_that_nothing_reads_fails(spoil: str, here: Path) -> None:
    (here / "page.md").write_text(spoil)
    with pytest.raises(AssertionError, match="no test"):
        Reader(lambda: "").follow(here / "page.md")


@pytest.mark.parametrize("line", ["evenface probe emb --frobnicate", "evenface frobnicate"])
def test_a_command_that_does_not_exist_fails(line: str, here: Path) -> None:
    (here / "page.md").write_text(f"```sh\n{line}\n```\n")
    with pytest.raises(Exception, match="frobnicate"):
        Reader(lambda: "").follow(here / "page.md")


def test_output_that_was_not_printed_fails(here: Path) -> None:
    (here / "page.md").write_text('```python\nprint("0.5 of 3")\n```\n```text\n0.7 of 4 ...\n```\n')
    reader: Callable[[str], Reader] = lambda said: Reader(lambda: said)  # noqa: E731
    reader("0.5 of 3").follow(here / "page.md")
    with pytest.raises(AssertionError, match="wasn't printed"):
        reader("nothing").follow(here / "page.md")


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    for name in re.findall(r"`evenface ([a-z-]+)", page.read_text(encoding="utf-8")):
        assert name in {*COMMANDS, "models", "datasets"}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "ARCHITECTURE.md"], ids=short)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
