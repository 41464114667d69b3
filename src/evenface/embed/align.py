"""Crops for a network: a face warped to ArcFace's five points, or the picture's centre."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

ARCFACE: Final = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""Eye, eye, nose, mouth corner, mouth corner in a 112 x 112 crop, left to right (InsightFace)."""

SIDE: Final = 112
SHRINK_BELOW: Final = 0.5
MARGIN: Final = 4


def template(size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the five points in a crop of `size` (width, height), shape (5, 2).

    The 112 x 112 square is scaled to the shorter side and centred along the longer one.
    """
    width, height = size
    side = min(size)
    return np.asarray(ARCFACE * (side / SIDE) + [(width - side) / 2, (height - side) / 2])


def similarity(source: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """Return the similarity that takes `source` nearest to `target` in least squares.

    Umeyama, Least-squares estimation of transformation parameters between two point patterns,
    IEEE TPAMI 13(4), 1991. Rotation, one scale and a shift; never a reflection.

    Parameters
    ----------
    source, target : array, shape (n, 2)
        Points that belong together; at least two of `source` must differ.

    Returns
    -------
    float64 array, shape (2, 3)
        Takes column vectors ``(x, y, 1)`` of `source` to `target`.

    Raises
    ------
    ValueError
        Where all points of either side are one, or fit at no scale.
    """
    x, y = np.asarray(source, float), np.asarray(target, float)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    dx, dy = x - mean_x, y - mean_y
    variance = (dx**2).sum() / len(x)
    if not variance > 0:
        raise ValueError("all points are one; no scale can be found")
    u, d, vt = np.linalg.svd(dy.T @ dx / len(x))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = (u * sign) @ vt
    scale = (d * sign).sum() / variance
    if not scale > 0:
        raise ValueError("the points fit at no scale")
    matrix = np.empty((2, 3))
    matrix[:, :2] = scale * rotation
    matrix[:, 2] = mean_y - matrix[:, :2] @ mean_x
    return matrix


def align_face(
    image: NDArray[np.uint8], landmarks: ArrayLike, size: tuple[int, int] = (SIDE, SIDE)
) -> NDArray[np.uint8]:
    """Warp a face to ArcFace's five points.

    What lies outside the picture is black. A face more than twice as large as in the crop is
    first shrunk by averaging, so that fine texture doesn't turn into false pattern.

    Parameters
    ----------
    image : uint8 array, shape (h, w, 3)
    landmarks : array, shape (5, 2)
        Eye, eye, nose, mouth corner, mouth corner in the picture; pixel centres at whole numbers.
    size : (int, int)
        Width and height of the crop.

    Returns
    -------
    uint8 array, shape (size[1], size[0], 3)

    Raises
    ------
    ValueError
        Where the landmarks are all one point, or fit at no scale.
    """
    return _warped(image, similarity(landmarks, template(size)), size)


def box_crop(
    image: NDArray[np.uint8],
    box: ArrayLike,
    size: tuple[int, int],
    factor: float,
    side: Literal["short", "mean", "each"],
) -> NDArray[np.uint8]:
    """Cut a piece around a detected face and resize it; outside the picture it is black.

    Parameters
    ----------
    image : uint8 array, shape (h, w, 3)
    box : array, shape (4,)
        Left, top, width and height of the face in pixels.
    size : (int, int)
        Width and height of the crop.
    factor : float
        The piece's sides as multiples of the box's.
    side : {"short", "mean", "each"}
        ``short``, ``mean``: a square by the box's shorter side or the mean of both. ``each``: by
        each side, then stretched.

    Returns
    -------
    uint8 array, shape (size[1], size[0], 3)

    Raises
    ------
    ValueError
        Where the box has no area.
    """
    left, top, width, height = np.asarray(box, float)
    if not (width > 0 and height > 0):
        raise ValueError("the face's box has no area")
    spans = {
        "short": (min(width, height),) * 2,
        "mean": ((width + height) / 2,) * 2,
        "each": (width, height),
    }
    scale = np.array(size) / (factor * np.array(spans[side]))
    # Pixel centres are whole numbers, so edges lie half a pixel before.
    centre = np.array([left + width / 2, top + height / 2]) - 0.5
    matrix = np.zeros((2, 3))
    matrix[:, :2] = np.diag(scale)
    matrix[:, 2] = (np.array(size) - 1) / 2 - scale * centre
    return _warped(image, matrix, size)


def _warped(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.uint8]:
    import cv2

    image, matrix = _seen(image, matrix, size)
    warped = cv2.warpAffine(
        image,
        matrix,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0),
    )
    return np.asarray(warped, dtype=np.uint8)


def _seen(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return what the crop will show, at its resolution if that is far lower, and the warp left.

    OpenCV warps no picture wider than 32766 pixels, so even a small face is cut out first.
    """
    import cv2

    scale = float(np.sqrt(np.linalg.det(matrix[:, :2])))
    corners = np.array([[0, 0], [size[0], 0], [0, size[1]], [size[0], size[1]]], float)
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    reach = MARGIN + MARGIN / scale
    limit = np.array(image.shape[1::-1])
    low = np.clip(np.floor(seen.min(axis=0) - reach), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(seen.max(axis=0) + reach), low + 1, limit).astype(int)
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    part = np.ascontiguousarray(image[y0:y1, x0:x1])
    shown = np.maximum(1, np.round((high - low) * scale)) if scale < SHRINK_BELOW else high - low
    if scale < SHRINK_BELOW:
        w, h = (int(v) for v in shown)
        part = np.asarray(cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    fx, fy = (high - low) / shown
    # From the piece back to the picture, pixel centre to pixel centre.
    back = np.array([[fx, 0, 0.5 * fx - 0.5 + x0], [0, fy, 0.5 * fy - 0.5 + y0], [0, 0, 1]])
    return part, matrix @ back


def center_crop(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Cut the largest centred piece of the crop's shape and resize it.

    Parameters
    ----------
    image : uint8 array, shape (h, w, 3)
    size : (int, int)
        Width and height of the crop.

    Returns
    -------
    uint8 array, shape (size[1], size[0], 3)
    """
    import cv2

    height, width = image.shape[:2]
    zoom = min(width / size[0], height / size[1])
    w = min(width, max(1, round(size[0] * zoom)))
    h = min(height, max(1, round(size[1] * zoom)))
    x, y = (width - w) // 2, (height - h) // 2
    how = cv2.INTER_AREA if zoom > 1 else cv2.INTER_LINEAR
    crop = np.ascontiguousarray(image[y : y + h, x : x + w])
    return np.asarray(cv2.resize(crop, size, interpolation=how), dtype=np.uint8)
