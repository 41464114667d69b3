"""A network filled from a file: every tensor of both used once, every shape checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evenface.embed.weights.layouts import ARCHITECTURES, Architecture, Layout
from evenface.embed.weights.stored import Stored, open_weights
from evenface.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

COUNTER = "num_batches_tracked"
"""How many steps a normalisation was trained for; nothing depends on it."""


def load_network(architecture: str, path: Path, layer: str) -> tuple[nn.Module, Layout]:
    """Build a network and fill it from a file.

    Parameters
    ----------
    architecture : str
        A key of `ARCHITECTURES`.
    path : Path
    layer : str
        What it returns.

    Returns
    -------
    network : torch.nn.Module
        In evaluation mode, on the CPU, float32, without gradients.
    layout : Layout
        Which family of files it was.

    Raises
    ------
    ModelError
        Where the layer is unknown or not in the file, the file is another network's, or a tensor
        is missing, left over, of another shape or not finite; the message names the layer.
    """
    known = ARCHITECTURES[architecture]
    if layer not in known.layers:
        raise ModelError(f"there is no layer {layer!r}; {', '.join(known.layers)} were expected")
    with open_weights(path) as (kind, tensors):
        layout = _recognise(architecture, known, path, kind, tensors)
        network = _build(known, layout, path, tensors, layer)
        _fill(network, layout, path, tensors)
    return network.eval().requires_grad_(False), layout


def _recognise(
    name: str, known: Architecture, path: Path, kind: str, tensors: Mapping[str, Stored]
) -> Layout:
    for layout in known.layouts:
        if kind in layout.kinds and layout.mark in tensors:
            return layout
    marks = " or ".join(
        f"{layout.mark!r} ({layout.name})" for layout in known.layouts if kind in layout.kinds
    )
    expected = marks or f"one of {', '.join(layout.name for layout in known.layouts)}"
    raise ModelError(
        f"{path} is no {kind} file of {name}: {expected} was expected; it has "
        f"{_listed(list(tensors))}"
    )


def _build(
    known: Architecture, layout: Layout, path: Path, tensors: Mapping[str, Stored], layer: str
) -> nn.Module:
    import torch

    options = dict(layout.build)
    if known.top:
        top = tensors.get(layout.named(known.top))
        if top is None and layer not in known.without_top:
            raise ModelError(
                f"{path} lacks the last layers, which layer {layer!r} needs; use the file with "
                f"them, or --layer {known.without_top[0]}"
            )
        options["top"] = top.shape[0] if top is not None else 0
    with torch.device("meta"):
        return known.build(layer=layer, **options)


def _fill(network: nn.Module, layout: Layout, path: Path, tensors: Mapping[str, Stored]) -> None:
    import torch

    empty = network.state_dict()
    wanted = {layout.named(name): name for name in empty if not name.endswith(COUNTER)}
    left = [n for n in tensors if n not in wanted and not n.endswith(COUNTER)]
    missing = [n for n in wanted if n not in tensors]
    if missing:
        raise ModelError(
            f"{path} lacks {_listed(missing)} of {type(network).__name__} as {layout.name} has "
            f"it{f'; it has {_listed(left)} besides' if left else ''}"
        )
    if left:
        raise ModelError(
            f"{path} holds {_listed(left)}, which {type(network).__name__} as {layout.name} has "
            "it lacks: it is another network's"
        )
    # All shapes before the first number: a wrong file costs nothing.
    for there, ours in wanted.items():
        shape, expected = tensors[there].shape, tuple(empty[ours].shape)
        # A classifier may be kept as a convolution over one place.
        if shape not in (expected, (*expected, 1, 1)):
            raise ModelError(
                f"{path}: {there} has shape {shape}, layer {ours.rpartition('.')[0]} of "
                f"{type(network).__name__} needs {expected}: it is another network's"
            )
    state = {}
    for there, ours in wanted.items():
        tensor = tensors[there].read().to(torch.float32).reshape(empty[ours].shape)
        if not torch.isfinite(tensor).all():
            raise ModelError(f"{path}: {there} holds NaN or infinity; get the file again")
        state[ours] = layout.reorder.get(ours, _as_it_is)(tensor).contiguous()
    for name in empty:
        state.setdefault(name, torch.zeros((), dtype=torch.long))
    network.load_state_dict(state, assign=True)


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def _listed(names: list[str], most: int = 4) -> str:
    shown = ", ".join(ascii(name[:80]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
