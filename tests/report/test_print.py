"""The page on paper: nothing is cut off, nothing stays folded, no control is printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Go = Callable[..., Any]

# A4 less the margins that the page asks for, at 96 pixels an inch.
PAPER = round((210 - 2 * 13) / 25.4 * 96)
OVER = """() => {
  const room = document.querySelector('main').getBoundingClientRect().right + 1;
  return Array.from(document.querySelectorAll('main table, main img, main dl'))
    .filter(e => e.getBoundingClientRect().right > room)
    .map(e => e.className + ' ' + e.innerText.slice(0, 60));
}"""
CONTROLS = ".copy, .controls, .plot-frame, .explorer, .contents, .skip, main button, main select"
FIXED = "f => getComputedStyle(f).breakInside"


@pytest.mark.parametrize("which", ["plain_page", "hostile_page"])
def test_paper_holds_everything_but_controls(
    visit: Go, which: str, request: pytest.FixtureRequest
) -> None:
    seen = visit(request.getfixturevalue(which), width=PAPER, color_scheme="dark")
    page = seen.page
    page.emulate_media(media="print")
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("main details:not([open])").count() == 0
    assert page.evaluate(OVER) == []
    assert [e for e in page.locator(CONTROLS).all() if e.is_visible()] == []
    for summary in page.locator("main summary").all():
        assert summary.is_visible()
    figures = page.locator("main figure").all()
    assert figures
    assert {f.evaluate(FIXED) for f in figures} == {"avoid"}
    # Paper is light, whatever the screen.
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("main details:not([open])").count() > 0
    assert seen.complaints == []


def test_a_pdf_has_pages(visit: Go, plain_page: Path) -> None:
    pdf = visit(plain_page).page.pdf(prefer_css_page_size=True, print_background=True, format="A4")
    assert pdf.startswith(b"%PDF")
    assert 5 < len(re.findall(rb"/Type\s*/Page\b", pdf)) < 60
