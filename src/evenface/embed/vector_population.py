"""Vectors of made-up people in six groups, with the truth about them in closed form.

What a study finds on them can be held against what is so: how accurate the best classifiers of
gender are on every ethnicity, those learned on another included, and how often two pictures of
one person or of two are farther apart than a threshold. The accuracies are those of table 1 of the
report that evenface grew from. **Nothing about real people follows from them.**

A picture's vector is a rotation of ``μ_e ± a_e u_e + ν_e + identity + picture``:

- μ, a and u (three axes of unit noise) are those of `evenface.embed.vector_geometry`: they alone
  decide about gender;
- ν tells ethnicities apart along two more axes, as a triangle of equal sides (`apart`);
- the others carry noise alone, of falling spread (`FLOOR`, `FALL`), by ethnicity (`spread`):
  where it is narrow, people are more alike;
- `picture_share` of each variance differs from picture to picture, the rest is the person's.

The rotation depends on the dimension only: populations of two seeds are other people seen by the
same network. Identity `i` of a group is the same whatever the counts.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from evenface.embed.contract import unknown_card
from evenface.embed.embeddings import Embeddings, embeddings_from_arrays
from evenface.embed.vector_geometry import Floats, Geometry, solve_geometry
from evenface.embed.vector_truth import carried_frame, fisher_rule, rates_frame, read_rightly
from evenface.errors import ConfigError
from evenface.faces.table import Note

TABLE = ((0.98, 0.91, 0.86), (0.94, 0.97, 0.91), (0.91, 0.89, 0.97))
"""The source report's table 1: accuracy of gender, trained on row, tested on column."""

ETHNICITIES = ("Asian", "Black", "Caucasian")
GENDERS = ("female", "male")
CODES = {"Asian": "A", "Black": "N", "Caucasian": "B", "female": "M", "male": "H"}
"""DiveFace's letters, of which names of identities are made."""

NAME = "a made-up network"
MADE_UP = "made-up vectors"
GENERATOR = 1
"""Raised whenever the same parameters would give other vectors."""

SMALLEST, LARGEST = 8, 4096
FLOOR, FALL = 0.2, 20.0
"""Spread of the noise on further axes: falls from 1 to `FLOOR`, the difference to 1/e in `FALL`."""

MOST_PICTURES = 10**8

NOTICE = (
    "These vectors are drawn from made-up distributions and show nobody; the groups are invented "
    "factors under a data set's names, and nothing about real populations follows from them."
)


