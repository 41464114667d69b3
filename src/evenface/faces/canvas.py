"""Soft, antialiased shapes on a turned head: what `rendering` draws with.

Points are in head coordinates: x to the right, y down, z to the viewer, the picture
reaching from -1 to 1 in x and y. `Canvas` turns them with the head, drops z, and draws
on pixels that are later shrunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from evenface.faces.traits import Capture

Points = NDArray[np.float64]
Picture = NDArray[np.uint8]
Colour = NDArray[np.float64]
Region = tuple[slice, slice]

_SHIFT = 4  # OpenCV's fixed point: 1/16 pixel
_PIVOT = np.array([0.0, 0.12, 0.0])  # what the head turns about


def _basis(steps: int) -> Points:
    t = np.arange(steps)[:, None] / steps
    cubic = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    return np.asarray(np.hstack([t**0, t, t**2, t**3]) @ cubic)


_BASIS = _basis(6)


@cache
def _windows(n: int, closed: bool) -> NDArray[np.intp]:
    places = np.arange(n if closed else n - 1)[:, None] + np.arange(-1, 3)
    return np.asarray(places % n if closed else places.clip(0, n - 1))


def curve(points: Points, *, closed: bool = False) -> Points:
    """Put a Catmull-Rom spline through points, shape (n, k), at 6 steps a stretch."""
    line: Points = (_BASIS @ points[_windows(len(points), closed)]).reshape(-1, points.shape[1])
    return line if closed else np.concatenate([line, points[-1:]])


def on_head(xy: Points, lift: float = 0.0) -> Points:
    """Give points, shape (n, 2), the depth of a rough head at their place, plus `lift`."""
    inside = 1 - (xy[:, 0] / 0.62) ** 2 - ((xy[:, 1] - 0.05) / 0.95) ** 2
    points = np.empty((len(xy), 3))
    points[:, :2] = xy
    points[:, 2] = 0.42 * np.sqrt(np.maximum(inside, 0)) + lift
    return points


def moved(points: Points, down: float) -> Points:
    """Move points down in the picture."""
    return np.asarray(points + np.array([0.0, down, 0.0]))


def at_depth(xy: Points, z: float) -> Points:
    """Give points, shape (n, 2), one depth."""
    points = np.full((len(xy), 3), z)
    points[:, :2] = xy
    return points


def mirrored(half: Points) -> Points:
    """Complete the right half of a shape, listed from its top to its end, to the left."""
    return np.concatenate([half, (half * [-1, 1])[::-1]])


@dataclass(frozen=True)
class Canvas:
    """Pixels, and how head coordinates fall on them.

    Attributes
    ----------
    pixels : numpy.ndarray, shape (n, n, 3), uint8
        RGB; drawn on in place.
    turn : numpy.ndarray, shape (3, 2)
        From head coordinates to pixels.
    origin : numpy.ndarray, shape (2,)
        Where the origin of head coordinates falls, in pixels.
    unit : float
        Pixels to one head unit.
    """

    pixels: Picture
    turn: Points
    origin: Points
    unit: float

    @classmethod
    def of(cls, pixels: Picture, capture: Capture) -> Canvas:
        """Put a head posed as in `capture` before `pixels`."""
        angles = [capture.yaw, capture.pitch, capture.roll]
        c, s = np.cos(angles), np.sin(angles)
        yaw = np.array([[c[0], 0, s[0]], [0, 1, 0], [-s[0], 0, c[0]]])
        pitch = np.array([[1, 0, 0], [0, c[1], s[1]], [0, -s[1], c[1]]])
        roll = np.array([[c[2], -s[2], 0], [s[2], c[2], 0], [0, 0, 1]])
        half = len(pixels) / 2
        turn = (roll @ pitch @ yaw)[:2].T * (capture.scale * half)
        shift = np.array([capture.shift_x, capture.shift_y])
        origin = (1 + _PIVOT[:2] + shift) * half - 0.5 - _PIVOT @ turn
        return cls(pixels, turn, origin, half)

    def project(self, points: Points) -> Points:
        """Turn points, shape (n, 3), into pixel coordinates, shape (n, 2)."""
        return np.asarray(points @ self.turn + self.origin)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        return np.rint(self.project(points) * (1 << _SHIFT)).astype(np.int32)

    def fill(self, points: Points, colour: Colour) -> None:
        """Fill a closed shape."""
        cv2.fillPoly(self.pixels, [self._fixed(points)], colour.tolist(), cv2.LINE_AA, _SHIFT)

    def line(self, points: Points, colour: Colour, width: float) -> None:
        """Draw an open line, `width` in head units."""
        thick = max(1, round(width * self.unit))
        places = [self._fixed(points)]
        cv2.polylines(self.pixels, places, False, colour.tolist(), thick, cv2.LINE_AA, _SHIFT)

    def mask(
        self, points: Points, blur: float = 0.0, region: Region | None = None
    ) -> tuple[Region, NDArray[np.float32]]:
        """Return a shape's coverage in [0, 1], and the region of the pixels it is for."""
        reach = blur * self.unit
        places = self._fixed(points)
        rows, columns = region or self._region(places, 2 + 2.5 * reach)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        shrink = int(reach > 1.5) + int(reach > 4)  # a soft shape needs fewer pixels
        step = 1 << shrink
        cover = np.zeros((-(-height // step), -(-width // step)), dtype=np.uint8)
        corner = np.array([columns.start, rows.start]) << _SHIFT
        local = (places - corner - (step - 1) * (1 << _SHIFT) // 2) >> shrink
        cv2.fillPoly(cover, [local.astype(np.int32)], (255.0,), cv2.LINE_AA, _SHIFT)
        if reach > 0.3:
            cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), reach / step), dtype=np.uint8)
        soft = _enlarged(np.float32(1 / 255) * cover, step)[:height, :width]
        return (rows, columns), np.asarray(soft)

    def _region(self, places: NDArray[np.int32], pad: float) -> Region:
        x, y, wide, tall = (v / (1 << _SHIFT) for v in cv2.boundingRect(places))
        height, width = self.pixels.shape[:2]
        top, left = min(max(int(y - pad), 0), height - 1), min(max(int(x - pad), 0), width - 1)
        bottom = min(max(int(y + tall + pad) + 1, top + 1), height)
        right = min(max(int(x + wide + pad) + 1, left + 1), width)
        return slice(top, bottom), slice(left, right)

    def glaze(
        self,
        points: Points,
        colour: Colour,
        alpha: float,
        blur: float,
        within: Points | None = None,
    ) -> None:
        """Lay a soft, partly transparent shape over the pixels, or over `within` only."""
        region, cover = self.mask(points, blur)
        if within is not None:
            cover *= self.mask(within, region=region)[1]
        below = self.pixels[region]
        over = np.empty_like(below)
        over[:] = np.rint(colour).astype(np.uint8)
        self.pixels[region] = _mix(below, over, np.float32(alpha) * cover)

    def clipped(self, points: Points, draw: Callable[[Canvas], None]) -> None:
        """Call `draw`, but keep what it draws inside a shape only."""
        region, cover = self.mask(points)
        rows, columns = region
        below = self.pixels[region]
        above = below.copy()
        corner = np.array([columns.start, rows.start])
        draw(Canvas(above, self.turn, self.origin - corner, self.unit))
        self.pixels[region] = _mix(below, above, cover)

    def shade(self, points: Points, blobs: Points, edge: float) -> None:
        """Model a shape with soft light and dark.

        Parameters
        ----------
        points : numpy.ndarray, shape (n, 3)
            The shape; nothing outside it changes.
        blobs : numpy.ndarray, shape (m, 8)
            Centre x, y, z; spread in x and y; change of red, green and blue (a share).
        edge : float
            How much darker the shape's rim is.
        """
        region, cover = self.mask(points)
        rows, columns = region
        centre = self.project(blobs[:, :3])
        spread = blobs[:, 3:5] * self.unit
        # At half the size, where the products are small: nothing here has sharp edges.
        x = (np.arange(columns.start, columns.stop, 2) + 0.5 - centre[:, :1]) / spread[:, :1]
        y = (np.arange(rows.start, rows.stop, 2) + 0.5 - centre[:, 1:]) / spread[:, 1:]
        bell_x, bell_y = np.exp(-x * x / 2), np.exp(-y * y / 2)
        light = np.stack([(bell_y * blobs[:, [c]]).T @ bell_x for c in (5, 6, 7)], axis=2)
        light -= edge * (1 - _inner(cover, 0.11 * self.unit)[:, :, None])
        height, width = cover.shape
        share = _enlarged(light.astype(np.float32), 2)[:height, :width]
        factor = np.float32(1) + cv2.multiply(share, cv2.merge([cover, cover, cover]))
        lit = cv2.multiply(self.pixels[region], factor, dtype=cv2.CV_8U)
        self.pixels[region] = np.asarray(lit, dtype=np.uint8)


def _enlarged(soft: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    size = (soft.shape[1] * step, soft.shape[0] * step)
    return soft if step == 1 else np.asarray(cv2.resize(soft, size), dtype=np.float32)


def _mix(below: Picture, over: Picture, cover: NDArray[np.float32]) -> Picture:
    return np.asarray(cv2.blendLinear(below, over, 1 - cover, cover), dtype=np.uint8)


def _inner(cover: NDArray[np.float32], reach: float) -> NDArray[np.float32]:
    """Return 0 at a shape's rim, rising to 1 inside it, at half of the size."""
    height, width = cover.shape
    border = (8, 8 - height % -4, 8, 8 - width % -4)
    padded = cv2.copyMakeBorder(cover, *border, cv2.BORDER_CONSTANT, value=(0.0,))
    small = cv2.resize(padded, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    soft = _enlarged(np.asarray(cv2.GaussianBlur(small, (0, 0), max(reach / 4, 0.3))), 2)
    half = soft[4 : 4 + (height + 1) // 2, 4 : 4 + (width + 1) // 2]
    return np.asarray(np.clip(2 * half - 1, 0, 1), dtype=np.float32)
