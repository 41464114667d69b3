"""Faces in a picture, by YuNet: a box, five landmarks and a score each."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from evenface.errors import ModelError

WHERE: Final = (
    "take face_detection_yunet_2023mar.onnx from the OpenCV Zoo "
    "(https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet)"
)
LONG_SIDE: Final = 640
# YuNet sees sides in steps of 32, and where one is a single step, OpenCV's network reads memory
# that was never written: a strip of grey scored 0.99, or nothing, from one call to the next.
SHORTEST_SIDE: Final = 64
# OpenCV's level of logging at which it says nothing.
SILENT: Final = 0
# OpenCV's default of 0.9 overlooks one close crop in five.
MIN_SCORE: Final = 0.7
OVERLAP: Final = 0.3
KEEP: Final = 5000
MARGIN: Final = 0.5
MOST_OF_PICTURE: Final = 2.0


@dataclass(frozen=True, eq=False)
class Detection:
    """One face.

    Attributes
    ----------
    box : float64 array, shape (4,)
        Left, top, width, height in pixels; it may reach beyond the picture.
    landmarks : float64 array, shape (5, 2)
        Eye, eye, nose, mouth corner, mouth corner: in an upright face from left to right as seen.
    score : float
        From 0.7 to 1.
    """

    box: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    score: float


@final
class Detector:
    """YuNet (Wu et al., YuNet: a tiny millisecond-level face detector, MIR 2023).

    May be used by several threads at once: each has its own copy of the network.

    Parameters
    ----------
    path : path
        The ONNX file.

    Raises
    ------
    ModelError
        Where the file is missing or isn't YuNet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._data = self.path.read_bytes()
        except OSError as error:
            raise ModelError(
                f"face detector {self.path} can't be read ({error.strerror}); {WHERE}"
            ) from error
        self.sha256: str = hashlib.sha256(self._data).hexdigest()
        self._local = threading.local()
        self._probe()

    def __getstate__(self) -> dict[str, object]:
        # Another process makes networks of its own.
        return {k: v for k, v in self.__dict__.items() if k != "_local"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._local = threading.local()

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Find faces, the best one to take first (see `best_first`).

        A long side above 640 pixels is shrunk to that, so faces below about 1/60 of it are not
        found. Where there is nothing, the picture is tried again inside a black margin of half
        its long side, as a face that fills the picture is easier to find so.

        Parameters
        ----------
        image : uint8 array, shape (h, w, 3)
            RGB.
        """
        found = self._detect(image)
        if not found:
            # Shrunk before it is padded: a margin around a large picture is larger still.
            small, fx, fy = _fit(image, LONG_SIDE // 2)
            pad = max(1, round(MARGIN * max(small.shape[:2])))
            framed = np.pad(small, ((pad, pad), (pad, pad), (0, 0)))
            found = [_moved(d, pad, fx, fy) for d in self._detect(framed)]
        return best_first(found, image.shape[1], image.shape[0])

    def _detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        small, fx, fy = _fit(image, LONG_SIDE)
        whole = _filled_up(small)
        network = self._network()
        network.setInputSize((whole.shape[1], whole.shape[0]))
        _, faces = network.detect(np.ascontiguousarray(whole[:, :, ::-1]))
        if faces is None:
            return []
        found = []
        for face in np.asarray(faces, float):
            box, points, score = face[:4], face[4:14].reshape(5, 2), float(face[14])
            if _plausible(box, points, small.shape[1], small.shape[0]):
                found.append(_moved(Detection(box, points, score), 0, fx, fy))
        return found

    def _network(self) -> Any:
        import cv2

        network = getattr(self._local, "network", None)
        if network is None:
            buffer = np.frombuffer(self._data, np.uint8)
            network = cv2.FaceDetectorYN.create(
                "onnx", buffer, np.zeros(0, np.uint8), (320, 320), MIN_SCORE, OVERLAP, KEEP
            )
            self._local.network = network
        return network

    def _probe(self) -> None:
        """Raise `ModelError` unless the file works as YuNet; any ONNX file loads."""
        import cv2

        # 4.13 moved it.
        set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
        level = set_level(SILENT)
        try:
            self._detect(np.zeros((64, 96, 3), np.uint8))
        except cv2.error as error:
            raise ModelError(f"{self.path} is no YuNet face detector; {WHERE}") from error
        finally:
            set_level(level)


def _plausible(
    box: NDArray[np.float64], points: NDArray[np.float64], width: int, height: int
) -> bool:
    """Say whether a face could be there: its middle in the picture, not outside or in filling."""
    if not (np.isfinite(box).all() and np.isfinite(points).all()):
        return False
    x, y = points.mean(axis=0)
    inside = 0 <= x < width and 0 <= y < height
    fits = box[2:].min() > 0 and box[2:].max() <= MOST_OF_PICTURE * max(width, height)
    return bool(inside and fits and np.ptp(points, axis=0).min() > 0)


def best_first(found: list[Detection], width: int, height: int) -> list[Detection]:
    """Sort faces so that the largest and most central one is first.

    InsightFace's rule: the box's area minus twice the squared distance between its centre and
    the picture's.
    """

    def rank(d: Detection) -> float:
        x, y, w, h = d.box
        return float(w * h - 2 * ((x + w / 2 - width / 2) ** 2 + (y + h / 2 - height / 2) ** 2))

    return sorted(found, key=rank, reverse=True)


def _fit(image: NDArray[np.uint8], long_side: int) -> tuple[NDArray[np.uint8], float, float]:
    """Shrink to `long_side` and return how many pixels one pixel now stands for, in x and y."""
    import cv2

    height, width = image.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    if scale == 1.0:
        return image, 1.0, 1.0
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8), width / w, height / h


def _filled_up(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill up short sides with black on the right and below, as OpenCV does to steps of 32."""
    below, right = (max(0, SHORTEST_SIDE - side) for side in image.shape[:2])
    return np.pad(image, ((0, below), (0, right), (0, 0))) if below or right else image


def _moved(d: Detection, pad: int, fx: float, fy: float) -> Detection:
    """Take a face found in a shrunk picture inside a margin back to the picture."""
    zoom = np.array([fx, fy])
    box = np.concatenate([(d.box[:2] - pad) * zoom, d.box[2:] * zoom])
    return Detection(box, (d.landmarks - pad) * zoom, d.score)
