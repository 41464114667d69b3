"""Commands on pages that no test can run: what of them can be held against this project is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from itertools import pairwise

from packaging.requirements import Requirement

from evenface.cli import app
from support import ROOT

WITH_VALUE = {"--constraint", "--dest", "--find-links", "--index-url"}


def parsed(words: list[str]) -> None:
    """Complain of a command of evenface, or an option, that doesn't exist."""
    app.parse_args(words, exit_on_error=False, print_error=False)


def pip(words: list[str]) -> None:
    """Packages are ours, with extras that there are, or what we need; constraints are a file."""
    assert words[1] in ("install", "download")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {Requirement(r).name for r in project["dependencies"]}
    rest = iter(words[2:])
    for word in rest:
        if word in WITH_VALUE:
            value = next(rest)
            assert word != "--constraint" or (ROOT / value).is_file()
        elif not word.startswith("-") and word not in (".", "./evenface"):
            asked = Requirement(word)
            assert asked.name == "evenface" or asked.name in needed, word
            assert asked.extras <= set(project["optional-dependencies"]), word


def docker(words: list[str]) -> None:
    """Arguments of a build are the Dockerfile's; what is run is a command of evenface."""
    if words[1] == "build":
        there = re.findall(r"^ARG (\w+)=", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        given = [b.split("=")[0] for a, b in pairwise(words) if a == "--build-arg"]
        assert set(given) <= set(there)
        return
    assert words[1] == "run"
    (image,) = (i for i, w in enumerate(words) if re.fullmatch(r"evenface(:\w+)?", w))
    parsed(words[image + 1 :])


def activate(words: list[str]) -> None:
    """The environment that is entered is the one that our scripts make."""
    assert words == [".", ".venv/bin/activate"]
    assert "-m venv .venv\n" in (ROOT / "scripts" / "env").read_text()


OTHERS: dict[str, Callable[[list[str]], None]] = {"docker": docker, "pip": pip, ".": activate}
