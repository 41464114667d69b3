"""What `verify` found, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.pairs.remedies import NONE, REMEDIES
from evenface.stats.comparisons import holm
from evenface.stats.intervals import Estimate
from evenface.studies import drawing
from evenface.studies.operating import ENOUGH, GIVEN, POOLED
from evenface.studies.partitions import ALL
from evenface.studies.verify_unequal import LEAST
from evenface.studies.words import listed, percent, plural, said_rate, shown_p

if TYPE_CHECKING:
    from evenface.studies.verify import VerifyResult

FEW = 20
"""Identities below which a group's rates are called rough."""

NAMES = {"fmr": "FMR", "fnmr": "FNMR"}


def main_point(result: VerifyResult) -> dict[str, Any] | None:
    """Return the operating point that sentences and figures are about.

    The lowest target FMR for which half of the groups have 10 / FMR impostor pairs of their own;
    the highest if there is none; a given threshold if no target could be set.
    """
    points = result.tables["points"].drop_nulls("threshold")
    if not points.height:
        return None
    targets = points.drop_nulls("fmr_target").sort("fmr_target", descending=True)
    if not targets.height:
        return points.row(0, named=True)
    counts = result.tables["counts"]
    own = counts.filter(attribute=_first_attribute(result))["impostor_pairs"]
    typical = float(own.median() or 0)  # type: ignore[arg-type]
    fine = targets.filter(pl.col("fmr_target") * typical >= ENOUGH * (1 - 1e-9))
    return (fine if fine.height else targets.head(1)).row(-1, named=True)


def attributes(result: VerifyResult) -> list[str]:
    """Return what people are parted by, in order."""
    return list(dict.fromkeys(result.tables["counts"]["attribute"].to_list()))


def rows_at(frame: pl.DataFrame, point: dict[str, Any]) -> pl.DataFrame:
    """Return the rows of numbers or tests at an operating point; an EER is at none."""
    return frame.filter(
        pl.col("threshold") == point["threshold"],
        pl.col("fmr_target").eq_missing(point["fmr_target"]),
        pl.col("metric") != "eer",
    )


def at_point(result: VerifyResult, point: dict[str, Any]) -> pl.DataFrame:
    """Return the numbers at an operating point."""
    return rows_at(result.numbers, point)


def tests_at(result: VerifyResult, point: dict[str, Any]) -> pl.DataFrame:
    """Return the tests of equal rates at a point, with ``p_holm`` over all of them there."""
    tests = rows_at(result.tables["tests"], point).filter(
        pl.col("metric").is_in(list(NAMES)), pl.col("p").is_not_null()
    )
    adjusted = holm(tests["p"].to_numpy()).tolist() if tests.height else []
    return tests.with_columns(pl.Series("p_holm", adjusted, dtype=pl.Float64))


def read_verify(result: VerifyResult) -> list[str]:
    """Return what errors there are and for whom, by intervals and tests, and what is unknown."""
    point = main_point(result)
    sentences = [_pooled_eer(result)]
    if point is not None:
        sentences.insert(0, _pooled(result, point))
        for say in (_between, _unequal, _few):
            sentences += say(result, point)
    sentences += _refused(result)
    sentences += _remedied(result)
    sentences += _associated(result)
    sentences += _protocol(result)
    return sentences


def where(point: dict[str, Any]) -> str:
    """Return ``at the threshold for an FMR of 0.1 % over everybody (0.412)``."""
    at = f"{point['threshold']:.3f}"
    if point["source"] == GIVEN or point["fmr_target"] is None:
        return f"at the given threshold ({at})"
    target = f"{point['fmr_target']:g}"
    if point["source"] == POOLED:
        return f"at the threshold for an FMR of {target} over everybody ({at})"
    source = drawing.short(str(point["source"]), 60)
    return f"at the threshold set for an FMR of {target} on the data of {source} ({at})"


def _first_attribute(result: VerifyResult) -> str:
    return str(result.tables["counts"]["attribute"][0])


