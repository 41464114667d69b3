"""Draw one made-up face: traits and a capture in, RGB pixels out, nothing remembered."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from evenface.faces.canvas import (
    Canvas,
    Picture,
    Points,
    at_depth,
    curve,
    mirrored,
    moved,
    on_head,
)
from evenface.faces.parts import (
    Face,
    draw_brow,
    draw_eye,
    draw_hair,
    draw_mouth,
    draw_nose,
    hair_shapes,
    palette,
)
from evenface.faces.traits import TRAITS, Capture

_SKIN = (
    (250, 224, 206),
    (240, 202, 176),
    (224, 176, 142),
    (190, 138, 102),
    (146, 100, 72),
    (108, 72, 54),
)
_HAIR = ((30, 25, 25), (46, 33, 28), (78, 52, 37), (114, 79, 51), (160, 119, 75), (208, 175, 121))


def render_face(
    identity_parameters: NDArray[np.float64], capture_parameters: Capture, size: int = 112
) -> Picture:
    """Render a face.

    Parameters
    ----------
    identity_parameters : numpy.ndarray, shape (len(TRAITS),)
        Standardised traits, as `evenface.faces.traits.draw_identity` draws them.
    capture_parameters : Capture
        Pose, light, expression, background and camera.
    size : int
        Width and height in pixels.

    Returns
    -------
    numpy.ndarray, shape (size, size, 3), uint8
        RGB. The same arguments give the same bytes.
    """
    face = _face(identity_parameters, capture_parameters)
    large = max(2 * size, 160)
    canvas = Canvas.of(_background(capture_parameters, large), capture_parameters)
    front, back, strands = hair_shapes(face)
    canvas.fill(back, face.hair * 0.62)
    _body(canvas, face)
    _head(canvas, face)
    for side in (-1.0, 1.0):
        draw_eye(canvas, face, side)
    draw_mouth(canvas, face)
    draw_nose(canvas, face)
    canvas.glaze(moved(front, 0.035), face.skin * 0.45, 0.4, 0.035)
    draw_hair(canvas, face, front, strands)
    for side in (-1.0, 1.0):
        draw_brow(canvas, face, side)
    return _photograph(canvas, capture_parameters, size)


def _face(traits: NDArray[np.float64], capture: Capture) -> Face:
    z = dict(zip(TRAITS, (3 * np.tanh(traits / 3)).tolist(), strict=True))
    skin = palette(_SKIN, z["skin_tone"]) + z["skin_warmth"] * np.array([3.0, 0.0, -8.0])
    hair = palette(_HAIR, z["hair_tone"] - 0.4) * (
        1 + z["hair_warmth"] * np.array([0.09, 0.0, -0.05])
    )
    return Face(
        z=z,
        capture=capture,
        skin=np.clip(skin, 0, 255),
        hair=np.clip(hair, 0, 255),
        half_width=0.5 + 0.022 * z["face_width"],
        chin=0.68 + 0.028 * z["face_length"],
        eye=(0.212 + 0.013 * z["eye_spacing"], -0.06),
    )


def _background(capture: Capture, large: int) -> Picture:
    start, end = np.array(capture.background), np.array(capture.background_end)
    corners = np.array([[start, 0.5 * (start + end)], [0.6 * start + 0.4 * end, end]])
    smooth = cv2.resize(corners.astype(np.float32), (large, large), interpolation=cv2.INTER_LINEAR)
    return np.rint(smooth).astype(np.uint8)


def _body(canvas: Canvas, face: Face) -> None:
    wide = 0.26 + 0.02 * face.z["neck"]
    neck = mirrored(np.array([[wide, 0.3], [wide * 0.97, 0.75], [wide * 1.25, 1.0], [0.5, 1.2]]))
    throat = at_depth(neck, -0.1)
    canvas.fill(throat, face.skin * 0.88)
    drop = face.chin + 0.12
    under = mirrored(np.array([[0.0, drop], [0.3, drop - 0.09], [0.45, 0.4]]))
    canvas.glaze(at_depth(curve(under), 0.1), face.skin * 0.5, 0.75, 0.05, within=throat)
    clothes = np.array(face.capture.clothes)
    cut = np.array([[0.0, 1.0], [0.2, 0.98], [wide * 1.2, 0.88], [0.62, 0.98], [0.95, 1.12]])
    shirt = mirrored(np.concatenate([curve(cut), [[1.4, 1.25], [1.4, 1.9]]]))
    canvas.fill(at_depth(shirt, -0.1), clothes)


def _head(canvas: Canvas, face: Face) -> None:
    z, w, chin = face.z, face.half_width, face.chin
    ear = 0.115 + 0.018 * z["ear_size"]
    for side in (-1.0, 1.0):
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        for scale, shade in ((1.0, 0.88), (0.55, 0.7)):
            x = side * (w * 0.985 + scale * (0.36 + 0.05 * z["ear_size"]) * ear * np.cos(angle))
            ring = np.column_stack([x, 0.04 + scale * ear * np.sin(angle)])
            canvas.fill(at_depth(ring, -0.08), face.skin * shade)
    jaw = 0.80 + 0.05 * z["jaw"]
    point = 0.36 + 0.07 * z["chin"]
    half = [
        [0.0, -0.7, 0.0],
        [0.62 * w, -0.6, 0.0],
        [0.93 * w, -0.33, 0.0],
        [w, -0.02, 0.0],
        [(0.45 + 0.55 * jaw) * w, 0.24, 0.04],
        [jaw * w, 0.42, 0.08],
        [(0.35 * jaw + 0.65 * point) * w + 0.02, chin - 0.08, 0.2],
        [point * w * 0.55, chin - 0.01, 0.26],
    ]
    right = np.array(half)
    left = (right[1:] * [-1, 1, 1])[::-1]
    outline = curve(np.concatenate([right, [[0, chin, 0.28]], left]), closed=True)
    canvas.fill(outline, face.skin)
    canvas.shade(outline, _modelling(face), 0.24)
    _beard(canvas, face, outline)
    across, down = 0.13 + 0.16 * np.tanh(z["mole_across"]), 0.27 + 0.16 * np.tanh(z["mole_down"])
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    spot = np.column_stack([across + 0.013 * np.cos(angle), down + 0.013 * np.sin(angle)])
    canvas.glaze(on_head(spot), face.skin * 0.45, 0.75, 0.004)


def _modelling(face: Face) -> Points:
    """List the soft lights and darks of a face for `Canvas.shade`."""
    z, (ex, ey), chin = face.z, face.eye, face.chin
    tip = 0.215 + 0.022 * z["nose_length"]
    smile = max(0.0, face.capture.smile)
    nose = 0.06 + 0.008 * z["nose_width"]
    rows: list[tuple[float, ...]] = [
        # x, y, spread x, spread y, red, green, blue
        (0.0, -0.42, 0.26, 0.14, 0.07, 0.07, 0.07),  # forehead
        (0.0, 0.02, 0.03, 0.13, 0.10, 0.10, 0.10),  # bridge of the nose
        (0.0, tip - 0.03, 0.04, 0.035, 0.12, 0.11, 0.11),  # its tip
        (0.0, tip + 0.07, 0.10, 0.03, -0.15, -0.18, -0.18),  # under it
        (0.0, 0.4 + 0.016 * z["mouth_height"] + 0.1, 0.11, 0.025, -0.14, -0.16, -0.16),
        (0.0, chin - 0.11, 0.09, 0.05, 0.07, 0.06, 0.06),  # chin
    ]
    for side in (-1.0, 1.0):
        rows += [
            (side * ex * 0.95, ey - 0.06, 0.11, 0.05, -0.10, -0.13, -0.12),  # eye socket
            (side * 0.09, ey - 0.01, 0.035, 0.07, -0.12, -0.14, -0.14),  # beside the bridge
            (side * (nose + 0.045), tip - 0.03, 0.022, 0.05, -0.12, -0.14, -0.14),
            (side * 0.31, 0.17, 0.10, 0.09, 0.05 + 0.02 * smile, -0.03, -0.025),  # cheek
            (side * 0.27, 0.09, 0.09, 0.04, 0.05, 0.05, 0.05),
            (side * 0.21, 0.31, 0.025, 0.06, -0.05 - 0.05 * smile, *([-0.06 - 0.06 * smile] * 2)),
        ]
    table = np.array(rows)
    return np.column_stack([on_head(table[:, :2]), table[:, 2:]])


def _beard(canvas: Canvas, face: Face, outline: Points) -> None:
    strength = 1 / (1 + np.exp(-1.6 * (face.z["stubble"] - 0.9)))
    low = outline[outline[:, 1] > 0.18] * [0.97, 0.985, 1]
    upper = np.array([[-0.3, 0.36], [-0.19, 0.31], [0.0, 0.285], [0.19, 0.31], [0.3, 0.36]])
    shape = np.concatenate([low, on_head(curve(upper))])
    canvas.glaze(shape, 0.75 * face.hair + 0.12 * face.skin, 0.62 * strength, 0.03)


def _photograph(canvas: Canvas, capture: Capture, size: int) -> Picture:
    """Light the drawing, shrink it, and add what a camera adds."""
    small = cv2.resize(canvas.pixels, (size, size), interpolation=cv2.INTER_AREA)
    at = np.linspace(-1, 1, size)
    plane = 1 + capture.light_x * np.tanh(1.6 * at)[None, :] + capture.light_y * at[:, None]
    balance = (1 + capture.warmth, 1.0, 1 - capture.warmth)
    gain = cv2.merge([(plane * (b / 255)).astype(np.float32) for b in balance])
    image = 255 * np.asarray(cv2.pow(np.clip(gain * small, 0, 1), capture.gamma))
    if capture.blur > 0.05:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), capture.blur * size / 112))
    if capture.noise > 0:
        rng = np.random.default_rng(capture.noise_seed)
        image += np.float32(capture.noise) * rng.standard_normal(image.shape, dtype=np.float32)
    return np.asarray(np.clip(image + np.float32(0.5), 0, 255).astype(np.uint8))
