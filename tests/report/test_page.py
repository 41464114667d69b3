from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from evenface.errors import StoreError
from evenface.report.drawn import NOTE
from evenface.report.page import build_report, fit_script, held
from evenface.studies.result import Result

Save = Callable[..., Path]


def text_of(page: Path) -> str:
    """The page without its scripts, images and style."""
    html = page.read_text(encoding="utf-8")
    html = re.sub(r"(?s)<(script|style)\b.*?</\1>", "", html)
    return re.sub(r'src="data:[^"]*"', "", html)


def test_same_results_give_the_same_bytes(
    save: Save, plain: dict[str, Result], tmp_path: Path
) -> None:
    folder = save(plain, tmp_path, "probe")
    first = build_report(folder).read_bytes()
    svg = (folder / "figures/probe.svg").read_bytes()
    # Without its note everything is drawn anew.
    (folder / "figures" / NOTE).unlink()
    assert build_report(folder).read_bytes() == first
    assert (folder / "figures/probe.svg").read_bytes() == svg
    assert not list(folder.glob("*.tmp"))


@pytest.mark.parametrize("study", ["checks", "map", "probe", "transfer"])
def test_one_study_alone_makes_a_page(
    save: Save, plain: dict[str, Result], tmp_path: Path, study: str
) -> None:
    page = build_report(save(plain, tmp_path, study))
    text = text_of(page)
    others = {"checks", "map", "probe", "transfer"} - {study}
    assert f'<h2 id="{study}">' in text
    assert not any(f'<h2 id="{o}">' in text for o in others)
    assert ("evenface.Scatter" in page.read_text(encoding="utf-8")) == (study == "map")


def test_no_result_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="run a study first"):
        build_report(tmp_path)


def test_a_damaged_result_is_a_clear_error(
    save: Save, plain: dict[str, Result], tmp_path: Path
) -> None:
    folder = save(plain, tmp_path, "probe")
    file = folder / "results/probe.json"
    saved = json.loads(file.read_text(encoding="utf-8"))
    del saved["tables"]
    file.write_text(json.dumps(saved), encoding="utf-8")
    with pytest.raises(StoreError, match="run the study again"):
        build_report(folder)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("spaced", [True, False])
def test_a_number_that_somebody_changed_is_noticed(
    save: Save, plain: dict[str, Result], tmp_path: Path, spaced: bool
) -> None:
    folder = save(plain, tmp_path, "probe")
    build_report(folder)
    file = folder / "results/probe.json"
    text = file.read_text(encoding="utf-8")
    saved = json.loads(text)
    value = saved["numbers"][0]["value"]
    changed = text.replace(f'"value": {value}', '"value": 0.123', 1)
    assert changed != text
    if spaced:
        changed = json.dumps(json.loads(changed), indent=1)
    file.write_text(changed, encoding="utf-8")
    with pytest.raises(StoreError, match=r"probe\.json: damaged or edited.*run the study again"):
        build_report(folder)
    # An older version's has no seal.
    del saved["seal"]
    file.write_text(json.dumps(saved), encoding="utf-8")
    assert build_report(folder).is_file()


def test_a_result_under_another_name_is_refused(
    save: Save, plain: dict[str, Result], tmp_path: Path
) -> None:
    folder = save(plain, tmp_path, "probe")
    (folder / "results/probe.json").rename(folder / "results/map.json")
    with pytest.raises(StoreError, match="not this study"):
        build_report(folder)


def test_unknown_studies_are_skipped_and_named(
    save: Save, plain: dict[str, Result], tmp_path: Path
) -> None:
    folder = save(plain, tmp_path, "probe")
    (folder / "results/horoscope.json").write_text("{}", encoding="utf-8")
    assert "results/horoscope.json is of no study" in text_of(build_report(folder))


