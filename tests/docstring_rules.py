"""What a public docstring must say, held against what the code says: NumPy style, read strictly.

Each rule takes something public and yields complaints, so that a test can list them all at once.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from evenface import errors

SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
ARRAY = re.compile(r"NDArray|ArrayLike|Tensor|\bArray\b|\bNumbers\b|\bCounts\b|\bFlags\b|\bCodes\b")
SHAPE = re.compile(r"\([\w.]+( [-+*/] \w+)*,[^)]*\)|shapes?\b|\bscalar|one an? |1-D|2-D", re.I)
BOUNDED = re.compile(
    r"^(level|levels|alpha|share|shares|rate|rates|power|p|p_value|p_values|fmr|fnmr|coverage"
    r"|probability|probabilities|accuracy|tpr|fpr|training_share|quantile)$"
)
RANGE = re.compile(
    r"[(\[](0|0\.5|-1), ?1[)\]]|\b0(\.5)? (to|and) 1\b|above 0|below 1|at most 1|see `|as in `",
    re.I,
)


@dataclasses.dataclass(frozen=True)
class Doc:
    """A docstring in NumPy style, taken apart."""

    text: str

    @cached_property
    def summary(self) -> str:
        """The first paragraph."""
        return " ".join(self.text.split("\n\n")[0].split())

    @cached_property
    def sections(self) -> dict[str, str]:
        """The body of each section, by its heading."""
        parts = SECTION.split(self.text)
        return dict(zip(parts[1::2], parts[2::2], strict=True))

    def entries(self, section: str) -> dict[str, str]:
        """Return what is said of each name; one said of several stands at each."""
        found: dict[str, str] = {}
        names: list[str] = []
        for line in self.sections.get(section, "").splitlines():
            if line and not line[0].isspace():
                left, _, kind = line.partition(" : ")
                names = [n.strip().lstrip("*") for n in left.split(",")]
                found |= dict.fromkeys(names, kind)
            else:
                found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
        return found


def doc_of(thing: Any) -> Doc:
    return Doc(inspect.cleandoc(thing.__doc__ or ""))


def of_function(function: Callable[..., Any], own: str = "") -> Iterator[str]:
    """Yield what a function's docstring lacks; makers of their `own` class needn't say so."""
    doc = doc_of(function)
    yield from of_summary(doc)
    hints = function.__annotations__
    signature = inspect.signature(function)
    names = [n for n in signature.parameters if n not in ("self", "cls")]
    said = doc.entries("Parameters")
    if list(said) != names:
        yield f"takes {names}, says {list(said)}"
    for name in names:
        yield from of_value(name, str(hints.get(name, "")), said.get(name, ""))
    kind = str(hints.get("return", ""))
    yield from of_returned(doc, "" if kind == own else kind, alone=not names)
    for error in sorted(raised(function)):
        if not any(is_kind_of(error, said) for said in doc.entries("Raises")):
            yield f"raises {error}, doesn't say so"


def is_kind_of(error: str, said: str) -> bool:
    """Tell whether an error is named, or a base of it that evenface has."""
    one, other = (getattr(errors, name, None) for name in (error, said))
    return error == said or (one is not None and other is not None and issubclass(one, other))


def of_summary(doc: Doc) -> Iterator[str]:
    if not doc.text:
        yield "has no docstring"
    elif not doc.summary.endswith((".", "?", "::")) or "\n" in doc.text.split("\n\n")[0]:
        yield "doesn't begin with one sentence on one line"


def of_returned(doc: Doc, kind: str, *, alone: bool) -> Iterator[str]:
    """Yield what isn't said of what is returned; without arguments, a summary may say it."""
    if kind in ("None", ""):
        return
    told = doc.sections.get("Returns", doc.sections.get("Yields"))
    if told is None and not (alone and re.match(r"(Return|Tell|Count|Yield|Read)", doc.summary)):
        yield f"returns {kind}, doesn't say what"
    elif ARRAY.search(kind) and not SHAPE.search(told if told is not None else doc.text):
        yield "returns an array of a shape it doesn't say"


def of_value(name: str, kind: str, said: str) -> Iterator[str]:
    if ARRAY.search(kind) and not SHAPE.search(said):
        yield f"{name} is an array of a shape it doesn't say"
    if (
        BOUNDED.match(name)
        and re.search(r"float|Share|Array|Numbers", kind)
        and not RANGE.search(said)
    ):
        yield f"{name} has a range it doesn't say"


def raised(function: Callable[..., Any]) -> set[str]:
    """Return the names of the errors that a function's own lines raise."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    found: set[str] = set()
    waiting: list[ast.AST] = list(ast.iter_child_nodes(tree))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            made = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(made, ast.Name) and made.id[:1].isupper():
                found.add(made.id)
        # What is raised to be caught is told by what it becomes.
        caught = node.body if isinstance(node, ast.Try) and node.handlers else []
        waiting += [n for n in ast.iter_child_nodes(node) if n not in caught]
    return found


def of_class(cls: type) -> Iterator[str]:
    """Yield what a class's docstring lacks, and those of its own public methods."""
    doc = doc_of(cls)
    yield from of_summary(doc)
    fields = own_fields(cls)
    said = doc.entries("Attributes") or doc.entries("Parameters")
    if list(said)[: len(fields)] != list(fields):
        yield f"has {list(fields)}, says {list(said)}"
    for name, kind in fields.items():
        yield from of_value(name, kind, said.get(name, ""))
    for name, method in own_methods(cls):
        if isinstance(method, property):
            yield from (f"{name}: {text}" for text in of_summary(doc_of(method)))
        else:
            makes = cls.__name__ if isinstance(vars(cls)[name], classmethod) else ""
            yield from (f"{name}: {text}" for text in of_function(method, makes))


def own_fields(cls: type) -> dict[str, str]:
    """Return the types of the fields that a dataclass, or a set of options, adds to its bases."""
    if not (dataclasses.is_dataclass(cls) or hasattr(cls, "model_fields")):
        return {}
    kinds = inspect.get_annotations(cls)
    return {
        name: str(kind)
        for name, kind in kinds.items()
        if not name.startswith(("_", "model_")) and "ClassVar" not in str(kind)
    }


def own_methods(cls: type) -> Iterator[tuple[str, Any]]:
    for name, value in vars(cls).items():
        thing = getattr(value, "__func__", value)
        if not name.startswith("_") and (inspect.isfunction(thing) or isinstance(thing, property)):
            yield name, thing


def complaints(thing: Any) -> list[str]:
    """Return what the docstring of a class or function lacks."""
    return list(of_class(thing) if inspect.isclass(thing) else of_function(thing))
