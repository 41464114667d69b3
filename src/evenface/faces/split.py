"""Who trains, who validates, who tests: no person and no picture on two sides.

The unit that moves as a whole is a *person*: an identity, or several identities that share a
byte-identical picture (union-find over the pictures' hashes). Splits, resampling and the
"same person" exclusion of neighbours all use it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.errors import ConfigError, LeakError, SelectionError
from evenface.faces.select import shuffled_key
from evenface.faces.table import RESERVED

Rows = npt.NDArray[np.intp]

SIDES = ("train", "validation", "test")
SPELLINGS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2}

ENOUGH = "; for numbers worth reading, some twenty of each group"
"""What to have beyond the fewest that can be split."""


@dataclass(frozen=True)
class Split:
    """Row numbers of one training, validation and test set.

    Attributes
    ----------
    train, validation, test : ndarray of intp
        Sorted row numbers; disjoint, and disjoint in persons.
    seed : int
        Which repetition this is; probes seed themselves with it.
    fingerprint : str
        Hash of who stands where: 16 hex digits that results carry.
    """

    train: Rows
    validation: Rows
    test: Rows
    seed: int
    fingerprint: str


def persons(identity: Sequence[str], sha256: Sequence[str | None] | None = None) -> Rows:
    """Number the persons of a table.

    Parameters
    ----------
    identity : sequence of str, length n
    sha256 : sequence of str or None, length n, optional
        Hash of each picture's bytes, where known.

    Returns
    -------
    ndarray of intp, shape (n,)
        0 ... p-1. Rows share a number if they share an identity, a byte-identical picture, or
        are linked through other rows that do.
    """
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for i, name in enumerate(identity):
        picture = sha256[i] if sha256 is not None else None
        if picture is not None:
            parent[root(("picture", picture))] = root(("identity", name))
    roots = [root(("identity", name)) for name in identity]
    numbers = {r: k for k, r in enumerate(sorted(set(roots)))}
    return np.array([numbers[r] for r in roots], dtype=np.intp)


def frame_persons(frame: pl.DataFrame) -> Rows:
    """Number the persons of a frame with ``identity`` and, where known, ``sha256``."""
    hashes = frame["sha256"].to_list() if "sha256" in frame.columns else None
    return persons(frame["identity"].to_list(), hashes)


def make_splits(
    frame: pl.DataFrame,
    strata: Sequence[str | None],
    *,
    seeds: int = 5,
    folds: int = 5,
    seed: int = 0,
) -> list[Split]:
    """Split a table `seeds` times into training, validation and test rows.

    Persons are dealt to `folds` hands, stratum by stratum. Repetition s tests on hand
    ``s mod folds``, validates on the next and trains on the rest, so that as many repetitions
    as folds test every person exactly once. The deal changes after each full turn.

    Parameters
    ----------
    frame : polars.DataFrame
        With ``sample_id``, ``identity`` and, where known, ``sha256``.
    strata : sequence of str or None
        The group of each row; a person belongs to the commonest one of its rows.
    seeds : int
        Number of splits, at least 1.
    folds : int
        Number of hands, at least 3; 1/folds of the persons test and as many validate.
    seed : int
        Another seed, another deal.

    Returns
    -------
    list of Split

    Raises
    ------
    SelectionError
        If there are fewer persons than folds.
    ConfigError
        If `seeds` is below 1 or `folds` below 3.
    """
    if seeds < 1:
        raise ConfigError(f"seeds is {seeds}; at least 1 is needed")
    if folds < 3:
        raise ConfigError(f"folds is {folds}; at least 3 are needed: train, validation and test")
    person = frame_persons(frame)
    count = int(person.max(initial=-1)) + 1
    if count < folds:
        raise SelectionError(
            f"{count} identities can't be split {folds} ways; {folds} or more are needed "
            f"(identities that share a byte-identical picture count as one){ENOUGH}"
        )
    names = frame["identity"].to_list()
    ids = frame["sample_id"].to_list()
    splits = []
    for s in range(seeds):
        hand = _deal(person, names, strata, folds, seed + s // folds)[person]
        test, validation = hand == s % folds, hand == (s + 1) % folds
        sides = np.where(test, 2, np.where(validation, 1, 0))
        splits.append(_split(sides, ids, s))
    return splits


def _deal(
    person: Rows, names: Sequence[str], strata: Sequence[str | None], folds: int, seed: int
) -> Rows:
    """Give each person a hand, 0 ... folds-1, as evenly as each stratum allows."""
    label: dict[int, str] = {}
    votes: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for p, name, stratum in zip(person.tolist(), names, strata, strict=True):
        label[p] = min(label.get(p, name), name)
        votes[p][stratum or ""] += 1
    members: dict[str, list[int]] = defaultdict(list)
    for p, counts in votes.items():
        members[max(sorted(counts), key=lambda k: counts[k])].append(p)
    hands = np.empty(len(label), dtype=np.intp)
    dealt = 0
    # The deal goes on where the last stratum ended: small ones don't all land in hand 0.
    for stratum in sorted(members):
        for p in sorted(members[stratum], key=lambda p: shuffled_key(seed, label[p])):
            hands[p] = dealt % folds
            dealt += 1
    return hands


def _split(sides: Rows, ids: Sequence[str], seed: int) -> Split:
    rows = [np.flatnonzero(sides == k) for k in range(3)]
    digest = hashlib.sha256()
    for i in sorted(range(len(ids)), key=ids.__getitem__):
        digest.update(f"{ids[i]}\x1f{sides[i]}\x1e".encode())
    return Split(rows[0], rows[1], rows[2], seed, digest.hexdigest()[:16])


def splits_from_column(frame: pl.DataFrame, column: str, *, seeds: int = 1) -> list[Split]:
    """Take a dataset's own split from a column that says train, validation or test.

    Without validation rows every fifth training person validates. Each of the `seeds`
    repetitions has the same rows and trains anew.

    Raises
    ------
    LeakError
        If a person stands on two sides.
    """
    if column not in frame.columns or column in RESERVED:
        raise ConfigError(f"no column named {column!r} to take the split from")
    said = [str(v).strip().lower() for v in frame[column].to_list()]
    strange = sorted(set(said) - set(SPELLINGS))
    if strange:
        raise ConfigError(
            f"column {column!r} holds {len(strange)} values, such as {strange[0][:40]!r}, that "
            f"name no side of a split; it may hold {', '.join(SPELLINGS)}"
        )
    sides = np.array([SPELLINGS[v] for v in said], dtype=np.intp)
    person = frame_persons(frame)
    if not (sides == 1).any():
        training = np.unique(person[sides == 0])
        names = {int(p): n for p, n in zip(person, frame["identity"].to_list(), strict=True)}
        ordered = sorted(training.tolist(), key=lambda p: shuffled_key(0, names[p]))
        sides[np.isin(person, ordered[::5]) & (sides == 0)] = 1
    ids = frame["sample_id"].to_list()
    splits = [_split(sides, ids, s) for s in range(seeds)]
    check_splits(splits, person, frame["identity"].to_list())
    return splits


def check_splits(splits: Iterable[Split], person: Rows, names: Sequence[str]) -> None:
    """Refuse splits in which a person stands on two sides, or a side is empty.

    Every study calls this before it trains, on whatever splits it was given.

    Raises
    ------
    LeakError
        With how many persons are on two sides of which split.
    """
    for split in splits:
        sides = (split.train, split.validation, split.test)
        for i, j in ((0, 1), (0, 2), (1, 2)):
            shared = np.intersect1d(person[sides[i]], person[sides[j]])
            if shared.size:
                first = names[int(np.flatnonzero(person == shared[0])[0])]
                raise LeakError(
                    f"split {split.seed}: {shared.size} identities stand in both {SIDES[i]} and "
                    f"{SIDES[j]} (one is {first!r}); a person, and identities that share a "
                    "byte-identical picture, must stay on one side"
                )
        for name, rows in zip(SIDES, sides, strict=True):
            if rows.size == 0:
                raise LeakError(f"split {split.seed} has no {name} rows")


def splits_fingerprint(splits: Iterable[Split]) -> str:
    """Hash a list of splits to 16 hex digits."""
    return hashlib.sha256("".join(s.fingerprint for s in splits).encode()).hexdigest()[:16]
