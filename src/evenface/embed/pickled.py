"""The one pickle that is opened: published code's ``embeddings.pkl``, without running any of it.

A pickle is a program. The machine that runs it here knows only the instructions that build plain
values, calls nothing but the functions of `MAKERS`, which make arrays out of bytes, and changes
nothing but plain containers and arrays not yet made. No name leads to anything of Python's or
NumPy's own: what a file calls ``numpy.ndarray`` is a word to it. Python's unpickler in C would be
faster, but five bytes make it claim gigabytes (an index into its memo); this one takes about a
microsecond an instruction, so a second for a million numbers kept as lists and next to nothing
for arrays.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from evenface.embed.files import first_line
from evenface.embed.pickled_arrays import (
    MAKERS,
    WORDS,
    Array,
    Dtype,
    RefusedError,
    dict_of,
    key_of,
    text_of,
)
from evenface.errors import VectorError

MOST: Final = 2**32
"""Bytes of a file: more than 150 000 vectors of 2048 numbers in double precision."""

STEPS: Final = 10**8
"""Instructions: each may take some 70 bytes of memory."""

DEEPEST: Final = 6
"""Containers within containers."""

_INSTRUCTIONS = (
    "MARK", "STOP", "POP", "POP_MARK", "DUP", "PROTO", "FRAME", "NONE", "NEWTRUE", "NEWFALSE",
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINUNICODE", "BINBYTES", "BINBYTES8", "SHORT_BINBYTES", "LIST", "EMPTY_LIST", "APPEND",
    "APPENDS", "TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "GET",
    "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GLOBAL", "STACK_GLOBAL",
)  # fmt: skip

_ADVICE = {
    "torch": "PyTorch's tensors; keep them as arrays: tensor.cpu().numpy()",
    "pandas": "a table of pandas; write it with DataFrame.to_parquet and import that",
    "tensorflow": "TensorFlow's tensors; keep them as arrays: tensor.numpy()",
    "joblib": "what joblib wrote; keep arrays with numpy.savez",
}
_PACKED = {
    b"PK\x03\x04": "a ZIP archive, such as PyTorch's (keep arrays: tensor.cpu().numpy()) or a "
    ".npz under another name",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"BZh": "compressed with bzip2; unpack it first",
    b"\xfd7zXZ": "compressed with xz; unpack it first",
    b"\x93NUMPY": "a NumPy array; rename it to .npy",
}


@dataclass(frozen=True)
class _Name:
    """A name that a file says: a word, which nothing can be done with but look it up."""

    name: str


class PlainUnpickler(pickle._Unpickler):
    """Builds plain values and NumPy arrays, and refuses all else."""

    # What Python's own unpickler works with.
    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]
    read: Callable[[int], bytes]

    def __init__(self, file: Any) -> None:
        # Text of Python 2 comes as bytes, as arrays' contents do there.
        super().__init__(file, encoding="bytes")
        self.dispatch = _Instructions()  # type: ignore[assignment, misc]

    def find_class(self, module: str, name: str) -> _Name:
        """Return a word for a name that is admitted; nothing is ever imported."""
        said = f"{module}.{text_of(name)}"
        plain = said.replace("numpy._core.", "numpy.core.").replace("__builtin__.", "builtins.")
        if plain in MAKERS or plain in WORDS:
            return _Name(plain)
        advice = _ADVICE.get(said.split(".", maxsplit=1)[0])
        raise RefusedError(
            advice
            or f"{said[:80]!r}, which is no plain value, and loading which could run code; "
            "keep plain arrays, with numpy.savez"
        )

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refuse what is kept outside the file."""
        del pid
        raise RefusedError("a reference to something outside it; keep arrays with numpy.savez")

    def reduce(self) -> None:
        """Call one of `MAKERS`."""
        arguments, made = self.stack.pop(), self.stack[-1]
        if not isinstance(made, _Name) or made.name not in MAKERS:
            raise RefusedError("a call of something that is no function")
        self.stack[-1] = MAKERS[made.name](*arguments)

    def build(self) -> None:
        """Fill an array."""
        state, made = self.stack.pop(), self.stack[-1]
        if not isinstance(made, Array | Dtype):
            raise RefusedError("a change of something that can't be changed")
        made.build(state)

    def set_item(self) -> None:
        """Add to a dict."""
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][key_of(key)] = value

    def set_items(self) -> None:
        """Add to a dict."""
        items = self.pop_mark()
        self.stack[-1].update(dict_of(zip(items[::2], items[1::2], strict=True)))

    def make_dict(self) -> None:
        """Make a dict."""
        items = self.pop_mark()
        self.append(dict_of(zip(items[::2], items[1::2], strict=True)))

    def make_bytes(self) -> None:
        """Make bytes; Python's own claims the memory before it looks whether they are there."""
        self.append(self.read(int.from_bytes(self.read(8), "little")))


