"""Face networks in NumPy, written from papers and published files, apart from evenface.

Arrays are (n, h, w, c) as in TensorFlow; kernels (h, w, in, out). Slow, plain and independent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
Weights = dict[str, Array]


def conv(x: Array, kernel: Array, stride: int = 1, pad: Any = "same", groups: int = 1) -> Array:
    kh, kw, _, _ = kernel.shape
    if pad == "same":  # TensorFlow's: the odd one goes after
        total = [max((-(-n // stride) - 1) * stride + k - n, 0)
                 for n, k in zip(x.shape[1:3], (kh, kw), strict=True)]  # fmt: skip
        pad = [(t // 2, t - t // 2) for t in total]
    elif isinstance(pad, int):
        pad = [(pad, pad)] * 2
    x = np.pad(x, ((0, 0), *pad, (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))
    views = views[:, ::stride, ::stride]  # n, h, w, c, kh, kw
    if groups > 1:
        assert groups == x.shape[3] == kernel.shape[3]
        return np.einsum("nhwcij,ijc->nhwc", views, kernel[:, :, 0], optimize=True)
    n, h, w = views.shape[:3]
    rows = views.transpose(0, 1, 2, 4, 5, 3).reshape(n * h * w, -1)
    return (rows @ kernel.reshape(-1, kernel.shape[3])).reshape(n, h, w, -1)


def norm(x: Array, w: Weights, name: str, eps: float) -> Array:
    gamma, beta, mean, variance = (w[f"{name}.{k}"] for k in
                                   ("weight", "bias", "running_mean", "running_var"))  # fmt: skip
    return (x - mean) / np.sqrt(variance + eps) * gamma + beta


def pool(x: Array, side: int, stride: int, ceil: bool = False) -> Array:
    if ceil:
        extra = [(-(n - side)) % stride for n in x.shape[1:3]]
        x = np.pad(x, ((0, 0), (0, extra[0]), (0, extra[1]), (0, 0)), constant_values=-np.inf)
    views = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))
    return views[:, ::stride, ::stride].max(axis=(4, 5))


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def prelu(x: Array, slope: Array) -> Array:
    return np.where(x > 0, x, slope * x)


def unit(x: Array) -> Array:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def kernels(w: Weights) -> Weights:
    """Turn PyTorch's (out, in, h, w) and (out, in) into (h, w, in, out) and (in, out)."""
    axes = {4: (2, 3, 1, 0), 2: (1, 0)}
    return {k: v.transpose(axes[v.ndim]) if v.ndim in axes else v for k, v in w.items()}


def resnet50(x: Array, w: Weights, *, eps: float, squeeze: bool, caffe: bool = False) -> Array:
    def step(x: Array, name: str, **how: Any) -> Array:
        return norm(conv(x, w[f"{name}.weight"], **how), w, f"{name}/bn", eps)

    x = relu(step(x, "conv1/7x7_s2", stride=2, pad=3 if caffe else "same"))
    x = pool(x, 3, 2, ceil=caffe)
    for stage, blocks in ((2, 3), (3, 4), (4, 6), (5, 3)):
        for block in range(1, blocks + 1):
            name, stride = f"conv{stage}_{block}", 2 if block == 1 and stage > 2 else 1
            y = relu(step(x, f"{name}_1x1_reduce", stride=stride, pad=0))
            y = relu(step(y, f"{name}_3x3"))
            y = step(y, f"{name}_1x1_increase")
            if squeeze:
                s = y.mean(axis=(1, 2), keepdims=True)
                s = relu(conv(s, w[f"{name}_1x1_down.weight"]) + w[f"{name}_1x1_down.bias"])
                s = conv(s, w[f"{name}_1x1_up.weight"]) + w[f"{name}_1x1_up.bias"]
                y = y / (1 + np.exp(-s))
            if block == 1:
                x = step(x, f"{name}_1x1_proj", stride=stride, pad=0)
            x = relu(x + y)
    return x.mean(axis=(1, 2))


def vgg16(x: Array, w: Weights) -> Array:
    """Return fc7 after its ReLU; fc6's inputs are in TensorFlow's order (7, 7, 512)."""
    for stage, depth in ((1, 2), (2, 2), (3, 3), (4, 3), (5, 3)):
        for i in range(1, depth + 1):
            x = relu(conv(x, w[f"conv{stage}_{i}.weight"]) + w[f"conv{stage}_{i}.bias"])
        x = pool(x, 2, 2)
    x = x.reshape(len(x), -1)
    for name in ("fc6", "fc7"):
        x = relu(x @ w[f"{name}.weight"] + w[f"{name}.bias"])
    return x


