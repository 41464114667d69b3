"""Seals: a hash of what a JSON file says, in the file itself, so that damage shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SEAL = "seal"


def seal_of(content: Mapping[str, Any]) -> str:
    """Return 16 hex digits of all but the seal."""
    rest = {k: v for k, v in content.items() if k != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:16]


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return content with its seal."""
    return {**content, SEAL: seal_of(content)}


def is_sealed(content: Any) -> bool:
    """Say whether content is what was sealed."""
    return isinstance(content, dict) and content.get(SEAL) == seal_of(content)