def _estimate(rows: pl.DataFrame, **own: Any) -> Estimate | None:
    found = rows.filter(**own)
    if found.height != 1:
        return None
    names = ("value", "low", "high", "level", "n", "n_identities", "method")
    return Estimate(**{n: found[n][0] for n in names})


def _pooled(result: VerifyResult, point: dict[str, Any]) -> str:
    rows = at_point(result, point).filter(group_a=ALL, group_b=ALL).filter(
        pl.col("attribute").is_null()
    )  # fmt: skip
    fmr, fnmr = (_estimate(rows, metric=m) for m in NAMES)
    pairs = result.context["pairs"]
    text = where(point)
    return (
        f"{text[0].upper()}{text[1:]}, {said_rate(fmr) if fmr else '(unknown)'} of impostor pairs "
        f"match and {said_rate(fnmr) if fnmr else '(unknown)'} of genuine pairs don't "
        f"({plural(pairs['genuine'], 'genuine pair')}, "
        f"{plural(pairs['impostor'], 'impostor pair')})."
    )


def _pooled_eer(result: VerifyResult) -> str:
    eer = _estimate(result.where(metric="eer").filter(pl.col("attribute").is_null()))
    return f"The equal error rate over everybody is {said_rate(eer) if eer else '(unknown)'}."


def _between(result: VerifyResult, point: dict[str, Any]) -> list[str]:
    """Say, for each way to part people, whether a test finds different rates."""
    alpha = 1 - float(result.config["level"])
    rows = at_point(result, point)
    sentences, same = [], []
    for test in tests_at(result, point).rows(named=True):
        metric, attribute = test["metric"], test["attribute"]
        own = rows.filter(metric=metric, attribute=attribute).filter(
            pl.col("group_a") == pl.col("group_b"), pl.col("value").is_not_null()
        )
        own = own.filter(pl.col("group_a").is_in(tested_groups(result, attribute)))
        name = "demographic groups" if attribute == "group" else drawing.short(attribute, 60)
        what = f"{NAMES[metric]} by {name}"
        if test["p_holm"] >= alpha or own.height < 2:
            same.append(what)
            continue
        least, most = (own.sort("value").row(k, named=True)["group_a"] for k in (0, -1))
        low, high = (_estimate(own, group_a=g) for g in (least, most))
        sentences.append(
            f"{what} differs (p = {shown_p(test['p_holm'])} after Holm): highest for "
            f"{drawing.short(most, 60)}, {said_rate(high) if high else ''}, lowest for "
            f"{drawing.short(least, 60)}, {said_rate(low) if low else ''}; which groups are at "
            "the ends is itself uncertain."
        )
    if same:
        sentences.append(
            f"No difference between groups is shown for {listed(same)}; that does not show that "
            "there is none."
        )
    return sentences


def tested_groups(result: VerifyResult, attribute: str) -> list[str]:
    """Return the groups that have enough people to be held against each other."""
    counts = result.tables["counts"].filter(pl.col("identities") >= LEAST, attribute=attribute)
    return list(counts["group"].to_list())


def _unequal(result: VerifyResult, point: dict[str, Any]) -> list[str]:
    """Hold GARBE against what equal groups of these sizes would show."""
    attribute = _first_attribute(result)
    found = _estimate(at_point(result, point), metric="garbe", attribute=attribute)
    tests = rows_at(result.tables["tests"], point).filter(metric="garbe", attribute=attribute)
    if found is None or found.value is None or not tests.height or tests["expected"][0] is None:
        return []
    return [
        f"GARBE, which is 0 when all groups have the same rates, is {found.value:.2f} "
        f"[{found.low:.2f}, {found.high:.2f}]; if they had, groups of these sizes would typically "
        f"show {tests['expected'][0]:.2f} and seldom more than {tests['extreme'][0]:.2f}."
    ]


