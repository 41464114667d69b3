"""Tables with a row for each pair: which columns name pictures, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from evenface.errors import SourceError
from evenface.faces.delimited import check_names
from evenface.faces.manifest import read_table

PICTURES = (
    ("a", "b"),
    ("sample_id_a", "sample_id_b"),
    ("path_a", "path_b"),
    ("image_a", "image_b"),
    ("file_a", "file_b"),
    ("path1", "path2"),
    ("image1", "image2"),
    ("img1", "img2"),
    ("file1", "file2"),
    ("image_1", "image_2"),
    ("path_1", "path_2"),
    ("p1", "p2"),
    ("first", "second"),
)
"""Columns that name the two pictures, in any case of letters; the first that are there count."""

GENUINE = ("genuine", "same", "is_same", "issame", "mated", "match", "label")
FOLD = ("fold",)
SAID = {
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y", "same", "genuine", "mated"), True),
    **dict.fromkeys(("0", "0.0", "-1", "false", "f", "no", "n"), False),
    **dict.fromkeys(("different", "impostor", "imposter", "non-mated"), False),
}
"""How tables say that a pair is of one person, and that it is of two; in any case of letters."""

SHOWN = 80


def shown(text: object) -> str:
    """Return a text as an error shows it: quoted, and no longer than a line."""
    said = str(text)
    return repr(said if len(said) <= SHOWN else f"{said[: SHOWN - 3]}...")


def read_pair_table(file: Path) -> pl.DataFrame:
    """Read a CSV, TSV or Parquet file with a row for each pair; other columns aren't looked at.

    Returns
    -------
    polars.DataFrame
        As in `Named`; rows are numbered from 1.

    Raises
    ------
    SourceError
        If the file can't be read or has no such columns, and where a row lacks a picture or says
        what nobody knows.
    """
    table = _parquet(file) if file.suffix.lower() == ".parquet" else read_table(file)
    names = wanted(table.columns, file)
    table = table.select(pl.col(name).alias(of) for of, name in names.items())
    odd = [c for c, kind in table.schema.items() if kind.is_nested() or kind == pl.Binary]
    if odd:
        raise SourceError(
            f"{file}: column {names[odd[0]]!r} is of type {table.schema[odd[0]]}; text was expected"
        )
    table = table.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("at"))
    for of in ("a", "b"):
        # Numbers and categories name pictures too; text stays what it is.
        table = table.with_columns(pl.col(of).cast(pl.String))
        bare = table[of].is_null() | (table[of].str.strip_chars() == "")
        _refuse(file, table, bare, f"nothing in column {names[of]!r}; a picture was expected")
    return table.select("at", "a", "b", _genuine(file, table, names), _fold(file, table, names))


def wanted(columns: Sequence[str], file: Path) -> dict[str, str]:
    """Return the columns that hold ``a``, ``b``, ``genuine`` and ``fold``; the last two if there.

    Raises
    ------
    SourceError
        If no two columns name pictures.
    """
    folded = {c.casefold(): c for c in reversed(columns)}
    two = next((p for p in PICTURES if folded.keys() >= set(p)), None)
    if two is None:
        known = ", ".join("/".join(p) for p in PICTURES)
        raise SourceError(
            f"{file}: no two columns that name pictures ({known}); it has "
            f"{', '.join(map(shown, columns[:20])) or 'none'}; rename them"
        )
    found = {"a": folded[two[0]], "b": folded[two[1]]}
    for of, names in (("genuine", GENUINE), ("fold", FOLD)):
        there = [folded[name] for name in names if name in folded]
        if there:
            found[of] = there[0]
    return found


def _parquet(file: Path) -> pl.DataFrame:
    """Read the columns that are wanted; ten million pairs come with scores and labels."""
    try:
        with file.open("rb") as stream:
            columns = list(pl.read_parquet_schema(stream))
            check_names([c.strip() for c in columns], file)
            names = {c.strip(): c for c in columns}
            asked = [names[c] for c in wanted(list(names), file).values()]
            stream.seek(0)
            found = pl.read_parquet(stream, columns=asked)
    except pl.exceptions.PolarsError as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise SourceError(f"{file}: can't be read as a table: {said[0][:200]}") from None
    return found.rename({c: c.strip() for c in found.columns})


def _genuine(file: Path, table: pl.DataFrame, names: dict[str, str]) -> pl.Series:
    if "genuine" not in names:
        return pl.Series("genuine", [None], pl.Boolean).new_from_index(0, table.height)
    said = table["genuine"]
    if said.dtype != pl.Boolean:
        text = said.cast(pl.String).str.strip_chars().str.to_lowercase()
        said = text.replace_strict(SAID, default=None, return_dtype=pl.Boolean)
    _refuse(
        file,
        table,
        said.is_null(),
        f"{{value}} in column {names['genuine']!r}; expected 1 or true for a pair of one person, "
        "0 or false for one of two",
        "genuine",
    )
    return said.alias("genuine")


def _fold(file: Path, table: pl.DataFrame, names: dict[str, str]) -> pl.Series:
    """Number the folds in order, as numbers where all are."""
    if "fold" not in names:
        return pl.Series("fold", [-1], pl.Int64).new_from_index(0, table.height)
    text = table["fold"].cast(pl.String).str.strip_chars()
    bare = text.is_null() | (text == "")
    _refuse(file, table, bare, f"nothing in column {names['fold']!r}; a fold was expected")
    number = text.cast(pl.Float64, strict=False)
    order = text if number.is_null().any() else number
    return (order.rank("dense").cast(pl.Int64) - 1).alias("fold")


def _refuse(
    file: Path,
    table: pl.DataFrame,
    wrong: pl.Series,
    what: str,
    column: str = "",
) -> None:
    """Raise what is wrong with the first row that is, and in how many."""
    if not wrong.any():
        return
    first = int(wrong.arg_true()[0])
    if column:
        value = table[column][first]
        what = what.format(value="nothing" if value is None else shown(value))
    raise SourceError(
        f"{file}, row {table['at'][first]} below the header: {what}; such rows in all: "
        f"{wrong.sum()}"
    )
