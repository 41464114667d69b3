"""What every study starts from: vectors, labels, persons, groups and splits, checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from evenface.embed.embeddings import Embeddings
from evenface.erasers.seen import without_seen
from evenface.errors import ConfigError, SelectionError
from evenface.faces.groups import GROUP_BY, group_labels, grouping, require_groups
from evenface.faces.split import (
    Rows,
    Split,
    check_splits,
    frame_persons,
    make_splits,
    splits_fingerprint,
    splits_from_column,
)
from evenface.faces.table import RESERVED
from evenface.faces.unrecorded import plain_values
from evenface.heads.scaling import Vectors
from evenface.stats.asked import Asked, Method
from evenface.studies.described import as_asked, describe, noted

MIN_CLASS = 4
"""Identities a class needs to enter a study; fewer can't be on all sides of a split."""

GROUP = "group"
"""Name of the attribute that stands for the demographic group itself."""


once = AfterValidator(lambda values: tuple(dict.fromkeys(values)))
"""Leaves a value out where it is given again."""


def known(check: Callable[[tuple[str, ...]], object]) -> AfterValidator:
    """Return what looks names up in their table as soon as they are given."""

    def look_up(names: tuple[str, ...]) -> tuple[str, ...]:
        try:
            check(names)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return tuple(dict.fromkeys(names))

    return AfterValidator(look_up)


class Options(BaseModel):
    """Base of all options: unknown names are errors, values don't change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def reads(self) -> tuple[Path, ...]:
        """Return the files that they name: a result is of what these held."""
        return ()


class CommonOptions(Options):
    """Options that every study shares.

    Attributes
    ----------
    group_by : tuple of str, optional
        Attributes whose combinations are the groups; gender and ethnicity if not given.
    seeds : int
        Repetitions: splits and random starts.
    folds : int
        Hands that identities are dealt to; one tests and one validates at a time.
    split_column : str, optional
        A column that holds the dataset's own split, in place of a deal.
    seed : int
        Base of all randomness.
    level : float
        Nominal coverage of intervals, in (0.5, 1), at most 0.9999.
    resamples : int
        Resamples of bootstraps, permutations of tests.
    interval : {"score", "percentile", "bca"}
        How intervals of shares are made; see `evenface.stats.asked.Asked`.
    missing : tuple of str
        Recorded values, of any attribute and in any case, that count as no record; see
        `evenface.faces.unrecorded`.
    """

    group_by: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    seeds: int = Field(5, ge=1, le=1000)
    folds: int = Field(5, ge=3, le=100)
    split_column: str | None = None
    seed: int = Field(0, ge=0)
    level: float = Field(0.95, gt=0.5, le=0.9999)
    resamples: int = Field(2000, ge=100, le=100_000)
    interval: Method = "score"
    missing: tuple[str, ...] = ()

    @field_validator("missing")
    @classmethod
    def _plain(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return plain_values(values)
        except ConfigError as error:
            raise ValueError(str(error).removeprefix("missing: ")) from None

    @property
    def asked(self) -> Asked:
        """What is asked of intervals."""
        return Asked(self.level, self.interval, self.resamples, self.seed)


@dataclass(frozen=True)
class Labels:
    """An attribute as numbers.

    Attributes
    ----------
    codes : ndarray of intp, shape (n,)
        Class of each row, -1 where unknown or left out.
    names : tuple of str
        The classes, sorted.
    left_out : dict of str to int
        Values with fewer than `MIN_CLASS` identities, and how many they have.
    """

    codes: Rows
    names: tuple[str, ...]
    left_out: dict[str, int]


@dataclass(frozen=True)
class StudyData:
    """Embeddings made ready for a study.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n, d)
    rows : polars.DataFrame
        n rows of ids, identities and attributes.
    person : ndarray of intp, shape (n,)
        Which rows show one person.
    by : tuple of str
        Attributes that make the groups.
    context : dict
        What the report says about the data.
    """

    vectors: Vectors
    rows: pl.DataFrame
    person: Rows
    by: tuple[str, ...]
    context: dict[str, Any]

    @property
    def targets(self) -> tuple[str, ...]:
        """What is asked about unless told: the groups' attributes, and the group if it adds any.

        Where only one attribute varies the group is that attribute under another name.
        """
        varying = [a for a in self.by if self.rows[a].drop_nulls().n_unique() > 1]
        return (*self.by, GROUP) if len(varying) > 1 else self.by

    def asked(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return attributes that were asked for, each once.

        Raises
        ------
        ConfigError
            If ``group`` is among them and could be a recorded attribute or the group.
        """
        if GROUP in names and GROUP in self.rows.columns and self.by != (GROUP,):
            raise ConfigError(
                f"{GROUP!r} is a recorded attribute here, and what studies call the group by "
                f"{' and '.join(self.by)}; rename the column, or group by it"
            )
        return tuple(dict.fromkeys(names))

    def values(self, attribute: str) -> list[str | None]:
        """Return an attribute's recorded values, or the group's names for ``group``."""
        # Always the groups the study is about, whatever a column of that name may hold.
        if attribute == GROUP:
            return group_labels(self.rows, self.by).to_list()
        if attribute not in self.rows.columns or attribute in RESERVED:
            have = ", ".join(dict.fromkeys([*self.by, GROUP]))
            # Gender and ethnicity are asked for unless told: their absence is a fact of the data.
            kind = SelectionError if attribute in GROUP_BY else ConfigError
            raise kind(f"no attribute named {attribute!r}; there are, among others, {have}")
        return self.rows[attribute].cast(pl.String).to_list()

    def labels(self, attribute: str, *, least: int = MIN_CLASS) -> Labels:
        """Number an attribute's values; those with fewer than `least` persons are left out."""
        values = self.values(attribute)
        people: dict[str, set[int]] = {}
        for value, person in zip(values, self.person.tolist(), strict=True):
            if value is not None:
                people.setdefault(value, set()).add(person)
        names = tuple(sorted(v for v, p in people.items() if len(p) >= least))
        place = {name: k for k, name in enumerate(names)}
        codes = np.array([place.get(v, -1) if v else -1 for v in values], dtype=np.intp)
        few = {v: len(p) for v, p in sorted(people.items()) if len(p) < least}
        return Labels(codes, names, few)


