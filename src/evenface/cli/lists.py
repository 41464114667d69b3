"""Commands that list what is known: ``datasets``."""

from __future__ import annotations

from evenface.cli.console import say


def datasets() -> None:
    """List the datasets that can be read, with licence and source."""
    from evenface.faces.datasets import DATASETS

    for card in DATASETS.values():
        say(card.name)
        for name in ("layout", "labels", "licence", "url", "paper"):
            if getattr(card, name):
                say(f"  {name:<8} {getattr(card, name)}")
