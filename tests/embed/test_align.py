"""Least-squares similarity, warping with black outside, and centre crops."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from evenface.embed.align import ARCFACE, align_face, center_crop, similarity, template


def known(scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]])


@pytest.mark.parametrize("scale", [0.01, 0.4, 1, 30])
@pytest.mark.parametrize("angle", [0, 0.5, 2, np.pi, -3])
def test_a_known_similarity_is_recovered(scale: float, angle: float) -> None:
    matrix = known(scale, angle, (-40, 1000))
    moved = ARCFACE @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(similarity(ARCFACE, moved), matrix, atol=1e-8)


def test_it_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(1)
    source = rng.normal(size=(5, 2)) * 50
    target = source @ known(0.7, 0.3, (0, 0))[:, :2].T + rng.normal(size=(5, 2)) * 4
    best = similarity(source, target)
    # The normal equations of a, b, tx, ty: another way to the same minimum.
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        right += [u, v]
    a, b, tx, ty = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    assert np.allclose(best, [[a, -b, tx], [b, a, ty]])


def test_opencv_agrees_where_the_points_fit() -> None:
    moved = ARCFACE @ known(0.5, 0.2, (3, 4))[:, :2].T + [3, 4]
    theirs, _ = cv2.estimateAffinePartial2D(ARCFACE, moved)
    assert np.allclose(similarity(ARCFACE, moved), theirs, atol=1e-4)


def test_a_mirrored_face_is_not_reflected() -> None:
    matrix = similarity(ARCFACE * [-1, 1], ARCFACE)
    assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), 7.0)])
def test_points_that_are_one_are_refused(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="one"):
        similarity(points, ARCFACE)


def test_the_template_scales_and_is_centred() -> None:
    assert np.allclose(template((112, 112)), ARCFACE)
    assert np.allclose(template((224, 224)), 2 * ARCFACE)
    assert np.allclose(template((112, 160)), ARCFACE + np.array([0, 24]))


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 9) + np.cos(y / 7), np.cos(x / 8 + y / 11), np.sin(y / 13)]
    return np.stack([127 + 60 * w for w in waves], axis=2).clip(0, 255).astype(np.uint8)


def test_landmarks_on_the_template_leave_the_picture_as_it_is() -> None:
    picture = smooth(112, 112)
    assert np.abs(align_face(picture, ARCFACE).astype(int) - picture).max() <= 1


@pytest.mark.parametrize("zoom", [1.5, 3, 6.5])
def test_a_large_face_gives_the_same_crop_as_its_small_picture(zoom: float) -> None:
    side = round(200 * zoom)
    picture = smooth(200, 200)
    large = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
    points = ARCFACE + 40
    scaled = (points + 0.5) * side / 200 - 0.5
    a, b = align_face(picture, points).astype(int), align_face(large, scaled).astype(int)
    assert np.abs(a - b).mean() < 1.5


def test_fine_texture_is_averaged_and_does_not_become_a_pattern() -> None:
    y, x = np.mgrid[:1120, :1120]
    checkers = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    crop = align_face(checkers, ARCFACE * 10 + 4.5)
    assert np.abs(crop[2:-2, 2:-2].astype(int) - 127).max() < 6


@pytest.mark.parametrize("zoom", [1, 5])
def test_outside_the_picture_is_black(zoom: int) -> None:
    white = np.full((112 * zoom, 112 * zoom, 3), 255, np.uint8)
    crop = align_face(white, (ARCFACE - [56, 0]) * zoom)
    assert crop[:, :50].max() == 0
    assert crop[5:-5, 62:].min() == 255


def test_a_face_beyond_the_picture_gives_a_black_crop() -> None:
    assert align_face(np.full((20, 20, 3), 255, np.uint8), ARCFACE + 5000).max() == 0


@pytest.mark.parametrize("size", [(112, 112), (224, 224), (96, 112), (50, 20)])
def test_crops_have_the_size_asked_for(size: tuple[int, int]) -> None:
    picture = smooth(150, 220)
    for crop in (align_face(picture, ARCFACE + 20, size), center_crop(picture, size)):
        assert crop.shape == (size[1], size[0], 3)
        assert crop.dtype == np.uint8


def test_pictures_wider_than_opencv_can_warp_are_aligned() -> None:
    wide = np.zeros((120, 40_000, 3), np.uint8)
    wide[:, 39_000:] = smooth(120, 1000)
    points = ARCFACE + np.array([39_100, 4])
    near = align_face(wide[:, 39_000:], ARCFACE + np.array([100, 4]))
    assert (align_face(wide, points) == near).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_centre_crops_of_extreme_shapes_do_not_crash(shape: tuple[int, int]) -> None:
    crop = center_crop(np.full((*shape, 3), 9, np.uint8), (112, 112))
    assert crop.shape == (112, 112, 3)
    assert (crop == 9).all()


def test_the_centre_crop_is_the_centre() -> None:
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, 100:200] = 255
    assert (center_crop(picture, (50, 50)) == 255).all()


def test_shrinking_averages() -> None:
    y, x = np.mgrid[:200, :200]
    checkers = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    assert np.abs(center_crop(checkers, (100, 100)).astype(int) - 127).max() <= 1
