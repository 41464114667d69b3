"""Which picture a list means: by id, by path, by the end of a path, with its ending or without.

Names are joined with rows, never looked up one by one.
"""

from __future__ import annotations

import polars as pl

from evenface.faces.files import IMAGE_SUFFIXES

ENDING = rf"(?i)\.({'|'.join(sorted(s[1:] for s in IMAGE_SUFFIXES))})$"
"""Of a picture; what follows the point in ``m.0c7mh2_0001`` is no ending."""


def find_rows(names: pl.Series, rows: pl.DataFrame) -> pl.DataFrame:
    """Look for the rows that names mean.

    In this order, until a name is found: the ``sample_id``; the path; a path of which the name is
    the end (``Ann/1.jpg`` of ``lfw/Ann/1.jpg``), then the same without the ending of a picture on
    either side; a path that is the end of the name (``Ann/1.jpg`` for ``/data/lfw/Ann/1.jpg``),
    where what stands before it is the same for all names found so, or a folder after which the
    picture is called (``Ann/Ann_0001`` for ``Ann_0001.jpg``).

    Parameters
    ----------
    names : polars.Series
        Text, each once.
    rows : polars.DataFrame
        With ``sample_id`` and ``path``.

    Returns
    -------
    polars.DataFrame
        ``name``, ``row`` (null if none or several), ``other`` (another row that it may mean; null
        if there is none), in any order.
    """
    asked = pl.DataFrame({"name": names}).with_columns(pl.col("name").alias("key"))
    there = rows.select(
        pl.col("sample_id", "path").cast(pl.String),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
    )
    found: list[pl.DataFrame] = []
    for column in ("sample_id", "path"):
        keys = there.select(pl.col(column).alias("key"), "row")
        asked = _settle(asked, asked.join(keys, on="key"), found)
    asked = asked.with_columns(_tidy("name"))
    there = there.select(_tidy("path"), "row")
    asked = _by_ends_of_paths(asked, there, found)
    bare = pl.col("key").str.replace(ENDING, "")
    asked, there = asked.with_columns(bare), there.with_columns(bare)
    asked = _by_ends_of_paths(asked, there, found)
    for depth in sorted(_depth(there["key"]).unique().to_list(), reverse=True):
        asked = _settle(asked, _ends_of_names(asked, there, depth), found)
    nobody = pl.lit(None, pl.Int64)
    found.append(asked.select("name", nobody.alias("row"), nobody.alias("other")))
    return pl.concat(found)


def _settle(asked: pl.DataFrame, met: pl.DataFrame, found: list[pl.DataFrame]) -> pl.DataFrame:
    """Add names and rows that met to what is found; return the names that are left."""
    row = pl.col("row")
    last = pl.when(row.max() != row.min()).then(row.max()).alias("other")
    found.append(met.group_by("name").agg(row.min(), last))
    return asked.join(met, on="name", how="anti")


def _by_ends_of_paths(
    asked: pl.DataFrame, there: pl.DataFrame, found: list[pl.DataFrame]
) -> pl.DataFrame:
    depths = _depth(there["key"])
    for depth in _depth(asked["key"]).unique().sort().to_list():
        some = there.filter(depths >= depth)
        if not some.height:
            break
        here = asked.filter(_depth(asked["key"]) == depth)
        met = here.join(some.select(_last(depth), "row"), on="key")
        asked = _settle(asked, met, found)
    return asked


def _ends_of_names(asked: pl.DataFrame, there: pl.DataFrame, depth: int) -> pl.DataFrame:
    """Return names and rows of which the path, of one depth, is the end of the name."""
    before = pl.col("key").str.split("/").list.slice(0, pl.col("depth") - depth).list
    depths = _depth(asked["key"]).cast(pl.Int64).alias("depth")
    longer = asked.with_columns(depths).filter(pl.col("depth") > depth)
    # Polars before 2.1 can't join slices of no list at all.
    if not longer.height:
        return pl.DataFrame(schema={"name": pl.String, "row": pl.Int64})
    met = longer.select(
        "name", before.join("/").alias("before"), before.last().alias("folder"), _last(depth)
    ).join(there.filter(_depth(there["key"]) == depth), on="key")
    called = pl.col("key").str.starts_with(pl.col("folder") + "_")
    if met.filter(~called)["before"].n_unique() > 1:
        met = met.filter(called)
    # Two names of one picture: one of them is another's, and nobody knows which.
    meant = met.group_by("row").agg(pl.col("name").n_unique().alias("names"))
    return met.join(meant.filter(pl.col("names") == 1), on="row").select("name", "row")


def _tidy(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all(r"\\", "/").str.replace(r"^(\./)+", "").alias("key")


def _depth(paths: pl.Series) -> pl.Series:
    return paths.str.count_matches("/", literal=True) + 1


def _last(depth: int) -> pl.Expr:
    return pl.col("key").str.split("/").list.tail(depth).list.join("/").alias("key")
