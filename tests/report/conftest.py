"""Small results to report, and a browser to look at reports with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evenface.embed.embeddings import Embeddings, embeddings_from_arrays
from evenface.studies.checks import checks
from evenface.studies.data import CommonOptions
from evenface.studies.map import MapOptions, map_space
from evenface.studies.probe import ProbeOptions, probe
from evenface.studies.result import Result
from evenface.studies.transfer import TransferOptions, transfer
from support import shared_folder

QUICK = CommonOptions(seeds=1, folds=3, resamples=100)
PROBES = ("linear", "knn")

PLAIN = {"gender": ("female", "male"), "ethnicity": ("Asian", "Black")}
HOSTILE = {
    "gender": (
        '<img src=x onerror="window.__pwned=1">',
        "</script><script>window.__pwned=2</script>, \"quoted\" & 'more'",
    ),
    "ethnicity": (
        'مرحبا \u202e<a href="https://example.com/x">go</a>\nnext line \u2028 &lt;b&gt;',
        "👩🏽‍🔬 {{ 7*7 }} ${x} %{x} <!-- " + "long" * 75,
    ),
}


def make_embeddings(labels: dict[str, tuple[str, str]], **source: Any) -> Embeddings:
    """Two attributes that the vectors show, one (age) that they don't; a copy, missed faces."""
    rng = np.random.default_rng(5)
    rows: dict[str, list[str]] = {k: [] for k in ("identity", "path", *labels, "age", "<b>note")}
    vectors = []
    (first, firsts), (second, seconds) = labels.items()
    for i in range(40):
        a, b = i % 2, (i // 2) % 2
        vectors.append(rng.normal(size=24) + np.eye(24)[0] * 3 * a + np.eye(24)[1] * 2 * b)
        rows["identity"].append(f"person <{i}>")
        rows["path"].append(f"folder/<i>{i}</i>.png")
        rows[first].append(firsts[a])
        rows[second].append(seconds[b])
        rows["age"].append(str(20 + i) if i else "unknown")
        rows["<b>note"].append(f"<u>{i % 5}</u>")
    vectors[9] = vectors[6]
    missed = {k: [v[0], v[3]] for k, v in rows.items()} | {"stage": ["detect"] * 2}
    missed |= {"sample_id": ["m0", "m1"], "path": ["folder/m0.png", "folder/m1.png"],
               "reason": ["no face"] * 2}  # fmt: skip
    sizes = {"faces_found": [1 + (i == 3) for i in range(40)], "face_size": [*range(20, 60)]}
    card = {"name": "onnx:small.onnx", "assumed": ["color"], "color": "RGB", "size": [112, 112]}
    crops = {"align": "none", "aligned": False, "reason": "small wants aligned faces <!>"}
    note = {"kind": "junk", "count": 3, "text": "3 files are <junk>.", "examples": ["secret/a"]}
    return embeddings_from_arrays(
        np.array(vectors),
        pl.DataFrame({**rows, **sizes}),
        failures=pl.DataFrame(missed),
        card=card,
        source={"notes": [note], **source},
        preprocessing=crops,
    )


def make_results(embeddings: Embeddings) -> dict[str, Result]:
    return {
        "checks": checks(embeddings, None, QUICK),
        "map": map_space(embeddings, MapOptions(perplexity=5), QUICK),
        "probe": probe(embeddings, ProbeOptions(probes=(*PROBES, "mlp")), QUICK),
        "transfer": transfer(embeddings, TransferOptions(probes=PROBES), QUICK),
    }


def save_results(results: dict[str, Result], folder: Path, *studies: str) -> Path:
    for name in studies or results:
        results[name].save(folder / "results")
    return folder


@pytest.fixture(scope="session")
def save() -> Callable[..., Path]:
    return save_results


@pytest.fixture(scope="session")
def hostile_labels() -> dict[str, tuple[str, str]]:
    return HOSTILE


@pytest.fixture(scope="session")
def plain() -> dict[str, Result]:
    return make_results(make_embeddings(PLAIN))


@pytest.fixture(scope="session")
def hostile() -> dict[str, Result]:
    return make_results(make_embeddings(HOSTILE, synthetic=True))


@pytest.fixture(scope="session")
def plain_page(plain: dict[str, Result], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from evenface.report.page import build_report

    def make(folder: Path) -> None:
        build_report(save_results(plain, folder))

    return shared_folder(tmp_path_factory, "plain", make) / "report.html"


@pytest.fixture(scope="session")
def hostile_page(hostile: dict[str, Result], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from evenface.report.page import build_report

    def make(folder: Path) -> None:
        save_results(hostile, folder)
        rows = hostile["map"].tables["rows"]
        (folder / "embeddings").mkdir()
        rows.select(
            "sample_id",
            pl.lit("<b>path</b>/1.png").alias("path"),
            pl.lit("<script>window.__pwned=3</script>").alias("identity"),
        ).write_parquet(folder / "embeddings" / "part-00000.parquet")
        build_report(folder, names=True)

    return shared_folder(tmp_path_factory, "hostile", make) / "report.html"


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


def missing(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        missing(f"no browser: none of {', '.join(BROWSERS)} is on the path")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        opened.close()


class Visit:
    """A page that is open, and everything it did that it should not."""

    def __init__(self, page: Any, file: Path) -> None:
        self.page, self.requests, self.complaints = page, [], []
        page.on("request", lambda r: self.requests.append(r.url))
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("dialog", lambda d: self.complaints.append(f"dialog {d.message}"))
        page.on("console", self._console)
        self.address = file.resolve().as_uri()
        page.goto(self.address)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def left(self) -> list[str]:
        """Requests for anything but the page and what it carries inside."""
        inside = ("data:", "blob:")
        return [r for r in self.requests if r != self.address and not r.startswith(inside)]


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    opened = []

    def go(file: Path, *, width: int = 1280, init: str = "", **options: Any) -> Visit:
        page = browser.new_page(viewport={"width": width, "height": 800}, **options)
        page.add_init_script(init)
        opened.append(page)
        return Visit(page, file)

    yield go
    for page in opened:
        page.close()
