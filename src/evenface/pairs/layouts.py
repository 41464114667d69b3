"""Files that list pairs of pictures, a table of layouts: what they name, before it is looked for.

LFW's ``pairs.txt`` and ``pairsDevTrain.txt`` (Huang et al. 2007), the lists of Racial Faces in the
Wild (Wang et al. 2019), and tables with a row for each pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from evenface.errors import SourceError
from evenface.faces.delimited import read_lines
from evenface.faces.manifest import SUFFIXES
from evenface.faces.table import Note
from evenface.pairs.tables import read_pair_table, shown

LONGEST = 1000
"""Characters of a line; no two pictures of a list need more."""
FOLDS = 10
LINE = "'name n1 n2' for two pictures of a person, or 'name1 n1 name2 n2' for two of two"


@dataclass(frozen=True)
class Named:
    """Pairs as a file names them.

    Attributes
    ----------
    frame : polars.DataFrame
        ``at`` (line, or row below the header), ``a``, ``b`` (text), ``genuine`` (null where the
        file doesn't say), ``fold`` (from 0; -1 without folds).
    unit : str
        How errors name a place: ``line {at}`` or ``row {at} below the header``.
    notes : tuple of Note
    """

    frame: pl.DataFrame
    unit: str
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A kind of file.

    Attributes
    ----------
    name, about : str
    fits : callable
        Takes the file and the fields of its first lines (none of a table).
    read : callable
    """

    name: str
    about: str
    fits: Callable[[Path, list[list[str]]], bool]
    read: Callable[[Path], Named]


def read_named(file: Path) -> Named:
    """Read what a file lists, in whatever layout of `LAYOUTS` it is.

    Raises
    ------
    SourceError
        If there is no such file, it is in none of the layouts, holds no pair, or a line of it is
        broken.
    """
    try:
        if file.is_dir():
            raise SourceError(f"{file}: is a folder; a list of pairs is a file")
        if not file.is_file():
            raise SourceError(f"{file}: no such file; a list of pairs was expected")
        first = [] if _is_table(file, []) else _first_fields(file)
        for layout in LAYOUTS:
            if layout.fits(file, first):
                named = layout.read(file)
                if not named.frame.height:
                    raise SourceError(f"{file}: holds no pair")
                return named
    except OSError as error:
        raise SourceError(f"{file}: can't be read: {error.strerror or error}") from None
    known = "; ".join(f"{layout.name}: {layout.about}" for layout in LAYOUTS)
    start = f"begins with {shown(' '.join(first[0]))}" if first else "is empty"
    raise SourceError(
        f"{file}: {start} and is no list of pairs that is known ({known}). Save it as a .csv with "
        "columns a, b and genuine"
    )


def _is_table(file: Path, first: list[list[str]]) -> bool:
    del first
    return file.suffix.lower() in SUFFIXES


def _is_lfw(file: Path, first: list[list[str]]) -> bool:
    del file
    return bool(first) and len(first[0]) <= 2 and all(_whole(f) for f in first[0])


def _is_rfw(file: Path, first: list[list[str]]) -> bool:
    del file
    return bool(first) and any(
        len(f) in (3, 4) and _whole(f[1]) and _whole(f[-1]) for f in first
    )  # fmt: skip


def _whole(field: str) -> bool:
    return field.isascii() and field.isdigit() and len(field) <= 6


def _first_fields(file: Path) -> list[list[str]]:
    found = []
    for number, line in read_lines(file):
        _check_length(file, number, line)
        found.append(line.split())
        if len(found) == 5:
            break
    return found


def _check_length(file: Path, number: int, line: str) -> None:
    if len(line) > LONGEST:
        raise SourceError(
            f"{file}, line {number}: {len(line)} characters long, begins with {shown(line)}; "
            f"expected {LINE}"
        )


def _read_lfw(file: Path) -> Named:
    """Read a list that says in its first line how many folds of how many pairs follow."""
    lines = _lines(file)
    header = lines["text"][0].split()
    folds, each = (1, *map(int, header))[-2:]
    rows = _named(file, lines[1:])
    if rows.height != 2 * folds * each:
        raise SourceError(
            f"{file}: the first line, {' '.join(header)!r}, promises {folds} x {each} pairs of "
            f"each kind, {2 * folds * each} lines, but {rows.height} follow; get the file anew"
        )
    place = pl.int_range(pl.len())
    # Without a pair there is no fold to be of.
    expected = (place % (2 * max(each, 1))) < each
    wrong = rows.filter(pl.col("genuine") != expected)
    if wrong.height:
        kind = "one person" if not wrong["genuine"][0] else "two persons"
        raise SourceError(
            f"{file}, line {wrong['at'][0]}: a pair of {kind} was expected: each of {folds} folds "
            f"has {each} pairs of one person, then {each} of two; get the file anew"
        )
    fold = place // (2 * max(each, 1)) if folds > 1 else pl.lit(-1)
    return Named(rows.with_columns(fold.cast(pl.Int64).alias("fold")), "line {at}")


def _read_rfw(file: Path) -> Named:
    """Read a list without a first line that says so; tenths that are alike are folds."""
    rows = _named(file, _lines(file))
    size, rest = divmod(rows.height, FOLDS)
    if size and not rest:
        folded = rows.with_columns((pl.int_range(pl.len()) // size).cast(pl.Int64).alias("fold"))
        counts = folded.group_by("fold").agg(pl.col("genuine").sum())["genuine"]
        if counts.n_unique() == 1 and 0 < counts[0] < size:
            return Named(folded, "line {at}")
    text = "Pairs in no fold, as tenths of the list hold other numbers of each kind: {n}."
    note = Note("no folds", rows.height, text.format(n=rows.height))
    return Named(rows.with_columns(pl.lit(-1, pl.Int64).alias("fold")), "line {at}", (note,))


def _lines(file: Path) -> pl.DataFrame:
    numbers, texts = [], []
    for number, line in read_lines(file):
        _check_length(file, number, line)
        numbers.append(number)
        texts.append(line)
    return pl.DataFrame({"at": numbers, "text": texts}, {"at": pl.Int64, "text": pl.String})


def _named(file: Path, lines: pl.DataFrame) -> pl.DataFrame:
    """Make names of pictures of lines: ``<name>/<name>_<number in four digits>``."""
    tabs = pl.col("text").str.contains("\t", literal=True)
    spaced = pl.col("text").str.replace_all(r"\s+", " ").str.split(" ")
    fields = pl.when(tabs).then(pl.col("text").str.split("\t")).otherwise(spaced)
    split = lines.with_columns(fields.list.eval(pl.element().str.strip_chars()).alias("f"))

    def field(place: int) -> pl.Expr:
        return pl.col("f").list.get(place, null_on_oob=True)

    genuine = pl.col("f").list.len() == 3
    named = split.select(
        "at",
        "text",
        genuine.alias("genuine"),
        field(0).alias("one"),
        pl.when(genuine).then(field(0)).otherwise(field(2)).alias("other"),
        field(1).alias("n"),
        field(-1).alias("m"),
        pl.col("f").list.len().is_in([3, 4]).alias("fits"),
    )
    right = pl.col("fits")
    for name in ("one", "other"):
        right = right & (pl.col(name).str.len_chars() > 0)
    for number in ("n", "m"):
        right = right & pl.col(number).str.contains(r"^[0-9]{1,6}$")
    right = right & (pl.col("genuine") | (pl.col("one") != pl.col("other")))
    broken = named.filter(~right.fill_null(False))
    if broken.height:
        raise SourceError(
            f"{file}, line {broken['at'][0]}: {shown(broken['text'][0])} was read; expected "
            f"{LINE}; such lines in all: {broken.height}"
        )

    def picture(name: str, number: str) -> pl.Expr:
        digits = pl.col(number).str.strip_chars_start("0").str.zfill(4)
        return pl.concat_str(name, pl.lit("/"), name, pl.lit("_"), digits)

    a, b = picture("one", "n").alias("a"), picture("other", "m").alias("b")
    return named.select("at", a, b, "genuine")


def _read_table(file: Path) -> Named:
    return Named(read_pair_table(file), "row {at} below the header")


LAYOUTS = (
    Layout(
        "table",
        ".csv, .tsv or .parquet with columns a and b, and genuine and fold if they are known",
        _is_table,
        _read_table,
    ),
    Layout("lfw", f"a line '10 300' or '1100', then {LINE}", _is_lfw, _read_lfw),
    Layout("rfw", f"lines {LINE}", _is_rfw, _read_rfw),
)
