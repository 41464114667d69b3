"""What a study says about the data: who was measured, and what is missing from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from evenface.embed.embeddings import Embeddings
from evenface.embed.vector_population import MADE_UP, NAME
from evenface.faces.duplicates import duplicate_notes
from evenface.faces.groups import GROUP_BY, group_labels, lacking
from evenface.faces.table import Note, label_notes
from evenface.faces.unrecorded import taken_as_missing, without_values

LABELS = ("no label", "two labels")
"""Kinds of notes about labels that are said of the rows at hand."""

NO_COLUMN = "no column"
"""How the kind of a note begins that an attribute which groups are made of isn't there."""


def as_asked(embeddings: Embeddings, missing: Sequence[str]) -> Embeddings:
    """Return embeddings without the labels that are asked to count as none; these are counted."""
    if not missing:
        return embeddings
    rows, failures, names = embeddings.rows, embeddings.failures, embeddings.attributes
    read = replace(
        embeddings,
        rows=without_values(rows, names, missing),
        failures=without_values(failures, names, missing),
        # The same embeddings, read otherwise.
        stored_fingerprint=embeddings.fingerprint,
    )
    return noted(read, taken_as_missing(rows, names, missing))


def noted(embeddings: Embeddings, notes: Sequence[Note]) -> Embeddings:
    """Return embeddings whose source has further notes."""
    if not notes:
        return embeddings
    source = dict(embeddings.source)
    source["notes"] = [*source.get("notes", []), *map(_note, notes)]
    return replace(embeddings, source=source)


def describe(
    embeddings: Embeddings, by: Sequence[str], asked: Sequence[str] | None = None
) -> dict[str, Any]:
    """Say what was measured: counts, embedder, source and everything that was left out.

    `asked` are the attributes that groups were asked to be made of, if any were.
    """
    rows = embeddings.rows
    groups = group_labels(rows, by)
    counts = (
        rows.select(groups.fill_null("(unknown)").alias("group"), "identity")
        .group_by("group")
        .agg(pl.len().alias("images"), pl.col("identity").n_unique().alias("identities"))
        .sort("group")
    )
    source = dict(embeddings.source)
    found = [*_label_notes(rows, embeddings.attributes, by, groups.null_count()),
             *duplicate_notes(rows, embeddings.attributes)]  # fmt: skip
    # What was noted of labels was of all faces that were read; these are those studied.
    notes = [n for n in source.get("notes", []) if n["kind"] not in LABELS]
    notes += map(_note, found)
    if asked is None:
        for name, text in lacking(embeddings.attributes).items():
            notes.append(_note(Note(f"{NO_COLUMN} {name}", len(embeddings), text)))
    failures = embeddings.failures.group_by("stage", "reason").len().sort("len", descending=True)
    return {
        "rows": len(embeddings),
        "identities": rows["identity"].n_unique(),
        "dimension": embeddings.dimension,
        "embedding_fingerprint": embeddings.fingerprint,
        "synthetic": embeddings.synthetic,
        "layout": source.get("layout", "unknown"),
        "source_fingerprint": source.get("fingerprint", ""),
        "group_by": list(by),
        "groups": counts.rows(named=True),
        "card": dict(embeddings.card),
        "preprocessing": dict(embeddings.preprocessing),
        "notes": notes,
        "failures": embeddings.failures.height,
        "failure_reasons": failures.head(20).rows(named=True),
    }


def made_up(contexts: Sequence[Mapping[str, Any]]) -> str:
    """Return what nobody real stands behind: ``faces``, ``vectors`` without any, or nothing."""
    synthetic = [c for c in contexts if c.get("synthetic")]
    if not synthetic:
        return ""
    # Folders that were joined have another layout, vectors that were changed another network.
    drawn = [c.get("layout") == MADE_UP or c.get("card", {}).get("name") == NAME for c in synthetic]
    return "vectors" if all(drawn) else "faces"


def _label_notes(
    rows: pl.DataFrame, attributes: Sequence[str], by: Sequence[str], without: int
) -> list[Note]:
    steady = dict.fromkeys([*by, *(a for a in GROUP_BY if a in attributes)])
    notes = label_notes(rows, attributes, tuple(steady))
    if len(by) > 1 and without:
        text = (
            f"Pictures that belong to no group, as {' or '.join(by)} isn't recorded: {without}. "
            "Each counts where what is recorded of it is asked about alone."
        )
        notes.append(Note("no group", without, text))
    return notes


def _note(note: Any) -> dict[str, Any]:
    return {**note.__dict__, "examples": list(note.examples)}
