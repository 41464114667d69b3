"""Vectors from other programs into an embedding folder, and out of one for them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import polars as pl

from evenface.embed.contract import unknown_card
from evenface.embed.embeddings import (
    IMPORTED,
    ROW_SCHEMA,
    VECTOR,
    Embeddings,
    checked_vectors,
    embeddings_from_arrays,
)
from evenface.embed.files import cannot_write, file_sha256, replacing
from evenface.embed.folder import refuse_used, write_embeddings
from evenface.embed.manifest import is_embedding_folder
from evenface.embed.readers import read_labels, read_vectors
from evenface.embed.writers import FOLDERS, WRITERS
from evenface.errors import StoreError, VectorError
from evenface.faces.table import Note, sample_id

T = TypeVar("T")

JOIN_KEYS = ("sample_id", "path")


def import_vectors(
    file: str | Path,
    out: str | Path,
    *,
    vectors: str | None = None,
    identity: str = "identity",
    attributes: Sequence[str] | None = None,
    labels: str | Path | None = None,
) -> Embeddings:
    """Make an embedding folder of vectors that another program computed.

    Parameters
    ----------
    file : path
        ``.npy``; ``.npz`` (key ``vectors``, or the only 2-D array of floats; 1-D arrays as long
        are labels); ``.csv`` (numbered columns such as ``e0, e1, ...``, or else all columns of
        numbers that don't bear a label's name); ``.parquet`` (a list column, or as in CSV);
        ``.pkl`` (arrays and plain values only, see `evenface.embed.shapes`); a folder written by
        `save_to_disk` of Hugging Face's `datasets`, or of Parquet files as on its Hub.
    out : path
        Absent, or an empty folder.
    vectors : str, optional
        What holds the vectors: a key, a list column, columns ``e0..e127``, or their prefix.
    identity : str
        The column or key that says who is on a picture.
    attributes : sequence of str, optional
        Columns to keep; all others by default.
    labels : path, optional
        A ``.csv`` or ``.parquet`` with labels, required for ``.npy``. Joined by ``sample_id`` or
        ``path`` where both files have it, else row by row. Its columns go before the file's own.

    Returns
    -------
    Embeddings
        The folder, opened. Its card is named ``imported`` and has the file's name and hash.

    Raises
    ------
    VectorError
        Where the file, its vectors or its labels can't be used.
    StoreError
        Where `out` holds something.
    """
    file, out = Path(file), Path(out)
    refuse_used(out)
    wanted = [identity, *(attributes or ())]
    found = read_vectors(file, vectors, wanted)
    array = _naming(file, lambda: checked_vectors(found.vectors))
    if labels is None and not found.labels.width:
        raise VectorError(f"{file} holds no labels; give a .csv or .parquet of them with --labels")
    notes = list(found.notes)
    frame = found.labels
    if labels is not None:
        beside = read_labels(Path(labels), wanted)
        notes += beside.notes
        frame, more = _with_labels(frame, len(array), beside.labels, Path(labels), file)
        notes += more
    rows = _chosen_columns(frame, identity, attributes, file if labels is None else labels)
    card = {**unknown_card(IMPORTED, array.shape[1]), "file": file.name}
    card["sha256"] = _hash_of(found.files) if found.files else file_sha256(file)
    source = {
        "layout": f"imported {found.layout or file.suffix.lower()[1:]}",
        "notes": [{**asdict(n), "examples": list(n.examples)} for n in notes],
    }
    embeddings = _naming(
        file if labels is None else f"{file} with {labels}",
        lambda: embeddings_from_arrays(array, rows, card=card, source=source),
    )
    return write_embeddings(embeddings, out)


def _hash_of(files: Sequence[Path]) -> str:
    """Hash several files and their names."""
    lines = "".join(f"{file_sha256(f)}  {f.name}\n" for f in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _naming(where: str | Path, make: Callable[[], T]) -> T:
    """Put the file before what is wrong with arrays that came out of it."""
    try:
        return make()
    except VectorError as error:
        raise VectorError(f"{where}: {error}") from error


def _with_labels(
    own: pl.DataFrame, n: int, beside: pl.DataFrame, labels: Path, file: Path
) -> tuple[pl.DataFrame, list[Note]]:
    key = next((k for k in JOIN_KEYS if k in own.columns and k in beside.columns), None)
    if key is None:
        if beside.height != n:
            raise VectorError(
                f"{labels} has {beside.height} rows of labels for {n} vectors in {file}; give one "
                f"each, in the same order, or a {' or '.join(JOIN_KEYS)} column in both files"
            )
        return pl.concat([own.drop(beside.columns, strict=False), beside], how="horizontal"), []
    for frame, where in ((own, file), (beside, labels)):
        column = frame[key].drop_nulls()
        twice = column.filter(column.is_duplicated()).unique(maintain_order=True)
        if twice.len():
            raise VectorError(
                f"{where}: {twice.len()} values of {key} stand more than once, "
                f"such as {_some(twice)}"
            )
    lacking = own.filter(own[key].is_null() | ~own[key].is_in(beside[key].drop_nulls().implode()))
    extra = beside.filter(~beside[key].is_in(own[key].drop_nulls().implode()).fill_null(False))
    if lacking.height:
        raise VectorError(
            f"{lacking.height} of {n} vectors in {file} have no labels in {labels} by {key} "
            f"({_some(lacking[key])}); {extra.height} labels have no vector"
            + (f" ({_some(extra[key])})" if extra.height else "")
        )
    kept = own.drop([c for c in beside.columns if c != key], strict=False)
    joined = kept.join(beside, on=key, how="left", maintain_order="left")
    examples = [str(v) for v in extra[key].to_list()]
    text = "{n} labels have no vector and were left out."
    return joined, [Note.of("label without vector", examples, text)] if examples else []


def _some(values: pl.Series) -> str:
    return ", ".join(repr(v) for v in values.head(5).to_list())


def _chosen_columns(
    frame: pl.DataFrame, identity: str, attributes: Sequence[str] | None, where: str | Path
) -> pl.DataFrame:
    have = ", ".join(frame.columns) or "no columns"
    if identity not in frame.columns:
        raise VectorError(
            f"{where} has no column {identity!r}, which says who is on a picture; it has {have}. "
            "Name the right one with --identity"
        )
    missing = [a for a in attributes or () if a not in frame.columns]
    if missing:
        raise VectorError(f"{where} has no attributes {', '.join(missing)}; it has {have}")
    taken = {*ROW_SCHEMA, VECTOR, identity}
    asked = [a for a in attributes or () if a in taken]
    if asked:
        raise VectorError(f"{', '.join(asked)} can't be attributes: the names are evenface's own")
    if attributes is None:
        attributes = [c for c in frame.columns if c not in taken]
    rows = frame.with_columns(pl.col(identity).alias("identity"))
    if "sample_id" not in rows.columns and "path" in rows.columns:
        if rows["path"].null_count():
            raise VectorError(f"{where} has {rows['path'].null_count()} rows without a path")
        ids = [sample_id(path) for path in rows["path"].to_list()]
        rows = rows.with_columns(pl.Series("sample_id", ids))
    return rows.select([*(c for c in ROW_SCHEMA if c in rows.columns), *dict.fromkeys(attributes)])


def export_embeddings(embeddings: Embeddings, file: str | Path, *, to: str | None = None) -> Path:
    """Write vectors and labels for other programs; `import_vectors` reads them back unchanged.

    Parameters
    ----------
    embeddings : Embeddings
    file : path
        Replaced where it exists; a folder, for ``datasets``, must be absent or empty.
    to : {"npz", "csv", "parquet", "datasets"}, optional
        By default what the file's name ends in. In ``.npz`` all labels are text and a missing
        one is empty; in ``.csv`` the vector is in columns ``e0, e1, ...``; in ``.parquet`` it is
        the column ``embedding``, and so it is in ``datasets``, a folder for `load_from_disk`.

    Returns
    -------
    Path
        The file or folder.

    Raises
    ------
    VectorError
        Where the kind is unknown, or an attribute has the name of a column of the vectors.
    StoreError
        Where the file can't be written, or would lie in an embedding folder.
    """
    file = Path(file)
    kind = (to or file.suffix).lower().removeprefix(".")
    if kind not in (*WRITERS, *FOLDERS):
        raise VectorError(
            f"can't export to {kind or 'a file without an ending'}; "
            f"{', '.join([*WRITERS, *FOLDERS])} were expected"
        )
    if not len(embeddings):
        raise VectorError("there are no rows to export")
    # There it would be in the way of a resumed run, or replace a part.
    for place in (file, file.parent):
        if is_embedding_folder(place):
            raise StoreError(f"{place} is an embedding folder; export to a place outside it")
    if kind in FOLDERS:
        _export_folder(embeddings, file, kind)
        return file
    with replacing(file) as stream:
        WRITERS[kind](embeddings, stream)
    return file


def _export_folder(embeddings: Embeddings, folder: Path, kind: str) -> None:
    refuse_used(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        FOLDERS[kind](embeddings, folder)
    except BaseException as error:
        # However it ends: half a folder would be in the way of the next attempt.
        with suppress(OSError):
            for part in folder.iterdir():
                part.unlink()
        if isinstance(error, OSError):
            raise cannot_write(folder, error) from error
        raise
