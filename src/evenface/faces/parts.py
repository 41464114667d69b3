"""Eyes, brows, nose, mouth and hair of a rendered face, each drawn by one function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenface.faces.canvas import (
    Canvas,
    Colour,
    Points,
    at_depth,
    curve,
    moved,
    on_head,
)
from evenface.faces.traits import Capture

_IRIS = ((50, 32, 24), (84, 53, 32), (110, 82, 46), (98, 112, 74), (84, 118, 146))
_STRANDS = (0.1, 0.22, 0.34, 0.46, 0.58, 0.7, 0.82, 0.92)
_WHITE = np.array([255.0, 255.0, 255.0])
_DARK = np.array([30.0, 20.0, 20.0])


@dataclass(frozen=True)
class Face:
    """A head's traits, at most about 3 in size, and the colours and places they give."""

    z: dict[str, float]
    capture: Capture
    skin: Colour
    hair: Colour
    half_width: float
    chin: float
    eye: tuple[float, float]


def palette(colours: Sequence[Sequence[int]], z: float) -> Colour:
    """Return the colour at a standardised trait: the middle at 0, the ends far out."""
    position = (len(colours) - 1) / (1 + np.exp(-1.2 * z))
    low = int(position)
    pair = np.array(colours[low : low + 2], dtype=np.float64)
    return np.asarray(pair[0] + (position - low) * (pair[-1] - pair[0]))


def draw_eye(canvas: Canvas, face: Face, side: float) -> None:
    """Draw an eye; `side` is -1 for the left of the picture and 1 for the right."""
    z, capture, (ex, ey) = face.z, face.capture, face.eye
    w = 0.098 + 0.009 * z["eye_size"]
    h = 0.047 + 0.006 * z["eye_height"] + 0.003 * z["eye_size"]
    h *= max(0.35, 1 + 0.22 * capture.eye_open - 0.12 * max(0.0, capture.smile))
    tilt = 0.02 + 0.055 * z["eye_tilt"]

    def place(points: Sequence[Sequence[float]]) -> Points:
        local = np.array(points) * [w, h]
        x = local[:, 0] * np.cos(tilt) + local[:, 1] * np.sin(tilt)
        y = local[:, 1] * np.cos(tilt) - local[:, 0] * np.sin(tilt)
        return on_head(curve(np.column_stack([side * (ex + x), ey + y])))

    top = place([[-1, 0.25], [-0.6, -0.65], [0, -1.1], [0.6, -0.8], [1.02, 0]])
    bottom = place([[1.02, 0], [0.55, 0.62], [0, 0.8], [-0.6, 0.6], [-1, 0.25]])
    almond = np.concatenate([top, bottom])
    canvas.glaze(almond, face.skin * 0.55, 0.55, 0.022)
    canvas.fill(almond, 0.88 * _WHITE + 0.1 * face.skin)

    radius = 0.05 + 0.002 * z["eye_size"]
    iris = palette(_IRIS, z["iris_colour"] - 0.6)

    def disc(scale: float, x: float = 0.0, y: float = 0.0) -> Points:
        angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        ring = scale * radius * np.column_stack([np.cos(angle), np.sin(angle)])
        return on_head(ring + np.array([side * ex + x, ey - 0.006 + y]))

    def looking(inside: Canvas) -> None:
        inside.fill(disc(1.0), iris * 0.55)
        inside.fill(disc(0.84), iris)
        inside.fill(disc(0.46), _DARK * 0.6)
        inside.fill(disc(0.24, -0.018, -0.02), _WHITE)

    canvas.clipped(almond, looking)
    lash = 0.25 * face.hair + 0.75 * _DARK
    canvas.line(bottom[3:-3], 0.62 * face.skin, 0.008)
    canvas.line(top, lash, 0.017)
    fold = place([[-0.9, -0.5], [-0.5, -1.3], [0.05, -1.75], [0.65, -1.4], [1.1, -0.5]])
    canvas.line(
        moved(fold, -0.006 * z["lid_fold"]),
        face.skin * (0.72 - 0.06 * np.tanh(z["lid_fold"])),
        0.01,
    )