def test_page_names_doubts_counts_and_sentences(plain: dict[str, Result], plain_page: Path) -> None:
    text = text_of(plain_page)
    assert "The model&#39;s input was assumed" in text
    assert "Faces were not aligned" in text
    assert "small wants aligned faces &lt;!&gt;" in text
    assert "3 files are &lt;junk&gt;." in text
    assert plain["probe"].context["splits"]["fingerprint"] in text
    for result in plain.values():
        assert all(held(s).split("[")[0].replace("'", "&#39;") in text for s in result.reading())
    assert "Synthetic" not in text


def test_paths_and_identities_are_shown_only_on_request(
    plain_page: Path, hostile_page: Path
) -> None:
    without = plain_page.read_text(encoding="utf-8")
    assert "secret/a" not in without
    assert "person &lt;" not in without
    assert "Which pictures, under which identities" not in without
    assert "folder/" not in without
    named = hostile_page.read_text(encoding="utf-8")
    assert "secret/a" in named
    assert "Which pictures, under which identities (1)" in named
    person, path = "&lt;script&gt;window.__pwned=3&lt;/script&gt;", "&lt;b&gt;path&lt;/b&gt;/1.png"
    assert named.count(f"<bdi>{person}</bdi>: <bdi>{path}</bdi>") == 2
    assert r"\u003cb\u003epath\u003c/b\u003e/1.png" in named


def test_synthetic_faces_are_named_as_such_everywhere(hostile_page: Path) -> None:
    text = text_of(hostile_page)
    assert text.count('<span class="badge">Synthetic faces</span>') == text.count("<h2 ")
    assert text.count('class="running"') == 1
    captions = re.findall(r"(?s)<figcaption>(.*?)</figcaption>", text)
    assert captions
    assert all("Synthetic faces." in c for c in captions)
    svg = (hostile_page.parent / "figures/probe.svg").read_text(encoding="utf-8")
    assert "Synthetic faces" in svg


def test_nothing_outside_is_referred_to(hostile_page: Path) -> None:
    html = hostile_page.read_text(encoding="utf-8")
    body = re.sub(r"(?s)<script\b.*?</script>", "", html)
    for address in re.findall(r'(?:src|href)="([^"]*)"', body):
        assert re.match(r"data:|#|figures/|results/|study\.toml", address), address
    assert html.count("evenface.Scatter = Scatter") == 1
    assert "default-src 'none'" in html.replace("&#39;", "'")


def test_headings_descend_one_step_at_a_time(plain_page: Path) -> None:
    levels = [int(h) for h in re.findall(r"<h([1-6])", text_of(plain_page))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


class Balance(HTMLParser):
    """Open elements, to see that each is closed by its own end."""

    EMPTY = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_hostile_labels_leave_the_markup_whole(hostile_page: Path) -> None:
    parser = Balance()
    parser.feed(hostile_page.read_text(encoding="utf-8"))
    assert parser.open == []


def test_every_number_has_interval_and_basis_or_a_reason(
    save: Save, plain: dict[str, Result], tmp_path: Path
) -> None:
    why = "not computed: only 1 identity"
    nothing = [pl.lit(None, pl.Float64).alias(c) for c in ("value", "low", "high")]
    numbers = plain["transfer"].numbers.with_columns(*nothing, pl.lit(why).alias("method"))
    folder = save({"transfer": replace(plain["transfer"], numbers=numbers)}, tmp_path)
    text = text_of(build_report(folder))
    assert why in text
    assert "None" not in text
    assert "nan" not in text


def test_numbers_stand_beside_their_intervals(plain: dict[str, Result], plain_page: Path) -> None:
    text = text_of(plain_page)
    row = plain["probe"].where(metric="accuracy", target="gender", probe="linear", group="all")
    got = row.row(0, named=True)
    assert f"{got['value']:.3f}</span>" in text
    assert f"[{got['low']:.3f}, {got['high']:.3f}]" in text
    assert f"{got['n']} / {got['n_identities']}" in text


def test_a_script_cannot_end_its_element() -> None:
    assert fit_script('a="</script>"\r\nb="</SCRIPT"; c="<!--"') == (
        'a="<\\/script>"\nb="<\\/SCRIPT"; c="<\\!--"'
    )
