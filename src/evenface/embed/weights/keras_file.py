"""Weights that Keras saved as HDF5, read with h5py: no TensorFlow, and nothing is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenface.embed.weights.stored import Stored, damaged
from evenface.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

KINDS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""Keras' names of a layer's weights, and PyTorch's."""

AXES = {4: (3, 2, 0, 1), 2: (1, 0)}
"""Kernels of (height, width, in, out) and (in, out), in PyTorch's order."""


@contextmanager
def keras_tensors(path: Path) -> Iterator[dict[str, Stored]]:
    """Open a file of ``save_weights`` or ``save``.

    Yields
    ------
    dict of Stored
        ``layer.weight`` and the like, kernels in PyTorch's order of axes.

    Raises
    ------
    ModelError
        Where it is no HDF5, in Keras 3's layout, or has a weight of unknown kind.
    """
    import h5py

    try:
        file = h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        raise damaged(path, "Keras (HDF5)", error) from error
    with file:
        try:
            yield _tensors(path, file.get("model_weights", file), h5py)
        # h5py raises these where data are missing or lie beyond the end of the file.
        except (OSError, RuntimeError, KeyError) as error:
            raise damaged(path, "Keras (HDF5)", error) from error


def _tensors(path: Path, root: Any, h5py: Any) -> dict[str, Stored]:
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item

    # Follows no link: one could lead to another file.
    root.visititems(visit)
    layers = sorted(_layer_names(root), key=len, reverse=True)
    if any("/vars/" in f"/{name}" for name in found):
        raise ModelError(
            f"{path} is in the layout of Keras 3 (.weights.h5), which doesn't keep layers' names; "
            "save it as a whole model (.h5) with Keras 2 or tf_keras"
        )
    tensors: dict[str, Stored] = {}
    for name, item in found.items():
        place, _, kind = name.rpartition("/")
        kind = kind.partition(":")[0]
        layer = _layer(place, layers)
        if kind not in KINDS or not layer:
            raise ModelError(f"{path}: {name} is no weight of a known kind ({', '.join(KINDS)})")
        if item.is_virtual or item.external:
            raise ModelError(f"{path}: {name} lies in another file, which is not opened")
        key = f"{layer}.{KINDS[kind]}"
        if key in tensors:
            raise ModelError(f"{path} holds the {kind} of layer {layer} twice")
        tensors[key] = _stored(item, kind)
    return tensors


def _layer_names(root: Any) -> list[str]:
    """Return the layers that Keras lists; a long list is kept in pieces."""
    pieces: Iterable[str] = ("layer_names", *(f"layer_names{i}" for i in range(100)))
    names = [name for piece in pieces if piece in root.attrs for name in root.attrs[piece]]
    return [n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in names]


def _layer(place: str, layers: list[str]) -> str:
    """Return the layer in ``layer/scope of the weight``; both may hold slashes."""
    for layer in layers:
        if f"{place}/".startswith(f"{layer}/"):
            return layer
    parts = place.split("/")
    half = len(parts) // 2
    return "/".join(parts[:half] if parts[:half] == parts[half:] else parts)


def _stored(item: Any, kind: str) -> Stored:
    axes = AXES.get(item.ndim) if kind == "kernel" else None
    shape = tuple(item.shape if axes is None else (item.shape[a] for a in axes))

    def read() -> Tensor:
        import numpy as np
        import torch

        values = torch.from_numpy(np.asarray(item[()], dtype=np.float32))
        return (values if axes is None else values.permute(axes)).contiguous()

    return Stored(shape, read)
