"""What a permutation test returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from evenface.stats.bootstrap import Array

NEVER = "no p below 0.05 is possible with so few identities that differ"


@dataclass(frozen=True)
class Permutation:
    """A difference and how often permuting identities makes one as large.

    Attributes
    ----------
    value : float or None
        The difference that is tested: in [-1, 1] if outcomes are in [0, 1]. None if it can't be
        tested, and `method` says why.
    statistic : float or None
        What permutations are compared by: `value` in standard deviations of its permutations for
        paired results, in standard errors for groups; None where there is no spread to divide by.
    p : float or None
        Two-sided p-value, in (0, 1]; None where `value` is.
    permutations : int
        How many were computed.
    exact : bool
        Whether these were all there are.
    n_identities : int
        Persons the test rests on.
    method : str
        How it was done and what limits it, or why not.
    """

    value: float | None
    statistic: float | None
    p: float | None
    permutations: int
    exact: bool
    n_identities: int
    method: str

    def __post_init__(self) -> None:
        if (self.value is None) != (self.p is None):
            raise ValueError("a permutation test has a value and a p, or neither")

    @classmethod
    def missing(cls, why: str, *, n_identities: int = 0) -> Permutation:
        """Return the test that says why there is none.

        Parameters
        ----------
        why : str
        n_identities : int
            Persons there are.
        """
        return cls(None, None, None, 0, False, n_identities, f"not computed: {why}")

    @property
    def deviate(self) -> float | None:
        """How far from 0 in standard deviations, at least 0; None where `p` is.

        That of `p` under a normal distribution. Where no permutation that was drawn reaches what
        was seen, p says only how many were drawn, and the statistic itself is taken if it is
        larger.
        """
        if self.p is None:
            return None
        found = float(norm.isf(self.p / 2))
        drawn_out = not self.exact and self.p * (self.permutations + 1) < 1.5
        return max(found, abs(self.statistic or 0.0)) if drawn_out else found

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, JSON-ready."""
        return dict(self.__dict__)

    def __str__(self) -> str:
        if self.value is None or self.p is None:
            return self.method
        return f"{self.value:+.3f}, p = {self.p:.3g}"


def found(
    values: Array,
    statistics: Array,
    p: Array,
    least: Array,
    used: npt.NDArray[Any],
    exact: npt.NDArray[np.bool_],
    people: int,
    notes: list[str],
) -> tuple[Permutation, ...]:
    """Put together the tests of several columns, each with a note about how it was done."""
    return tuple(
        Permutation(
            float(values[j]),
            float(statistics[j]) if np.isfinite(statistics[j]) else None,
            float(p[j]),
            int(used[j]),
            bool(exact[j]),
            people,
            note + (f"; {NEVER}" if least[j] >= 0.05 else ""),
        )
        for j, note in enumerate(notes)
    )
