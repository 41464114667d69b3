"""YuNet: what it finds on real faces, and what it says of files that are something else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from evenface.embed.decode import decode_image
from evenface.embed.detect import Detection, Detector, best_first
from evenface.errors import ModelError


@pytest.fixture(scope="module")
def detector(real: Path) -> Detector:
    return Detector(real / "models" / "face_detection_yunet.onnx")


@pytest.fixture(scope="module")
def face(real: Path) -> np.ndarray:
    return decode_image((real / "london" / "images" / "001_neutral.jpg").read_bytes())


def test_a_missing_file_says_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx.*OpenCV Zoo"):
        Detector(tmp_path / "none.onnx")


@pytest.mark.parametrize("content", [b"", b"no network", bytes(1000)])
def test_a_file_that_is_no_network_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"wrong\.onnx is no YuNet"):
        Detector(path)


def test_another_network_is_refused(make_onnx: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match=r"net\.onnx is no YuNet"):
        Detector(make_onnx(shape=(1, 3, 112, 112)))


def test_a_recognition_network_is_refused_without_noise(real: Path, capfd) -> None:
    with pytest.raises(ModelError, match="is no YuNet"):
        Detector(real / "models" / "mobilefacenet.onnx")
    assert capfd.readouterr().err == ""


def test_landmarks_are_eyes_nose_mouth_from_left_to_right(
    detector: Detector, face: np.ndarray
) -> None:
    (found,) = detector.detect(face)
    eye1, eye2, nose, mouth1, mouth2 = found.landmarks
    assert eye1[0] < nose[0] < eye2[0]
    assert mouth1[0] < nose[0] < mouth2[0]
    assert max(eye1[1], eye2[1]) < nose[1] < min(mouth1[1], mouth2[1])
    x, y, w, h = found.box
    assert (found.landmarks > [x, y]).all()
    assert (found.landmarks < [x + w, y + h]).all()
    assert 0.7 <= found.score <= 1


@pytest.mark.parametrize("zoom", [2, 5])
def test_coordinates_of_large_pictures_are_scaled_back(
    detector: Detector, face: np.ndarray, zoom: int
) -> None:
    large = cv2.resize(face, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    small, big = detector.detect(face)[0], detector.detect(large)[0]
    eyes = np.linalg.norm(small.landmarks[1] - small.landmarks[0])
    assert np.abs(big.landmarks / zoom - small.landmarks).max() < 0.1 * eyes


def test_a_second_try_with_a_margin_gives_the_pictures_own_coordinates(
    detector: Detector, face: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = detector.detect(face)[0]
    first = detector._detect
    calls: list[tuple[int, ...]] = []

    def blind_at_first(image: np.ndarray) -> list[Detection]:
        calls.append(image.shape)
        return first(image) if len(calls) > 1 else []

    monkeypatch.setattr(detector, "_detect", blind_at_first)
    found = detector.detect(face)[0]
    eyes = np.linalg.norm(wanted.landmarks[1] - wanted.landmarks[0])
    assert len(calls) == 2
    assert np.abs(found.landmarks - wanted.landmarks).max() < 0.3 * eyes


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 7), (40_000, 30)])
def test_extreme_pictures_hold_no_face_and_do_not_crash(
    detector: Detector, shape: tuple[int, int]
) -> None:
    assert detector.detect(np.full((*shape, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("shape", [(32, 32), (20, 640), (640, 20)])
def test_thin_pictures_are_judged_by_their_pixels_alone(
    detector: Detector, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever scores, so that there is something to compare; other sizes and rubbish in
    # memory come between.
    monkeypatch.setattr("evenface.embed.detect.MIN_SCORE", 1e-6)
    anything = Detector(detector.path)
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (*shape, 3), np.uint8)

    def scores() -> list[float]:
        anything._detect(rng.integers(0, 256, (*rng.integers(64, 400, 2), 3), np.uint8))
        for fill in (np.nan, 1e30, 7):
            np.full(rng.integers(1000, 3_000_000), fill, np.float32)
        return [d.score for d in anything._detect(picture)]

    first = scores()
    assert first
    assert all(scores() == first for _ in range(12))


def test_threads_find_what_one_thread_finds(detector: Detector, face: np.ndarray) -> None:
    pictures = [np.ascontiguousarray(face[:, i:]) for i in range(0, 60, 5)]
    alone = [detector.detect(p)[0].landmarks for p in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = [d[0].landmarks for d in pool.map(detector.detect, pictures)]
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


def test_the_largest_and_most_central_face_comes_first() -> None:
    def at(x: float, y: float, side: float) -> Detection:
        return Detection(np.array([x, y, side, side]), np.zeros((5, 2)), 0.9)

    central, corner, small = at(40, 40, 20), at(0, 0, 25), at(45, 45, 5)
    assert best_first([small, corner, central], 100, 100)[0] is central
    large = at(10, 10, 75)
    assert best_first([central, large], 100, 100)[0] is large


def test_every_london_face_is_found_once(detector: Detector, real: Path) -> None:
    files = sorted((real / "london" / "images").iterdir())
    counts = [len(detector.detect(decode_image(f.read_bytes()))) for f in files]
    assert counts == [1] * 204


def test_every_fairface_crop_has_a_face(detector: Detector, real: Path) -> None:
    files = sorted((real / "fairface360" / "images").iterdir())
    found = sum(bool(detector.detect(decode_image(f.read_bytes()))) for f in files)
    assert (found, len(files)) == (360, 360)
