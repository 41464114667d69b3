"""Vectors and labels out of plain values, in the shapes that people keep embeddings in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.diveface_codes import SAID, VECTORS, decoded
from evenface.embed.found import Found, found_labels, plain_labels
from evenface.errors import VectorError
from evenface.faces.table import Note

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
KEY, ITEM = "key", "item"
"""Columns of a dict's keys where several vectors stand under each, and of places in a tuple."""

PER_BYTE = 64
"""Characters of labels for each byte of a file: a label may stand under many rows, not all."""

EXPECTED = (
    "a dict of columns, a dict of vectors, a list of dicts, a list of tuples with one vector each, "
    "or an array were expected"
)
Vectors = NDArray[Any] | list[NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Table:
    """Vectors, columns of as many values, and the names of what is neither."""

    vectors: Vectors
    columns: Mapping[str, Any] = field(default_factory=dict)
    aside: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


def plain_vectors(
    path: Path, value: Any, size: int, chosen: str | None, names: Sequence[str]
) -> Found:
    """Find the vectors and labels in plain values.

    Parameters
    ----------
    path : Path
        The file, for messages.
    value : object
        Arrays, text and numbers in lists, tuples and dicts.
    size : int
        Bytes of the file: a vector that stands under a million names is not copied as often.
    chosen : str or None
        Key of the vectors.
    names : sequence of str
        Columns that are labels whatever they hold.

    Raises
    ------
    VectorError
        Where it isn't clear what the vectors are.
    """
    table = None
    try:
        for shape in SHAPES:
            table = shape(value, chosen, names) if table is None else table
    except VectorError as error:
        raise VectorError(f"{path}: {error}") from error
    if table is None:
        which = f" among which {chosen!r} holds no vectors" if chosen is not None else ""
        raise VectorError(f"{path} holds {described(value)}{which}; {EXPECTED}")
    vectors = _stacked(path, table.vectors, size)
    frame, aside = _columns_of(path, table, len(vectors), size, names)
    text = "{n} columns are no label a vector."
    notes = (Note.of("column ignored", aside, text),) if aside else ()
    found = found_labels(path, vectors, frame, names)
    return Found(found.vectors, found.labels, (*table.notes, *notes, *found.notes))


def described(value: Any) -> str:
    """Say what a value is, in a few words."""
    kinds = {dict: "a dict", list: "a list", tuple: "a tuple", str: "text", type(None): "nothing"}
    if isinstance(value, np.ndarray):
        return f"an array {value.dtype} {value.shape}"
    said = kinds.get(type(value), f"a {type(value).__name__}")
    if isinstance(value, dict):
        some = [f"{str(k)[:40]!r} ({described(v)})" for k, v in list(value.items())[:6]]
        return f"{said} of {len(value)}: {', '.join(some)}" if some else f"{said} of nothing"
    if isinstance(value, list | tuple):
        return f"{said} of {len(value)}" + (f", first {described(value[0])}" if value else "")
    return said


def _published(value: Any, chosen: str | None, names: Sequence[str]) -> Table | None:
    read = decoded(value) if chosen is None and not set(names) & set(_text_keys(value)) else None
    if read is None or (vectors := _matrix(read[VECTORS])) is None:
        return None
    columns = {k: v for k, v in read.items() if k != VECTORS}
    n = len(vectors)
    return Table(vectors, columns, notes=(Note("codes", n, SAID.format(n=n)),))


def _alone(value: Any, _chosen: str | None, _names: Sequence[str]) -> Table | None:
    vectors = _matrix(value)
    return None if vectors is None else Table(vectors)


def _columns(value: Any, chosen: str | None, _names: Sequence[str]) -> Table | None:
    """``{"embeddings": (n, d), "names": [...], ...}``."""
    if not isinstance(value, dict):
        return None
    columns = _text_keys(value)
    matrices = {k: m for k, v in columns.items() if (m := _matrix(v)) is not None}
    key = chosen if chosen is not None else next(iter(matrices)) if len(matrices) == 1 else None
    if key not in matrices:
        if len(matrices) > 1 and len(matrices) < len(columns):
            listed = ", ".join(list(matrices)[:8])
            raise VectorError(
                f"there are several arrays of vectors ({listed}); choose by --vectors"
            )
        return None
    return Table(matrices[key], {k: v for k, v in columns.items() if k != key})


def _by_key(value: Any, chosen: str | None, _names: Sequence[str]) -> Table | None:
    """``{path: vector}``, ``{identity: [vectors]}``."""
    if not isinstance(value, dict) or not value or chosen is not None:
        return None
    found: list[tuple[str, Vectors]] = []
    for key, item in _text_keys(value).items():
        own = _vector(item)
        several = [own] if own is not None else _matrix(item)
        if several is None:
            return None
        found.append((key, several))
    name = KEY if any(len(v) > 1 for _, v in found) else _name_of([k for k, _ in found])
    return Table([v for _, own in found for v in own], {name: [k for k, own in found for _ in own]})


def _records(value: Any, chosen: str | None, _names: Sequence[str]) -> Table | None:
    """``[{"embedding": vector, "gender": ...}, ...]``, or such dicts under a key each."""
    keys: list[str] = []
    if isinstance(value, dict):
        keys, value = list(_text_keys(value)), list(value.values())
    if not isinstance(value, list | tuple) or not value or {type(v) for v in value} != {dict}:
        return None
    rows = [_text_keys(row) for row in value]
    first = [k for k, v in rows[0].items() if _vector(v) is not None]
    if chosen is None and len(first) != 1:
        return _nested(keys, rows)
    name = chosen if chosen is not None else first[0]
    vectors = []
    for place, row in enumerate(rows, 1):
        if name not in row or (vector := _vector(row[name])) is None:
            if chosen is None:
                return _nested(keys, rows)
            raise VectorError(f"entry {place} has no vector under {name!r}")
        vectors.append(vector)
    others = dict.fromkeys(k for row in rows for k in row if k != name)
    columns: dict[str, Any] = {_name_of(keys): keys} if keys else {}
    return Table(vectors, {**columns, **{k: [row.get(k) for row in rows] for k in others}})


def _nested(keys: list[str], rows: list[dict[str, Any]]) -> Table | None:
    """``{group: {path: vector}}``."""
    found = [(k, name, _vector(v)) for k, row in zip(keys, rows, strict=False)
             for name, v in row.items()]  # fmt: skip
    vectors = [v for _, _, v in found if v is not None]
    if not found or len(vectors) < len(found):
        return None
    names = [name for _, name, _ in found]
    return Table(vectors, {KEY: [k for k, _, _ in found], _name_of(names): names})


def _tuples(value: Any, _chosen: str | None, _names: Sequence[str]) -> Table | None:
    """``[(vector, label, ...), ...]``, or ``(vectors, labels, ...)``."""
    if not isinstance(value, list | tuple) or not value:
        return None
    matrices = {i: m for i, v in enumerate(value[:16]) if (m := _matrix(v)) is not None}
    if len(matrices) == 1 and 1 < len(value) <= 16:
        ((place, vectors),) = matrices.items()
        return Table(vectors, {f"{ITEM}{i}": v for i, v in enumerate(value) if i != place})
    widths = {len(v) if isinstance(v, list | tuple) else 0 for v in value}
    places = (
        [i for i, v in enumerate(value[0]) if _vector(v) is not None] if 0 not in widths else []
    )
    if len(widths) != 1 or len(places) != 1:
        return None
    column = [v for row in value if (v := _vector(row[places[0]])) is not None]
    if len(column) < len(value):
        raise VectorError(f"{len(value) - len(column)} tuples have no vector at {ITEM}{places[0]}")
    (width,) = widths
    others = [i for i in range(width) if i != places[0]]
    return Table(column, {f"{ITEM}{i}": [row[i] for row in value] for i in others})


SHAPES: tuple[Callable[[Any, str | None, Sequence[str]], Table | None], ...] = (
    _published, _alone, _columns, _records, _by_key, _tuples,
)  # fmt: skip


def _vector(value: Any) -> NDArray[Any] | None:
    """Return a vector of floats; one that a network returned as the only row counts too."""
    if isinstance(value, np.ndarray):
        flat = value.ndim == 1 or (value.ndim == 2 and len(value) == 1)
        return value.ravel() if flat and value.dtype.kind == "f" and value.size > 1 else None
    if isinstance(value, list | tuple) and len(value) > 1 and isinstance(value[0], float | int):
        kinds = set(map(type, value))
        return np.array(value, np.float64) if float in kinds and kinds <= {float, int} else None
    return None


def _matrix(value: Any) -> Vectors | None:
    if isinstance(value, np.ndarray):
        if value.ndim == 3 and value.shape[1] == 1:
            value = value[:, 0]
        return value if value.ndim == 2 and value.dtype.kind == "f" else None
    if not isinstance(value, list | tuple) or not value or _vector(value[0]) is None:
        return None
    vectors = [v for item in value if (v := _vector(item)) is not None]
    return vectors if len(vectors) == len(value) else None


def _text_keys(value: Any) -> dict[str, Any]:
    """Return a dict with text as keys; numbers are written out."""
    if not isinstance(value, dict):
        return {}
    named = {k.decode("utf-8", "replace") if isinstance(k, bytes) else str(k): v
             for k, v in value.items()}  # fmt: skip
    if len(named) < len(value):
        raise VectorError("two keys of a dict are the same text; name them apart")
    return named


def _name_of(keys: Sequence[str]) -> str:
    """Return what keys of single vectors are: paths, or ids."""
    paths = any("/" in k or "\\" in k for k in keys)
    pictures = any(PureWindowsPath(k).suffix.lower() in PICTURES for k in keys)
    return "path" if paths or pictures else "sample_id"


def _stacked(path: Path, vectors: Vectors, size: int) -> NDArray[Any]:
    if isinstance(vectors, np.ndarray):
        return vectors
    lengths = {len(v) for v in vectors}
    if len(lengths) > 1:
        raise VectorError(
            f"{path}: vectors have lengths from {min(lengths)} to {max(lengths)}; one was expected"
        )
    if sum(map(len, vectors)) > size:
        raise VectorError(
            f"{path} has {size} bytes, and the same vectors again and again in it; write each once"
        )
    return np.stack(vectors)


def _listed(values: Any) -> bool:
    return isinstance(values, list | tuple)


def _columns_of(
    path: Path, table: Table, n: int, size: int, names: Sequence[str]
) -> tuple[pl.DataFrame, list[str]]:
    columns: list[pl.Series] = []
    aside = list(table.aside)
    left = PER_BYTE * size + 2**20
    for name, values in table.columns.items():
        left -= sum(len(v) for v in values if isinstance(v, str | bytes)) if _listed(values) else 0
        if left < 0:
            raise VectorError(f"{path} has {size} bytes and far longer labels; shorten them")
        made = plain_labels(path, name, values, n)
        if made is None:
            if name in names:
                raise VectorError(
                    f"{path}: labels {name!r} are {described(values)}; text or a number for each "
                    f"of {n} vectors was expected"
                )
            aside.append(name)
            continue
        columns.append(made)
    return pl.DataFrame(columns), aside
