"""Erasers of embedding folders: fitted to their people, applied to their vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenface.embed.embeddings import Embeddings
from evenface.embed.folder import write_pieces
from evenface.embed.parts import refuse_damaged, row_schema
from evenface.embed.store import Store
from evenface.embed.where import Where
from evenface.erasers.eraser import Eraser
from evenface.erasers.methods import ERASERS, check_erasers, eraser_of, fit_eraser
from evenface.erasers.rows import codes_of, labelled, require_attributes
from evenface.erasers.saved import apply_eraser
from evenface.erasers.streaming import differing, store_blocks
from evenface.errors import ConfigError
from evenface.faces.split import frame_persons
from evenface.faces.unrecorded import without_values

PART = 1024
"""Rows of a part that is written."""


def fit_to(
    store: Store,
    attributes: Sequence[str],
    method: str,
    *,
    share: float = 1.0,
    seed: int = 0,
    missing: Sequence[str] = (),
) -> Eraser:
    """Fit an eraser to all rows whose attributes are recorded, or to those of some people.

    Erasers that see each vector once take them from disk a block at a time, whatever memory there
    is; INLP and the adversarial map load them.

    Parameters
    ----------
    store : Store
    attributes : sequence of str
        What to take out, all of it together.
    method : str
        A name from `evenface.erasers.methods.ERASERS`.
    share : float
        Of the people, in (0, 1]; those who are left can be judged on what the eraser changes.
    seed : int
        Of who is drawn, and of the adversarial map.
    missing : sequence of str
        Recorded values that count as none; see `evenface.faces.unrecorded`.

    Raises
    ------
    ConfigError
        If there is no such method, a share is outside (0, 1] or a seed below 0.
    StoreError
        If a part of the folder is damaged.
    VectorError
        If the rows lack an attribute, it has one value only, fewer than two rows have all of
        them, or these rows' vectors are all the same or not finite.
    """
    check_erasers([method])
    if not 0 < share <= 1:
        raise ConfigError(f"a share of the people lies above 0 and up to 1, not at {share:g}")
    if seed < 0:
        raise ConfigError(f"a seed is a whole number of at least 0, not {seed}")
    require_attributes(store.attributes, attributes)
    where = None if share == 1 else _some(store, share, seed)
    columns = ["identity", *dict.fromkeys(attributes)]
    rows = without_values(store.rows(columns, where), attributes, missing)
    classes = [sorted(rows[a].drop_nulls().unique().to_list()) for a in attributes]
    codes = codes_of(rows, attributes, classes)
    who = rows["identity"].to_list()
    stream = ERASERS[method].stream
    if stream is None:
        return fit_eraser(
            method, store.load(where).vectors, codes, attributes=attributes, classes=classes,
            identities=who, seed=seed,
        )  # fmt: skip
    sizes = [len(c) for c in classes]
    # Before the first vector is read.
    _refuse_damaged(store)
    known = labelled(codes, sizes, attributes)
    maps = stream(differing(store_blocks(store, attributes, classes, where)), sizes)
    seen = [name for name, k in zip(who, known, strict=True) if k]
    return eraser_of(method, attributes, classes, maps, len(seen), seen)


def _some(store: Store, share: float, seed: int) -> Where:
    """Choose a share of the people, by all the identities that each has."""
    rows = store.rows(["identity", "sha256"])
    person = frame_persons(rows)
    count = int(person.max(initial=-1)) + 1
    drawn = np.random.default_rng(seed).permutation(count)[: max(round(share * count), 1)]
    chosen = rows["identity"].filter(pl.Series(np.isin(person, drawn))).unique()
    return {"identity": chosen.to_list()}


def apply_to(
    store: Store, eraser: Eraser, out: str | Path, *, card: dict[str, Any] | None = None
) -> None:
    """Write a new folder with a folder's vectors changed by an eraser, a part at a time.

    Parameters
    ----------
    store : Store
    eraser : Eraser
    out : path
        Absent, or an empty folder.
    card : dict, optional
        The eraser's, as of `apply_eraser`.

    Raises
    ------
    StoreError
        If `out` is in use, or a part of the folder is damaged.
    VectorError
        As of `apply_eraser`.
    """
    _refuse_damaged(store)
    changed = (apply_eraser(eraser, piece, card=card) for piece in _pieces(store))
    write_pieces(changed, out, len(store), part_rows=PART, dtype="float32")


def _refuse_damaged(store: Store) -> None:
    for part in store.parts:
        refuse_damaged(store.folder, part)


def _pieces(store: Store) -> Iterator[Embeddings]:
    if not len(store):
        yield store.load()
        return
    manifest, failures = store.manifest, store.failures()
    for batch in store.batches(PART, columns=tuple(row_schema(manifest))):
        yield Embeddings(
            batch.rows, batch.vectors, manifest["model"], manifest["source"], failures,
            manifest["preprocessing"],
        )  # fmt: skip
