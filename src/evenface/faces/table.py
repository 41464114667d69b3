"""The rows that everything stands on: one picture each, with its identity and labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from evenface.errors import SourceError
from evenface.faces.rows import BLOCK

KEYS = ("sample_id", "path", "identity")
"""Columns every table has; all other columns are attributes."""

RESERVED = (*KEYS, "sha256", "embedding", "faces_found", "face_size")
"""Column names that no attribute may take."""

UNKNOWN = frozenset({"", "unknown", "na", "n/a", "nan", "null", "none"})
"""Spellings (case-insensitive) that a dataset uses for a label it does not have."""

EXAMPLES = 20

SHARE = 8_000
"""Rows whose labels are compared at a time: all at once takes twice the room of the table."""


@dataclass(frozen=True)
class Note:
    """Something that was left out or noticed while reading, with its count.

    Attributes
    ----------
    kind : str
        A short key, for example ``junk`` or ``two labels``.
    count : int
        How many files, rows or identities.
    text : str
        One sentence for the report; it holds no path and no identity.
    examples : tuple of str
        Up to 20 paths or identities, for those who may see them.
    """

    kind: str
    count: int
    text: str
    examples: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: str, items: Iterable[str], text: str) -> Note:
        """Count `items`, keep the first of them, and put the count for ``{n}`` in `text`."""
        found = list(items)
        return cls(kind, len(found), text.format(n=len(found)), tuple(found[:EXAMPLES]))


@dataclass(frozen=True)
class Faces:
    """Pictures, who is on them, and what a dataset recorded about them.

    Attributes
    ----------
    frame : polars.DataFrame
        One row a picture: ``sample_id``, ``path`` (relative to `root`, or absolute),
        ``identity``, then the attributes; all strings, null where nothing was recorded.
        Sorted by path, so that a folder's order on disk changes nothing.
    root : Path
        What relative paths are relative to.
    layout : str
        Name of the reader that made the table.
    synthetic : bool
        True where the pictures are rendered and show nobody.
    notes : tuple of Note
        What was left out or noticed.
    """

    frame: pl.DataFrame
    root: Path
    layout: str
    synthetic: bool = False
    notes: tuple[Note, ...] = field(default=())

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attribute columns."""
        return tuple(c for c in self.frame.columns if c not in KEYS)

    def __len__(self) -> int:
        return self.frame.height

    @property
    def fingerprint(self) -> str:
        """Hash of ids, identities and labels: the same rows give the same 16 hex digits."""
        return frame_fingerprint(self.frame)

    def with_frame(self, frame: pl.DataFrame, *notes: Note) -> Faces:
        """Return the same faces with other rows and further notes.

        Parameters
        ----------
        frame : polars.DataFrame
            With the columns of `Faces.frame`.
        *notes : Note

        Returns
        -------
        Faces
        """
        return replace(self, frame=frame, notes=self.notes + notes)

    def __repr__(self) -> str:
        people = self.frame["identity"].n_unique()
        kind = "synthetic " if self.synthetic else ""
        return (
            f"Faces: {len(self)} {kind}pictures of {people} identities ({self.layout})\n"
            f"attributes: {', '.join(self.attributes) or 'none'}; "
            f"{sum(n.count for n in self.notes)} things noted"
        )


def sample_id(path: str) -> str:
    """Return an id for a picture: a hash of its path.

    It is no secret. Who knows the paths of a public dataset can compute it, so the report shows
    another one, salted for each output folder.
    """
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def frame_fingerprint(frame: pl.DataFrame) -> str:
    """Hash a frame's rows without regard to their order."""
    columns = ["sample_id", "identity", *sorted(set(frame.columns) - set(RESERVED))]
    digest = hashlib.sha256("\x1f".join(columns).encode())
    chosen = frame.select(columns)
    order = chosen.select(pl.arg_sort_by("sample_id", maintain_order=True)).to_series()
    for start in range(0, frame.height, BLOCK):
        for row in chosen[order[start : start + BLOCK]].iter_rows():
            for value in row:
                said = b"\x00" if value is None else b"\x01" + str(value).encode() + b"\x1f"
                digest.update(said)
            digest.update(b"\x1e")
    return digest.hexdigest()[:16]