def _few(result: VerifyResult, point: dict[str, Any]) -> list[str]:
    counts = result.tables["counts"]
    small = counts.filter(
        pl.col("identities") < FEW, pl.col("attribute") == _first_attribute(result)
    )
    if not small.height:
        return []
    rows = at_point(result, point).filter(attribute=_first_attribute(result), metric="fnmr")
    wide = rows.filter(pl.col("group_a").is_in(small["group"].to_list()))
    known = wide.drop_nulls("value").with_columns((pl.col("high") - pl.col("low")).alias("width"))
    every = counts.filter(attribute=small["attribute"][0]).height
    said = (
        f"{small.height} of {plural(every, 'group')} have fewer than {FEW} identities: little can "
        "be said of them."
    )
    if known.height:
        worst = known.sort("width").row(-1, named=True)
        people = counts.filter(attribute=worst["attribute"], group=worst["group_a"])
        n = int(people["identities"][0])
        said += (
            f" For {drawing.short(worst['group_a'], 60)}, with "
            f"{plural(n, 'identity', 'identities')}, FNMR may be anything from "
            f"{percent(worst['low'])} to {percent(worst['high'])}."
        )
    tiny = small.filter(pl.col("identities") < LEAST)["group"].to_list()
    if tiny:
        said += (
            f" Tests and measures of inequality leave out those of fewer than {LEAST}: "
            f"{listed(tiny)}."
        )
    none = wide.filter(pl.col("value").is_null())
    if none.height:
        said += f" For {listed(none['group_a'].to_list())} there is no FNMR at all."
    return [said]


def _refused(result: VerifyResult) -> list[str]:
    gone = result.tables["points"].filter(pl.col("threshold").is_null()).drop_nulls("fmr_target")
    if not gone.height:
        return []
    targets = [f"{t:g}" for t in gone["fmr_target"].to_list()]
    return [
        f"Nothing is said at FMRs of {listed(targets)}: that would take at least "
        f"{ENOUGH} / FMR impostor pairs."
    ]


def _remedied(result: VerifyResult) -> list[str]:
    """Say what remedies changed overall, at the lowest target at which they were judged."""
    rows = result.tables["remedies"].filter(pl.col("remedy") != NONE, group=ALL, metric="fnmr")
    rows = rows.drop_nulls("change")
    if not rows.height:
        return []
    target = min(rows["fmr_target"].to_list())
    own = rows.filter(fmr_target=target)
    told = own.filter((pl.col("change_low") > 0) | (pl.col("change_high") < 0))
    changed = [
        f"{REMEDIES[r['remedy']].title} ({said_change(r)} points)" for r in told.rows(named=True)
    ]
    at = f"at a target FMR of {target:g}"
    first = (
        f"Of {plural(own.height, 'remedy', 'remedies')} of scores tried on people held out, "
        + (f"{listed(changed)} are shown to change FNMR over everybody {at}"
           if changed else f"none is shown to change FNMR over everybody {at}")
    )  # fmt: skip
    return [f"{first}; intervals are not corrected for their number."]


def said_change(row: dict[str, Any]) -> str:
    """Return what a remedy changed, in points: ``+1.30 [+0.20, +2.40]``."""
    parts = [100 * row[c] for c in ("change", "change_low", "change_high")]
    value, low, high = (f"{x:+.2f}".replace("-", "\u2212") for x in parts)
    return f"{value} [{low}, {high}]"


def _associated(result: VerifyResult) -> list[str]:
    rows = result.tables["associations"].drop_nulls("p")
    if not rows.height:
        return []
    adjusted = holm(rows["p"].to_numpy())
    told = int((adjusted < 1 - float(result.config["level"])).sum())
    return [
        f"{told} of {plural(rows.height, 'association')} between groups and attributes are shown "
        "after Holm (WEAT's effect size, people exchanged)."
    ]


def _protocol(result: VerifyResult) -> list[str]:
    rows = result.tables["protocol"].filter(group=ALL)
    if not rows.height:
        return []
    row = rows.row(0, named=True)
    e = _estimate(rows)
    by = "its own folds" if row["published"] else "folds of people made here"
    return [f"Accuracy of the list, by {by}: {said_rate(e) if e else '(unknown)'}."]
