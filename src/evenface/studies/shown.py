"""How a result shows itself in a notebook: what was found, and its main numbers."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.studies.described import made_up
from evenface.studies.headline import headline

if TYPE_CHECKING:
    from evenface.studies.result import Result

MOST = 20
"""Numbers that are shown; all of them are in the frame."""


def as_html(result: Result) -> str:
    """Return a result's sentences and its main numbers, each with its interval, as HTML."""
    numbers = main_first(result.study, result.numbers)
    own = [c for c in result.columns if numbers[c].null_count() < numbers.height]
    head = _row(["metric", *own, "value", "interval", "pictures or pairs", "identities"], "th")
    body = [_row(_cells(row, own), "td") for row in numbers.head(MOST).rows(named=True)]
    rest = result.numbers.height - len(body)
    more = f"<p>{rest} more numbers are in <code>.frame()</code>.</p>" if rest > 0 else ""
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in result.reading())
    made = made_up([result.context])
    synthetic = f"<p><b>Synthetic {made}.</b></p>" if made else ""
    return (
        f"<div><h4>{escape(result.study)}</h4>{synthetic}<ul>{said}</ul>"
        f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>{more}</div>"
    )


def main_first(study: str, numbers: pl.DataFrame) -> pl.DataFrame:
    """Return the numbers, those that are meant when nothing more is said before the others."""
    counted = numbers.with_row_index("_place")
    metrics = counted.partition_by("metric", maintain_order=True)
    marked = pl.concat([of.with_columns(_main=headline(study, of)) for of in metrics])
    return marked.sort(~pl.col("_main"), "_place").drop("_main", "_place")


def _cells(row: dict[str, Any], own: Iterable[str]) -> list[str]:
    if row["value"] is None:
        shown = ["", str(row["method"])]
    else:
        shown = [f"{row['value']:.3g}", f"[{row['low']:.3g}, {row['high']:.3g}]"]
    named = [_text(row[c]) for c in own]
    return [str(row["metric"]), *named, *shown, str(row["n"]), str(row["n_identities"])]


def _text(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _row(cells: Iterable[str], kind: str) -> str:
    return "<tr>" + "".join(f"<{kind}>{escape(c)}</{kind}>" for c in cells) + "</tr>"
