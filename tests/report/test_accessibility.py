"""Whether everybody can use the page: axe-core finds no fault that weighs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenface.pairs.remedies import REMEDIES
from evenface.report.page import build_report
from evenface.studies.bias import BiasOptions, bias
from evenface.studies.data import CommonOptions
from evenface.studies.erase import EraseOptions, erase
from evenface.studies.result import Result
from evenface.studies.spaces import SpacesOptions, spaces
from evenface.studies.verify import verify
from evenface.studies.verify_options import VerifyOptions
from populations import Gaussian
from support import wanted

Go = Callable[..., Any]

OPEN = "() => document.querySelectorAll('details').forEach(d => { d.open = true; })"
RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ['violations']});
  const where = v => v.nodes.map(n => n.target.join(' ')).slice(0, 3);
  return found.violations.map(v => [v.impact, v.id, where(v)]);
}"""


def axe() -> str:
    """Return the program of axe-core, or skip."""
    package = wanted("axe_playwright_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(plain: dict[str, Result], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every kind of chapter."""
    folder = tmp_path_factory.mktemp("accessible")
    for result in plain.values():
        result.save(folder / "results")
    people = Gaussian(identities=12, images=3).embeddings()
    quick = CommonOptions(seeds=1, resamples=100)
    spaces(people, SpacesOptions(losses=("softmax",), epochs=2), quick).save(folder / "results")
    few = EraseOptions(erasers=("leace",), strengths=(0.5,), probes=("linear", "knn"),
                       training=("dro",), together=False)  # fmt: skip
    erase(people, few, quick).save(folder / "results")
    bias(people, BiasOptions(losses=("softmax",), epochs=2), quick).save(folder / "results")
    options = VerifyOptions(fmr=(0.01,), remedies=tuple(REMEDIES))
    verify(people, options, CommonOptions(resamples=100)).save(folder / "results")
    return build_report(folder)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit: Go, page: Path, width: int, scheme: str) -> None:
    program = axe()
    # The page's own policy would refuse the test's script.
    seen = visit(page, width=width, bypass_csp=True, color_scheme=scheme)
    seen.page.evaluate(OPEN)
    seen.page.add_script_tag(content=program)
    found = seen.page.evaluate(RUN)
    assert [v for v in found if v[0] in ("serious", "critical")] == []
