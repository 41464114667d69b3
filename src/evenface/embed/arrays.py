"""Arrays out of NumPy's files, without ever running what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenface.embed.files import first_line
from evenface.errors import VectorError

NPY = b"\x93NUMPY"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
"""How a ``.npz`` starts, with and without arrays in it."""


def load_arrays(path: Path) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """Return the array of a ``.npy``, or those of a ``.npz`` by key; no pickle is loaded.

    Raises
    ------
    VectorError
        Where the file is missing, damaged, something else or holds Python objects.
    """
    if not path.is_file():
        raise VectorError(f"{path} {'is no file' if path.exists() else 'does not exist'}")
    try:
        # Opened here, as NumPy leaves the file open where it can't make sense of it.
        with path.open("rb") as stream:
            _refuse_unknown(path, stream.read(len(NPY)))
            stream.seek(0)
            found = np.load(stream, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return found
            with found:
                return {key: _member(path, found, key) for key in found.files}
    except VectorError:
        raise
    except MemoryError as error:
        raise VectorError(
            f"{path} promises an array that doesn't fit in memory; if it should be small, its "
            "header is damaged: save it again"
        ) from error
    # NumPy has Python's tokenizer read the header, and lets all that it raises through.
    except Exception as error:
        if "pickle" in str(error):
            raise VectorError(_pickled(str(path))) from error
        reason = getattr(error, "strerror", None) or first_line(error)
        raise VectorError(f"{path} can't be read: {reason}") from error


def _refuse_unknown(path: Path, head: bytes) -> None:
    """Refuse what is no NumPy file, which NumPy calls a pickle whatever it is."""
    if head.startswith((NPY, *ZIP)):
        return
    if len(head) < len(NPY) and any(kind.startswith(head) for kind in (NPY, *ZIP)):
        raise VectorError(f"{path} ends after {len(head)} bytes: it was cut short; copy it again")
    if head.startswith(b"\x80"):
        raise VectorError(_pickled(str(path)))
    raise VectorError(f"{path} is no NumPy file; save it with numpy.save or numpy.savez")


def _member(path: Path, archive: Any, key: str) -> NDArray[Any]:
    try:
        array = archive[key]
    except Exception as error:
        if "pickle" in str(error):
            raise VectorError(_pickled(f"array {key!r} in {path}")) from error
        raise VectorError(f"{path}: {key!r} can't be read: {first_line(error)}") from error
    if not isinstance(array, np.ndarray):
        raise VectorError(f"{path}: {key!r} is no NumPy array; save it with numpy.savez")
    return array


def _pickled(what: str) -> str:
    return (
        f"{what} holds Python objects (a pickle), which can run code and is never loaded; "
        "save plain arrays: numbers for vectors, .astype(str) for labels"
    )
