"""Made-up identities and what each looks like: something to try everything on, nobody shown.

A population has six groups with DiveFace's codes, and every identity is drawn from its
group's distribution of latent traits (see `evenface.faces.traits`). **The groups are
rendered factors under a dataset's names; nothing about real people follows from them.**

`overlap` says how alike the groups are. The distance d' of two groups' means, in
within-group standard deviations, is ``(1 - overlap)`` times its value at 0 (`separation`),
and no classifier of latent traits beats Φ(d'/2) on two groups (`best_accuracy`): at 1 all
groups are one distribution and every task is at chance, at 0 they are far apart. Pictures
say less than latent traits do. With the default, 60 identities a group and 3 pictures
each, a logistic regression on HOG features tells the gender-like factor of unseen
identities in about 0.88 of pictures, the ethnicity-like one in 0.86, and the gender-like
factor learned on one ethnicity-like factor in 0.77 of pictures of another.

Identity `i` of a group is the same whatever the counts: asking for more adds to the set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenface.errors import ConfigError
from evenface.faces.rendering import render_face
from evenface.faces.traits import GROUPS, Capture, draw_capture, draw_identity

SMALLEST, LARGEST = 32, 2048


@dataclass(frozen=True)
class SyntheticPopulation:
    """Made-up identities in six groups, and everything needed to draw them again.

    Attributes
    ----------
    identities_per_group : int
        At least 1.
    images_per_identity : int
        At least 1.
    overlap : float
        In [0, 1]: 0 sets the groups far apart, 1 makes them one distribution.
    seed : int
        At least 0.
    size : int
        Width and height of a picture in pixels, 32 to 2048.

    Raises
    ------
    ConfigError
        Where a parameter is out of range; all faults are listed.
    """

    identities_per_group: int = 60
    images_per_identity: int = 3
    overlap: float = 0.5
    seed: int = 0
    size: int = 112

    def __post_init__(self) -> None:
        faults = [
            f"{name} must be a whole number of at least {low}, not {value!r}"
            for name, low in (
                ("identities_per_group", 1),
                ("images_per_identity", 1),
                ("seed", 0),
                ("size", SMALLEST),
            )
            if not _whole(value := getattr(self, name)) or value < low
        ]
        if _whole(self.size) and self.size > LARGEST:
            faults.append(f"size must be at most {LARGEST}, not {self.size}")
        number = isinstance(self.overlap, int | float) and not isinstance(self.overlap, bool)
        if not number or not 0 <= self.overlap <= 1:
            faults.append(f"overlap must be a number from 0 to 1, not {self.overlap!r}")
        if faults:
            raise ConfigError("synthetic population: " + "; ".join(faults))

    def traits(self, group: str, identity: int) -> NDArray[np.float64]:
        """Return the latent traits of one identity, shape (len(TRAITS),).

        Parameters
        ----------
        group : str
            One of `GROUPS`.
        identity : int
            From 0.

        Returns
        -------
        ndarray of float64, shape (len(TRAITS),)
            Standard normal but for the group's mean.
        """
        key = (0, GROUPS.index(group), identity)
        return draw_identity(group, self.overlap, self._generator(key))

    def capture(self, group: str, identity: int, image: int) -> Capture:
        """Return pose, light, expression and camera of one picture.

        Parameters
        ----------
        group : str
            One of `GROUPS`.
        identity : int
            From 0.
        image : int
            From 0.

        Returns
        -------
        Capture
        """
        return draw_capture(self._generator((1, GROUPS.index(group), identity, image)))

    def picture(self, group: str, identity: int, image: int) -> NDArray[np.uint8]:
        """Render one picture, shape (size, size, 3), RGB.

        Parameters
        ----------
        group : str
            One of `GROUPS`.
        identity : int
            From 0.
        image : int
            From 0.

        Returns
        -------
        ndarray of uint8, shape (size, size, 3)
        """
        traits = self.traits(group, identity)
        return render_face(traits, self.capture(group, identity, image), self.size)

    def members(self) -> Iterator[tuple[str, int]]:
        """Yield every ``(group, identity)``, group by group."""
        for group in GROUPS:
            for identity in range(self.identities_per_group):
                yield group, identity

    def _generator(self, key: tuple[int, ...]) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
