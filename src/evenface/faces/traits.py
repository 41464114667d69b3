"""What a rendered face is made of: latent traits, made-up groups, and one capture.

An identity is a vector `z` of standardised traits, drawn from its group's normal
distribution, ``z ~ N(mean(group, overlap), I)``. A group's mean is

``(1 - overlap) * REACH * (± (common + own[ethnicity]) / 2 + 0.85 * factor[ethnicity])``

with + for the man-like and - for the woman-like groups. ``common`` carries gender in
every group; ``own`` carries it in one ethnicity-like factor only, so that what is
learned on one transfers imperfectly to another.

The spread is 1 in each trait and group, whatever the overlap, and no trait is certain
for any group. **The weights are invented.** The codes are DiveFace's so that its reader
and the studies can be used; nothing about real people follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

GROUPS = ("HA", "HB", "HN", "MA", "MB", "MN")
"""Codes: H man-like, M woman-like; A, B, N three ethnicity-like rendered factors."""

# trait: (common, own A, own B, own N, factor A, factor B, factor N)
_WEIGHTS: dict[str, tuple[float, ...]] = {
    "face_width": (0.3, 0.0, 0.5, 0.0, 0.5, -0.4, 0.0),
    "face_length": (0.3, 0.0, 0.0, 0.5, -0.3, 0.5, -0.2),
    "jaw": (0.6, 0.3, 0.0, 0.0, 0.0, 0.3, -0.3),
    "chin": (0.3, -0.2, 0.5, 0.0, -0.2, 0.3, 0.0),
    "eye_size": (-0.3, -0.4, 0.3, 0.0, 0.0, -0.2, 0.4),
    "eye_height": (-0.1, 0.0, 0.0, -0.5, -0.3, 0.0, 0.3),
    "eye_spacing": (0.0, 0.5, 0.0, -0.3, 0.3, -0.4, 0.2),
    "eye_tilt": (-0.2, 0.0, -0.4, 0.0, 0.0, -0.2, 0.2),
    "lid_fold": (-0.2, 0.0, 0.3, -0.3, -0.3, 0.3, 0.0),
    "brow_thickness": (0.6, 0.0, 0.0, 0.4, -0.3, 0.0, 0.3),
    "brow_height": (-0.5, 0.3, 0.0, 0.0, 0.4, -0.4, 0.0),
    "brow_arch": (-0.3, 0.0, -0.5, 0.2, -0.4, 0.1, 0.3),
    "brow_angle": (0.1, 0.5, 0.0, 0.0, 0.0, 0.3, -0.3),
    "nose_width": (0.2, 0.0, 0.4, -0.2, 0.1, -0.5, 0.4),
    "nose_length": (0.2, 0.5, -0.2, 0.0, -0.3, 0.5, -0.2),
    "mouth_width": (0.2, -0.4, 0.0, 0.4, -0.2, 0.0, 0.3),
    "mouth_height": (0.0, 0.0, 0.4, -0.4, 0.3, -0.3, 0.0),
    "lip_fullness": (-0.5, 0.3, 0.0, 0.0, 0.0, -0.4, 0.4),
    "lip_colour": (-0.4, 0.0, -0.2, 0.2, 0.2, 0.0, -0.2),
    "skin_tone": (0.0, 0.0, 0.0, 0.0, 0.0, -0.4, 0.4),
    "skin_warmth": (0.0, 0.0, 0.0, 0.0, 0.4, -0.3, -0.1),
    "hair_tone": (0.0, 0.0, -0.2, 0.0, -0.3, 0.6, -0.3),
    "hair_warmth": (0.0, 0.0, 0.0, -0.2, -0.2, 0.3, -0.1),
    "hair_length": (-0.7, 0.0, 0.0, 0.3, 0.3, 0.0, -0.3),
    "hair_volume": (-0.2, -0.4, 0.0, 0.0, -0.3, 0.0, 0.4),
    "hair_wave": (-0.1, 0.0, -0.3, 0.3, -0.4, 0.0, 0.5),
    "hairline": (0.2, 0.0, 0.4, -0.3, -0.5, 0.3, 0.2),
    "parting": (0.0, 0.3, -0.3, 0.0, 0.3, -0.1, -0.2),
    "ear_size": (0.2, 0.0, 0.0, 0.4, 0.3, -0.3, 0.1),
    "stubble": (0.6, -0.2, 0.2, 0.0, -0.2, 0.2, 0.0),
    "iris_colour": (0.0, 0.0, 0.0, 0.0, -0.3, 0.5, -0.2),
    "neck": (0.4, 0.0, 0.0, -0.2, 0.0, 0.0, 0.0),
    "mole_across": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "mole_down": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
}

TRAITS = tuple(_WEIGHTS)
"""Names of an identity's traits, in the order of its vector."""

REACH = 4.0
"""Scale of the groups' means at ``overlap=0``, in within-group standard deviations."""

