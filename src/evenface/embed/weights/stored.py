"""Tensors in a file: their names and shapes first, their numbers when they are asked for."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenface.embed.files import first_line
from evenface.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

MAKE_SAFE = (
    "Ask its author for a state dict (torch.save(model.state_dict(), FILE)) or a .safetensors file"
)
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "backbone")
_PREFIX = re.compile(r"(module|model|backbone|net)\.")
_UNSAFE = re.compile(r"(?:GLOBAL|Unsupported (?:class|global):?) (\w+\.[\w.]+)")


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor that lies in a file.

    Attributes
    ----------
    shape : tuple of int
    read : callable
        Returns the tensor, of that shape.
    """

    shape: tuple[int, ...]
    read: Callable[[], Tensor]


@contextmanager
def open_weights(path: Path) -> Iterator[tuple[str, dict[str, Stored]]]:
    """Open a file of weights.

    Yields
    ------
    kind : {"keras", "torch", "safetensors"}
    tensors : dict of Stored
        By their names, ``layer.weight`` and the like. Layers of Keras' files come in PyTorch's
        order of axes.

    Raises
    ------
    ModelError
        Where there is no such file, it ends in something else than ``.h5``, ``.hdf5``, ``.pth``,
        ``.pt``, ``.pkl`` or ``.safetensors``, it is damaged, or reading it would run code.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "doesn't exist"
        raise ModelError(f"{path} {what}; a file of weights was expected")
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        raise ModelError(
            f"{path} ends in {path.suffix or 'nothing'}; {', '.join(_OPENERS)} were expected"
        )
    with opener(path) as (kind, tensors):
        if not tensors:
            raise ModelError(f"{path} holds no tensors")
        yield kind, tensors


@contextmanager
def _open_keras(path: Path) -> Iterator[tuple[str, dict[str, Stored]]]:
    from evenface.embed.weights.keras_file import keras_tensors

    with keras_tensors(path) as tensors:
        yield "keras", tensors


@contextmanager
def _open_safetensors(path: Path) -> Iterator[tuple[str, dict[str, Stored]]]:
    from safetensors import SafetensorError, safe_open

    try:
        opened: Any = safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise damaged(path, "safetensors", error) from error
    with opened as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        yield (
            "safetensors",
            {name: Stored(shape, partial(file.get_tensor, name)) for name, shape in shapes.items()},
        )


@contextmanager
def _open_torch(path: Path) -> Iterator[tuple[str, dict[str, Stored]]]:
    found = _unpickled(path).items()
    yield "torch", {name: Stored(tuple(t.shape), partial(_same, t)) for name, t in found}


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _unpickled(path: Path) -> dict[str, Tensor]:
    import warnings

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Tensors and plain containers only: nothing that a pickle could call.
            found = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError as error:
        raise ModelError(f"{path} needs more memory than there is") from error
    # A damaged archive or pickle can raise nearly anything; all of it happens before any call.
    except Exception as error:
        named = _UNSAFE.search(str(error))
        if named:
            raise ModelError(
                f"{path} holds more than tensors ({named[1]}), which could run code; "
                f"it was not loaded. {MAKE_SAFE}"
            ) from error
        if not zipfile.is_zipfile(path) and _is_pickle(path):
            raise ModelError(
                f"{path} is a bare pickle and no PyTorch file; reading it could run code, so it "
                f"was not loaded. {MAKE_SAFE}"
            ) from error
        raise damaged(path, "PyTorch", error) from error
    return dict(_tensors(path, found))


def _is_pickle(path: Path) -> bool:
    """Say whether a file starts as pickles do; its instructions are read, none is followed."""
    import pickletools

    with path.open("rb") as file:
        try:
            return any(i > 2 for i, _ in enumerate(pickletools.genops(file)))
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is none
            return False


def _tensors(path: Path, found: Any) -> Iterator[tuple[str, Tensor]]:
    import torch

    for key in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        raise ModelError(
            f"{path} holds a {type(found).__name__}; a state dict was expected. {MAKE_SAFE}"
        )
    tensors = {str(k): v for k, v in found.items() if isinstance(v, torch.Tensor)}
    # Left by DataParallel and by networks kept inside others.
    while (
        tensors
        and (start := _PREFIX.match(next(iter(tensors))))
        and all(name.startswith(start[0]) for name in tensors)
    ):
        tensors = {name.removeprefix(start[0]): tensor for name, tensor in tensors.items()}
    yield from tensors.items()


def damaged(path: Path, kind: str, error: BaseException) -> ModelError:
    """Return the error for a file that can't be read as what its name says."""
    return ModelError(
        f"{path} can't be read as {kind} weights: {first_line(error)}. It is damaged, cut short "
        "or something else; get it again"
    )


_OPENERS: dict[str, Any] = {
    ".h5": _open_keras,
    ".hdf5": _open_keras,
    ".pth": _open_torch,
    ".pt": _open_torch,
    ".pkl": _open_torch,
    ".safetensors": _open_safetensors,
}
