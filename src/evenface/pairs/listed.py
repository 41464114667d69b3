"""Pairs of pictures from a given list, as rows of the embedded pictures.

What a list says is held against the rows: pictures that aren't there, pairs that contradict who
the rows say is on them, pairs of a picture with itself or listed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.errors import ConfigError, SourceError
from evenface.faces.table import EXAMPLES, Note
from evenface.pairs.layouts import Named, read_named
from evenface.pairs.naming import find_rows
from evenface.pairs.tables import shown

MISSING = ("error", "skip")
FIRST = 3
"""Names that an error shows."""

TEXTS = {
    "unknown picture": "Pairs of the list left out because a picture of theirs isn't embedded: "
    "{n}.",
    "same picture": "Pairs of a picture with itself left out: {n}.",
    "pair listed twice": "Pairs listed a second time, in either order (the first counts): {n}.",
    "only genuine": "The list has no pair of two persons, only pairs of one: {n}.",
    "only impostor": "The list has no pair of one person, only pairs of two: {n}.",
}
"""What is noticed, and its sentences."""


@dataclass(frozen=True, eq=False)
class PairList:
    """Pairs of rows.

    Attributes
    ----------
    first, second : ndarray of intp, shape (n,)
        Rows of the two pictures, in the list's order.
    genuine : ndarray of bool, shape (n,)
        Whether both show one person.
    fold : ndarray of intp, shape (n,)
        From 0; -1 for all where the list has no folds.
    notes : tuple of Note
        What was left out or noticed.
    """

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    genuine: npt.NDArray[np.bool_]
    fold: npt.NDArray[np.intp]
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        kinds = {"first": np.integer, "second": np.integer, "genuine": np.bool_, "fold": np.integer}
        for name, kind in kinds.items():
            own = getattr(self, name)
            if not (isinstance(own, np.ndarray) and np.issubdtype(own.dtype, kind)):
                raise SourceError(f"{name} of a list of pairs must be an array of {kind.__name__}")
            if own.shape != (len(self.first),):
                raise SourceError(
                    f"{name} of a list of pairs has shape {own.shape}; expected one entry a pair, "
                    f"({len(self.first)},)"
                )
        if len(self.fold) and len(set((self.fold >= 0).tolist())) > 1:
            raise SourceError("some pairs of the list have a fold and some have none (-1)")

    def __len__(self) -> int:
        return len(self.first)

    def check(self, identity: Sequence[str]) -> None:
        """Hold the list against the rows it is about.

        Parameters
        ----------
        identity : sequence of str, length n
            Who is on each row.

        Raises
        ------
        SourceError
            If a pair names a row that isn't there, is of one row with itself, or contradicts
            the identities.
        """
        rows = np.stack([self.first, self.second])
        beyond = ((rows < 0) | (rows >= len(identity))).any(axis=0)
        who = np.unique(np.asarray(identity, dtype=str), return_inverse=True)[1]
        one, other = who[np.where(beyond, 0, rows)]
        faults = {
            f"names a row outside 0 to {len(identity) - 1}": beyond,
            "is of a row with itself": rows[0] == rows[1],
            "contradicts the identities": (one == other) != self.genuine,
        }
        for what, wrong in faults.items():
            if wrong.any():
                raise SourceError(
                    f"pair {int(np.argmax(wrong))} of the list {what}; such pairs in all: "
                    f"{int(wrong.sum())}"
                )

    @property
    def has_folds(self) -> bool:
        """Whether the list deals its pairs to folds."""
        return bool(self.fold.max(initial=-1) >= 0)

    def __repr__(self) -> str:
        same, folds = int(self.genuine.sum()), np.unique(self.fold[self.fold >= 0]).size
        return (
            f"PairList: {same} genuine and {len(self) - same} impostor pairs, {folds or 'no'} "
            f"folds; {sum(n.count for n in self.notes)} things noted"
        )


def read_pairs(file: Path, rows: pl.DataFrame, *, missing: str = "error") -> PairList:
    """Read a list of pairs and find its pictures among rows.

    Parameters
    ----------
    file : Path
        In a layout of `layouts.LAYOUTS`: LFW's, RFW's, or a table.
    rows : polars.DataFrame
        With ``sample_id`` and ``path``, and ``identity`` where it is known (null or empty where
        not), as of an embedding folder. How names are matched says `find_rows`.
    missing : {"error", "skip"}
        Whether a picture that isn't among the rows is refused, or its pairs left out and counted.

    Raises
    ------
    SourceError
        If the file is no list of pairs or holds broken lines, names pictures that aren't there or
        that fit several rows, contradicts the identities or itself, doesn't say whether a pair is
        genuine where the identities don't either, or no pair is left.
    ConfigError
        If `missing` is something else.
    """
    if missing not in MISSING:
        raise ConfigError(f"missing is {missing!r}; there are {', '.join(map(repr, MISSING))}")
    return matched(read_named(file), rows, file, missing=missing)


def matched(named: Named, rows: pl.DataFrame, file: Path, *, missing: str = "error") -> PairList:
    """Find the pictures of named pairs; arguments and errors as of `read_pairs`."""
    at = _Place(file, named.unit)
    pairs, notes = named.frame, list(named.notes)
    pairs = _with_rows(pairs, rows, at)
    lost = pairs["row a"].is_null() | pairs["row b"].is_null()
    if lost.any():
        unknown = _unknown(pairs.filter(lost))
        if missing == "error":
            raise SourceError(_say_unknown(pairs, lost, unknown, rows.height, at))
        notes.append(_note("unknown picture", int(lost.sum()), unknown))
        pairs = pairs.filter(~lost)
    itself = pairs["row a"] == pairs["row b"]
    if itself.any():
        notes.append(_note("same picture", int(itself.sum()), pairs.filter(itself)["a"]))
        pairs = pairs.filter(~itself)
    pairs = _with_genuine(pairs, rows, at)
    pairs, twice = _each_once(pairs, max(rows.height, 1), at)
    notes += [_note("pair listed twice", twice.height, twice["a"])] if twice.height else []
    if not pairs.height:
        raise SourceError(
            f"{file}: no pair is left of {named.frame.height}: "
            + " ".join(n.text for n in notes if n.kind in TEXTS)
        )
    genuine = pairs["genuine"].to_numpy()
    if genuine.all() or not genuine.any():
        notes.append(_note("only genuine" if genuine[0] else "only impostor", len(genuine), ()))
    first, second, fold = (
        np.asarray(pairs[c].to_numpy(), dtype=np.intp) for c in ("row a", "row b", "fold")
    )
    return PairList(first, second, np.array(genuine, dtype=np.bool_), fold, tuple(notes))


@dataclass(frozen=True)
class _Place:
    """How errors name where in a file something stands."""

    file: Path
    unit: str

    def __call__(self, at: int) -> str:
        return f"{self.file}, {self.unit.format(at=at)}"


def _with_rows(pairs: pl.DataFrame, rows: pl.DataFrame, at: _Place) -> pl.DataFrame:
    """Add ``row a`` and ``row b``, null where there is none."""
    names = pl.concat([pairs["a"].unique(), pairs["b"].unique()]).unique()
    found = find_rows(names, rows)
    several = found.filter(pl.col("other").is_not_null())
    if several.height:
        for side in ("a", "b"):
            where = pairs.select("at", pl.col(side).alias("name"))
            several = several.join(where.group_by("name").agg(pl.col("at").min().alias(side)),
                                   on="name", how="left")  # fmt: skip
        first = several.with_columns(pl.min_horizontal("a", "b").alias("at")).sort("at")
        paths = [shown(rows["path"][first[c][0]]) for c in ("row", "other")]
        raise SourceError(
            f"{at(first['at'][0])}: {shown(first['name'][0])} fits more than one picture, for "
            f"example {paths[0]} and {paths[1]}; such names in all: {first.height}; name pictures "
            "by their whole path or sample_id"
        )
    for side in ("a", "b"):
        mapped = found.select(pl.col("name").alias(side), pl.col("row").alias(f"row {side}"))
        pairs = pairs.join(mapped, on=side, how="left", maintain_order="left")
    return pairs


def _unknown(pairs: pl.DataFrame) -> pl.Series:
    """Return the names of pictures that aren't there, each once, in the list's order."""
    sides = [pl.when(pl.col(f"row {s}").is_null()).then(pl.col(s)).alias(s) for s in ("a", "b")]
    both = pairs.select(pl.concat_list(*sides).alias("name")).explode("name")["name"]
    return both.drop_nulls().unique(maintain_order=True)


def _say_unknown(
    pairs: pl.DataFrame, lost: pl.Series, unknown: pl.Series, count: int, at: _Place
) -> str:
    then = ", ".join(map(shown, unknown[1 : FIRST + 1]))
    more = f" (then {then})" if then else ""
    return (
        f"{at(pairs.filter(lost)['at'][0])}: no picture {shown(unknown[0])} among the {count} that "
        f"are embedded; unknown in all: {unknown.len()} names{more} in "
        f"{lost.sum()} of {pairs.height} pairs; embed these pictures, or leave their pairs out "
        "(--missing-pairs skip; read_pairs(..., missing='skip'))"
    )


def _with_genuine(pairs: pl.DataFrame, rows: pl.DataFrame, at: _Place) -> pl.DataFrame:
    """Fill in who is genuine by identities, and hold what the list says against them."""
    same = pl.Series("same", [None], pl.Boolean).new_from_index(0, pairs.height)
    if "identity" in rows.columns:
        who = rows["identity"].cast(pl.String)
        number = who.set(who.str.strip_chars() == "", None).rank("dense")
        same = number.gather(pairs["row a"]) == number.gather(pairs["row b"])
    said = pairs["genuine"]
    wrong = (said != same).fill_null(False)
    if wrong.any():
        one = pairs.filter(wrong).row(0, named=True)
        says, are = ("one person", "two") if one["genuine"] else ("two persons", "one")
        raise SourceError(
            f"{at(one['at'])}: {shown(one['a'])} and {shown(one['b'])} are listed as of {says}, "
            f"but by their identities they are of {are}; such pairs in all: {wrong.sum()}; correct "
            "the list, or the identities of the embedded pictures"
        )
    told = said.zip_with(said.is_not_null(), same)
    if told.null_count():
        one = pairs.filter(told.is_null()).row(0, named=True)
        raise SourceError(
            f"{at(one['at'])}: nothing says whether {shown(one['a'])} and {shown(one['b'])} are of "
            f"one person; such pairs in all: {told.null_count()}; add a column 'genuine', or "
            "identities to the embedded pictures"
        )
    return pairs.with_columns(told.alias("genuine"))


def _each_once(pairs: pl.DataFrame, count: int, at: _Place) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the pairs that stand for the first time, and the others."""
    low, high = pl.min_horizontal("row a", "row b"), pl.max_horizontal("row a", "row b")
    pairs = pairs.with_columns((low * count + high).alias("key"))
    new = pairs["key"].is_first_distinct()
    twice = pairs.filter(~new)
    said = twice.join(pairs.filter(new).select("key", "genuine", "at"), on="key")
    other = said.filter(pl.col("genuine") != pl.col("genuine_right")).sort("at")
    if other.height:
        one = other.row(0, named=True)
        raise SourceError(
            f"{at(one['at'])}: {shown(one['a'])} and {shown(one['b'])} stand at "
            f"{at.unit.format(at=one['at_right'])} too, once as of one person and once as of two; "
            f"such pairs in all: {other.height}; correct the list"
        )
    return pairs.filter(new).drop("key"), twice


def _note(kind: str, count: int, examples: Sequence[str] | pl.Series) -> Note:
    return Note(kind, count, TEXTS[kind].format(n=count), tuple(examples[:EXAMPLES]))