def prepare(embeddings: Embeddings, common: CommonOptions) -> StudyData:
    """Check embeddings and describe them.

    Raises
    ------
    SelectionError
        If all rows are of one group: there is nothing to compare.
    LeakError
        If an eraser was fitted to everybody whose vectors it changed.
    """
    # First: no label that counts as none hides whom an eraser has seen.
    embeddings = as_asked(noted(*without_seen(embeddings)), common.missing)
    by = grouping(embeddings.attributes, common.group_by)
    require_groups(embeddings.rows, by)
    person = frame_persons(embeddings.rows)
    return StudyData(
        embeddings.vectors, embeddings.rows, person, by, describe(embeddings, by, common.group_by)
    )


def study_splits(
    data: StudyData,
    common: CommonOptions,
    splits: Sequence[Split] | None = None,
    *,
    attributes: Sequence[str] = (),
) -> list[Split]:
    """Return the splits that a study trains on, checked to share no person between sides.

    Parameters
    ----------
    data : StudyData
    common : CommonOptions
    splits : sequence of Split, optional
        Splits of one's own in place of a deal; refused if they leak.
    attributes : sequence of str
        What the study asks about; where the groups don't know of it, it is stratified by too.

    Raises
    ------
    LeakError
        If a person stands on two sides.
    """
    names = data.rows["identity"].to_list()
    if splits is not None:
        made = list(splits)
    elif common.split_column is not None:
        made = splits_from_column(data.rows, common.split_column, seeds=common.seeds)
    else:
        made = make_splits(
            data.rows,
            _strata(data, attributes),
            seeds=common.seeds,
            folds=common.folds,
            seed=common.seed,
        )
    check_splits(made, data.person, names)
    return made


def _strata(data: StudyData, attributes: Sequence[str]) -> list[str]:
    further = [a for a in attributes if a not in (*data.by, GROUP)]
    columns = [data.values(name) for name in (GROUP, *further)]
    return ["\x1f".join(value or "" for value in row) for row in zip(*columns, strict=True)]


def with_splits(context: dict[str, Any], splits: Sequence[Split]) -> dict[str, Any]:
    """Add to a context which splits the numbers come from."""
    return {
        **context,
        "splits": {
            "fingerprint": splits_fingerprint(splits),
            "count": len(splits),
            "train": int(np.mean([s.train.size for s in splits])),
            "validation": int(np.mean([s.validation.size for s in splits])),
            "test": int(np.mean([s.test.size for s in splits])),
        },
    }
