"""Options that are whole numbers: ``2.5`` is refused, not rounded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token


def _whole(kind: Any, tokens: Sequence[Token]) -> int:
    del kind
    text = tokens[0].value
    if not re.fullmatch(r"[+-]?\d{1,18}", text):
        raise ValueError(f"{text!r} is no whole number that can be used")
    return int(text)


Whole = Annotated[int, Parameter(converter=_whole)]
"""An option's whole number."""
