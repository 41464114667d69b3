"""Weight files: opened without running anything in them, and filled in layer by layer."""

from __future__ import annotations

from evenface.embed.weights.fill import load_network

__all__ = ["load_network"]
