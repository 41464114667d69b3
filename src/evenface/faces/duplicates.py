"""Byte-identical pictures: found by hash, counted, and their contradictions listed."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from evenface.faces.table import Note


def duplicate_notes(frame: pl.DataFrame, attributes: Sequence[str]) -> list[Note]:
    """Say what byte-identical pictures there are and where their labels contradict each other.

    Parameters
    ----------
    frame : polars.DataFrame
        With ``sha256``, ``path``, ``identity`` and the attributes.
    attributes : sequence of str

    Returns
    -------
    list of Note
        Kinds ``duplicates``, ``duplicates across identities`` and ``duplicates: <attribute>``.
        Nothing is dropped: copies stay together on one side of every split.
    """
    if "sha256" not in frame.columns:
        return []
    copies = frame.filter(pl.col("sha256").is_not_null() & pl.col("sha256").is_duplicated())
    if not copies.height:
        return []
    # Imported vectors may know a picture's hash but not its path.
    copies = copies.with_columns(pl.col("path").fill_null(pl.col("sample_id")))
    sets = copies["sha256"].n_unique()
    notes = [
        Note.of(
            "duplicates",
            copies["path"].sort().to_list(),
            f"Pictures that are byte-identical copies: {{n}} (of {sets} different ones). Copies "
            "stay together on one side of every split, and identities that share one count as "
            "one person.",
        )
    ]
    for column in ("identity", *attributes):
        differing = (
            copies.group_by("sha256")
            .agg(pl.col(column).drop_nulls().n_unique().alias("n"), pl.col("path").sort())
            .filter(pl.col("n") > 1)
            .sort(pl.col("path").list.first())
        )
        if not differing.height:
            continue
        listed = [" = ".join(paths) for paths in differing["path"].to_list()]
        if column == "identity":
            text = "Pictures that stand under more than one identity, byte for byte the same: {n}."
            notes.append(Note.of("duplicates across identities", listed, text))
        else:
            text = f"Pictures with a copy that has another recorded {column}: {{n}}."
            notes.append(Note.of(f"duplicates: {column}", listed, text))
    return notes
