"""Sessions of ONNX Runtime, and what their errors say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evenface.errors import ModelError


def open_session(path: Path, device: str) -> Any:
    """Open an ONNX file on a device, or raise `ModelError`."""
    import onnxruntime as ort

    if device not in ("cpu", "cuda"):
        raise ModelError(f"device must be cpu or cuda, not {device!r}")
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "doesn't exist"
        raise ModelError(f"{path} {what}; an ONNX file was expected")
    provider = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}[device]
    lacking = (
        "cuda was asked for, but this ONNX Runtime can't use it (it has "
        f"{', '.join(ort.get_available_providers())}); install onnxruntime-gpu, or use cpu"
    )
    if provider not in ort.get_available_providers():
        raise ModelError(lacking)
    try:
        session = ort.InferenceSession(
            str(path),
            session_options(),
            providers=list(dict.fromkeys([provider, "CPUExecutionProvider"])),
        )
    except Exception as error:
        raise ModelError(
            f"{path} can't be loaded as an ONNX network: {shortened(error)}"
        ) from error
    # ONNX Runtime falls back to the CPU without an error.
    if provider not in session.get_providers():
        raise ModelError(lacking)
    return session


def session_options() -> Any:
    """Return options that leave the cores to decoding between batches, and say nothing."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    # Threads that spin between batches would take the cores from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def shortened(error: Exception) -> str:
    """Return an error's text on one line, cut."""
    return " ".join(str(error).split())[:300]
