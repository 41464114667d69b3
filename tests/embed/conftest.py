"""Pictures, faces and small networks for the tests of `evenface.embed`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evenface.faces.table import Faces, build_faces


@pytest.fixture(scope="session")
def real() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "real"
    folder = Path(os.environ.get("EVENFACE_REAL_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real faces: set EVENFACE_REAL_DATA to their folder")
    return folder


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    def make(height: int = 40, width: int = 40, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)

    return make


@pytest.fixture
def make_faces(tmp_path: Path, noise: Callable[..., np.ndarray]) -> Callable[..., Faces]:
    def make(n: int = 12, folder: str = "pictures", side: int = 40) -> Faces:
        root = tmp_path / folder
        root.mkdir()
        for i in range(n):
            Image.fromarray(noise(side, side, i)).save(root / f"{i:04d}.png")
        return build_faces(
            {
                "path": [f"{i:04d}.png" for i in range(n)],
                "identity": [f"p{i // 2}" for i in range(n)],
                "gender": ["male" if i % 4 < 2 else "female" for i in range(n)],
                "age": [None if i == 0 else str(20 + i) for i in range(n)],
            },
            root,
            "test",
        )

    return make


@pytest.fixture
def make_onnx(tmp_path: Path) -> Callable[..., Path]:
    """Networks that return each channel's mean, so that every step before them shows."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto

    def make(
        name: str = "net.onnx",
        shape: tuple[Any, ...] = ("n", 3, "h", "w"),
        *,
        kind: int = kinds.FLOAT,
        channels_last: bool = False,
        inputs: int = 1,
        tail: str = "flat",
        outputs: int = 1,
    ) -> Path:
        axes = [1, 2] if channels_last else [2, 3]
        sources = [helper.make_tensor_value_info(f"x{i}", kind, list(shape)) for i in range(inputs)]
        nodes, start = [], "x0"
        if kind != kinds.FLOAT:
            nodes.append(helper.make_node("Cast", ["x0"], ["cast"], to=kinds.FLOAT))
            start = "cast"
        for i in range(1, inputs):
            nodes.append(helper.make_node("Add", [start, f"x{i}"], [f"sum{i}"]))
            start = f"sum{i}"
        made = []
        for i in range(outputs):
            keep = int(tail == "maps" and not channels_last)
            mean = helper.make_node(
                "ReduceMean", [start], [f"mean{i}"], axes=axes, keepdims=keep, name=f"m{i}"
            )
            nodes.append(mean)
            if tail == "scalar":
                nodes.append(
                    helper.make_node("ReduceMean", [f"mean{i}"], [f"out{i}"], axes=[1], keepdims=0)
                )
            elif tail == "nan":
                nodes.append(helper.make_node("Log", [f"mean{i}"], [f"out{i}"]))
            else:
                nodes.append(helper.make_node("Identity", [f"mean{i}"], [f"out{i}"]))
            made.append(helper.make_tensor_value_info(f"out{i}", kinds.FLOAT, None))
        graph = helper.make_graph(nodes, "means", sources, made)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        path = tmp_path / name
        path.write_bytes(model.SerializeToString())
        return path

    return make
