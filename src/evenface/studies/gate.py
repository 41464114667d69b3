"""Gates for pipelines: do studies show that numbers are beyond a bound.

A gate decides on intervals, never on the numbers alone; see `evenface.studies.simultaneous`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from evenface.studies.gate_text import SIGNS, Claim, as_written, read_claim, several, to_number
from evenface.studies.headline import headline
from evenface.studies.result import Result
from evenface.studies.simultaneous import Weighed, named, weigh

SHOWN = 5
"""Numbers that a verdict names; of others it says how many."""


@dataclass(frozen=True)
class Verdict:
    """What a gate decided.

    Attributes
    ----------
    failed : bool
    sentences : tuple of str
        The decision, then the numbers it rests on.
    decisive : tuple of Weighed
        Every number for which it failed, the clearest first. Where it did not fail, the one
        whose value comes nearest to failing it, as ends say little where intervals are wide.
    """

    failed: bool
    sentences: tuple[str, ...]
    decisive: tuple[Weighed, ...] = ()


@dataclass(frozen=True)
class Gate:
    """A claim, and whether showing it fails (``--fail-on``) or not showing it (``--fail-unless``).

    Attributes
    ----------
    claim : Claim
    unless : bool
        Fail unless every number is shown to be as claimed. A number that could not be computed
        is not shown to be anything. Otherwise fail if any is shown to be so, or if none could be
        computed: a gate that can't judge must not pass in silence.
    """

    claim: Claim
    unless: bool = False

    @property
    def study(self) -> str:
        """The study it asks."""
        return self.claim.study

    def judge(
        self,
        results: Mapping[str, Result],
        skipped: Mapping[str, str] | None = None,
        changes: Mapping[str, pl.DataFrame] | None = None,
    ) -> Verdict:
        """Judge what studies of a run found, or what changed since another.

        Parameters
        ----------
        results : mapping of str to Result
            By study.
        skipped : mapping of str to str, optional
            Why a study has no result.
        changes : mapping of str to polars.DataFrame, optional
            By study, the run's numbers minus another's: what a claim about two runs asks.

        Raises
        ------
        ConfigError
            If the claim is about two runs and there is one, or no number is of the kind it names.
        """
        if changes is None:
            self.require_one_run()
        there: Mapping[str, Any] = (changes or {}) if self.claim.change else results
        if self.study not in there:
            why = (skipped or {}).get(self.study, f"there is no result of {self.study}")
            return self._verdict(failed=True, said=f"cannot be judged: {why}")
        if self.claim.change:
            return self.judge_frame(there[self.study])
        return self.judge_frame(results[self.study].frame())

    def require_one_run(self) -> None:
        """Raise a ConfigError if the claim is about the difference between two runs."""
        if self.claim.change:
            raise self.claim.error(
                "change(...) is about the difference between two runs and here is one; "
                "name the number without change()"
            )

    def judge_frame(self, frame: pl.DataFrame) -> Verdict:
        """Judge a frame with the leading columns of every study's, of numbers or of differences.

        Raises
        ------
        ConfigError
            If no number is of the kind that the claim names.
        """
        found = weigh(self.select(frame), self.claim)
        judged = [w for w in found if w.margin is not None]
        missing = [w for w in found if w.margin is None]
        if not judged:
            whom = "the only number" if len(found) == 1 else f"every one of {len(found)} numbers"
            said = f"cannot be judged: {whom} could not be computed"
            return self._verdict(failed=True, said=said, decisive=missing)
        judged.sort(key=lambda w: w.margin or 0.0)
        held = found if self.unless else judged
        shown = [w for w in reversed(judged) if w.shown]
        beyond = f"shown to be {SIGNS[self.claim.sign]} {self.claim.bound:g}".replace("-", "\u2212")
        said = f"{_how_many(len(shown), len(held))} {beyond}"
        if missing:
            said += f"; {len(missing)} could not be judged"
        against = [*(w for w in judged if not w.shown), *missing] if self.unless else shown
        if against:
            only = "only " if self.unless and len(shown) > 0 else ""
            return self._verdict(failed=True, said=only + said, decisive=against, of=len(judged))
        upward = (self.claim.sign in (">", ">=")) != self.unless
        nearest = max(judged, key=lambda w: (w.value or 0.0) * (1 if upward else -1))
        return self._verdict(failed=False, said=said, decisive=[nearest], of=len(judged))

    def select(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the numbers of a frame that the claim is about.

        Raises
        ------
        ConfigError
            If there are none; it names the values that there are.
        """
        claim = self.claim
        study = frame.filter(pl.col("study") == claim.study)
        rows = study.filter(pl.col("metric") == claim.metric)
        if not rows.height:
            have = several(study["metric"].unique(maintain_order=True)) or "none"
            raise claim.error(
                f"here is no number of {claim.study}.{claim.metric}; of {claim.study} there are: "
                f"{have}"
            )
        kept = pl.repeat(value=True, n=rows.height, dtype=pl.Boolean, eager=True)
        for column, value in claim.filters:
            own = rows[column] if column in rows.columns else pl.Series(column, [], dtype=pl.String)
            equal = pl.Series([value is None or _is(v, value) for v in own], dtype=pl.Boolean)
            if not equal.any():
                have = several(map(as_written, map(named, sorted(set(own.drop_nulls())))))
                raise claim.error(f"no {column} is {value!r}; there are: {have or 'none'}")
            kept &= equal
        kept &= headline(claim.study, rows, [column for column, _ in claim.filters])
        if not kept.any():
            raise claim.error(
                "no number has all of these values at once; leave a filter out, or write "
                "column=* for every value"
            )
        return rows.filter(kept)

    def _verdict(
        self, *, failed: bool, said: str, decisive: Sequence[Weighed] = (), of: int = 1
    ) -> Verdict:
        head = ("FAIL unless" if self.unless else "FAIL") if failed else "ok"
        lead = "" if failed or of == 1 else "nearest by value: "
        lines = [f"  {lead}{w.said(of)}" for w in decisive[:SHOWN]]
        if len(decisive) > SHOWN:
            lines.append(f"  and {len(decisive) - SHOWN} more")
        text = self.claim.text or self.claim.canonical()
        return Verdict(failed, (f"{head} {text}: {said}", *lines), tuple(decisive))


def parse(text: str, *, unless: bool = False) -> Gate:
    """Read a gate such as ``transfer.gap > 0.05``; see `read_claim`.

    Raises
    ------
    ConfigError
        If it makes no sense.
    """
    return Gate(read_claim(text), unless)


def _how_many(shown: int, of: int) -> str:
    if of == 1:
        return f"the only number is{'' if shown else ' not'}"
    if shown in (0, of):
        return f"all {of} numbers are" if shown else f"none of {of} numbers is"
    return f"{shown} of {of} numbers {'is' if shown == 1 else 'are'}"


def _is(value: Any, wanted: str) -> bool:
    if isinstance(value, int | float):
        number = to_number(wanted)
        return number is not None and named(value) == named(number)
    return value is not None and str(value) == wanted
