"""What `verify` found beside error rates, in words: remedies, associations, a list's accuracy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.pairs.remedies import NONE, REMEDIES
from evenface.stats.comparisons import holm
from evenface.stats.intervals import Estimate
from evenface.studies import drawing
from evenface.studies.words import listed, plain, plural, said, said_rate, shown_p

if TYPE_CHECKING:
    from evenface.studies.verify import VerifyResult


def estimate_in(rows: pl.DataFrame, **own: Any) -> Estimate | None:
    """Return the one number of a frame that fits."""
    found = rows.filter(**own)
    if found.height != 1:
        return None
    names = ("value", "low", "high", "level", "n", "n_identities", "method")
    return Estimate(**{n: found[n][0] for n in names})


def opposite(found: Estimate) -> Estimate:
    """Return a number with its sign changed."""
    value, low, high = (None if x is None else -x for x in (found.value, found.high, found.low))
    return replace(found, value=value, low=low, high=high)


def everybody_in(table: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a table that are about everybody."""
    return table.filter(pl.col("group").is_null())


def remedied(result: VerifyResult, point: dict[str, Any] | None) -> list[str]:
    """Say what remedies cost and gain, as near as can be to what all else is about."""
    rows = everybody_in(result.tables["remedies"])
    targets = rows["fmr_target"].unique(maintain_order=True).to_list()
    if not targets or point is None:
        return []
    wanted = target_at(result, point)
    target = min(targets, key=lambda t: abs(t - wanted) if wanted else -t)
    own = rows.filter(fmr_target=target)
    changes = own.filter(metric="fnmr").drop_nulls("change")
    if not changes.height:
        return []
    told = changes.filter((pl.col("change_low") > 0) | (pl.col("change_high") < 0))
    changed = [f"{_title(r)} ({said_change(r)} points)" for r in told.rows(named=True)]
    at = f"at a target FMR of {plain(target)}"
    sentences = [
        f"Of {plural(changes.height, 'remedy', 'remedies')} of scores tried on people held out, "
        + (f"{listed(changed)} are shown to change FNMR over everybody {at}"
           if changed else f"none is shown to change FNMR over everybody {at}")
        + "; intervals are not corrected for their number."
    ]  # fmt: skip
    unequal = {
        r["remedy"]: estimate_in(own, metric="garbe", remedy=r["remedy"])
        for r in own.filter(metric="garbe").drop_nulls("value").rows(named=True)
    }
    before = unequal.pop(NONE, None)
    if before is not None and unequal:
        after = [f"{said(e)} with {REMEDIES[n].title}" for n, e in unequal.items() if e is not None]
        sentences.append(
            f"GARBE, 0 where groups have the same errors, is there {said(before)} without a "
            f"remedy, {listed(after)}."
        )
    return sentences


def _title(row: dict[str, Any]) -> str:
    return REMEDIES[row["remedy"]].title


def target_at(result: VerifyResult, point: dict[str, Any]) -> float | None:
    """Return the FMR that a threshold was set for, or else has over everybody."""
    if point["fmr_target"] is not None:
        return float(point["fmr_target"])
    pooled = result.numbers.filter(metric="fmr", threshold=point["threshold"]).filter(
        pl.col("attribute").is_null()
    )
    return pooled["value"][0] if pooled.height else None


def said_change(row: dict[str, Any]) -> str:
    """Return what a remedy changed, in points: ``+1.30 [+0.20, +2.40]``."""
    parts = [100 * row[c] for c in ("change", "change_low", "change_high")]
    value, low, high = (f"{x:+.2f}".replace("-", "\u2212") for x in parts)
    return f"{value} [{low}, {high}]"


def associated(result: VerifyResult) -> list[str]:
    """Say how many associations are shown, and which is the strongest of these."""
    rows = result.tables["associations"].drop_nulls("p")
    if not rows.height:
        return []
    # Intervals vary the attributes' people too, whom the test holds fixed: both must agree.
    shown = rows.with_columns(pl.Series("p_holm", holm(rows["p"].to_numpy()))).filter(
        (pl.col("p_holm") < 1 - float(result.config["level"]))
        & (pl.col("low") * pl.col("high") > 0)
    )
    count = plural(rows.height, "association")
    first = f"{shown.height} of {count} between groups and attributes is shown after Holm"
    if shown.height != 1:
        first = first.replace(" is shown", " are shown")
    if not shown.height:
        return [f"{first} (WEAT's effect size, people exchanged)."]
    most = shown.sort(pl.col("value").abs(), descending=True).row(0, named=True)
    x, y, a, b = (drawing.short(most[c], 40) for c in ("x", "y", "a", "b"))
    e = estimate_in(shown, x=most["x"], y=most["y"], a=most["a"], b=most["b"],
                    targets=most["targets"], attribute=most["attribute"])  # fmt: skip
    if most["value"] < 0:
        # d is about the first of the two named: exchanged, its sign is too.
        x, y = y, x
        e = opposite(e) if e else e
    size = said(e, signed=True) if e else ""
    picked = ", overstated on average for being that" if rows.height > 1 else ""
    p = f"p = {shown_p(most['p_holm'])}".replace("= <", "<")
    return [
        f"{first} (WEAT's effect size, people exchanged); the strongest{picked}: vectors of {x} "
        f"lie nearer to those of {a}, and vectors of {y} to those of {b} (d = {size}, {p})."
    ]


def protocol(result: VerifyResult) -> list[str]:
    """Say how accurate a given list is."""
    rows = everybody_in(result.tables["protocol"])
    if not rows.height:
        return []
    by = "its own folds" if rows["published"][0] else "folds of people made here"
    e = estimate_in(rows)
    return [f"Accuracy of the list, by {by}: {said_rate(e) if e else '(unknown)'}."]
