"""Erasers in files: safetensors, with a card that says what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from evenface.embed.embeddings import IMPORTED, Embeddings
from evenface.embed.files import refuse_unreachable, write_whole
from evenface.erasers.eraser import Eraser, Maps
from evenface.erasers.methods import ERASERS
from evenface.erasers.rows import codes_of
from evenface.erasers.seen import mark_seen
from evenface.errors import StoreError, VectorError

SCHEMA, VERSION = "evenface.eraser", 1
FAULTS = (ValueError, KeyError, TypeError, AttributeError)
TENSORS = ("centres", "moves", "out", "into")
LABELS = "Labels are what a dataset recorded, not truths about anybody."


def save_eraser(eraser: Eraser, file: Path, *, model: Mapping[str, Any] | None = None) -> Path:
    """Write an eraser under another name, then rename it.

    Parameters
    ----------
    eraser : Eraser
    file : Path
        Ends in ``.safetensors`` by custom; an eraser that is there is replaced, nothing else.
    model : mapping, optional
        Card of the embeddings it was fitted to (`Embeddings.card`): whose vectors it is for.

    Returns
    -------
    Path
        `file`.

    Raises
    ------
    StoreError
        If there is something else at `file`, or it can't be written.
    """
    card = {
        "schema": f"{SCHEMA}/{VERSION}",
        "method": eraser.method,
        "title": ERASERS[eraser.method].title,
        "source": ERASERS[eraser.method].source,
        "attributes": eraser.attributes,
        "classes": eraser.classes,
        "dimension": eraser.dimension,
        "rank": eraser.rank,
        "strength": eraser.strength,
        "needs_labels": eraser.needs_labels,
        "rows": eraser.rows,
        "identities": eraser.identities,
        "salt": eraser.salt,
        "fitted_on": sorted(eraser.fitted_on),
        "model": None if model is None else model_of(model),
        "note": LABELS,
    }
    arrays = {name: np.ascontiguousarray(getattr(eraser.maps, name)) for name in TENSORS}
    if not file.name:
        raise StoreError(f"{str(file)!r} names no file to save an eraser in")
    refuse_unreachable(file.parent)
    _refuse_another(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, save(arrays, metadata={"card": json.dumps(card, ensure_ascii=False)}))
    return file


def _refuse_another(file: Path) -> None:
    """Refuse to write over what is no eraser."""
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise StoreError(f"{file} is no plain file; choose another name for the eraser")
    if file.exists():
        try:
            load_eraser(file)
        except StoreError:
            raise StoreError(
                f"{file} exists and is no eraser: nothing is written over it; choose another name"
            ) from None


def load_eraser(file: Path) -> tuple[Eraser, dict[str, Any]]:
    """Read an eraser and its card.

    Parameters
    ----------
    file : Path

    Returns
    -------
    eraser : Eraser
    card : dict
        What `save_eraser` wrote beside it: method, attributes, classes, network.

    Raises
    ------
    StoreError
        If there is no such file, it is damaged, something else, or of a newer version.
    """
    try:
        with safe_open(str(file), framework="numpy") as opened:
            card = json.loads((opened.metadata() or {})["card"])
            schema, version = str(card["schema"]).rsplit("/", 1)
            if schema != SCHEMA:
                raise ValueError(f"schema {card['schema']!r}")
            if int(version) > VERSION:
                raise StoreError(
                    f"{file}: has schema {card['schema']!r}, this version reads up to /{VERSION}; "
                    "update evenface"
                )
            arrays = {name: opened.get_tensor(name) for name in TENSORS}
        return _read(card, arrays), card
    except FileNotFoundError:
        raise StoreError(f"{file}: there is no such file; expected an eraser that "
                         "`evenface fit-eraser` wrote") from None  # fmt: skip
    except (OSError, SafetensorError, RecursionError, OverflowError, *FAULTS) as error:
        raise StoreError(
            f"{file}: not an eraser, or a damaged one ({error}); expected a file that "
            "`evenface fit-eraser` wrote; remove it and fit it again"
        ) from None


def _read(card: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> Eraser:
    if not isinstance(card["model"], dict | None):
        raise ValueError(f"model {card['model']!r}")
    classes = tuple(tuple(map(str, c)) for c in card["classes"])
    if card["method"] not in ERASERS:
        raise ValueError(f"no method {card['method']!r}")
    combined = int(np.prod([len(c) for c in classes]))
    c, d, r = arrays["out"].shape
    if d != card["dimension"]:
        raise ValueError(f"maps of {d} dimensions for {card['dimension']}")
    if (
        c != (combined if ERASERS[card["method"]].by_label else 1)
        or len(classes) != len(card["attributes"])
        or not classes
    ):
        raise ValueError(f"{c} maps for {combined} combinations of classes")
    shapes = {"centres": (c, d), "moves": (c, d), "out": (c, d, r), "into": (c, r, d)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype != np.float64:
            raise ValueError(f"{name} is {arrays[name].dtype} of shape {arrays[name].shape}")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} holds values that are not finite")
    if not 0 <= float(card["strength"]) <= 1:
        raise ValueError(f"strength {card['strength']}")
    return Eraser(
        str(card["method"]), tuple(map(str, card["attributes"])), classes, Maps(**arrays),
        float(card["strength"]), int(card["rows"]), int(card["identities"]), str(card["salt"]),
        frozenset(map(str, card["fitted_on"])),
    )  # fmt: skip


def model_of(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells a network's vectors from another's, and from those an eraser changed."""
    found = {k: card.get(k) for k in ("name", "sha256", "dimension")}
    # Of imported vectors nothing but their length is known: the hash is of the file they came in.
    known = found if card.get("name") != IMPORTED else {**found, "sha256": None}
    return {**known, "erased": [dict(own) for own in card.get("erased", [])]}


