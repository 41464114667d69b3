"""Tables of the page copied as text, in a browser."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Go = Callable[..., Any]

TABLE = r"""() => {
  document.querySelector('main').insertAdjacentHTML('beforeend', `<table id="made"><thead><tr>
    <th>group</th><th colspan="2">50 % | {rate}</th></tr></thead><tbody>
    <tr><th>=1+1, "x"</th><td><span>0.94</span> <span>[0.91, 0.96]</span></td>
    <td>−0.5 · a_b\\c</td></tr>
    <tr><th>-2+cmd|x</th><td>-0.94 †</td><td>-2+3</td></tr>
    <tr><th>-cmd</th><td>+0.17 [+0.11, +0.24]</td><td>&lt; 0.01 %</td></tr></tbody></table>`);
}"""


@pytest.fixture
def made(visit: Go, plain_page: Path) -> Callable[[str], str]:
    page = visit(plain_page).page
    page.evaluate(TABLE)

    def text(form: str) -> str:
        return str(page.evaluate("f => evenface.tableAs(document.getElementById('made'), f)", form))

    return text


def test_csv_reads_back_and_computes_nothing(made: Callable[[str], str]) -> None:
    rows = list(csv.reader(io.StringIO(made("CSV"))))
    assert rows == [
        ["group", "50 % | {rate}", ""],
        ['\'=1+1, "x"', "0.94 [0.91, 0.96]", "'-0.5 \u00b7 a_b\\c"],
        ["'-2+cmd|x", "-0.94 †", "'-2+3"],
        ["'-cmd", "+0.17 [+0.11, +0.24]", "< 0.01 %"],
    ]


def test_markdown_keeps_its_columns(made: Callable[[str], str]) -> None:
    lines = made("Markdown").splitlines()
    assert lines[0] == "| group | 50 % \\| {rate} |  |"
    assert lines[1] == "| --- | ---: | ---: |"
    assert lines[2] == '| =1+1, "x" | 0.94 [0.91, 0.96] | \u22120.5 \u00b7 a\\_b\\\\c |'
    assert lines[-1].endswith("| \\< 0.01 % |")


def test_latex_escapes_what_it_would_read(made: Callable[[str], str]) -> None:
    lines = made("LaTeX").splitlines()
    assert lines[0] == r"\begin{tabular}{lrr}"
    assert lines[2] == r"group & 50 \% | \{rate\} &  \\"
    assert lines[4].endswith(r"$-$0.5 $\cdot$ a\_b\textbackslash{}c \\")
    assert lines[5] == r"-2+cmd|x & -0.94 $\dagger$ & -2+3 \\"
    assert lines[6].endswith(r"$<$ 0.01 \% \\")
    assert lines[-1] == r"\end{tabular}"


NONE = "undefined"
REFUSED = "{writeText: () => Promise.reject(new Error('refused'))}"
GRANTED = "{writeText: t => { window.taken = t; return Promise.resolve(); }}"
CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', {{value: {}}})"


def test_every_table_has_controls(visit: Go, plain_page: Path) -> None:
    page = visit(plain_page).page
    tables = page.locator("main table").count()
    assert tables == page.locator(".copy").count() > 5
    assert page.locator(".copy button").count() == 3 * tables
    assert page.get_by_role("group", name="Copy the table “Groups”").count() == 1


@pytest.mark.parametrize("clipboard", [NONE, REFUSED])
def test_without_a_clipboard_the_text_is_there_to_be_copied(
    visit: Go, plain_page: Path, clipboard: str
) -> None:
    seen = visit(plain_page, init=CLIPBOARD.format(clipboard))
    page = seen.page
    page.locator(".copy button", has_text="CSV").first.focus()
    page.keyboard.press("Enter")
    area = page.locator(".copy + textarea").first
    assert area.input_value().splitlines()[0] == "group,identities,pictures"
    whole = "a => a.selectionEnd - a.selectionStart === a.value.length"
    assert area.evaluate(whole)
    assert area.evaluate("a => a === document.activeElement")
    page.keyboard.press("Tab")
    assert page.locator(".copy + textarea").count() == 0
    assert seen.complaints == []


def test_with_a_clipboard_it_is_copied_and_said(visit: Go, plain_page: Path) -> None:
    seen = visit(plain_page, init=CLIPBOARD.format(GRANTED))
    page = seen.page
    page.locator(".copy button", has_text="LaTeX").first.click()
    page.wait_for_selector(".copy[data-copied=LaTeX]")
    assert page.evaluate("taken").startswith("\\begin{tabular}{lrr}")
    assert page.get_by_role("status", include_hidden=True).last.inner_text() == "copied as LaTeX"
    assert page.locator(".copy + textarea").count() == 0
    assert seen.complaints == []
