"""Commands about networks: ``models`` lists them, ``models fetch`` gets their weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cyclopts import App

from evenface.cli.console import Console, say
from evenface.errors import ModelError

if TYPE_CHECKING:
    from evenface.embed.models.cards import ModelCard, WeightFile

app = App(
    name="models",
    help="List the networks known by name: licence, input, weights and where they are.",
    help_format="plaintext",
)


@app.default
def models(name: str | None = None, /) -> None:
    """List the networks known by name: licence, input, weights and where they are.

    Parameters
    ----------
    name
        Only this one.
    """
    from evenface.embed.models.catalogue import MODELS

    if name is not None and name not in MODELS:
        raise ModelError(f"there is no model {name!r}; known: {', '.join(MODELS)}")
    for card in MODELS.values():
        if name in (None, card.name):
            for line in _lines(card):
                say(line)
    if name is None:
        say("onnx:FILE")
        say("  any ONNX network; FILE.json or options say what input it wants")


@app.command
def fetch(*names: str) -> None:
    """Fetch the weights of networks, or `yunet`, the face detector.

    What was fetched in part goes on where it was; a file with another hash than a public source
    states is never kept.

    Parameters
    ----------
    names
        Names from `evenface models`, or `yunet`.
    """
    from evenface.embed.models.catalogue import MODELS, YUNET
    from evenface.embed.models.fetch import fetch_any, fetch_model
    from evenface.step import Step

    unknown = [n for n in names if n not in MODELS and n != "yunet"]
    if unknown or not names:
        said = ", ".join(map(repr, unknown)) or "(none given)"
        raise ModelError(f"there is no model {said}; known: {', '.join(MODELS)}, yunet")
    for name in names:
        with Console() as console:

            def show(there: int, total: int, name: str = name) -> None:
                console(Step(name, there, max(total, there), f"{there / 1e6:.0f} MB"))

            path = fetch_any(YUNET, show) if name == "yunet" else fetch_model(MODELS[name], show)
        say(path)


def _lines(card: ModelCard) -> Iterator[str]:
    use = {True: "yes", False: "no", None: "not stated"}[card.commercial_use]
    where = {"arcface5": "warped to five points", "none": "the picture"}.get(card.alignment, "")
    if card.box is not None:
        where = f"{card.box[0]:g} times {BOXES[card.box[1]]}"
    yield card.name
    yield f"  numbers     {card.dimension} ({_layers(card)})"
    yield f"  crop        {card.size[0]} x {card.size[1]}, {where}"
    yield f"  pixels      {card.color}, mean {_numbers(card.mean)}, scale {_numbers(card.scale)}"
    yield f"  contract    {card.contract}"
    yield f"  licence     {card.licence}"
    yield f"  commercial  {use}"
    yield f"  paper       {card.paper}"
    if card.url:
        yield f"  about       {card.url}"
    if card.accuracy:
        yield f"  published   {card.accuracy}"
    for file in card.files:
        yield from _file_lines(file)
    yield ""


def _layers(card: ModelCard) -> str:
    """Return the outputs that can be asked for, the card's first."""
    from evenface.embed.models.catalogue import LAYERS

    others = [f"{n}: {d}" for n, d in LAYERS.get(card.architecture, {}).items() if n != card.output]
    if not others:
        return card.output or "its only output"
    return f"{card.output}; --layer {', '.join(others)}"


def _numbers(value: object) -> str:
    found = value if isinstance(value, tuple) else (value,)
    return ", ".join(f"{v:.7g}" if isinstance(v, int | float) else str(v) for v in found)


def _file_lines(file: WeightFile) -> Iterator[str]:
    from evenface.embed.models.place import pinned, present

    there = present(file)
    yield f"  weights     {file.name}{f', {file.size} bytes' if file.size else ''}{_part(file)}"
    yield f"    from      {file.url or file.page}"
    own = pinned(file)
    yield f"    sha256    {file.sha256 or (f'{own} (pinned here)' if own else UNPINNED)}"
    yield f"    here      {there if there else 'no'}"


def _part(file: WeightFile) -> str:
    return "" if file.top else ", without the last layers"


BOXES = {
    "short": "the detected box's shorter side, a square",
    "mean": "the mean of the detected box's sides, a square",
    "each": "the detected box, stretched to a square",
}

UNPINNED = "stated by no public source; pinned when first used"
