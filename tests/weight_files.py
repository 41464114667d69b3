"""Weight files as people have them, written by hand with random numbers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from evenface.embed.weights.layouts import ARCHITECTURES
from reference_networks import Weights, random_weights

KERAS = {"running_mean": "moving_mean", "running_var": "moving_variance"}
SCALED = 0.02
"""First kernels see pixels of some hundred; so scaled, what follows stays near one."""


@cache
def weights_of(architecture: str, top: bool = False, **options: Any) -> Weights:
    """Return random weights of a network by our names, without counters."""
    import torch

    known = ARCHITECTURES[architecture]
    build = dict(known.layouts[0].build) | options
    if known.top:
        build["top"] = 8631 if top and architecture.startswith("inception") else top
    with torch.device("meta"):
        state = known.build(layer=next(iter(known.layers)), **build).state_dict()
    shapes = {k: tuple(v.shape) for k, v in state.items() if "num_batches" not in k}
    made = random_weights(shapes)
    first = next(iter(made))
    made[first] *= SCALED
    return made


def write_keras(path: Path, weights: Weights, *, listed: bool = True, root: str = "") -> Path:
    """Write weights as Keras does: a group a layer, ``layer/kernel:0`` within it."""
    import h5py

    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        layers: dict[str, list[str]] = {}
        for name, value in weights.items():
            layer, _, kind = name.rpartition(".")
            normalisation = f"{layer}.running_mean" in weights
            kind = KERAS.get(kind) or (
                {"weight": "gamma", "bias": "beta"} if normalisation else {"weight": "kernel"}
            ).get(kind, kind)
            axes = {4: (2, 3, 1, 0), 2: (1, 0)}.get(value.ndim)
            stored = value if axes is None else value.transpose(axes)
            where = f"{layer}/{kind}:0"
            top.require_group(layer).create_dataset(where, data=np.ascontiguousarray(stored))
            layers.setdefault(layer, []).append(where)
        if listed:
            top.attrs["layer_names"] = [name.encode() for name in layers]
            for layer, names in layers.items():
                top[layer].attrs["weight_names"] = [n.encode() for n in names]
    return path


def write_torch(path: Path, weights: Weights, **others: Any) -> Path:
    """Write a state dict."""
    import torch

    torch.save({**{k: torch.from_numpy(v.copy()) for k, v in weights.items()}, **others}, path)
    return path


def renamed(weights: Weights, architecture: str, layout: int) -> Weights:
    """Return weights under the names of another layout."""
    named = ARCHITECTURES[architecture].layouts[layout].named
    return {named(name): value for name, value in weights.items()}


def without(weights: Weights, *starts: str) -> Weights:
    """Return weights but those whose names start so."""
    return {k: v for k, v in weights.items() if not k.startswith(tuple(starts))}


def crops(count: int, side: int, seed: int = 0) -> np.ndarray:
    """Return random RGB crops."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def near(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference as a share of the largest number."""
    return float(np.abs(a - b).max() / np.abs(b).max())


def names(parts: Iterable[str]) -> set[str]:
    """Return names without what they say of a tensor."""
    return {part.rpartition(".")[0] for part in parts}


def write_pooling(path: Path) -> Path:
    """Write a network without weights, in ONNX: the means of 8 x 8 pixels of a 112 x 112 crop."""
    import onnx
    from onnx import helper

    x = helper.make_tensor_value_info("x", 1, ["n", 3, 112, 112])
    y = helper.make_tensor_value_info("y", 1, ["n", 588])
    nodes = [
        helper.make_node("AveragePool", ["x"], ["m"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["m"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "pooling", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path
