"""A run that is stopped leaves what it found, and goes on from there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evenface import study
from evenface.config import StudyConfig
from evenface.embed.folder import write_embeddings
from evenface.errors import ConfigError
from evenface.report.results import load_results
from evenface.studies.data import CommonOptions
from populations import Gaussian

COMMON = CommonOptions(seeds=1, folds=3, resamples=100)
CONFIG = StudyConfig(studies=("checks", "verify"), common=COMMON)


@pytest.fixture
def emb(tmp_path: Path) -> Path:
    write_embeddings(Gaussian(identities=8, images=2).embeddings(), tmp_path / "emb")
    return tmp_path / "emb"


def stopped(name: str, by: BaseException, patch: pytest.MonkeyPatch) -> None:
    def ask(*_: Any, **__: Any) -> Any:
        raise by

    patch.setitem(study.STUDIES, name, replace(study.STUDIES[name], ask=ask))


@pytest.mark.parametrize("by", [KeyboardInterrupt(), ConfigError("no")])
def test_what_was_found_has_a_report(
    emb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: BaseException
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        stopped("verify", by, patch)
        with pytest.raises(type(by)):
            study.run(emb, out, CONFIG)
    html = (out / "report.html").read_text()
    assert '<h2 id="checks">' in html
    if isinstance(by, KeyboardInterrupt):
        assert "This report is not finished" in html
        assert "Not answered yet: Verification." in html
    else:
        assert "The study &#39;verify&#39; was left out: it failed (ConfigError: no)." in html
    study.run(emb, out, CONFIG)
    html = (out / "report.html").read_text()
    assert "not finished" not in html
    assert "left out:" not in html
    assert set(load_results(out).results) == {"checks", "verify"}


def test_nothing_found_leaves_no_report(
    emb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped("checks", KeyboardInterrupt(), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        study.run(emb, tmp_path / "out", CONFIG)
    assert not (tmp_path / "out" / "report.html").exists()


def test_long_runs_have_a_report_between_studies(
    emb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def build(folder: Path, *, names: bool) -> Path:
        assert not names
        seen.append(set(load_results(folder).results))
        return folder

    monkeypatch.setattr(study, "LONG", 0.0)
    monkeypatch.setattr(study, "build_report", build)
    study.run(emb, tmp_path / "out", CONFIG)
    assert seen == [{"checks"}, {"checks", "verify"}]
