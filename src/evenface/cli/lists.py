"""Commands that list what is known: ``models``, ``datasets``."""

from __future__ import annotations

from evenface.cli.console import say


def models() -> None:
    """List the networks known by name."""
    from evenface.embed.models.cards import MODELS

    for card in MODELS.values():
        say(f"{card.name:<18} {card.dimension} numbers, input {card.size[0]} x {card.size[1]}")
        say(f"{'':<18} licence: {card.licence or 'unknown'}")
        say(f"{'':<18} {card.paper}")
    say(f"{'onnx:FILE':<18} any ONNX network; FILE.json or options say what input it wants")


def datasets() -> None:
    """List the datasets that can be read, with licence and source."""
    from evenface.faces.datasets import DATASETS

    for card in DATASETS.values():
        say(card.name)
        for name in ("layout", "labels", "licence", "url", "paper"):
            if getattr(card, name):
                say(f"  {name:<8} {getattr(card, name)}")