_KNOWN: dict[int, Callable[[Any], None]] = {
    getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
    for name in _INSTRUCTIONS
} | {
    pickle.REDUCE[0]: PlainUnpickler.reduce,
    pickle.BUILD[0]: PlainUnpickler.build,
    pickle.SETITEM[0]: PlainUnpickler.set_item,
    pickle.SETITEMS[0]: PlainUnpickler.set_items,
    pickle.DICT[0]: PlainUnpickler.make_dict,
    pickle.BYTEARRAY8[0]: PlainUnpickler.make_bytes,
}


class _Instructions:
    """What each instruction does, so many times in all."""

    def __init__(self) -> None:
        self._left = STEPS

    def __getitem__(self, code: int) -> Callable[[Any], None]:
        self._left -= 1
        if self._left < 0:
            raise RefusedError(f"more than {STEPS} values; keep vectors as arrays, not as lists")
        if code in _KNOWN:
            return _KNOWN[code]
        name = next((o.name for o in pickletools.opcodes if ord(o.code) == code), None)
        raise RefusedError(
            f"the instruction {name}, which plain values don't need; keep plain arrays, with "
            "numpy.savez"
            if name
            else "bytes that are no pickle"
        )


class _Whole:
    """A file of which no more is read, or made room for, than there is."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self.left = file, size

    def read(self, n: int) -> bytes:
        if not 0 <= n <= self.left:
            raise EOFError
        self.left -= n
        return self._file.read(n)

    def readline(self) -> bytes:
        line = self._file.readline()
        self.left -= len(line)
        return line


def load_plain(path: Path) -> Any:
    """Return what a pickle holds: arrays, text, numbers, and lists, tuples and dicts of them.

    Raises
    ------
    VectorError
        Where it holds or does anything else, is damaged, or larger than `MOST`.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size > MOST:
                raise RefusedError(f"{size} bytes, more than {MOST}; keep arrays with numpy.savez")
            head = file.read(8)
            file.seek(0)
            packed = next((what for start, what in _PACKED.items() if head.startswith(start)), None)
            if packed:
                raise VectorError(f"{path} is {packed}")
            whole = _Whole(file, size)
            value = PlainUnpickler(whole).load()
            if whole.left:
                raise RefusedError("something more after its value; keep one value a file")
        return _opened(value, {}, DEEPEST)
    except VectorError:
        raise
    except OSError as error:
        raise VectorError(f"{path} can't be read: {error.strerror or error}") from error
    except RefusedError as error:
        raise VectorError(f"{path} holds {error}") from error
    except MemoryError as error:
        raise VectorError(f"{path} holds more than fits in memory") from error
    except EOFError as error:
        raise VectorError(f"{path} ends too early: it was cut short; copy it again") from error
    # Python's unpickler lets through all that damaged bytes can raise.
    except Exception as error:
        raise VectorError(f"{path} is no pickle, or a damaged one: {first_line(error)}") from error


_WITHIN = object()
_INNER = {dict, list, tuple, Array, Dtype, _Name}


def _opened(value: Any, seen: dict[int, Any], left: int) -> Any:
    """Return a value with arrays where arrays were being made."""
    if isinstance(value, Array):
        if value.value is None:
            raise RefusedError("an array that was begun and never filled")
        value = value.value
    if isinstance(value, _Name | Dtype):
        raise RefusedError("a word that is no value")
    if not isinstance(value, dict | list | tuple):
        return value
    if seen.get(id(value)) is _WITHIN or not left:
        raise RefusedError(f"containers more than {DEEPEST} deep, or one within itself")
    if id(value) not in seen:
        seen[id(value)] = _WITHIN
        if isinstance(value, dict):
            made: Any = {k: _opened(v, seen, left - 1) for k, v in value.items()}
        elif _INNER.isdisjoint(map(type, value)):
            made = value
        else:
            made = type(value)(_opened(v, seen, left - 1) for v in value)
        seen[id(value)] = made
    return seen[id(value)]
