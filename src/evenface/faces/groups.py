"""Demographic groups: which columns make them, and which one an identity belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import polars as pl

from evenface.errors import SelectionError, SourceError

GROUP_BY = ("gender", "ethnicity")
"""Attributes whose combinations are the demographic groups, where a table has them."""

JOINT = " · "

ALIKE = 0.75
"""How alike a column's name is to an attribute's, from 0 to 1, for it to be a likely slip."""

EVERYBODY = "all"
"""What results call everybody."""


def grouping(attributes: Sequence[str], by: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the attributes that make the groups.

    Parameters
    ----------
    attributes : sequence of str
        What the table has.
    by : sequence of str, optional
        What was asked for; ``gender`` and ``ethnicity``, where present, if nothing was.

    Raises
    ------
    SourceError
        If an attribute that was asked for is not there, or there is none to group by.
    """
    if by is None:
        found = tuple(name for name in GROUP_BY if name in attributes)
        if not found:
            have = ", ".join(attributes) or "none"
            raise SourceError(
                f"no gender and no ethnicity recorded (attributes: {have}); add one of these "
                "columns, or say which attributes make the groups with --group-by"
            )
        return found
    missing = [name for name in by if name not in attributes]
    if missing:
        raise SourceError(
            f"no attribute named {', '.join(missing)}; there are: {', '.join(attributes) or 'none'}"
        )
    return tuple(dict.fromkeys(by))


def lacking(attributes: Sequence[str]) -> dict[str, str]:
    """Say of each of `GROUP_BY` that a table lacks what the groups are without it.

    Parameters
    ----------
    attributes : sequence of str
        What the table has; nothing is said where it has none of `GROUP_BY`.

    Returns
    -------
    dict of str to str
        A sentence for each that isn't there, with the column that may be it, misspelt.
    """
    there = [name for name in GROUP_BY if name in attributes]
    if not there:
        return {}
    others = {a.strip().casefold(): a for a in attributes if a not in GROUP_BY}
    said = {}
    for name in GROUP_BY:
        if name in there:
            continue
        close = get_close_matches(name, others, n=1, cutoff=ALIKE)
        like = f"; there is a column {others[close[0]]!r}: did you mean it?" if close else "."
        said[name] = f"No column {name}: groups are by {' and '.join(there)} alone{like}"
    return said


def group_labels(frame: pl.DataFrame, by: Sequence[str]) -> pl.Series:
    """Return each row's group, ``"male · Asian"``; null where any part of it is unknown.

    A label that could be taken for two, or for everybody, stands in quotes.
    """
    several = len(by) > 1
    parts = [
        pl.when(several & pl.col(c).str.contains(JOINT, literal=True))
        .then(_quoted(c))
        .otherwise(pl.col(c))
        for c in by
    ]
    made = frame.select(pl.concat_str(parts, separator=JOINT, ignore_nulls=False).alias("group"))
    everybody = pl.col("group") == EVERYBODY
    return made.select(
        pl.when(everybody).then(_quoted("group")).otherwise(pl.col("group")).alias("group")
    ).to_series()


def _quoted(column: str) -> pl.Expr:
    return pl.concat_str(pl.lit("\u201c"), pl.col(column), pl.lit("\u201d"))


def require_groups(frame: pl.DataFrame, by: Sequence[str]) -> None:
    """Refuse a table in which there is nothing to compare.

    Raises
    ------
    SelectionError
        If its rows are all of one group, or of none that is known.
    """
    groups = group_labels(frame, by).drop_nulls().unique().to_list()
    if len(groups) < 2:
        found = f"one group, {groups[0]!r}" if groups else "unknown group"
        raise SelectionError(
            f"all pictures are of {found}; studies compare groups (made by {', '.join(by)}): at "
            "least two are needed"
        )


def identity_groups(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return one row an identity: ``identity``, ``group``.

    An identity that a dataset put into several groups stands in the one that most of its
    pictures carry, the alphabetically first if they tie; one without a label has none.
    """
    return (
        frame.select("identity", group_labels(frame, by))
        .drop_nulls("group")
        .group_by("identity", "group")
        .len()
        .sort(["identity", "len", "group"], descending=[False, True, False])
        .group_by("identity", maintain_order=True)
        .first()
        .select("identity", "group")
    )
