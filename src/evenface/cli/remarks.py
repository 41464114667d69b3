"""What a terminal is told beside a path: the first of what was found, and what to beware of."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenface.studies.result import Result

MOST = 3
"""Sentences that stand before the path of a report, which has them all."""

SAYABLE = ("size", "color", "mean", "scale", "layout", "output")
"""Fields of a network's card that are options too."""


def first_sentences(results: Mapping[str, Result]) -> list[str]:
    """Return the first sentences of one study, or the first of each of several.

    Of several those go first whose findings stand first in a report.
    """
    if len(results) == 1:
        return next(iter(results.values())).reading()[:MOST]
    from evenface.report.findings import ORDER

    ranked = dict.fromkeys([*(name for name, _ in ORDER if name in results), *results])
    said = [results[name].reading()[:1] for name in ranked]
    return [sentence for sentences in said for sentence in sentences][:MOST]


def remark(context: Mapping[str, Any]) -> None:
    """Print, on standard error, what makes every number about these faces doubtful.

    Parameters
    ----------
    context : mapping
        A result's, or a part of one.
    """
    for text in _doubts(context):
        print(f"evenface: note: {text}", file=sys.stderr, flush=True)  # noqa: T201


def _doubts(context: Mapping[str, Any]) -> list[str]:
    from evenface.studies.described import NO_COLUMN

    notes = context.get("notes", ())
    found = [str(n["text"]) for n in notes if str(n["kind"]).startswith(NO_COLUMN)]
    card = context.get("card", {})
    assumed = list(card.get("assumed") or ())
    if assumed:
        values = ", ".join(f"{name} = {card.get(name)}" for name in assumed)
        options = ", ".join(f"--{name}" for name in assumed if name in SAYABLE)
        found.append(
            f"nobody stated how this model wants its pictures; assumed: {values}. Say it in a card "
            f"beside the file (NETWORK.onnx.json){f' or with {options}' if options else ''}, and "
            "embed anew"
        )
    return found
