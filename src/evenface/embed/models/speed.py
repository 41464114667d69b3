"""Which engine is fastest here: measured once for a machine and a network, then remembered."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenface.embed.models.engines import DTYPES, ENGINES, Run, Runtime
from evenface.embed.models.place import cache_folder, keep
from evenface.embed.threads import usable_cores
from evenface.errors import ModelError

SPEEDS = "speeds.json"
TOLERANCE: Final = 0.9999
"""Least cosine similarity of any engine's vectors to those of eager float32."""

ROUNDS: Final = 5
PATIENCE: Final = 10.0
"""Seconds after which no further round begins."""

PICTURES: Final = 8


def choose(
    build: Callable[[Runtime], Run],
    *,
    size: tuple[int, int],
    key: str,
    engine: str = "auto",
    dtype: str = "auto",
    device: str = "cpu",
) -> tuple[Runtime, Run]:
    """Choose the fastest engine that gives the right vectors, and build it.

    Parameters
    ----------
    build : callable
        From a runtime to what runs the network; raises `ModelError` where it can't.
    size : (int, int)
        Width and height of the crops.
    key : str
        Says which network it is.
    engine, dtype : str
        ``auto``, or what must be used.
    device : {"cpu", "cuda"}

    Returns
    -------
    runtime : Runtime
    run : callable

    Raises
    ------
    ModelError
        Where an engine or a dtype is unknown, or what was asked for can't be built or misses the
        tolerance.
    """
    options = candidates(engine, dtype, device)
    if len(options) == 1:
        return options[0], _tried(build, options[0], size)
    place = cache_folder() / SPEEDS
    name = " | ".join((machine(), key, engine, dtype, device))
    remembered = _remembered(place)
    for option in options:
        if remembered.get(name, {}).items() >= option.to_dict().items():
            try:
                # Of these weights: other weights may suffer more from coarse numbers.
                return option, _tried(build, option, size)
            except ModelError:
                break
    best, run, speeds = _measure(build, options, size)
    keep(SPEEDS, {**remembered, name: {**best.to_dict(), "pictures_per_second": speeds}})
    return best, run


def candidates(engine: str, dtype: str, device: str) -> list[Runtime]:
    """Return the runtimes to choose from, the plainest first."""
    if engine not in ("auto", *ENGINES):
        raise ModelError(f"runtime must be auto, {', '.join(ENGINES)}; not {engine!r}")
    if dtype not in ("auto", *DTYPES):
        raise ModelError(f"dtype must be auto, {', '.join(DTYPES)}; not {dtype!r}")
    half = has_bfloat16(device)
    dtypes = ("float32", *(["bfloat16"] if half else [])) if dtype == "auto" else (dtype,)
    names = (
        [n for n, e in ENGINES.items() if device in e.devices and (half or not e.slow_start)]
        if engine == "auto"
        else [engine]
    )
    found = [
        Runtime(name, kind, device)
        for name in names
        for kind in dtypes
        if kind in ENGINES[name].dtypes
    ]
    if not found:
        raise ModelError(f"runtime {engine} has no dtype {dtype}; choose another of either")
    return found


def has_bfloat16(device: str) -> bool:
    """Say whether a device multiplies bfloat16 in hardware."""
    import torch

    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16") or has.get("bf16"))


def machine() -> str:
    """Return what the speed of a network depends on, as a text."""
    from importlib.metadata import PackageNotFoundError, version

    import torch

    def installed(name: str) -> str:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            return f"no {name}"

    libraries = ", ".join(map(installed, ("torch", "onnxruntime", "openvino")))
    cards = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{_processor()}, {usable_cores()} cores, {cards}, {libraries}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def probe_crops(size: tuple[int, int], count: int = PICTURES) -> NDArray[np.uint8]:
    """Return crops to measure with: smooth shades with a little noise, no two alike."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0 : size[1], 0 : size[0]] / max(size)
    waves = rng.uniform(1, 6, (count, 3, 2))
    phase = rng.uniform(0, 6, (count, 3, 1, 1))
    shade = np.sin(waves[..., 0, None, None] * x + waves[..., 1, None, None] * y + phase)
    noise = rng.normal(0, 8, (count, 3, size[1], size[0]))
    pictures = np.clip(127 + 90 * shade + noise, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pictures.transpose(0, 2, 3, 1))


def cosine(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the least cosine similarity of rows of two arrays; of NaN, -1."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = float(((a * b).sum(axis=1) / length).min())
    return found if np.isfinite(found) else -1.0


def _tried(build: Callable[[Runtime], Run], option: Runtime, size: tuple[int, int]) -> Run:
    run = build(option)
    if option.dtype != "float32":
        crops = probe_crops(size)
        near = cosine(run(crops), build(Runtime("eager", "float32", option.device))(crops))
        if near < TOLERANCE:
            raise ModelError(
                f"{option.engine} in {option.dtype} gives vectors with a cosine similarity of "
                f"{near:.5f} to float32, below {TOLERANCE}; use another dtype"
            )
    return run


def _measure(
    build: Callable[[Runtime], Run], options: list[Runtime], size: tuple[int, int]
) -> tuple[Runtime, Run, dict[str, float]]:
    crops = probe_crops(size)
    truth = build(Runtime("eager", "float32", options[0].device))(crops)
    runs: dict[Runtime, Run] = {}
    for option in options:
        try:
            run = build(option)
            found = run(crops)
        except ModelError:
            continue  # Not installed, or no compiler: the others will do.
        if found.shape == truth.shape and cosine(found, truth) >= TOLERANCE:
            runs[option] = run
    if not runs:
        raise ModelError(f"no engine runs this network on {options[0].device}")
    speeds = dict.fromkeys(runs, 0.0)
    start = time.perf_counter()
    for _ in range(ROUNDS):
        # In turns, so that a busy moment meets them all.
        for option, run in runs.items():
            speeds[option] = max(speeds[option], _rate(run, crops))
        if time.perf_counter() - start > PATIENCE:
            break
    best = max(speeds, key=speeds.__getitem__)
    said = {f"{o.engine} {o.dtype}": round(speed, 1) for o, speed in speeds.items()}
    return best, runs[best], said


def _rate(run: Run, crops: NDArray[np.uint8]) -> float:
    start = time.perf_counter()
    run(crops)
    return len(crops) / (time.perf_counter() - start)


def _remembered(place: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(place.read_text("utf-8"))
    # Whatever is wrong with it: it is measured again.
    except (OSError, ValueError, RecursionError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in entries if isinstance(value, dict)}
