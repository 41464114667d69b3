"""What two sets of embeddings must share for their vectors to be comparable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from evenface.errors import StoreError

CARD_FIELDS: Final = (
    "sha256", "output", "dimension", "size", "color", "mean", "scale", "layout", "alignment",
    "box", "contract", "architecture", "erased",
)  # fmt: skip
"""What of a card decides the vectors; its name and licence do not."""

CROP_FIELDS: Final = ("align", "crop", "contract", "detector", "size")


def contract_of(card: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that two sets of embeddings must share to be comparable, by a field's name."""
    found = {f"model.{k}": card.get(k) for k in CARD_FIELDS}
    if not card.get("sha256"):
        found["model.name"] = card.get("name")
    return found | {f"crops.{k}": preprocessing.get(k) for k in CROP_FIELDS}


def differences(
    here: Mapping[str, Any], there: Mapping[str, Any], names: tuple[str, str]
) -> list[str]:
    """Return what differs between two contracts, a sentence each."""
    return [
        f"{key} is {here.get(key)!r} in {names[0]} and {there.get(key)!r} in {names[1]}"
        for key in {**here, **there}
        if here.get(key) != there.get(key)
    ]


def differences_of_contracts(
    one: Mapping[str, Any], other: Mapping[str, Any], names: tuple[str, str]
) -> list[str]:
    """Return what differs between the contracts of two manifests."""
    here, there = (contract_of(m["model"], m["preprocessing"]) for m in (one, other))
    return differences(here, there, names)


def refuse_to_reuse(
    held: Mapping[str, Any], wanted: Mapping[str, Any], names: tuple[str, str]
) -> None:
    """Refuse a folder whose vectors can't be taken for another's, both by their manifests.

    Raises
    ------
    StoreError
        Where networks, preprocessing or precision differ.
    """
    differs = differences_of_contracts(held, wanted, names)
    if held["dtype"] == "float16" and wanted["dtype"] != "float16":
        differs.append(f"{names[0]} keeps float16 only")
    if differs:
        raise StoreError(f"vectors of {names[0]} can't be used in {names[1]}: {'; '.join(differs)}")


def unknown_card(name: str, dimension: int) -> dict[str, Any]:
    """Return a card for vectors from a network that is not at hand: None where ours has values."""
    fields = (
        "size",
        "color",
        "mean",
        "scale",
        "layout",
        "output",
        "alignment",
        "box",
        "contract",
        "commercial_use",
    )
    text = {"licence": "", "paper": "", "url": "", "accuracy": "", "sha256": "", "assumed": []}
    return {"name": name, "dimension": dimension, **dict.fromkeys(fields), **text}


def unknown_preprocessing() -> dict[str, Any]:
    """Return what is known of the crops behind vectors that came from elsewhere: nothing."""
    keys = ("align", "aligned", "reason", "detector", "crop", "contract", "size", "max_pixels")
    return dict.fromkeys(keys)