def apply_eraser(
    eraser: Eraser, embeddings: Embeddings, *, card: dict[str, Any] | None = None
) -> Embeddings:
    """Return embeddings whose vectors were changed, and whose card says so.

    Their attribute ``seen_by_eraser`` says whom the eraser was fitted to: studies leave them out.

    Parameters
    ----------
    eraser : Eraser
    embeddings : Embeddings
        Of the dimension that it was fitted to.
    card : dict, optional
        The eraser's, from `load_eraser`: the network must be the one it was fitted to.

    Returns
    -------
    Embeddings
        The same rows; float32 vectors, shape (n, d).

    Raises
    ------
    VectorError
        If dimensions or networks differ, or labels that it needs are not there.
    """
    if embeddings.dimension != eraser.dimension:
        raise VectorError(
            f"these embeddings have {embeddings.dimension} dimensions, the eraser was fitted to "
            f"vectors of {eraser.dimension}"
        )
    model = (card or {}).get("model")
    if model and model_of(model) != model_of(embeddings.card):
        if model.get("erased", []) != embeddings.card.get("erased", []):
            raise VectorError(
                "the eraser was fitted to vectors that other erasers had changed, or to unchanged "
                "ones: apply erasers in the order in which they were fitted"
            )
        raise VectorError(
            f"the eraser was fitted to vectors of {model.get('name')}, these are of "
            f"{embeddings.card.get('name')}: what it takes out of one network's vectors is "
            "something else in another's; fit one to these"
        )
    codes = None
    if eraser.needs_labels:
        codes = codes_of(embeddings.rows, eraser.attributes, eraser.classes)
    about = {
        "method": eraser.method, "attributes": list(eraser.attributes),
        "strength": eraser.strength, "rank": eraser.rank, "fit": eraser.salt,
    }  # fmt: skip
    erased = [*embeddings.card.get("erased", []), about]
    changed = replace(
        embeddings,
        vectors=eraser(embeddings.vectors, codes),
        card={**embeddings.card, "erased": erased},
        stored_fingerprint=None,
    )
    return mark_seen(changed, eraser)
