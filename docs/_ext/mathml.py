"""Formulas as MathML, which browsers draw by themselves: no script, no font, no request."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert


def _converted(node: nodes.Element, display: str) -> str:
    found = str(convert(node.astext(), display=display))
    if "\\" in found:
        # What the converter doesn't know it hands on as it is.
        raise ValueError(f"no MathML for a command in {node.astext()!r}: say it otherwise")
    return found


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(_converted(node, "inline"))
    raise nodes.SkipNode


def _block(self: Any, node: nodes.math_block) -> None:
    self.body.append(f'<div class="math">{_converted(node, "block")}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer that ``html_math_renderer`` names."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
