"""What a reader leaves out or notices, counted by kind while it goes through a source."""

from __future__ import annotations

from collections import Counter

from evenface.faces.table import EXAMPLES, Note

TEXTS = {
    "junk": "System files (._*, Thumbs.db) left out: {n}.",
    "not a picture": "Files left out, no picture where one is expected or of unreadable name: {n}.",
    "closed folder": "Folders left out because they can't be opened: {n}.",
    "malformed name": "Pictures left out because their name isn't of the dataset's form: {n}.",
    "listed twice": "Lines that list a picture a second time (the first counts): {n}.",
    "missing folder": "Pictures of the list left out because their whole folder is missing: {n}.",
    "no labels": "Pictures that the dataset's list of labels doesn't name: {n}.",
    "missing person": "People of the dataset's lists without a folder of pictures: {n}.",
    "no identities": "The dataset doesn't say who is on its pictures: each of {n} counts as a "
    "person of its own.",
    "spreadsheet dates": "Ages that a spreadsheet had made dates of, read as the ages they were: "
    "{n}.",
    "scores disagree": "Identities with scores on both sides of 0 for a label; their mean decides: "
    "{n}.",
    "classes": "Folders read as classes, each picture as a person of its own: {n}. If they are "
    "people, write a manifest.",
}
"""Kinds, in the order in which they are said, and their sentences."""


class Noticed:
    """Counts of what was noticed, with the first examples of each kind."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, kind: str, *examples: str, count: int = 1) -> None:
        """Count something of a kind that `TEXTS` knows; a path or identity is an example."""
        self._counts[kind] += count
        kept = self._examples.setdefault(kind, [])
        kept += examples[: EXAMPLES - len(kept)]

    def notes(self) -> tuple[Note, ...]:
        """Return a note for each kind that was noticed."""
        return tuple(
            Note(kind, n, text.format(n=n), tuple(self._examples[kind]))
            for kind, text in TEXTS.items()
            if (n := self._counts[kind])
        )
