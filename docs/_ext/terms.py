"""The report's glossary on the site: ```` ```{terms} verify ```` lists what it explains there."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from evenface.report.glossary import GLOSSARY


class Terms(SphinxDirective):
    """A definition list of one study's terms."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        listed = nodes.definition_list()
        for term, meaning in GLOSSARY[self.arguments[0]]:
            item = nodes.definition_list_item("", nodes.term("", term))
            item += nodes.definition("", nodes.paragraph("", meaning))
            listed += item
        return [listed]


def setup(app: Any) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("terms", Terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
