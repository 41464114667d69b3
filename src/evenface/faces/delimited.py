"""Text files of rows, one row at a time; what is wrong with one is named with its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from evenface.errors import SourceError

ENCODING = "utf-8-sig"


def read_rows(file: Path, separator: str = ",") -> Iterator[list[str]]:
    """Yield the header and then the rows of a CSV or TSV file; blank rows are none.

    Raises
    ------
    SourceError
        For a broken encoding, rows of unequal length, columns without a name or with the same
        one, or an empty file.
    """
    header: list[str] = []
    with file.open(encoding=ENCODING, newline="") as text:
        # The standard reader keeps text as text ("001" is no number) and knows its line.
        reader = csv.reader(text, delimiter=separator, strict=True)
        try:
            for row in reader:
                if not any(field.strip() for field in row):
                    continue
                if not header:
                    header = [name.strip() for name in row]
                    check_names(header, file)
                    yield header
                elif len(row) != len(header):
                    raise SourceError(
                        f"{file}, line {reader.line_num}: {len(row)} fields, but the header has "
                        f"{len(header)}; quote values that hold {separator!r}"
                    )
                else:
                    yield row
        except csv.Error as error:
            raise SourceError(
                f"{file}, line {reader.line_num}: can't be read as a table: {error}"
            ) from None
        except UnicodeDecodeError:
            raise SourceError(_not_utf8(file)) from None
    if not header:
        raise SourceError(f"{file}: can't be read as a table: it is empty")


def read_columns(file: Path, wanted: Sequence[str]) -> Iterator[list[str]]:
    """Yield some columns of a CSV file, whatever the case of their names in the header.

    Raises
    ------
    SourceError
        As `read_rows`; and where a column is missing.
    """
    rows = read_rows(file)
    header = next(rows)
    folded = [name.casefold() for name in header]
    lacking = [name for name in wanted if name.casefold() not in folded]
    if lacking:
        raise SourceError(
            f"{file}: no column {' and no column '.join(map(repr, lacking))}; it has "
            f"{', '.join(map(repr, header))}"
        )
    places = [folded.index(name.casefold()) for name in wanted]
    for row in rows:
        yield [row[k].strip() for k in places]


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file that hold something, stripped, with their numbers.

    Raises
    ------
    SourceError
        For a broken encoding.
    """
    with file.open(encoding=ENCODING) as text:
        try:
            for number, line in enumerate(text, 1):
                if line := line.strip():
                    yield number, line
        except UnicodeDecodeError:
            raise SourceError(_not_utf8(file)) from None


def check_names(names: list[str], file: Path) -> None:
    """Refuse a header with columns that have no name or the same one."""
    twice = sorted({n for n in names if names.count(n) > 1})
    if "" in names:
        raise SourceError(f"{file}: column {names.index('') + 1} has no name")
    if twice:
        raise SourceError(f"{file}: columns that stand more than once: {', '.join(twice)}")


def _not_utf8(file: Path) -> str:
    """Say where a file's encoding breaks; what is read a piece at a time no longer knows."""
    try:
        file.read_bytes().decode(ENCODING)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return (
            f"{file}, line {line}: not UTF-8 (byte {error.start}, {error.reason}); save the table "
            "as UTF-8"
        )
    return f"{file}: not UTF-8; save the table as UTF-8"
