"""Folders of vectors: a dataset saved by Hugging Face's `datasets`, or Parquet as on its Hub.

`Dataset.save_to_disk` writes Arrow streams, a ``state.json`` that lists them and a
``dataset_info.json`` that says what is in them; `DatasetDict.save_to_disk` one such folder a
split. On the Hub, splits are Parquet files named ``train-00000-of-00002.parquet``. Nothing here
needs `datasets`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from evenface.embed.features import features_of, with_class_names
from evenface.embed.files import first_line
from evenface.embed.found import Found
from evenface.embed.manifest import is_embedding_folder
from evenface.embed.tables import frame_vectors, guarded, read_parquet
from evenface.errors import VectorError
from evenface.faces.split import SPELLINGS
from evenface.faces.table import Note

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
SPLIT = "split"
"""The attribute that says which split a row is of, where there are several."""

SELECTIONS = ("_indices_data_files", "_indices_files")
"""Where old versions say which rows are meant, and in what order."""

_SHARD = re.compile(r"(.+?)-(\d{5})-of-(\d{5})(?:-[0-9a-f]+)?\.parquet")


def read_folder(folder: Path, chosen: str | None, names: Sequence[str]) -> Found:
    """Read a folder of vectors; several splits as one, with the attribute ``split``.

    Raises
    ------
    VectorError
        Where it is another folder, a file is missing or damaged, or splits don't fit together.
    """
    if is_embedding_folder(folder):
        raise VectorError(f"{folder} is an embedding folder already; use it as it is")
    kind = "datasets"
    if (folder / SPLITS).is_file():
        parts = _saved_splits(folder)
    elif (folder / STATE).is_file():
        parts = {"": _saved(folder)}
    else:
        kind, parts = "parquet", _pushed(folder)
    frames, files = [], []
    for split, (frame, own) in parts.items():
        if len(parts) > 1 and SPLIT in frame.columns:
            raise VectorError(
                f"{folder} has {len(parts)} splits and a column {SPLIT!r}, which would hold their "
                "names; rename the column, or import one split"
            )
        named = frame.with_columns(pl.lit(split).alias(SPLIT)) if len(parts) > 1 else frame
        frames.append(named)
        files += own
    found = frame_vectors(folder, _joined(folder, frames), chosen, names)
    if len(parts) > 1:
        text = "{n} splits were read as one; the attribute `split` says which one a row is of."
        found = replace(found, notes=(Note.of("splits", parts, text), *found.notes))
    return replace(found, files=tuple(files), layout=kind)


Read = tuple[pl.DataFrame, list[Path]]


def _saved_splits(folder: Path) -> dict[str, Read]:
    splits = _json(folder / SPLITS).get("splits")
    if not isinstance(splits, list) or not splits:
        raise VectorError(f"{folder / SPLITS} lists no splits; save the dataset again")
    return {name: _saved(_inside(folder, name)) for name in splits}


def _saved(folder: Path) -> Read:
    state = _json(folder / STATE)
    files = _listed(folder, state, "_data_files")
    if not files:
        raise VectorError(f"{folder / STATE} lists no files of data; save the dataset again")
    features = features_of(_json(folder / INFO)) if (folder / INFO).is_file() else {}
    frame = with_class_names(folder, _joined(folder, [_stream(f) for f in files]), features)
    chosen = [f for key in SELECTIONS for f in _listed(folder, state, key)]
    if not chosen:
        return frame, files
    rows = _joined(folder, [_stream(f) for f in chosen]).to_series()
    if not rows.dtype.is_integer() or rows.null_count() or (rows >= frame.height).any():
        raise VectorError(
            f"{folder}: {', '.join(f.name for f in chosen)} should say which of {frame.height} "
            "rows are meant, and doesn't; save the dataset again"
        )
    return frame[rows.cast(pl.Int64)], [*files, *chosen]


def _pushed(folder: Path) -> dict[str, Read]:
    """Read Parquet files of a folder or of its folder ``data``, split by split."""
    places = [folder, folder / "data"]
    found = [sorted(f for f in p.glob("*.parquet") if f.name[0] != ".") for p in places]
    files = found[0] or found[1]
    if not files:
        raise VectorError(
            f"{folder} holds neither a dataset saved with save_to_disk ({STATE}) nor .parquet "
            "files (in it, or in its folder data); import one of these, or a file"
        )
    splits: dict[str, list[Path]] = {}
    for file in files:
        splits.setdefault(_split_of(file), []).append(file)
    if "" in splits and len(splits) > 1:
        raise VectorError(
            f"{folder}: {splits[''][0].name} names no split, and "
            f"{next(f for s, f in splits.items() if s)[0].name} does; import them one by one"
        )
    for shards in splits.values():
        _refuse_lacking(folder, shards)
    return {s: (_joined(folder, [read_parquet(f) for f in own]), own) for s, own in splits.items()}


def _split_of(file: Path) -> str:
    match = _SHARD.fullmatch(file.name)
    return match[1] if match else file.stem if file.stem in SPELLINGS else ""


def _refuse_lacking(folder: Path, shards: list[Path]) -> None:
    counted = [m for f in shards if (m := _SHARD.fullmatch(f.name))]
    for match in counted[:1]:
        have = {int(m[2]) for m in counted}
        lacking = sorted(set(range(int(match[3]))) - have)
        if lacking or {m[3] for m in counted} != {match[3]} or len(counted) != len(shards):
            lack = f"; {match[1]}-{lacking[0]:05d}-of-{match[3]} is not there" if lacking else ""
            raise VectorError(
                f"{folder}: the files of {match[1]!r} are no whole set of {int(match[3])}{lack}; "
                "download the folder again"
            )


def _stream(file: Path) -> pl.DataFrame:
    return guarded(file, lambda: pl.read_ipc_stream(file))


def _joined(folder: Path, frames: list[pl.DataFrame]) -> pl.DataFrame:
    try:
        return pl.concat(frames) if len(frames) > 1 else frames[0]
    except pl.exceptions.PolarsError as error:
        raise VectorError(
            f"{folder}: its parts have different columns ({first_line(error)}); import them one "
            "by one"
        ) from error


def _listed(folder: Path, state: dict[str, Any], key: str) -> list[Path]:
    """Return the files that a state lists."""
    entries = state.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise VectorError(f"{folder / STATE}: {key} is no list of files; save the dataset again")
    if any(e.get("skip") or e.get("take") for e in entries):
        raise VectorError(f"{folder / STATE} means parts of files only; save the dataset again")
    return [_inside(folder, e.get("filename")) for e in entries]


def _inside(folder: Path, name: Any) -> Path:
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
        raise VectorError(
            f"{folder} refers to {str(name)[:80]!r}, which is no name of a file in it"
        )
    return folder / name


def _json(file: Path) -> dict[str, Any]:
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise VectorError(f"{file} can't be read: {first_line(error)}") from error
    if not isinstance(read, dict):
        raise VectorError(f"{file} is not what `datasets` writes; save the dataset again")
    return read