def build_faces(
    columns: Mapping[str, Iterable[str | None]] | pl.DataFrame,
    root: Path,
    layout: str,
    *,
    synthetic: bool = False,
    notes: tuple[Note, ...] = (),
    where: Path | None = None,
) -> Faces:
    """Make a table from columns, with every fault in them listed at once.

    Parameters
    ----------
    columns : mapping or polars.DataFrame
        ``path``, ``identity`` and any attributes, of one length; text.
    root, layout, synthetic, notes
        As in `Faces`.
    where : Path, optional
        The file that errors name, if it isn't `root`.

    Raises
    ------
    SourceError
        Where a path or identity is empty, or a path stands twice.
    """
    frame = columns if isinstance(columns, pl.DataFrame) else _text_frame(columns)
    faults = _faults(frame)
    if faults:
        raise SourceError(f"{where or root}: " + "; ".join(faults))
    attributes = [c for c in frame.columns if c not in ("path", "identity")]
    # One after the other: side by side they need room side by side.
    for name in attributes:
        frame = frame.with_columns(_without_unknown(frame[name]))
    if not frame["path"].is_sorted():
        frame = frame.sort("path")
    table = frame.select(_sample_ids(frame["path"]), "path", "identity", *attributes)
    return Faces(table, root, layout, synthetic, (*notes, *label_notes(table, attributes)))


def _text_frame(columns: Mapping[str, Iterable[str | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        {name: pl.Series(name, list(values), dtype=pl.String) for name, values in columns.items()}
    )


def _without_unknown(labels: pl.Series) -> pl.Series:
    said = labels.str.strip_chars()
    known = ~said.str.to_lowercase().is_in(list(UNKNOWN))
    if known.all() and (said == labels).all():
        return labels
    return said.zip_with(known.fill_null(True), pl.Series([None], dtype=pl.String))


def _sample_ids(paths: pl.Series) -> pl.Series:
    blocks = (paths[start : start + BLOCK].to_list() for start in range(0, paths.len(), BLOCK))
    ids = [pl.Series([sample_id(p) for p in block], dtype=pl.String) for block in blocks]
    return pl.concat(ids or [pl.Series(dtype=pl.String)]).alias("sample_id")


def _faults(frame: pl.DataFrame) -> list[str]:
    faults = []
    for name in ("path", "identity"):
        empty = frame[name].is_null() | frame[name].str.contains(r"^\s*$")
        if empty.any():
            first = ", ".join(str(i + 1) for i in empty.arg_true().head(5).to_list())
            faults.append(f"rows without {name}: {empty.sum()} (below the header: {first})")
    paths = frame["path"] if frame["path"].is_sorted() else frame["path"].sort()
    twice = paths.filter(paths == paths.shift(1)).unique().sort()
    if twice.len():
        rows = (frame["path"] == twice[0]).arg_true().to_list()
        faults.append(
            f"paths that stand more than once: {twice.len()}, the first is {twice[0]!r} "
            f"(rows {', '.join(str(r + 1) for r in rows[:5])} below the header); keep one row a "
            "picture"
        )
    broken = [c for c in frame.columns if frame[c].str.contains("\x00", literal=True).any()]
    if broken:
        faults.append(f"NUL characters in {', '.join(map(repr, broken))}; remove them")
    taken = sorted(set(frame.columns) & (set(RESERVED) - set(KEYS)))
    if taken:
        faults.append(f"columns named {', '.join(taken)} are evenface's own; rename them")
    return faults


def label_notes(
    frame: pl.DataFrame, attributes: Sequence[str], steady: Sequence[str] = ("gender", "ethnicity")
) -> list[Note]:
    """Count pictures without a label, and identities with several of one that should not change.

    Parameters
    ----------
    frame : polars.DataFrame
        With ``identity`` and the attributes.
    attributes : sequence of str
    steady : sequence of str
        Those of which a person has one value; ages and the like differ between pictures.

    Returns
    -------
    list of Note
        Kinds ``no label`` and ``two labels``.
    """
    notes = []
    for name in attributes:
        missing = frame[name].null_count()
        if missing:
            notes.append(
                Note("no label", missing, f"Pictures without a recorded {name}: {missing}.")
            )
        if name not in steady:
            continue
        several = _with_two(frame.select("identity", name))
        if several:
            notes.append(
                Note.of(
                    "two labels",
                    several,
                    f"Identities with more than one recorded {name}: {{n}}.",
                )
            )
    return notes


def _with_two(pairs: pl.DataFrame) -> list[str]:
    """Return the identities that have more than one label; asked a share of them at a time."""
    share = pairs["identity"].hash() % (pairs.height // SHARE + 1)
    found: list[str] = []
    for k in range(pairs.height // SHARE + 1):
        known = pairs.filter(share == k).drop_nulls().unique()
        found += known.filter(pl.col("identity").is_duplicated())["identity"].unique().to_list()
    return sorted(found)
