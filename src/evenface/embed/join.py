"""Several embedding folders as one: only where their vectors mean the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from evenface.embed.contract import contract_of, differences
from evenface.embed.embeddings import IMPORTED, ROW_SCHEMA, Embeddings, embeddings_from_arrays
from evenface.embed.folder import write_embeddings
from evenface.embed.store import open_embeddings
from evenface.errors import StoreError

ORIGIN: Final = "dataset"
"""Attribute of a joined folder that says where a row came from."""


def refuse_other_contract(first: Embeddings, other: Embeddings, names: tuple[str, str]) -> None:
    """Raise `StoreError` with every difference, where two sets' vectors can't be compared."""
    here, there = (contract_of(e.card, e.preprocessing) for e in (first, other))
    differs = differences(here, there, names)
    if differs:
        raise StoreError(
            f"{names[0]} and {names[1]} hold vectors of different contracts: {'; '.join(differs)}. "
            "Embed both with the same network, weights and preprocessing"
        )


def join_embeddings(folders: Sequence[str | Path], out: str | Path) -> Embeddings:
    """Write the rows of several embedding folders to a new one.

    Identities of two folders are never taken for one person, even if they bear one name: each
    gets its folder's name in front. The attribute ``dataset`` holds that name.

    Parameters
    ----------
    folders : sequence of path
        At least two finished folders, of different names.
    out : path
        Absent, or an empty folder.

    Returns
    -------
    Embeddings

    Raises
    ------
    StoreError
        Where contracts differ or aren't known, as of imported vectors; two folders have one name,
        or one has an attribute ``dataset`` already.
    """
    places = [Path(folder) for folder in folders]
    names = [place.resolve().name for place in places]
    if len(places) < 2:
        raise StoreError("two embedding folders or more are needed to join them")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise StoreError(
            f"several folders are called {twice[0]!r}, which is what tells their people apart; "
            "rename one"
        )
    parts = [open_embeddings(place) for place in places]
    for place, part in zip(places, parts, strict=True):
        if part.card.get("name") == IMPORTED:
            raise StoreError(
                f"the vectors in {place} were imported, so nothing says which network made them "
                "and how; join the tables first and import them as one"
            )
        refuse_other_contract(parts[0], part, (str(places[0]), str(place)))
        if ORIGIN in part.attributes:
            raise StoreError(f"{place} has an attribute {ORIGIN!r} already; rename it")
    rows = pl.concat(
        [_renamed(part.rows, name) for name, part in zip(names, parts, strict=True)],
        how="diagonal",
    )
    failures = [
        part.failures.with_columns(
            (pl.lit(f"{name}/") + pl.col(c)).alias(c) for c in ("sample_id", "identity")
        )
        for name, part in zip(names, parts, strict=True)
    ]
    first = parts[0]
    made = embeddings_from_arrays(
        np.concatenate([part.vectors for part in parts]),
        rows,
        card=first.card,
        source={
            "layout": f"joined: {', '.join(names)}",
            "fingerprint": "+".join(part.fingerprint for part in parts),
            "synthetic": all(part.synthetic for part in parts),
            "notes": list(_notes(names, parts)),
        },
        failures=pl.concat(failures, how="diagonal").with_columns(
            pl.col("sample_id").str.split("/").list.first().alias(ORIGIN)
        ),
        preprocessing=first.preprocessing,
    )
    return write_embeddings(made, out)


def _renamed(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    attributes = [c for c in rows.columns if c not in ROW_SCHEMA]
    return rows.with_columns(
        *((pl.lit(f"{name}/") + pl.col(c)).alias(c) for c in ("sample_id", "identity")),
        pl.lit(name).alias(ORIGIN),
    ).select(*ROW_SCHEMA, *attributes, ORIGIN)


def _notes(names: Sequence[str], parts: Sequence[Embeddings]) -> Iterator[dict[str, Any]]:
    for name, part in zip(names, parts, strict=True):
        for note in part.source.get("notes") or ():
            yield {**note, "text": f"{name}: {note['text']}"}
