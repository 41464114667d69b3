"""Types in docstrings and signatures lead to public names, and are words where they name none."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref

import evenface


def _settle(app: Any, doctree: nodes.document) -> None:
    del app
    for link in list(doctree.findall(pending_xref)):
        if link.get("refdomain") != "py" or link.get("refexplicit"):
            continue
        name = str(link["reftarget"]).removeprefix("evenface.")
        if name in evenface.__all__:
            # By its full name: several modules may have one that ends so.
            link["reftarget"] = f"evenface.{name}"
            link["reftype"] = "obj"
            link.attributes.pop("refspecific", None)
        elif link.get("reftype") == "class":
            link.replace_self(link.children)


def setup(app: Any) -> dict[str, bool]:
    """Settle links when a page was read."""
    app.connect("doctree-read", _settle)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