def draw_brow(canvas: Canvas, face: Face, side: float) -> None:
    """Draw a brow; `side` as for an eye."""
    z, (ex, ey) = face.z, face.eye
    y = ey - 0.14 - 0.011 * z["brow_height"] - 0.014 * face.capture.brow_raise
    thick = 0.021 * np.exp(0.2 * z["brow_thickness"])
    arch = 0.018 + 0.011 * z["brow_arch"]
    slope = 0.012 * z["brow_angle"]
    x = side * (ex + np.array([-0.125, -0.05, 0.045, 0.135]))
    middle = y + np.array([slope, -0.55 * arch + 0.3 * slope, -arch - 0.2 * slope, 0.012 - slope])
    half = thick * np.array([0.75, 1.0, 0.85, 0.15])
    up = curve(np.column_stack([x, middle - half]))
    down = curve(np.column_stack([x, middle + half]))
    shape = on_head(np.concatenate([up, down[::-1]]))
    canvas.glaze(shape, 0.72 * face.hair + 0.1 * face.skin, 0.88, 0.008)


def draw_nose(canvas: Canvas, face: Face) -> None:
    """Draw wings, nostrils and the line under the tip; the rest is shading."""
    z = face.z
    tip = 0.215 + 0.022 * z["nose_length"] - 0.006 * max(0.0, face.capture.smile)
    w = 0.098 * np.exp(0.13 * z["nose_width"])
    dark = face.skin * 0.5
    for side in (-1.0, 1.0):
        wing = [
            [0.8 * w, tip - 0.055],
            [w, tip - 0.015],
            [0.93 * w, tip + 0.02],
            [0.7 * w, tip + 0.022],
        ]
        line = on_head(curve(np.array(wing) * [side, 1]), 0.06)
        canvas.line(line, face.skin * 0.68, 0.011)
        hole = [[0.3 * w, tip + 0.022], [0.52 * w, tip + 0.008], [0.72 * w, tip + 0.02]]
        hole += [[0.5 * w, tip + 0.03]]
        canvas.glaze(
            on_head(curve(np.array(hole) * [side, 1], closed=True), 0.08), dark * 0.6, 0.85, 0.005
        )
    under = curve(np.array([[-0.3 * w, tip + 0.026], [0, tip + 0.038], [0.3 * w, tip + 0.026]]))
    canvas.line(on_head(under, 0.1), face.skin * 0.66, 0.01)


def draw_mouth(canvas: Canvas, face: Face) -> None:
    """Draw lips, and teeth where the mouth is open."""
    z, capture = face.z, face.capture
    smile, gap = capture.smile, 0.05 * capture.mouth_open
    y = 0.405 + 0.016 * z["mouth_height"]
    w = 0.158 + 0.014 * z["mouth_width"] + 0.014 * smile - 0.2 * gap
    full = np.exp(0.2 * z["lip_fullness"])
    upper, lower = 0.031 * full, 0.043 * full
    corner = y - 0.024 * smile
    tone = 0.5 + 0.45 * z["lip_colour"]
    lips = face.skin * [0.93, 0.72, 0.70] * (1 - tone * np.array([0.05, 0.2, 0.16]))

    def shape(*points: tuple[float, float]) -> Points:
        half = np.array(points) * [w, 1]
        left = (half[1:] * [-1, 1])[::-1]
        return curve(np.concatenate([left, half]))

    end = (1.0, corner)
    line_y = y + 0.006 * smile
    top = shape((0, y - 0.78 * upper), (0.2, y - upper), (0.55, y - 0.66 * upper), end)
    seam_up = shape((0, line_y), (0.3, line_y - 0.004), (0.7, 0.5 * (line_y + corner)), end)
    drop = gap * np.array([1.0, 0.9, 0.5])
    seam_low = shape(
        (0, line_y + drop[0]),
        (0.3, line_y - 0.002 + drop[1]),
        (0.7, 0.5 * (line_y + corner) + drop[2]),
        end,
    )
    bottom = shape(
        (0, y + lower + gap),
        (0.35, y + 0.94 * lower + gap),
        (0.72, y + 0.5 * lower + 0.6 * gap),
        end,
    )
    inside = on_head(np.concatenate([seam_up, seam_low[::-1]]), 0.02)
    canvas.glaze(on_head(np.concatenate([seam_low, bottom[::-1]]), 0.03), lips, 0.95, 0.005)
    canvas.glaze(on_head(np.concatenate([top, seam_up[::-1]]), 0.03), lips * 0.86, 0.95, 0.005)
    if gap > 0.004:
        canvas.fill(inside, np.array([84.0, 34.0, 34.0]))
        teeth = np.concatenate([seam_up[4:-4], (0.45 * seam_up + 0.55 * seam_low)[4:-4][::-1]])
        canvas.fill(on_head(teeth, 0.02), np.array([238.0, 232.0, 224.0]))
    canvas.line(on_head(seam_up, 0.02), lips * 0.5, 0.011)


