"""The file by which a folder says that its faces are rendered and show nobody."""

from __future__ import annotations

import json
from pathlib import Path

MARKER = "SYNTHETIC.json"


def is_synthetic(folder: Path) -> bool:
    """Tell whether a folder, or the one above, is marked as holding rendered faces."""
    for place in (folder, folder.parent):
        marker = place / MARKER
        if marker.is_file():
            try:
                schema = json.loads(marker.read_text(encoding="utf-8")).get("schema", "")
            except (ValueError, OSError, AttributeError):
                continue
            if str(schema).startswith("evenface.synthetic/"):
                return True
    return False
