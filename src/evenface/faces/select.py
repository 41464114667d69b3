"""Choosing n identities a group and k images an identity, whatever order a disk lists them in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl

from evenface.errors import ConfigError, SelectionError
from evenface.faces.groups import grouping, identity_groups
from evenface.faces.table import RESERVED, Faces, Note
from evenface.faces.unrecorded import without_values


def shuffled_key(seed: int, name: str) -> bytes:
    """Return a key that sorts names in an order that only `seed` and the names decide."""
    return hashlib.sha256(f"{seed}\x1f{name}".encode("utf-8", "surrogateescape")).digest()


def select_rows(
    frame: pl.DataFrame,
    *,
    per_group: int | None = None,
    images: int | None = None,
    offset: int = 0,
    seed: int = 0,
    by: Sequence[str] | None = None,
    missing: Sequence[str] = (),
) -> pl.DataFrame:
    """Choose rows: `per_group` identities of every group, `images` pictures of each.

    Parameters
    ----------
    frame : polars.DataFrame
        With ``sample_id``, ``identity`` and attributes.
    per_group : int, optional
        Identities a group, at least 1; all of them if None.
    images : int, optional
        Pictures an identity at most, at least 1; all of them if None.
    offset : int
        Identities of each group, in the seed's order, to pass over first.
    seed : int
        Another seed, another choice. The first n identities are also among the first n + 1.
    by : sequence of str, optional
        Attributes that make the groups.
    missing : sequence of str
        Recorded values that count as none; see `evenface.faces.unrecorded`.

    Returns
    -------
    polars.DataFrame
        The chosen rows, in the order they had. With `per_group`, rows of unknown group go.

    Raises
    ------
    SelectionError
        If a group has fewer than ``offset + per_group`` identities; every such group is named.
    """
    for name, value, least in (
        ("per_group", per_group, 1), ("images", images, 1), ("offset", offset, 0)
    ):  # fmt: skip
        if value is not None and value < least:
            raise ConfigError(f"{name} is {value}; it must be {least} or more")
    if offset and per_group is None:
        raise ConfigError("offset passes over identities before per_group are taken; give both")
    chosen = frame
    if per_group is not None:
        attributes = [c for c in frame.columns if c not in RESERVED]
        known = without_values(frame, attributes, missing)
        keep = _identities(known, grouping(attributes, by), per_group, offset, seed)
        chosen = chosen.filter(pl.col("identity").is_in(keep))
    if images is not None:
        chosen = _pictures(chosen, images, seed)
    return chosen


def _identities(
    frame: pl.DataFrame, by: tuple[str, ...], per_group: int, offset: int, seed: int
) -> list[str]:
    members = identity_groups(frame, by)
    groups = {str(g): m["identity"].to_list() for (g,), m in members.group_by("group")}
    short = {g: len(m) for g, m in groups.items() if len(m) < offset + per_group}
    if short:
        counts = ", ".join(f"{g}: {n}" for g, n in sorted(short.items()))
        raise SelectionError(
            f"{per_group} identities a group (after {offset}) were asked for, but there are "
            f"fewer in {counts}; ask for {max(min(short.values()) - offset, 0)} or fewer"
        )
    if not groups:
        raise SelectionError(f"no picture has a recorded {' and '.join(by)}")
    keep: list[str] = []
    for people in groups.values():
        ordered = sorted(people, key=lambda name: shuffled_key(seed, name))
        keep += ordered[offset : offset + per_group]
    return keep


def _pictures(frame: pl.DataFrame, images: int, seed: int) -> pl.DataFrame:
    order = [shuffled_key(seed, s) for s in frame["sample_id"].to_list()]
    return (
        frame.with_row_index("_row")
        .with_columns(pl.Series("_order", order, dtype=pl.Binary))
        .sort("identity", "_order")
        .group_by("identity", maintain_order=True)
        .head(images)
        .sort("_row")
        .drop("_row", "_order")
    )


def select_faces(
    faces: Faces,
    *,
    per_group: int | None = None,
    images: int | None = None,
    offset: int = 0,
    seed: int = 0,
    by: Sequence[str] | None = None,
    missing: Sequence[str] = (),
) -> Faces:
    """Choose pictures before they are embedded: `per_group` identities of every group.

    Parameters
    ----------
    faces : Faces
    per_group : int, optional
        Identities a group, at least 1; all of them if None.
    images : int, optional
        Pictures an identity at most, at least 1; all of them if None.
    offset : int
        Identities of each group, in the seed's order, to pass over first.
    seed : int
        Another seed, another choice. The first n identities are also among the first n + 1.
    by : sequence of str, optional
        Attributes that make the groups.
    missing : sequence of str
        Recorded values that count as none; see `evenface.faces.unrecorded`.

    Returns
    -------
    Faces
        In the order they had, with a note about those left out.

    Raises
    ------
    ConfigError
        If a number is below its least, or `offset` is given without `per_group`.
    SelectionError
        If a group has fewer than ``offset + per_group`` identities; every such group is named.
    """
    chosen = select_rows(
        faces.frame, per_group=per_group, images=images, offset=offset, seed=seed, by=by,
        missing=missing,
    )  # fmt: skip
    left = len(faces) - chosen.height
    if not left:
        return faces
    note = Note("not selected", left, f"Pictures left out by the selection asked for: {left}.")
    return faces.with_frame(chosen, note)
