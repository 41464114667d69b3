"""An eraser of everybody in an embedding folder."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from evenface.embed.store import Store
from evenface.erasers.eraser import Eraser
from evenface.erasers.methods import check_erasers, eraser_of, fit_eraser
from evenface.erasers.rows import codes_of, require_attributes
from evenface.erasers.streaming import store_blocks, stream_leace
from evenface.faces.unrecorded import without_values

STREAMED = "leace"
"""The eraser that needs to see each vector once, and so never all of them."""


def fit_to(
    store: Store,
    attributes: Sequence[str],
    method: str,
    *,
    seed: int = 0,
    missing: Sequence[str] = (),
) -> Eraser:
    """Fit an eraser to all rows whose attributes are recorded.

    LEACE takes them from disk a block at a time, whatever memory there is; others load them.

    Parameters
    ----------
    store : Store
    attributes : sequence of str
        What to take out, all of it together.
    method : str
        A name from `evenface.erasers.methods.ERASERS`.
    seed : int
    missing : sequence of str
        Recorded values that count as none; see `evenface.faces.unrecorded`.

    Raises
    ------
    ConfigError
        If there is no such method.
    VectorError
        If the rows lack an attribute, or it has one value only.
    """
    check_erasers([method])
    require_attributes(store.attributes, attributes)
    rows = without_values(store.rows(["identity", *attributes]), attributes, missing)
    classes = [sorted(rows[a].drop_nulls().unique().to_list()) for a in attributes]
    codes = codes_of(rows, attributes, classes)
    who = rows["identity"].to_list()
    if method != STREAMED:
        return fit_eraser(
            method, store.load().vectors, codes, attributes=attributes, classes=classes,
            identities=who, seed=seed,
        )  # fmt: skip
    known = pl.Series((codes >= 0).all(axis=1))
    maps = stream_leace(store_blocks(store, attributes, classes), [len(c) for c in classes])
    seen = rows["identity"].filter(known).to_list()
    return eraser_of(method, attributes, classes, maps, len(seen), seen)
