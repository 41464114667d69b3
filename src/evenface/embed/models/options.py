"""How an ONNX network wants its input: options, and the JSON card beside the file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from evenface.embed.models.cards import Alignment, BoxSide, Scalars
from evenface.errors import ModelError

LARGEST_SIDE = 4096
LARGEST_BOX = 10.0
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class OnnxOptions:
    """What is known about an ONNX network's input; None where nothing is said.

    Attributes
    ----------
    size : (int, int), optional
        Width and height in pixels.
    color : {"RGB", "BGR"}, optional
        Order of the channels.
    mean, scale : float or three floats, optional
        The network sees ``(pixel - mean) * scale`` for pixels from 0 to 255.
    layout : {"NCHW", "NHWC"}, optional
        Order of the input's axes.
    output : str, optional
        The output that is the embedding.
    alignment : {"arcface5", "box", "none"}, optional
        As in `ModelCard`.
    """

    size: tuple[int, int] | None = None
    color: Literal["RGB", "BGR"] | None = None
    mean: Scalars | None = None
    scale: Scalars | None = None
    layout: Literal["NCHW", "NHWC"] | None = None
    output: str | None = None
    alignment: Alignment | None = None

    def given(self) -> dict[str, Any]:
        """Return the options that say something."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def checked(self) -> dict[str, Any]:
        """Return the given options in the card's types.

        Raises
        ------
        ModelError
            With every value that makes no sense.
        """
        return _checked(self.given(), "options for the ONNX network")


def read_sidecar(model: Path) -> dict[str, Any]:
    """Read the card beside an ONNX file: ``net.onnx.json``, or else ``net.json``.

    Returns
    -------
    dict
        Fields of `ModelCard` in their types; empty where there is no such file.

    Raises
    ------
    ModelError
        With every unknown key and every value that makes no sense.
    """
    for path in (model.with_name(model.name + ".json"), model.with_suffix(".json")):
        if path.is_file():
            try:
                found = json.loads(path.read_text("utf-8-sig"))
            except (OSError, ValueError, RecursionError) as error:
                raise ModelError(f"{path} can't be read as JSON: {error}") from error
            if not isinstance(found, dict):
                raise ModelError(
                    f"{path} must hold a JSON object with the model card's fields, "
                    f'such as {{"size": [112, 112], "color": "RGB"}}'
                )
            return _checked(found, str(path))
    return {}


def _checked(found: dict[str, Any], where: str) -> dict[str, Any]:
    good: dict[str, Any] = {}
    faults = []
    for key, value in found.items():
        if key not in _FIELDS:
            faults.append(f"unknown key {_shown(key)}")
            continue
        wanted, parse = _FIELDS[key]
        parsed = parse(value)
        if parsed is None and not (key == "commercial_use" and value is None):
            faults.append(f"{key} must be {wanted}, not {_shown(value)}")
        else:
            good[key] = parsed
    if faults:
        raise ModelError(f"{where}: {'; '.join(faults)}. Known keys: {', '.join(_FIELDS)}")
    return good


def _shown(value: Any, limit: int = 80) -> str:
    text = ascii(value) if isinstance(value, str) and _SURROGATE.search(value) else repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


def _size(value: Any) -> tuple[int, int] | None:
    pair = (value, value) if isinstance(value, int) else value
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return None
    whole = [isinstance(v, int) and not isinstance(v, bool) for v in pair]
    if not all(whole) or not all(1 <= v <= LARGEST_SIDE for v in pair):
        return None
    return int(pair[0]), int(pair[1])


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _scalars(value: Any) -> Scalars | None:
    if not isinstance(value, list | tuple):
        return _number(value)
    numbers = [n for n in map(_number, value) if n is not None]
    if len(numbers) != len(value) or len(numbers) != 3:
        return None
    return numbers[0], numbers[1], numbers[2]


def _scale(value: Any) -> Scalars | None:
    scale = _scalars(value)
    parts = scale if isinstance(scale, tuple) else (scale,)
    return None if any(not p for p in parts) else scale


def _box(value: Any) -> tuple[float, str] | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    factor = _number(value[0])
    good = factor is not None and 0 < factor <= LARGEST_BOX
    return (factor, value[1]) if good and value[1] in get_args(BoxSide) else None  # type: ignore[return-value]


def _one_of(*choices: str) -> Callable[[Any], str | None]:
    return lambda value: value if isinstance(value, str) and value in choices else None


def _text(value: Any) -> str | None:
    # JSON can hold half a surrogate pair, which no file and no terminal takes.
    return value if isinstance(value, str) and not _SURROGATE.search(value) else None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() and _text(value) else None


def _dimension(value: Any) -> int | None:
    return value if isinstance(value, int) and value is not True and value > 0 else None


def _hash(value: Any) -> str | None:
    if not isinstance(value, str) or len(value) != 64:
        return None
    return value.lower() if set(value.lower()) <= set("0123456789abcdef") else None


_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "name": ("text", _name),
    "size": (f"one or two whole numbers (width, height) from 1 to {LARGEST_SIDE}", _size),
    "dimension": ("a whole number above 0", _dimension),
    "color": ("RGB or BGR", _one_of("RGB", "BGR")),
    "mean": ("a finite number or three of them", _scalars),
    "scale": ("a finite number other than 0, or three of them", _scale),
    "layout": ("NCHW or NHWC", _one_of("NCHW", "NHWC")),
    "output": ("the name of an output", _name),
    "alignment": ("arcface5, box or none", _one_of("arcface5", "box", "none")),
    "box": ('a number above 0 and short, mean or each, such as [1.3, "short"]', _box),
    "licence": ("text", _text),
    "commercial_use": ("true, false or null", lambda v: v if isinstance(v, bool) else None),
    "paper": ("text", _text),
    "accuracy": ("text", _text),
    "url": ("text", _text),
    "sha256": ("64 hexadecimal digits", _hash),
}