@dataclass(frozen=True)
class VectorPopulation:
    """Vectors of made-up identities in six groups, and the truth about them.

    Attributes
    ----------
    identities_per_group : int
        At least 1.
    images_per_identity : int
        At least 1.
    dimension : int
        Length of a vector, 8 to 4096.
    seed : int
        At least 0. Another seed, other people; the groups stay.
    table : 3 by 3 floats
        Accuracy of the best rule for gender of ethnicity i (row) on j (column), in the order of
        `ETHNICITIES`. Each is above 0.5 and, off the diagonal, below the diagonal of its column.
    apart : float
        Distance of two ethnicities along the axes that are theirs, in units of the noise; at
        least 0.
    picture_share : float
        Share of the variance that isn't the person's, above 0 and below 1.
    spread : 3 floats
        By ethnicity, what the spread of the noise on further axes is multiplied by; above 0.

    Raises
    ------
    ConfigError
        Where a parameter is out of range; all faults are listed.
    """

    identities_per_group: int = 500
    images_per_identity: int = 2
    dimension: int = 128
    seed: int = 0
    table: tuple[tuple[float, ...], ...] = TABLE
    apart: float = 4.0
    picture_share: float = 0.4
    spread: tuple[float, ...] = (0.95, 1.05, 1.0)

    def __post_init__(self) -> None:
        faults = [
            f"{name} must be a whole number of at least {low}, not {value!r}"
            for name, low in (
                ("identities_per_group", 1),
                ("images_per_identity", 1),
                ("dimension", SMALLEST),
                ("seed", 0),
            )
            if not _whole(value := getattr(self, name)) or value < low
        ]
        if (
            not faults
            and len(self.groups) * self.identities_per_group * self.images_per_identity
            > MOST_PICTURES
        ):
            faults.append(f"there can be {MOST_PICTURES} pictures at most")
        if _whole(self.dimension) and self.dimension > LARGEST:
            faults.append(f"dimension must be at most {LARGEST}, not {self.dimension}")
        if not _number(self.apart) or self.apart < 0:
            faults.append(f"apart must be a number of at least 0, not {self.apart!r}")
        if not _number(self.picture_share) or not 0 < self.picture_share < 1:
            faults.append(f"picture_share must lie between 0 and 1, not {self.picture_share!r}")
        if not _numbers(self.spread) or min(self.spread) <= 0:
            faults.append(f"spread must be three numbers above 0, not {self.spread!r}")
        if not _three(self.table) or not all(_numbers(row) for row in self.table):
            faults.append(f"table must be three rows of three numbers, not {self.table!r}")
        if faults:
            raise ConfigError("population of vectors: " + "; ".join(faults))
        solve_geometry(self.table, ETHNICITIES)

    @cached_property
    def geometry(self) -> Geometry:
        """Axes and means that decide about gender."""
        return solve_geometry(self.table, ETHNICITIES)

    @property
    def groups(self) -> tuple[tuple[str, str], ...]:
        """The six groups as (gender, ethnicity), in the order of `means` and of the rows."""
        return tuple((gender, ethnicity) for ethnicity in ETHNICITIES for gender in GENDERS)

    @cached_property
    def means(self) -> Floats:
        """Mean of each group, shape (6, dimension)."""
        return self._unturned @ self._turn

    @cached_property
    def covariances(self) -> Floats:
        """Covariance of single pictures within each ethnicity, shape (3, dimension, dimension)."""
        return np.array([(self._turn.T * s**2) @ self._turn for s in self._spreads])

    def embeddings(self) -> Embeddings:
        """Return vectors of drawn pictures, marked as synthetic."""
        n, k, d = self.identities_per_group, self.images_per_identity, self.dimension
        person, picture = np.sqrt(1 - self.picture_share), np.sqrt(self.picture_share)
        vectors = np.empty((len(self.groups), n, k, d), dtype=np.float32)
        rows = []
        for g, (gender, ethnicity) in enumerate(self.groups):
            drawn = person * self._generator(g, 0).normal(size=(n, d))
            for image in range(k):
                noise = drawn + picture * self._generator(g, image + 1).normal(size=(n, d))
                here = self._unturned[g] + noise * self._spreads[g // 2]
                vectors[g, :, image] = here @ self._turn
            code = CODES[gender] + CODES[ethnicity]
            # Other seeds draw other people: nobody may be taken for one of them by name.
            ending = f"-{self.seed}" if self.seed else ""
            names = [f"{code}{i:05d}{ending}" for i in range(n)]
            rows += [(f"{name}/{p}", name, gender, ethnicity) for name in names for p in range(k)]
        columns = ["sample_id", "identity", "gender", "ethnicity"]
        return embeddings_from_arrays(
            vectors.reshape(-1, d),
            pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row"),
            card={**unknown_card(NAME, d), "sha256": self._network()},
            source={
                "layout": MADE_UP,
                "synthetic": True,
                "parameters": {**asdict(self), "generator": GENERATOR},
                "notes": [asdict(Note("synthetic", len(rows), NOTICE))],
            },
        )

    def truth(self) -> pl.DataFrame:
        """Return how accurate rules for gender are, without anybody drawn.

        Returns
        -------
        polars.DataFrame
            ``target, across, train_on, test_on`` as in `transfer`; ``balanced_accuracy``; the
            shares ``female`` and ``male`` that are read rightly; ``transfer_gap``. Where
            ``train_on`` is an ethnicity, of its best rule, which is linear. Where it is ``all``,
            of Fisher's discriminant of the genders of all three, the linear rule that least
            squares tend to; no closed form is known for the best linear one. No rule whatever
            exceeds the accuracy on j of j's own.
        """
        weights, threshold = fisher_rule(self.means, self.covariances)
        pooled = self.rule_truth(weights, threshold)
        return carried_frame(self.geometry.shares(), pooled, ETHNICITIES)

    def rule_truth(self, weights: ArrayLike, threshold: float) -> tuple[Floats, Floats]:
        """Return what a linear rule, however learned, reads rightly: no test set is needed.

        Parameters
        ----------
        weights : array of float, shape (dimension,)
        threshold : float
            The rule says ``male`` where ``vector · weights > threshold``.

        Returns
        -------
        women, men : ndarray of float, shape (3,)
            Shares of each ethnicity that are read rightly.

        Raises
        ------
        ConfigError
            If `weights` has another shape, or is 0 throughout.
        """
        w = np.asarray(weights, dtype=np.float64)
        if w.shape != (self.dimension,) or not w.any():
            raise ConfigError(
                f"weights have shape {w.shape}; {self.dimension} numbers, not all 0, were expected"
            )
        return read_rightly(self.means, self.covariances, w, float(threshold))

    def rates(self, threshold: float) -> pl.DataFrame:
        """Return error rates of comparing pictures by Euclidean distance.

        Parameters
        ----------
        threshold : float
            A score: minus the largest distance at which two pictures match, as in `verify` with
            ``similarity="euclidean"``.

        Returns
        -------
        polars.DataFrame
            ``gender_a, ethnicity_a, gender_b, ethnicity_b, fmr, fnmr``: FMR of two people of
            every two groups; FNMR of two pictures of a person, null between groups.
        """
        variances = self._spreads.repeat(2, axis=0) ** 2
        return rates_frame(
            self._unturned, variances, self.picture_share, self.groups, float(threshold)
        )

    @cached_property
    def _unturned(self) -> Floats:
        """Means of the groups before the rotation: gender's axes, ethnicity's, all others."""
        found = np.zeros((6, self.dimension))
        shape, corner = self.geometry, 2 * np.pi * np.arange(3) / 3
        triangle = self.apart / np.sqrt(3) * np.column_stack([np.cos(corner), np.sin(corner)])
        for g, (gender, ethnicity) in enumerate(self.groups):
            e, sign = ETHNICITIES.index(ethnicity), 1 if gender == "male" else -1
            found[g, :3] = shape.means[e] + sign * shape.halves[e] * shape.axes[e]
            found[g, 3:5] = triangle[e]
        return found

    @cached_property
    def _spreads(self) -> Floats:
        """Spread of the noise on each axis before the rotation, shape (3, dimension)."""
        further = FLOOR + (1 - FLOOR) * np.exp(-np.arange(self.dimension - 5) / FALL)
        return np.array([[1.0] * 5 + list(factor * further) for factor in self.spread])

    @cached_property
    def _turn(self) -> Floats:
        """A rotation, or a reflection, that depends on the dimension only."""
        rng = np.random.default_rng([GENERATOR, self.dimension])
        q, r = np.linalg.qr(rng.normal(size=(self.dimension, self.dimension)))
        return q * np.sign(np.diag(r))

    def _network(self) -> str:
        """Return a hash of all that vectors of two populations must share to be comparable."""
        own = ("identities_per_group", "images_per_identity", "seed")
        shared = {k: v for k, v in asdict(self).items() if k not in own}
        text = json.dumps({**shared, "generator": GENERATOR}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _generator(self, group: int, part: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(group, part)))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _three(values: object) -> bool:
    return isinstance(values, tuple | list) and len(values) == 3


def _numbers(values: Any) -> bool:
    return _three(values) and all(_number(v) for v in values)
