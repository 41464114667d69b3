"""How the site is built: scripts/docs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

from evenface._version import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "evenface"
author = "The evenface authors"
copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "figures",
    "links",
    "mathml",
    "terms",
]
exclude_patterns = ["_build", "_ext"]
source_suffix = {".md": "markdown"}
# A block without a language is commands for a shell.
highlight_language = "sh"

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
default_role = "literal"

html_theme = "furo"
html_title = "evenface"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"


def setup(app: Any) -> None:
    """Know tables by name; Pygments has no colours for them."""
    app.add_lexer("csv", TextLexer)
