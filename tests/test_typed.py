"""The public API has types: mypy reads tests/typing strictly (scripts/test); here is the rest."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import FunctionType
from typing import Any

import evenface
from evenface.embed.extract import ExtractOptions, extract
from support import ROOT
from test_docstrings import PUBLIC

EXAMPLE = (ROOT / "tests" / "typing" / "example.py").read_text()
# Documents and arrays whose values may be of any kind.
OPEN = re.compile(r"(dict|Mapping)\[str, Any\]|NDArray\[Any\]")
# Values of columns and fields that are given by name.
BY_NAME = {"with_fields", "where", "estimate"}


def annotated(thing: Any) -> dict[str, str]:
    """Return what a class, with its public methods, or a function says of its types."""
    if isinstance(thing, FunctionType):
        return {f"{thing.__name__}({n})": str(k) for n, k in thing.__annotations__.items()}
    found = {n: str(k) for n, k in inspect.get_annotations(thing).items()}
    for name, value in vars(thing).items():
        method = getattr(value, "__func__", getattr(value, "fget", value))
        if isinstance(method, FunctionType) and not name.startswith("_") and name not in BY_NAME:
            found |= annotated(method)
    return found


def test_the_package_says_that_it_has_types() -> None:
    assert (Path(evenface.__file__).parent / "py.typed").is_file()


def test_the_public_api_says_any_of_nothing_it_knows() -> None:
    for name, thing in PUBLIC.items():
        assert annotated(thing) or not isinstance(thing, FunctionType), name
        vague = {
            n: k for n, k in annotated(thing).items() if re.search(r"\bAny\b", OPEN.sub("", k))
        }
        assert not vague, name


def test_the_example_calls_every_public_function() -> None:
    functions = {n for n in evenface.__all__ if isinstance(getattr(evenface, n), FunctionType)}
    assert {n for n in functions if f"ef.{n}(" not in EXAMPLE} == set()


def test_embed_faces_takes_the_options_of_extract() -> None:
    options = [
        p for p in inspect.signature(extract).parameters.values() if p.kind == p.KEYWORD_ONLY
    ]
    kinds = {n: k.__forward_arg__ for n, k in ExtractOptions.__annotations__.items()}
    assert kinds == {p.name: p.annotation for p in options}