_TABLE = np.array(list(_WEIGHTS.values()), dtype=np.float64)


def group_mean(group: str, overlap: float) -> NDArray[np.float64]:
    """Return the mean traits of a group.

    Parameters
    ----------
    group : str
        One of `GROUPS`.
    overlap : float
        In [0, 1]; at 1 every group's mean is 0.

    Returns
    -------
    numpy.ndarray, shape (len(TRAITS),)
        In within-group standard deviations.
    """
    sign = 0.5 if group[0] == "H" else -0.5
    factor = "ABN".index(group[1])
    gender = _TABLE[:, 0] + _TABLE[:, 1 + factor]
    mean = (1 - overlap) * REACH * (sign * gender + 0.85 * _TABLE[:, 4 + factor])
    return np.asarray(mean, dtype=np.float64)


def separation(group_a: str, group_b: str, overlap: float) -> float:
    """Return d' of two groups in trait space: what `overlap` does, in closed form.

    All groups have the same unit covariance, so d' is the Euclidean distance of their
    means, and it falls linearly: ``d'(overlap) = (1 - overlap) * d'(0)``.
    """
    return float(np.linalg.norm(group_mean(group_a, overlap) - group_mean(group_b, overlap)))


def best_accuracy(group_a: str, group_b: str, overlap: float) -> float:
    """Return the accuracy that no classifier of two groups' traits can exceed on average.

    It is Φ(d'/2) for equally many of each: 0.5 at ``overlap=1``. A classifier that sees
    pictures has less to go by, because the capture hides some of the traits.
    """
    return 0.5 * (1 + erf(separation(group_a, group_b, overlap) / 2 / sqrt(2)))


def draw_identity(group: str, overlap: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw an identity's traits, shape (len(TRAITS),), from its group's distribution."""
    traits: NDArray[np.float64] = group_mean(group, overlap) + rng.standard_normal(len(TRAITS))
    return traits


RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Capture:
    """What differs between two pictures of one identity; it is drawn alike for all groups.

    Attributes
    ----------
    yaw, pitch, roll : float
        Pose in radians.
    scale, shift_x, shift_y : float
        Size of the head, and where it is in half picture widths.
    smile, mouth_open, brow_raise, eye_open : float
        Expression; 0 is neutral, `mouth_open` is at least 0.
    light_x, light_y : float
        Slope of the brightness over the face, to the right and downwards.
    gamma, warmth : float
        Exposure curve (1 is neutral) and white balance (0 is neutral).
    blur : float
        Standard deviation in pixels of a picture of 112.
    noise : float
        Standard deviation in grey levels.
    noise_seed : int
        What the noise is drawn from.
    background, background_end, clothes : tuple of 3 floats
        RGB colours, 0 to 255.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.1
    shift_x: float = 0.0
    shift_y: float = 0.0
    smile: float = 0.3
    mouth_open: float = 0.0
    brow_raise: float = 0.0
    eye_open: float = 0.0
    light_x: float = 0.0
    light_y: float = -0.05
    gamma: float = 1.0
    warmth: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    noise_seed: int = 0
    background: RGB = (206.0, 212.0, 220.0)
    background_end: RGB = (176.0, 184.0, 196.0)
    clothes: RGB = (88.0, 104.0, 132.0)


def draw_capture(rng: np.random.Generator) -> Capture:
    """Draw pose, light, expression, background and camera for one picture."""
    n = np.clip(rng.standard_normal(14), -2.2, 2.2)
    u = rng.random(13)
    level, hue = 95 + 135 * u[0], 28 * (u[1:4] - 0.5)
    end = level * (0.72 + 0.45 * u[4])
    return Capture(
        yaw=float(0.15 * n[0]),
        pitch=float(0.09 * n[1]),
        roll=float(0.06 * n[2]),
        scale=float(1.1 + 0.03 * n[3]),
        shift_x=float(0.022 * n[4]),
        shift_y=float(0.022 * n[5]),
        smile=float(0.45 + 0.4 * n[6]),
        mouth_open=float(max(0.0, 0.5 * n[7] - 0.25)),
        brow_raise=float(0.5 * n[8]),
        eye_open=float(0.5 * n[9]),
        light_x=float(0.16 * n[10]),
        light_y=float(-0.05 + 0.08 * n[11]),
        gamma=float(np.exp(0.13 * n[12])),
        warmth=float(0.035 * n[13]),
        blur=float(0.65 * u[5] ** 2),
        noise=float(1 + 4 * u[6] ** 2),
        noise_seed=int(u[7] * 2**32),
        background=_rgb(level + hue),
        background_end=_rgb(end + hue),
        clothes=_rgb(35 + 150 * u[8] + 90 * (u[9:12] - 0.5)),
    )


def _rgb(values: NDArray[np.float64]) -> RGB:
    red, green, blue = np.clip(values, 0, 255).round(1).tolist()
    return red, green, blue