def inception(x: Array, w: Weights) -> Array:
    def step(x: Array, name: str, stride: int = 1, pad: Any = "same") -> Array:
        return relu(norm(conv(x, w[f"{name}.conv.weight"], stride, pad), w, f"{name}.bn", 1e-3))

    def chain(x: Array, name: str, stride: int = 1) -> Array:
        count = sum(f"{name}.{i}.conv.weight" in w for i in range(3))
        if not count:
            return step(x, name, stride, 0 if stride > 1 else "same")
        for i in range(count):
            last = stride > 1 and i == count - 1
            x = step(x, f"{name}.{i}", stride if last else 1, 0 if last else "same")
        return x

    def branches(x: Array, name: str, stride: int = 1) -> list[Array]:
        count = sum(any(k.startswith(f"{name}.branch{i}.") for k in w) for i in range(4))
        return [chain(x, f"{name}.branch{i}", stride) for i in range(count)]

    def residual(x: Array, name: str, scale: float) -> Array:
        y = conv(np.concatenate(branches(x, name), 3), w[f"{name}.conv2d.weight"])
        return (y + w[f"{name}.conv2d.bias"]) * scale + x

    x = step(x, "conv2d_1a", 2, 0)
    x = step(step(x, "conv2d_2a", 1, 0), "conv2d_2b")
    x = step(pool(x, 3, 2), "conv2d_3b", 1, 0)
    x = step(step(x, "conv2d_4a", 1, 0), "conv2d_4b", 2, 0)
    for repeat, count, scale, after in (
        ("repeat_1", 5, 0.17, "mixed_6a"),
        ("repeat_2", 10, 0.1, "mixed_7a"),
        ("repeat_3", 5, 0.2, None),
    ):
        for i in range(count):
            x = relu(residual(x, f"{repeat}.{i}", scale))
        if after:
            x = np.concatenate([*branches(x, after, 2), pool(x, 3, 2)], 3)
    x = residual(x, "block8", 1.0).mean(axis=(1, 2))
    return unit(norm(x @ w["last_linear.weight"], w, "last_bn", 1e-3))


def iresnet(x: Array, w: Weights) -> Array:
    def normed(x: Array, name: str) -> Array:
        return norm(x, w, name, 1e-5)

    x = prelu(normed(conv(x, w["conv1.weight"]), "bn1"), w["prelu.weight"])
    for stage in range(1, 5):
        block = 0
        while (name := f"layer{stage}.{block}") + ".conv1.weight" in w:
            stride = 1 if block else 2
            y = normed(conv(normed(x, f"{name}.bn1"), w[f"{name}.conv1.weight"]), f"{name}.bn2")
            y = conv(prelu(y, w[f"{name}.prelu.weight"]), w[f"{name}.conv2.weight"], stride, 1)
            if not block:
                x = normed(conv(x, w[f"{name}.downsample.0.weight"], 2, 0), f"{name}.downsample.1")
            x = normed(y, f"{name}.bn3") + x
            block += 1
    # PyTorch flattens channels first.
    x = normed(x, "bn2").transpose(0, 3, 1, 2).reshape(len(x), -1)
    return normed(x @ w["fc.weight"] + w["fc.bias"], "features")


def mobilefacenet(x: Array, w: Weights) -> Array:
    def step(x: Array, name: str, *, linear: bool = False, **how: Any) -> Array:
        x = norm(conv(x, w[f"{name}.conv.weight"], **how), w, f"{name}.bn", 1e-5)
        return x if linear else prelu(x, w[f"{name}.prelu.weight"])

    def bottleneck(x: Array, name: str, stride: int) -> Array:
        y = step(x, f"{name}.conv")
        y = step(y, f"{name}.conv_dw", stride=stride, pad=1, groups=y.shape[3])
        y = step(y, f"{name}.project", linear=True)
        return y + x if stride == 1 else y

    x = step(x, "conv1", stride=2, pad=1)
    x = step(x, "conv2_dw", pad=1, groups=64)
    for down, stage, blocks in (("23", "3", 4), ("34", "4", 6), ("45", "5", 2)):
        x = bottleneck(x, f"conv_{down}", 2)
        for i in range(blocks):
            x = bottleneck(x, f"conv_{stage}.model.{i}", 1)
    x = step(step(x, "conv_6_sep"), "conv_6_dw", linear=True, pad=0, groups=512)
    return unit(norm(x[:, 0, 0] @ w["linear.weight"], w, "bn", 1e-5))


def random_weights(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> Weights:
    """Draw weights under which no layer dies or explodes: (out, in, ...) as in PyTorch."""
    rng = np.random.default_rng(seed)
    draw: dict[str, Callable[[tuple[int, ...]], Array]] = {
        "running_var": lambda s: rng.uniform(0.8, 1.2, s),
        "running_mean": lambda s: rng.normal(0, 0.1, s),
        "bias": lambda s: rng.normal(0, 0.05, s),
    }

    def one(name: str, shape: tuple[int, ...]) -> Array:
        kind = name.rpartition(".")[2]
        if len(shape) > 1:
            return rng.normal(0, np.sqrt(1.6 / np.prod(shape[1:])), shape)
        if kind in draw:
            return draw[kind](shape)
        return rng.uniform(0.15, 0.35, shape) if "prelu" in name else rng.uniform(0.5, 0.9, shape)

    return {name: one(name, shape).astype(np.float32) for name, shape in shapes.items()}
