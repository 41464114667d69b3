"""All of an embedding folder into memory, and its failures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenface.embed.embeddings import Embeddings, refuse_not_finite
from evenface.embed.files import MANIFEST, failure_schema, read_parquet
from evenface.embed.manifest import CONTRACT
from evenface.embed.parts import Part, read_whole, row_schema
from evenface.errors import StoreError


def load_folder(folder: Path, manifest: dict[str, Any], *, verify: bool) -> Embeddings:
    """Read every part into memory; as `open_embeddings`."""
    dimension, schema = int(manifest["dimension"]), row_schema(manifest)
    parts = [Part.of(entry) for entry in manifest["parts"]]
    promised = sum(part.rows for part in parts)
    try:
        vectors = np.empty((promised, dimension), np.float32)
    except (MemoryError, ValueError) as error:
        raise StoreError(
            f"{folder / MANIFEST} promises {promised} rows (parts.rows) of {dimension} numbers "
            "(dimension), more than fit in memory; if that is wrong, embed again"
        ) from error
    frames, start = [pl.DataFrame(schema=schema)], 0
    for part in parts:
        frame, block = read_whole(
            folder, part, schema, dimension, str(manifest["dtype"]), verify=verify
        )
        vectors[start : start + len(block)] = block
        frames.append(frame)
        start += len(block)
    rows = pl.concat(frames)
    twice = rows.filter(rows["sample_id"].is_duplicated())["sample_id"]
    if twice.len():
        raise StoreError(
            f"{folder}: {twice.len()} rows share a sample_id with another, such as {twice[0]!r}; "
            "embed again"
        )
    refuse_not_finite(vectors, rows["sample_id"], f"{folder}: ")
    return Embeddings(
        rows=rows,
        vectors=vectors,
        card=manifest["model"],
        source=manifest["source"],
        failures=read_failures(folder, manifest),
        preprocessing=manifest["preprocessing"],
        stored_fingerprint=fingerprint_of(manifest),
    )


def read_failures(folder: Path, manifest: Mapping[str, Any]) -> pl.DataFrame:
    """Read the failures of a finished folder, or raise `StoreError`."""
    path = folder / str(manifest["failures"])
    failures = read_parquet(path)
    wanted = manifest["counts"]["failures"]
    schema = failure_schema(manifest["source"]["attributes"])
    if dict(failures.schema) != schema or failures.height != wanted:
        raise StoreError(f"{path} doesn't hold the {wanted} failures expected")
    return failures


def fingerprint_of(manifest: Mapping[str, Any]) -> str:
    """Return 16 hex digits of what a folder holds."""
    parts = [part["sha256"] for part in manifest["parts"]]
    keys = [*CONTRACT, "source"]
    content = json.dumps([{key: manifest.get(key) for key in keys}, parts], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
