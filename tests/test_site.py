"""The site of docs is built without a warning, stands alone, and its references are the code's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import util
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest

import evenface
from evenface.studies.table import STUDIES
from support import ROOT, shared_folder, wanted

DOCS = ROOT / "docs"
LOADING = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
# Links that say where a page is or what is next; a browser asks nothing for them.
NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "license"}


STRICT = ("-m", "sphinx", "--fail-on-warning", "--keep-going", "--nitpicky")


def reference() -> ModuleType:
    spec = util.spec_from_file_location("reference", DOCS / "_ext" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["api.md", "cli.md"])
def test_the_reference_is_what_the_code_says(page: str) -> None:
    made = reference()
    written = (made.FOLDER / page).read_text(encoding="utf-8")
    assert written == made.PAGES[page](), f"docs/reference/{page} is old: run `{made.AGAIN}`"


def test_the_reference_has_every_public_name_and_command() -> None:
    made = reference()
    api, cli = made.api_page(), made.cli_page()
    for name in set(evenface.__all__) - {"__version__"}:
        assert len(re.findall(rf"^\.\. (?:py:)?\w+:: evenface\.{name}\b(?!\.)", api, re.M)) == 1
    from evenface.cli import COMMANDS

    for name in COMMANDS:
        assert f"\n## evenface {name}\n" in cli


class Page(HTMLParser):
    """What a page loads, where it leads, and where one can land on it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.ids: set[str] = set()
        self.maths = 0
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {k: v or "" for k, v in attrs}
        self.ids.add(values.get("id", ""))
        self.maths += tag == "math"
        if tag == "img":
            assert values.get("alt"), f"{values} says nothing to those who don't see it"
        if tag == "a" and "href" in values:
            self.leads.append(values["href"])
        told = tag == "link" and NOT_LOADED & set(values.get("rel", "").split())
        if (name := LOADING.get(tag)) and name in values and not told:
            self.loads.append(values[name])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wanted("sphinx")
    command = [*STRICT, "-q", "-b", "html"]

    def build(folder: Path) -> None:
        done = subprocess.run(
            [sys.executable, *command, str(DOCS), str(folder)],
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", done.stderr

    return shared_folder(tmp_path_factory, "site", build)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in sorted(site.rglob("*.html"))}


def sources() -> Iterator[Path]:
    for file in DOCS.rglob("*.md"):
        if "_build" not in file.parts:
            yield file.relative_to(DOCS)


def test_every_source_is_a_page(site: Path) -> None:
    assert all((site / file.with_suffix(".html")).is_file() for file in sources())
    assert {p.stem for p in (site / "studies").glob("*.html")} >= set(STUDIES)


def test_links_and_anchors_lead_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    lost = []
    for file, page in pages.items():
        for link in {*page.leads, *page.loads}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            place = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            known = pages.get(place)
            if not place.is_file() or (known and parts.fragment and
                                       unquote(parts.fragment) not in known.ids):  # fmt: skip
                lost.append(f"{file.relative_to(site)}: {link}")
    assert not lost


def test_pages_load_nothing_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for file, page in pages.items():
        assert not [x for x in page.loads if urlsplit(x).scheme not in ("", "data")], file
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", text), style


def test_every_study_has_its_formulas_and_a_figure(site: Path, pages: dict[Path, Page]) -> None:
    for name in STUDIES:
        page = pages[site / "studies" / f"{name}.html"]
        assert page.maths >= 3, name
        assert [x for x in page.loads if x.endswith(".svg")], name
        text = (DOCS / "studies" / f"{name}.md").read_text(encoding="utf-8")
        heads = re.findall(r"^## (.*)$", text, re.M)
        assert heads == ["How to ask", "What is measured", "Formulas", "What it can't say"], name
        assert f"\n*{STUDIES[name].question}*\n" in text, name
