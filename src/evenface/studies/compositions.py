"""Who is learned from: equally many people of each group, or one group's share raised.

The total stays the same whatever the share, so a model of a biased set has not learned from fewer
people. Sets are nested: who is in a group's smaller part is in its larger one too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from evenface.errors import ConfigError, SelectionError
from evenface.faces.split import Rows, Split
from evenface.studies.data import Labels

LEAST = 3
"""People of each group that a training set needs: fewer make no pairs to speak of."""

SHARES = (0.3, 0.5, 0.7, 0.9, 0.95)
"""Shares of the majority group beyond the balanced one, as far as there are people for them."""

SLACK = 1e-9


@dataclass(frozen=True)
class People:
    """Training people of one split by group, in the order in which they are taken.

    Attributes
    ----------
    orders : tuple of ndarray of intp
        One a group.
    """

    orders: tuple[Rows, ...]

    @classmethod
    def of(cls, person: Rows, codes: Rows, rows: Rows, n_groups: int, seed: int) -> People:
        """Shuffle the people of some rows within their groups."""
        rng = np.random.default_rng([seed, 11])
        return cls(
            tuple(
                rng.permutation(np.unique(person[rows[codes[rows] == g]])) for g in range(n_groups)
            )
        )

    @property
    def counts(self) -> tuple[int, ...]:
        """People in each group."""
        return tuple(len(order) for order in self.orders)

    def rows(self, person: Rows, rows: Rows, numbers: Sequence[int]) -> Rows:
        """Return those rows that show the first so many people of each group."""
        chosen = [order[:n] for order, n in zip(self.orders, numbers, strict=True)]
        return rows[np.isin(person[rows], np.concatenate(chosen))]


def numbers_at(share: float, total: int, majority: int, n_groups: int) -> list[int]:
    """Return how many people of each group make up `total` at a majority share."""
    most = int(np.floor(share * total + 0.5))
    each, over = divmod(total - most, n_groups - 1)
    others = [each + (k < over) for k in range(n_groups - 1)]
    return [*others[:majority], most, *others[majority:]]


def fits(share: float, total: int, counts: Sequence[int], majority: int) -> bool:
    """Tell whether there are people enough for a share, and every group keeps `LEAST`."""
    wanted = numbers_at(share, total, majority, len(counts))
    return min(wanted) >= LEAST and all(w <= c for w, c in zip(wanted, counts, strict=True))


def largest_total(shares: Sequence[float], counts: Sequence[int], majority: int) -> int:
    """Return the largest total that allows every share; 0 if none does."""
    others = [c for g, c in enumerate(counts) if g != majority]
    bounds = [counts[majority] / s for s in shares]
    bounds += [min(others) * len(others) / (1 - s) for s in shares]
    total = int(np.floor(min(bounds) + SLACK))
    # Rounding to whole people can ask for one more than there are.
    while total > 0 and not all(fits(s, total, counts, majority) for s in shares):
        if min(min(numbers_at(s, total, majority, len(counts))) for s in shares) < LEAST:
            return 0
        total -= 1
    return total


@dataclass(frozen=True)
class Sweep:
    """The training sets of one majority group.

    Attributes
    ----------
    majority : int
        Number of the group.
    shares : tuple of float
        From the balanced one up.
    total : int
        People in each set.
    unreached : tuple of float
        Default shares for which there are too few people.
    """

    majority: int
    shares: tuple[float, ...]
    total: int
    unreached: tuple[float, ...] = ()


def plan_sweep(
    people: Sequence[People],
    names: Sequence[str],
    majority: int,
    shares: Sequence[float] | None,
    total: int | None,
) -> Sweep:
    """Choose shares and the total that every split can provide.

    Parameters
    ----------
    people : sequence of People
        One a split.
    names : sequence of str
        The groups.
    majority : int
    shares : sequence of float, optional
        Shares beyond the balanced one; those of `SHARES` that can be reached if not given.
    total : int, optional
        People in each training set; as many as there can be if not given.

    Raises
    ------
    ConfigError, SelectionError
        If a share that was asked for can't be reached, or none can.
    """
    even = 1 / len(names)
    counts = [min(c) for c in zip(*(p.counts for p in people), strict=True)]
    who = names[majority]
    if shares is None:
        return _reachable(counts, who, majority, even, total)
    low = [s for s in shares if s <= even + SLACK]
    if low:
        raise ConfigError(
            f"share {low[0]:g} is no majority: {len(names)} groups are balanced at {even:.3g}; "
            "give shares above that and below 1"
        )
    asked = (even, *sorted(set(shares)))
    found = largest_total(asked, counts, majority) if total is None else total
    worst = next((s for s in reversed(asked) if not fits(s, max(found, 1), counts, majority)), None)
    if found <= 0 or worst is not None:
        share = asked[-1] if worst is None else worst
        raise SelectionError(_unreachable(share, found, counts, names, majority))
    return Sweep(majority, asked, found)


def _reachable(
    counts: Sequence[int], who: str, majority: int, even: float, total: int | None
) -> Sweep:
    wanted = [s for s in SHARES if s > even + 0.02]
    for k in range(len(wanted), 0, -1):
        asked = (even, *wanted[:k])
        found = largest_total(asked, counts, majority) if total is None else total
        if found and all(fits(s, found, counts, majority) for s in asked):
            return Sweep(majority, asked, found, tuple(wanted[k:]))
    few = f" in training sets of {total}" if total is not None else ""
    raise SelectionError(
        f"no training set with a majority of {who!r} can be made{few}: the groups have "
        f"{min(counts)} to {max(counts)} identities to learn from, and every group needs at "
        f"least {LEAST}. Make groups of fewer attributes (--group-by), or use more identities"
    )


def _unreachable(
    share: float, total: int, counts: Sequence[int], names: Sequence[str], majority: int
) -> str:
    have, few = counts[majority], min(c for g, c in enumerate(counts) if g != majority)
    who = names[majority]
    said = (
        f"a share of {share:g} for {who!r} can't be reached: there are {have} identities of "
        f"it to learn from and {few} of the smallest other group, and each group needs at least "
        f"{LEAST}"
    )
    if total > 0:
        need = numbers_at(share, total, majority, len(counts))
        said += f"; {total} in all would take {need[majority]} of it and {min(need)} of another"
    return f"{said}. Lower the share or the total, or use more identities"


def balanced_rows(person: Rows, codes: Rows, split: Split, rows: Rows, n_groups: int) -> Rows:
    """Return rows of equally many people of every group: as many as the smallest has."""
    people = People.of(person, codes, rows, n_groups, split.seed)
    return people.rows(person, rows, [min(people.counts)] * n_groups)


def sweep_table(sweeps: Sequence[Sweep], groups: Labels) -> pl.DataFrame:
    """Return how many identities of each group every share takes; shares not reached have none."""
    rows = [
        (groups.names[s.majority], share, group, count, s.total)
        for s in sweeps
        for share in s.shares
        for group, count in zip(
            groups.names,
            numbers_at(share, s.total, s.majority, len(groups.names)),
            strict=True,
        )
    ]
    missed = [(groups.names[s.majority], share, None, None, s.total)
              for s in sweeps for share in s.unreached]  # fmt: skip
    schema = {"majority": pl.String, "share": pl.Float64, "group": pl.String,
              "identities": pl.Int64, "total": pl.Int64}  # fmt: skip
    return pl.DataFrame([*rows, *missed], schema=schema, orient="row")
