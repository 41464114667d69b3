"""Embeddings: vectors and the rows they belong to, in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from evenface.embed.contract import unknown_card, unknown_preprocessing
from evenface.embed.files import failure_schema, first_line
from evenface.errors import VectorError
from evenface.faces.table import UNKNOWN, frame_fingerprint

VECTOR = "embedding"
IMPORTED = "imported"
"""Name on the card of vectors that another program computed."""

ROW_SCHEMA: dict[str, Any] = {
    "sample_id": pl.String,
    "path": pl.String,
    "sha256": pl.String,
    "identity": pl.String,
    "faces_found": pl.Int32,
    "face_size": pl.Int32,
}
"""Columns that every row has; all others are attributes, which are strings."""


@dataclass(frozen=True, eq=False, repr=False)
class Embeddings:
    """Vectors and the rows they belong to.

    Attributes
    ----------
    rows : polars.DataFrame
        One row a picture: ``sample_id``, ``path``, ``sha256`` (of the picture's bytes),
        ``identity``, ``faces_found`` and ``face_size`` (shorter side of its box, in pixels of the
        picture; both null where no detector ran), then the attributes: strings, null where nothing
        was recorded. ``path`` and ``sha256`` are null for imported vectors.
    vectors : float32 array, shape (n, d), C-contiguous
        Row i belongs to row i of `rows`. Finite, not normalised.
    card : dict
        The network's card, as `ModelCard.to_dict`.
    source : dict
        Where the faces came from: ``layout, fingerprint, synthetic, attributes, notes``.
    failures : polars.DataFrame
        Pictures without a vector: ``sample_id, path, sha256, identity, stage, reason``, then the
        attributes.
    preprocessing : dict
        How crops were made: ``align, aligned, reason, detector, crop, contract, size,
        max_pixels``.
    stored_fingerprint : str, optional
        Of the folder they were read from.
    """

    rows: pl.DataFrame
    vectors: NDArray[np.float32]
    card: dict[str, Any]
    source: dict[str, Any]
    failures: pl.DataFrame
    preprocessing: dict[str, Any] = field(default_factory=dict)
    stored_fingerprint: str | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attribute columns."""
        return tuple(c for c in self.rows.columns if c not in ROW_SCHEMA)

    @property
    def synthetic(self) -> bool:
        """True where faces are rendered, or vectors made up: they show nobody."""
        return bool(self.source.get("synthetic", False))

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits: of the manifest and its parts' hashes, or else of rows and vectors."""
        if self.stored_fingerprint is not None:
            return self.stored_fingerprint
        digest = hashlib.sha256(json.dumps([self.card.get("name"), self.rows.columns]).encode())
        for row in self.rows.iter_rows():
            digest.update(json.dumps(row).encode())
        digest.update(np.ascontiguousarray(self.vectors).data)
        return digest.hexdigest()[:16]

    def __len__(self) -> int:
        return len(self.vectors)

    def __repr__(self) -> str:
        people = self.rows["identity"].n_unique()
        kind = "synthetic " if self.synthetic else ""
        return (
            f"Embeddings: {len(self)} {kind}pictures of {people} identities, "
            f"{self.dimension} numbers each ({self.card.get('name', 'unknown model')})\n"
            f"attributes: {', '.join(self.attributes) or 'none'}; "
            f"{self.failures.height} pictures failed"
        )

    def take(self, which: ArrayLike) -> Embeddings:
        """Return some rows, in the order asked for.

        Parameters
        ----------
        which : bool array, shape (n,), or int array
            A mask, or row numbers; a row may be taken more than once.

        Returns
        -------
        Embeddings
            The chosen rows alone; card, source and failures stay.

        Raises
        ------
        VectorError
            Where a mask has another length or a row number doesn't exist.
        """
        index = np.asarray(which.to_numpy() if isinstance(which, pl.Series) else which)
        if index.size == 0 and index.dtype != np.bool_:
            index = index.astype(np.intp)
        if index.ndim != 1 or index.dtype.kind not in "biu":
            raise VectorError("take() wants a 1-D mask or 1-D row numbers")
        if index.dtype == np.bool_:
            if len(index) != len(self):
                raise VectorError(f"a mask of {len(index)} can't choose among {len(self)} rows")
            index = np.flatnonzero(index)
        elif len(index) and (index.min() < -len(self) or index.max() >= len(self)):
            raise VectorError(f"row numbers must be below {len(self)}")
        rows = self.rows[(index % max(len(self), 1)).astype(np.int64)]
        vectors = np.ascontiguousarray(self.vectors[index])
        return replace(self, rows=rows, vectors=vectors, stored_fingerprint=None)


def embeddings_from_arrays(
    vectors: ArrayLike,
    rows: pl.DataFrame | Mapping[str, Any],
    *,
    card: Mapping[str, Any] | None = None,
    source: Mapping[str, Any] | None = None,
    failures: pl.DataFrame | None = None,
    preprocessing: Mapping[str, Any] | None = None,
) -> Embeddings:
    """Make embeddings from vectors and labels that are at hand.

    Parameters
    ----------
    vectors : array, shape (n, d)
        Any real numbers; kept as float32.
    rows : polars.DataFrame or mapping of columns, n rows
        ``identity``, and any of the other columns of `Embeddings.rows`; the rest are attributes.
        Where there is no ``sample_id``, rows are numbered. A label that is empty or says
        ``unknown``, ``n/a`` or the like is a missing one.
    card, source : mapping, optional
        What is known about the network and the faces.
    failures : polars.DataFrame, optional
        Pictures that have no vector.
    preprocessing : mapping, optional
        What is known about the crops.

    Returns
    -------
    Embeddings

    Raises
    ------
    VectorError
        Where vectors aren't a finite 2-D array of numbers, or the rows don't match them.
    """
    array = checked_vectors(vectors)
    try:
        given = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise VectorError(f"the rows are no table of labels: {first_line(error)}") from error
    frame = _checked_rows(given, array)
    refuse_not_finite(array, frame["sample_id"])
    attributes = [c for c in frame.columns if c not in ROW_SCHEMA]
    stated = (card or {}).get("dimension", array.shape[1])
    if stated != array.shape[1]:
        raise VectorError(f"the card says {stated} numbers a vector; there are {array.shape[1]}")
    empty = pl.DataFrame(schema=failure_schema(attributes))
    described = {
        "layout": "arrays",
        "fingerprint": frame_fingerprint(frame),
        "synthetic": False,
        "notes": [],
        **(source or {}),
        "attributes": attributes,
    }
    return Embeddings(
        rows=frame,
        vectors=array,
        card={**unknown_card("arrays", array.shape[1]), **(card or {})},
        source=described,
        failures=empty if failures is None else _filled(failures, empty.schema),
        preprocessing=dict(preprocessing or unknown_preprocessing()),
    )


def _filled(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    lacking = set(schema) - set(frame.columns)
    return frame.select(pl.lit(None, t).alias(c) if c in lacking else c for c, t in schema.items())


def checked_vectors(vectors: ArrayLike) -> NDArray[np.float32]:
    """Return vectors as a C-contiguous float32 array, shape (n, d), or raise `VectorError`."""
    try:
        array = np.asarray(vectors)
    except ValueError as error:
        raise VectorError("vectors have different lengths; one length was expected") from error
    if array.dtype == object:
        raise VectorError("vectors are Python objects; save them as a plain array of numbers")
    if array.dtype.kind not in "fiu":
        raise VectorError(f"vectors are {array.dtype}; real numbers were expected")
    if array.ndim != 2:
        raise VectorError(
            f"vectors have shape {array.shape}; two axes were expected (rows, dimension)"
        )
    if 0 in array.shape:
        raise VectorError(f"there are no vectors: shape {array.shape}")
    # float64 beyond float32's range becomes inf, which is refused by name further on.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)


def refuse_not_finite(vectors: NDArray[np.float32], ids: pl.Series, where: str = "") -> None:
    """Raise `VectorError` with the rows that hold NaN or infinity, if any."""
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        names = ", ".join(str(i) for i in ids.filter(pl.Series(bad)).head(5).to_list())
        rows = ", ".join(str(i + 1) for i in np.flatnonzero(bad)[:5])
        raise VectorError(
            f"{where}{bad.sum()} of {len(vectors)} vectors hold NaN or infinity "
            f"(rows {rows}; sample_id {names}); leave these rows out, or make them again"
        )


def _checked_rows(rows: pl.DataFrame, vectors: NDArray[np.float32]) -> pl.DataFrame:
    n = len(vectors)
    if "identity" not in rows.columns:
        raise VectorError(
            f"there is no column `identity` among {', '.join(rows.columns) or 'no columns'}; "
            "it says which rows show one person"
        )
    if rows.height != n:
        raise VectorError(f"{rows.height} rows of labels don't match {n} vectors")
    if VECTOR in rows.columns:
        raise VectorError(f"`{VECTOR}` is the vectors' own column; rename the attribute")
    if "sample_id" not in rows.columns:
        ids = pl.Series("sample_id", [f"{i:08d}" for i in range(n)], dtype=pl.String)
        rows = rows.with_columns(ids)
    missing = [pl.lit(None).alias(c) for c in ROW_SCHEMA if c not in rows.columns]
    rows = rows.with_columns(missing)
    attributes = [c for c in rows.columns if c not in ROW_SCHEMA]
    kinds = pl.Schema(ROW_SCHEMA | dict.fromkeys(attributes, pl.String))
    filled = pl.selectors.string().str.strip_chars() != ""
    try:
        frame = rows.select(kinds.names())
        frame = frame.with_columns(pl.when(filled).then(pl.selectors.string()).name.keep())
        frame = frame.cast(kinds)
    except pl.exceptions.PolarsError as error:
        raise VectorError(
            f"labels must be text, faces_found and face_size numbers: {first_line(error)}"
        ) from error
    frame = frame.with_columns([_known(c) for c in attributes])
    text = [c for c, kind in kinds.items() if kind == pl.String]
    for name in ("sample_id", "identity"):
        empty = frame[name].null_count()
        if empty:
            first = frame[name].is_null().arg_true()[0] + 1
            raise VectorError(f"{empty} rows have no {name} (the first is row {first})")
    twice = frame.filter(frame["sample_id"].is_duplicated())["sample_id"].unique().sort()
    if twice.len():
        raise VectorError(f"{twice.len()} sample_ids stand more than once, such as {twice[0]!r}")
    for name in text:
        # NumPy's text arrays drop a NUL at the end, so it could not be exported.
        if frame[name].str.contains("\x00", literal=True).any():
            raise VectorError(f"column {name} holds a NUL character; remove it")
    return frame


def _known(column: str) -> pl.Expr:
    """Return an attribute as `build_faces` would have it: stripped, null where it is unknown."""
    value = pl.col(column).str.strip_chars()
    unknown = value.str.to_lowercase().is_in(list(UNKNOWN))
    return pl.when(unknown.not_()).then(value).alias(column)