def hair_shapes(face: Face) -> tuple[Points, Points, list[Points]]:
    """Return the hair before the head, behind it, and strands between its two edges."""
    z, w = face.z, face.half_width
    volume = 0.075 * np.exp(0.35 * z["hair_volume"])
    end = -0.1 + 1.2 / (1 + np.exp(-1.5 * (z["hair_length"] - 0.35)))
    line = -0.46 - 0.03 * z["hairline"]
    part = 0.05 * np.tanh(z["parting"])
    inner = np.array(
        [
            [0.0, line, 0.36],
            [0.45 * w, line + 0.03, 0.3],
            [0.78 * w, line + 0.14, 0.16],
            [0.93 * w, -0.2, 0.04],
            [0.955 * w, 0.35 * end - 0.1, 0.0],
            [0.96 * w, end, -0.02],
        ]
    )
    low = min(1.0, max(end, 0.0) * 2)
    outer = np.array(
        [
            [0.0, -0.71 - volume, 0.0],
            [0.56 * w, -0.65 - 0.8 * volume, 0.0],
            [0.96 * w, -0.42 - 0.3 * volume, -0.02],
            [w + 0.02 + 0.55 * volume, -0.17, -0.04],
            [w + 0.01 + (0.3 + 0.4 * low) * volume, 0.5 * end - 0.05, -0.05],
            [w - 0.01 + 0.3 * low * volume, end + 0.05 * low, -0.06],
        ]
    )
    lean = np.array([[0, part, 0], [0, 1.3 * part, 0], [0, 0.5 * part, 0], *([[0, 0, 0]] * 3)])
    rim = curve(np.concatenate([(outer * [-1, 1, 1])[::-1], outer[1:]]))
    left = ((inner - lean) * [-1, 1, 1])[::-1]
    edge = curve(np.concatenate([left, (inner + lean)[1:]]))

    t = np.linspace(0, 1, len(rim))
    wave = 0.024 / (1 + np.exp(-1.5 * (z["hair_wave"] - 0.2)))
    away = rim[:, :2] / np.linalg.norm(rim[:, :2], axis=1, keepdims=True)
    rim[:, :2] += (wave * np.sin(2 * np.pi * 10 * t))[:, None] * away
    strands = []
    for share in _STRANDS:
        strand = (1 - share) * rim + share * edge
        strand[:, :2] += (0.4 * wave * np.sin(2 * np.pi * (10 * t + 2.3 * share)))[:, None] * away
        strands.append(strand[3:-3])
    front = np.concatenate([rim, edge[::-1]])
    hem = np.array([[0.6 * w, end + 0.08], [0.0, end + 0.1], [-0.6 * w, end + 0.08]])
    back = np.concatenate([rim[:, :2], curve(hem)]) if low else rim[:, :2]
    return front, at_depth(back, -0.18), strands


def draw_hair(canvas: Canvas, face: Face, front: Points, strands: list[Points]) -> None:
    """Draw the hair before the head."""
    canvas.fill(front, face.hair)
    for i, strand in enumerate(strands):
        shade = (0.86, 1.1, 0.9, 1.14)[i % 4]
        canvas.line(strand, np.minimum(face.hair * shade + 2, 255), 0.01)
    gloss = [
        [-0.2, -0.62, 0.1, 0.22, 0.08, 0.3, 0.3, 0.3],
        [0.27, -0.6, 0.1, 0.12, 0.07, *[0.16] * 3],
    ]
    canvas.shade(front, np.array(gloss), 0.3)
