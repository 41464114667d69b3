"""Write the pages of docs/reference from the code: ``scripts/docs reference``.

They are committed, so that a change of a signature or an option is seen in a review; a test
compares them with what is written here.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import evenface

FOLDER = Path(__file__).resolve().parents[1] / "reference"
AGAIN = "scripts/docs reference"
MADE = f"% Written by `{AGAIN}`; changes made here are lost."

# Where a public name lives says which section it is in.
SECTIONS = {
    "faces": "Faces",
    "embed": "Embeddings",
    "studies": "Studies",
    "stats": "Numbers",
    "erasers": "Erasers",
    "": "Runs and reports",
}
FURTHER = (
    "stats.intervals",
    "stats.accuracy",
    "stats.shares",
    "stats.bootstrap",
    "stats.jackknife",
    "stats.repeats",
    "stats.permutation",
    "stats.comparisons",
    "stats.power",
    "stats.pairs",
    "stats.rates",
    "stats.differentials",
    "stats.differential_intervals",
    "stats.association",
    "stats.flips",
    "heads.streamed",
)
API_HEAD = f"""{MADE}

# Python

`import evenface as ef` has the names below, and imports nothing heavy until one is used. Names that
begin with an underscore, and modules that aren't listed here, may change without notice.
"""
FURTHER_HEAD = """
## Statistics and streamed probes

Modules to import by their full name, for numbers of one's own: they take arrays, and know nothing
of faces.
"""
DATA = {
    "DATASETS": "Cards of the data sets that can be read, by name: what `evenface datasets` lists.",
    "ERASERS": "What takes an attribute out of vectors, by the name that `fit_eraser` takes.",
    "MODELS": "Cards of the networks that `load_embedder` knows by name.",
}
CLI_HEAD = f"""{MADE}

# Command line

Exit codes: 0; 2 for bad input or usage, with one message on standard error; 3 if a gate failed
({{doc}}`/howto/pipeline`); 130 and 143 if somebody stopped it. `evenface COMMAND --help` says the
same as this page.

## The commands
"""


def api_page() -> str:
    """Return docs/reference/api.md: every public name with its signature."""
    parts = [API_HEAD]
    for root, title in SECTIONS.items():
        names = [n for n in evenface.__all__ if n in evenface._PLACE and _root(n) == root]
        parts.append(f"\n## {title}\n")
        parts += [_block(f"evenface.{name}", getattr(evenface, name)) for name in names]
    parts.append("\n## Errors\n")
    parts.append("```{eval-rst}\n.. automodule:: evenface.errors\n   :members:\n```\n")
    parts.append(FURTHER_HEAD)
    for module in FURTHER:
        parts.append(f"\n### `evenface.{module}`\n")
        parts += [_block(f"evenface.{module}.{n}", thing) for n, thing in _own(module)]
    return "\n".join(parts)


def cli_page() -> str:
    """Return docs/reference/cli.md: every command with its options."""
    from evenface.cli import app

    # Whatever runs this, it is no part of what is written.
    with patch.object(sys, "argv", ["evenface"]):
        text = app.generate_docs(output_format="markdown")
    text = text[text.index("## Table of Contents") :]
    text = text.replace("## Table of Contents\n", CLI_HEAD, 1)
    # The list of contents says what this list says again.
    text = re.sub(r"\*\*Commands\*\*:\n.*?(?=\n## )", "", text, count=1, flags=re.S)
    text = re.sub(r"```console\n(.*?)\n```", r"`\1`", text)
    lines = [line.rstrip() for line in text.replace(r"\[default", "[default").splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


PAGES: dict[str, Callable[[], str]] = {"api.md": api_page, "cli.md": cli_page}


def _root(name: str) -> str:
    place: str = evenface._PLACE[name]
    first = place.split(".", maxsplit=1)[0]
    return first if "." in place and first in SECTIONS else ""


def _own(module: str) -> Iterator[tuple[str, Any]]:
    """Yield the public functions and classes that a module defines."""
    loaded = import_module(f"evenface.{module}")
    for name, thing in vars(loaded).items():
        made_here = getattr(thing, "__module__", None) == loaded.__name__
        public = f"evenface.{name}" if getattr(evenface, name, None) is thing else ""
        if made_here and callable(thing) and not name.startswith("_") and not public:
            yield name, thing


def _block(name: str, thing: Any) -> str:
    lines = list(_class(name, thing)) if inspect.isclass(thing) else [_plain(name, thing)]
    return "\n".join(["```{eval-rst}", *lines, "```", ""])


def _plain(name: str, thing: Any) -> str:
    if inspect.isfunction(thing):
        return f".. autofunction:: {name}{_signature(thing)}"
    return f".. py:data:: {name}\n\n   {DATA[name.rpartition('.')[2]]}"


def _class(name: str, kind: type) -> Iterator[str]:
    if issubclass(kind, Exception):
        yield f".. autoexception:: {name}"
        return
    yield f".. autoclass:: {name}{_signature(kind)}"
    for member, thing in vars(kind).items():
        inner = getattr(thing, "__func__", thing)
        if member.startswith("_") or not inspect.getdoc(inner):
            continue
        if isinstance(thing, property):
            yield f"\n   .. autoproperty:: {member}"
        elif inspect.isfunction(inner):
            bound = not isinstance(thing, staticmethod)
            yield f"\n   .. automethod:: {member}{_signature(inner, bound=bound)}"


def _signature(thing: Any, *, bound: bool = False) -> str:
    """Write a signature with its annotations as they stand in the source."""
    found = inspect.signature(thing)
    stated = _stated(thing) if inspect.isclass(thing) else {}
    parts = [
        p.replace(annotation=stated.get(p.name, p.annotation)) for p in found.parameters.values()
    ][bound:]
    written, starred = [], False
    for p in parts:
        if p.kind is p.KEYWORD_ONLY and not starred:
            written.append("*")
        starred = starred or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        written.append(_parameter(p))
    positional = [p.kind is p.POSITIONAL_ONLY for p in parts]
    if any(positional):
        written.insert(sum(positional), "/")
    end = found.return_annotation
    told = "" if inspect.isclass(thing) or end is found.empty else f" -> {_words(end)}"
    return f"({', '.join(written)}){told}"


def _stated(kind: type) -> dict[str, Any]:
    """Return the fields' annotations; pydantic's signatures have them resolved."""
    if not (dataclasses.is_dataclass(kind) or hasattr(kind, "model_fields")):
        return {}
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        found.update(vars(base).get("__annotations__", {}))
    return found


def _parameter(p: inspect.Parameter) -> str:
    star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
    said = f"{star}{p.name}" + (f": {_words(p.annotation)}" if p.annotation is not p.empty else "")
    if p.default is p.empty:
        return said
    return said + (" = " if p.annotation is not p.empty else "=") + _default(p.default)


def _words(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    text = " ".join((text or str(annotation)).split())
    # Bounds are said in docstrings.
    return re.sub(r"Annotated\[([^()]+), \w+\([^)]*\)\]", r"\1", text)


def _default(value: Any) -> str:
    if hasattr(type(value), "model_fields"):
        return f"{type(value).__name__}()"
    text = repr(value)
    return text if re.fullmatch(r"[^<>]*", text) else "..."


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for page, make in PAGES.items():
        (FOLDER / page).write_text(make(), encoding="utf-8")
        sys.stdout.write(f"docs/reference/{page}\n")
