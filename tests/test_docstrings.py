"""Every public docstring says what its signature says: names, shapes, ranges, errors."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest

import evenface
from docstring_rules import complaints
from evenface.stats import PUBLIC as PUBLIC_STATS


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
                found.setdefault(
                    f"{base.__module__.removeprefix('evenface.')}.{base.__name__}", base
                )
    once = {id(thing): name for name, thing in reversed(found.items())}
    return {n: found[n] for n in once.values() if callable(found[n])}


PUBLIC = public()


@pytest.mark.parametrize("name", PUBLIC)
def test_the_docstring_says_what_the_code_does(name: str) -> None:
    assert not complaints(PUBLIC[name])
