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
        ['\'=1+1, "x"', "0.94 [0.91, 0.96]", "-0.5 \u00b7 a_b\\c"],
        ["'-cmd", "+0.17 [+0.11, +0.24]", "< 0.01 %"],
    ]


def test_markdown_keeps_its_columns(made: Callable[[str], str]) -> None:
    lines = made("Markdown").splitlines()
    assert lines[0] == "| group | 50 % \\| {rate} |  |"
    assert lines[1] == "| --- | ---: | ---: |"
    assert lines[2] == '| =1+1, "x" | 0.94 [0.91, 0.96] | \u22120.5 \u00b7 a_b\\\\c |'


def test_latex_escapes_what_it_would_read(made: Callable[[str], str]) -> None:
    lines = made("LaTeX").splitlines()
    assert lines[0] == r"\begin{tabular}{lrr}"
    assert lines[2] == r"group & 50 \% | \{rate\} &  \\"
    assert lines[4].endswith(r"$-$0.5 $\cdot$ a\_b\textbackslash{}c \\")
    assert lines[5].endswith(r"$<$ 0.01 \% \\")
    assert lines[-1] == r"\end{tabular}"


def test_every_table_is_copied_from_the_keyboard(visit: Go, plain_page: Path) -> None:
    seen = visit(plain_page)
    page = seen.page
    assert page.locator("main table").count() == page.locator(".copy select").count() > 5
    # Neither asked for nor granted: the text is there to be copied by hand, or was copied.
    page.evaluate("() => Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    choice = page.locator(".copy select").first
    choice.focus()
    choice.select_option("CSV")
    area = page.locator(".copy + textarea").first
    assert area.input_value().count("\n") >= 2
    assert "," in area.input_value()
    assert seen.complaints == []
