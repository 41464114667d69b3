"""What runs a network: one table of engines, each the same vectors at another speed."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from evenface.embed.models.contracts import Pixels, network_input
from evenface.embed.models.session import session_options, shortened
from evenface.errors import ModelError, install_extra

if TYPE_CHECKING:
    from torch import Tensor, nn

COMPILED_BATCH: Final = 32
"""Crops that a compiled network takes at a time."""

DTYPES: Final = ("float32", "bfloat16", "float16")
Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From RGB crops to vectors."""


@dataclass(frozen=True)
class Runtime:
    """Which engine runs a network, in which numbers, on which device."""

    engine: str
    dtype: str
    device: str

    def to_dict(self) -> dict[str, str]:
        """Return the runtime as a folder's manifest has it."""
        return {"engine": self.engine, "dtype": self.dtype, "device": self.device}


@dataclass(frozen=True)
class Engine:
    """A way to run a network.

    Attributes
    ----------
    build : callable
        From a network with folded normalisations, its input and a runtime to what runs it.
    dtypes, devices : tuple of str
        What it can do.
    extra : str
        The extra of evenface that brings it; empty where evenface does.
    slow_start : bool
        Whether building it takes so long that only an accelerator or long jobs repay it.
    """

    build: Callable[[nn.Module, Pixels, tuple[int, int], Runtime], Run]
    dtypes: tuple[str, ...]
    devices: tuple[str, ...]
    extra: str = ""
    slow_start: bool = False


