"""Every public docstring says what its signature says: names, shapes, ranges, errors."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import evenface
from docstring_rules import Doc, complaints
from evenface.stats import PUBLIC as PUBLIC_STATS
from support import ROOT

# Commands document in options.py what they share; their help is tested with the command line.
FILES = [
    file
    for file in sorted((ROOT / "src" / "evenface").rglob("*.py"))
    if "cli" not in file.relative_to(ROOT).parts
]


def public() -> dict[str, Any]:
    """Return every class and function that is meant to be used from outside."""
    found = {name: getattr(evenface, name) for name in evenface.__all__}
    named = {f"evenface.stats.{module}": names for module, names in PUBLIC_STATS.items()}
    named["evenface.heads.streamed"] = ("Streamed", "fit_streamed")
    for module, names in named.items():
        home = import_module(module)
        found |= {f"{module.removeprefix('evenface.')}.{n}": getattr(home, n) for n in names}
    for thing in list(found.values()):
        for base in inspect.getmro(thing) if inspect.isclass(thing) else ():
            if base.__module__.startswith("evenface."):
                home = base.__module__.removeprefix("evenface.")
                found.setdefault(f"{home}.{base.__name__}", base)
    once = {id(thing): name for name, thing in reversed(found.items())}
    return {n: found[n] for n in once.values() if callable(found[n])}


PUBLIC = public()


@pytest.mark.parametrize("name", PUBLIC)
def test_the_docstring_says_what_the_code_does(name: str) -> None:
    assert not complaints(PUBLIC[name])


def test_all_that_is_listed_is_looked_at() -> None:
    named = [name for name in evenface.__all__ if callable(getattr(evenface, name))]
    assert {getattr(evenface, name) for name in named} <= set(PUBLIC.values())
    assert len(PUBLIC) > 100


def test_parameters_that_are_listed_are_those_there_are() -> None:
    wrong = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
                said = list(Doc(text).entries("Parameters"))
                if said and said != parameters(node):
                    wrong.append(f"{file}: {node.name}")
    assert not wrong
    assert len(FILES) > 200


def parameters(node: ast.FunctionDef) -> list[str]:
    a = node.args
    rest = [[x] if x else [] for x in (a.vararg, a.kwarg)]
    names = [x.arg for x in [*a.posonlyargs, *a.args, *rest[0], *a.kwonlyargs, *rest[1]]]
    return [n for n in names if n not in ("self", "cls")]


# What the rules must find


def nothing(x: int) -> int:
    return x


def renamed(x: int) -> int:
    """Return something.

    Parameters
    ----------
    y : int

    Returns
    -------
    int
    """
    return x


def shapeless(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return something.

    Parameters
    ----------
    x : ndarray

    Returns
    -------
    ndarray
    """
    return x


def boundless(level: float) -> None:
    """Do something.

    Parameters
    ----------
    level : float
        Nominal coverage.
    """
    if level > 1:
        raise ValueError("level")


@dataclass
class Unsaid:
    """Has a field.

    Attributes
    ----------
    one : int
    """

    one: int
    other: int

    def twice(self, times: int) -> int:
        """Return something."""
        return times * self.one


@pytest.mark.parametrize(
    ("thing", "wanted"),
    [
        (nothing, ["has no docstring", "takes ['x'], says []", "returns int, doesn't say what"]),
        (renamed, ["takes ['x'], says ['y']"]),
        (shapeless, ["x is an array of a shape it doesn't say",
                     "returns an array of a shape it doesn't say"]),
        (boundless, ["level has a range it doesn't say", "raises ValueError, doesn't say so"]),
        (Unsaid, ["has ['one', 'other'], says ['one']", "twice: takes ['times'], says []",
                  "twice: returns int, doesn't say what"]),
    ],
)  # fmt: skip
def test_the_rules_find_what_is_missing(thing: Any, wanted: list[str]) -> None:
    assert complaints(thing) == wanted
