"""Seals: a hash of what a JSON file says, in the file itself, so that damage shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SEAL = "seal"
_LAST = f', "{SEAL}": "'


def seal_of(content: Mapping[str, Any]) -> str:
    """Return 16 hex digits of all but the seal."""
    rest = {k: v for k, v in content.items() if k != SEAL}
    return _hash(json.dumps(rest, sort_keys=True))


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return content with its seal."""
    return {**content, SEAL: seal_of(content)}


def is_sealed(content: Any) -> bool:
    """Say whether content is what was sealed."""
    return isinstance(content, dict) and content.get(SEAL) == seal_of(content)


def sealed_text(text: str) -> str:
    """Return a JSON object's text with its seal as the last entry, for what is long to encode."""
    return f'{text[:-1]}{_LAST}{_hash(text)}"}}'


def is_sealed_text(text: str) -> bool:
    """Say whether a text is what `sealed_text` made, to the letter."""
    rest = text[: text.rfind(_LAST)] + "}"
    return text == sealed_text(rest)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
