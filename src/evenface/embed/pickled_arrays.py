"""What a pickle of plain values may call: functions that make arrays and text out of bytes.

NumPy's own counterparts trust what they are told; these compare every promise with the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

LARGEST = 2**63
Scalar = str | bytes | int | float | None

_KIND = re.compile(r"b1|[iu][1248]|f[248]|[SU][1-9]\d{0,5}|O8?")


class RefusedError(Exception):
    """What a pickle holds that isn't opened."""


class Dtype:
    """A dtype being described."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "<"

    def build(self, state: Any) -> None:
        """Take the byte order; a dtype of records or of arrays is refused."""
        if not isinstance(state, tuple) or len(state) < 5 or any(s is not None for s in state[2:5]):
            raise RefusedError("an array of records or of arrays; plain numbers or text are needed")
        self.order = "<" if (order := text_of(state[1])) in ("|", "=") else order
        if self.order not in ("<", ">"):
            raise RefusedError(f"an array in the byte order {order[:9]!r}, which there isn't")

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's dtype."""
        return np.dtype(self.order + self.code)


class Array:
    """An array being made."""

    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def build(self, state: Any) -> None:
        """Make the array of its bytes."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise RefusedError("an array in a form that NumPy doesn't write")
        _, shape, kind, fortran, raw = state
        self.value = _array(raw, kind, shape, "F" if fortran else "C")


def _array(raw: Any, kind: Any, shape: Any, order: str) -> Any:
    if not isinstance(kind, Dtype) or not isinstance(shape, tuple) or len(shape) > 8:
        raise RefusedError("an array in a form that NumPy doesn't write")
    if not all(type(n) is int and 0 <= n < 2**40 for n in shape):
        raise RefusedError("an array with a side that is no number of rows")
    if kind.code[0] == "O":
        if not isinstance(raw, list) or shape != (len(raw),):
            raise RefusedError("an array of objects that is no plain list of values")
        return raw
    dtype, count = kind.dtype, prod(shape)
    if not isinstance(raw, bytes | bytearray) or count * dtype.itemsize != len(raw):
        raise RefusedError(f"an array that promises {count * dtype.itemsize} bytes and has others")
    if not count:
        return np.empty(0, dtype).reshape(shape)
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if order == "F" else "C")


def _reconstruct(_kind: Any, _shape: Any, _code: Any) -> Array:
    # Whatever shape is asked for here, NumPy writes the true one when it fills the array.
    return Array()


def _frombuffer(raw: Any, kind: Any, shape: Any, order: Any, axes: Any = None) -> Array:
    made = _array(raw, kind, shape, text_of(order))
    if text_of(order) == "K" and axes is not None:
        if sorted(axes) != list(range(made.ndim)):
            raise RefusedError("an array in a form that NumPy doesn't write")
        made = made.transpose(axes)
    return Array(made)


def _dtype(code: Any, _align: Any = None, _copy: Any = None) -> Dtype:
    if _KIND.fullmatch(text_of(code)) is None:
        raise RefusedError(f"an array of {text_of(code)[:20]!r}; plain numbers or text are needed")
    return Dtype(text_of(code))


def _scalar(kind: Any, raw: Any) -> Scalar:
    value: Scalar = _array(raw, kind, (1,), "C")[0].item()
    return value


def _encode(text: Any, encoding: Any) -> bytes:
    if text_of(encoding) not in ("latin1", "latin-1"):
        raise RefusedError(f"bytes written as {text_of(encoding)[:20]!r}")
    return str(text).encode("latin-1")


def dict_of(pairs: Any = ()) -> dict[Any, Any]:
    """Return a dict whose keys can all be hashed without harm."""
    return {key_of(k): v for k, v in pairs}


MAKERS: dict[str, Callable[..., Any]] = {
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy.dtype": _dtype,
    "_codecs.encode": _encode,
    # Only for bytes that are empty; others are written with _codecs.encode.
    "builtins.bytes": lambda: b"",
    "collections.OrderedDict": dict_of,
    "collections.defaultdict": lambda _factory=None: {},
}
_FACTORIES = ("list", "dict", "set", "int", "float", "str")
WORDS = {"numpy.ndarray", *(f"builtins.{name}" for name in _FACTORIES)}
"""What may be named, but not called: the class of an array, and what a defaultdict begins with."""


def text_of(value: Any) -> str:
    """Return text that Python 2 may have written as bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else repr(type(value))


def key_of(value: Any) -> Any:
    """Return a key of a dict if it is a plain value."""
    # Deep tuples as keys would overflow the stack of the processor when they are hashed.
    if not isinstance(value, Scalar):
        raise RefusedError(f"a dict with a {type(value).__name__} as a key; text was expected")
    if isinstance(value, int) and abs(value) >= LARGEST:
        raise RefusedError("a dict with a number of more than 64 bits as a key; text was expected")
    return value
