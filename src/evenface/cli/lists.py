"""Commands about datasets: ``datasets`` lists them, ``datasets fetch`` gets the open one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from evenface.cli.console import Console, say
from evenface.errors import SourceError

if TYPE_CHECKING:
    from evenface.faces.datasets import DatasetCard

app = App(
    name="datasets",
    help="List the datasets that can be read: layout, labels, licence and source.",
    help_format="plaintext",
)


@app.default
def datasets(name: str | None = None, /) -> None:
    """List the datasets that can be read: layout, labels, licence and source.

    Parameters
    ----------
    name
        Only this one.
    """
    from evenface.faces.datasets import DATASETS

    if name is not None and name not in DATASETS:
        raise SourceError(f"there is no dataset {name!r}; known: {', '.join(DATASETS)}")
    for card in DATASETS.values():
        if name in (None, card.name):
            _show(card)


@app.command
def fetch(name: str, /, *, out: Path | None = None) -> None:
    """Fetch a dataset whose licence is open: `london`, the Face Research Lab London Set.

    What was fetched in part goes on where it was; a file of another size or MD5 than figshare
    states is never kept.

    Parameters
    ----------
    name
        `london`.
    out
        Folder for it. [default: the dataset's name]
    """
    from evenface.faces.datasets import DATASETS
    from evenface.faces.fetch import FETCHED
    from evenface.step import Step

    if name not in FETCHED:
        card = DATASETS.get(name)
        why = (
            f"{name} isn't fetched: {card.licence}. {card.url}" if card else f"no dataset {name!r}"
        )
        raise SourceError(f"{why.strip()}; can be fetched: {', '.join(FETCHED)}")
    with Console() as console:

        def show(file: str, there: int, total: int) -> None:
            console(Step(file, there, max(total, there), f"{there / 1e6:.0f} MB"))

        folder = FETCHED[name](out or Path(name), show)
    say(folder)
    say(f"{DATASETS[name].licence}: {DATASETS[name].paper}, {DATASETS[name].url}")


def _show(card: DatasetCard) -> None:
    say(card.name)
    for name in ("layout", "labels", "licence", "url", "paper"):
        if getattr(card, name):
            say(f"  {name:<8} {getattr(card, name)}")