def build_engine(network: nn.Module, how: Pixels, size: tuple[int, int], runtime: Runtime) -> Run:
    """Make a network run.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, folded (see `folded`); it stays as it is.
    how : Pixels
        What the network sees.
    size : (int, int)
        Width and height of the crops.
    runtime : Runtime

    Raises
    ------
    ModelError
        Where the engine can't do what the runtime says, isn't installed, or fails.
    """
    engine = ENGINES[runtime.engine]
    for what, value, can in (
        ("dtype", runtime.dtype, engine.dtypes),
        ("device", runtime.device, engine.devices),
    ):
        if value not in can:
            raise ModelError(f"{runtime.engine} has no {what} {value}; it has {', '.join(can)}")
    try:
        with quiet():
            run = engine.build(network, how, size, runtime)
    except ImportError as error:
        get = install_extra(engine.extra) if engine.extra else f"it lacks {error.name}"
        raise ModelError(
            f"{runtime.engine} is not installed: {get}, or choose another engine with --runtime"
        ) from error
    # Compilers and converters raise nearly anything.
    except Exception as error:
        reason = shortened(error) or type(error).__name__
        raise ModelError(f"{runtime.engine} can't run the network: {reason}") from error

    @wraps(run)
    def guarded(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            return run(crops)
        # Engines raise nearly anything too, such as for want of memory.
        except Exception as error:
            reason = shortened(error) or type(error).__name__
            raise ModelError(
                f"{runtime.engine} fails on {len(crops)} pictures at a time: {reason}. Try a "
                "smaller --batch or another --runtime"
            ) from error

    return guarded


def torch_input(crops: NDArray[np.uint8], how: Pixels, device: str) -> Tensor:
    """Return what `network_input` does, as a tensor on a device, in channels-last order."""
    import torch

    pixels = torch.from_numpy(np.ascontiguousarray(crops)).to(device)
    if how.color == "BGR":
        pixels = pixels.flip(-1)
    found = pixels.float()
    found -= torch.tensor(how.mean, dtype=torch.float32, device=device)
    found *= torch.tensor(how.scale, dtype=torch.float32, device=device)
    return found.permute(0, 3, 1, 2)


def _placed(network: nn.Module, runtime: Runtime) -> Any:
    """Return a copy on its device, in its numbers, channels last: what convolutions like best."""
    import copy

    import torch

    moved: Any = copy.deepcopy(network).to(runtime.device).to(getattr(torch, runtime.dtype))
    return moved.to(memory_format=torch.channels_last)


def _eager(network: nn.Module, how: Pixels, size: tuple[int, int], runtime: Runtime) -> Run:
    import torch

    del size
    dtype = getattr(torch, runtime.dtype)
    ready = _placed(network, runtime)

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found = ready(torch_input(crops, how, runtime.device).to(dtype))
            return np.asarray(found.float().cpu().numpy())

    return run


def _compiled(network: nn.Module, how: Pixels, size: tuple[int, int], runtime: Runtime) -> Run:
    import torch

    dtype: torch.dtype = getattr(torch, runtime.dtype)
    shape = (COMPILED_BATCH, size[1], size[0], 3)
    ready: Any = torch.compile(
        _placed(network, runtime),
        options={"freezing": runtime.device == "cpu"},
    )

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = []
        # Another length would be compiled again, which takes longer than all the padding.
        for start in range(0, len(crops), COMPILED_BATCH):
            block = crops[start : start + COMPILED_BATCH]
            padded = np.zeros(shape, np.uint8)
            padded[: len(block)] = block
            with torch.inference_mode():
                vectors = ready(torch_input(padded, how, runtime.device).to(dtype))
                found.append(vectors[: len(block)].float().cpu().numpy())
        return np.concatenate(found)

    run(np.zeros(shape, np.uint8))
    return run


def _onnxruntime(network: nn.Module, how: Pixels, size: tuple[int, int], _: Runtime) -> Run:
    import io

    import onnx  # noqa: F401 - PyTorch's exporter asks for it too late to say so well
    import onnxruntime as ort
    import torch

    file: Any = io.BytesIO()
    torch.onnx.export(
        network,
        (torch.zeros(2, 3, size[1], size[0]),),
        file,
        input_names=["pixels"],
        output_names=["vectors"],
        dynamic_axes={"pixels": {0: "n"}, "vectors": {0: "n"}},
        dynamo=False,
    )
    session = ort.InferenceSession(
        file.getvalue(), session_options(), providers=["CPUExecutionProvider"]
    )

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(session.run(["vectors"], {"pixels": network_input(crops, how)})[0])

    return run


def _openvino(network: nn.Module, how: Pixels, size: tuple[int, int], runtime: Runtime) -> Run:
    import openvino
    import torch

    example = torch.zeros(2, 3, size[1], size[0])
    converted = openvino.convert_model(network, example_input=example, input=[-1, 3, *size[::-1]])
    precision = {"float32": "f32", "bfloat16": "bf16"}[runtime.dtype]
    ready = openvino.Core().compile_model(
        converted, "CPU", {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    )

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.array(ready(network_input(crops, how))[0], np.float32)

    return run


ENGINES: Final[dict[str, Engine]] = {
    "eager": Engine(_eager, DTYPES, ("cpu", "cuda")),
    "onnxruntime": Engine(_onnxruntime, ("float32",), ("cpu",)),
    "openvino": Engine(
        _openvino, ("float32", "bfloat16"), ("cpu",), extra="openvino"
    ),
    "compile": Engine(_compiled, DTYPES, ("cpu", "cuda"), slow_start=True),
}  # fmt: skip
"""Engines by name."""


@contextmanager
def quiet() -> Iterator[None]:
    """Silence converters, which warn of their own ways and log to standard output."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def folded(network: nn.Module) -> nn.Module:
    """Return the network with every normalisation that follows a product folded into it.

    ``g (W x - m) / sqrt(v + eps) + b`` is a product with ``g W / sqrt(v + eps)`` and a bias
    (Jacob et al. 2018, section 3.2); the network given stays as it is.
    """
    from torch import fx, nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

    ways: dict[type, Any] = {nn.Conv2d: fuse_conv_bn_eval, nn.Linear: fuse_linear_bn_eval}
    traced = fx.symbolic_trace(network)
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        norm = modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(norm, nn.BatchNorm2d | nn.BatchNorm1d):
            continue
        before = node.args[0]
        product = modules.get(str(before.target)) if before.op == "call_module" else None
        if type(product) not in ways or len(before.users) > 1:
            continue
        traced.add_submodule(before.target, ways[type(product)](product, norm))
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
    traced.recompile()
    traced.delete_all_unused_submodules()
    return traced.eval().requires_grad_(False)
