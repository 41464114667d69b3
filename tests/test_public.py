"""The public list is true, and importing it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import evenface


@pytest.mark.parametrize("name", evenface.__all__)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    thing = getattr(evenface, name)
    if callable(thing):
        assert thing.__doc__, f"{name} has no docstring"


def test_the_list_holds_every_lazy_name_and_no_other() -> None:
    lazy = {name for names in evenface._HOMES.values() for name in names}
    assert set(evenface.__all__) == lazy | {"__version__"}
    assert dir(evenface) == sorted(evenface.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="frobnicate"):
        evenface.frobnicate  # noqa: B018


def test_heavy_libraries_wait_until_they_are_needed() -> None:
    code = (
        "import sys, evenface, evenface.cli;"
        "print([m for m in ('torch', 'polars', 'sklearn', 'matplotlib', 'cv2', 'pydantic')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
