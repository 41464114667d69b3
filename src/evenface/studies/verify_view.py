"""What `verify` found, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.stats.comparisons import holm
from evenface.studies import drawing
from evenface.studies.operating import ENOUGH, GIVEN, POOLED
from evenface.studies.partitions import ALL
from evenface.studies.verify_unequal import LEAST
from evenface.studies.verify_view_further import associated, estimate_in, protocol, remedied
from evenface.studies.words import listed, percent, plain, plural, said_rate, shown_p

if TYPE_CHECKING:
    from evenface.studies.verify import VerifyResult

FEW = 20
"""Identities below which a group's rates are called rough."""

NAMES = {"fmr": "FMR", "fnmr": "FNMR"}


def main_point(result: VerifyResult) -> dict[str, Any] | None:
    """Return the operating point that sentences and figures are about.

    The first threshold that was given: it is the one that somebody runs. Otherwise the lowest
    target FMR for which half of the groups have 10 / FMR impostor pairs of their own, or the
    highest.
    """
    points = result.tables["points"].drop_nulls("threshold")
    if not points.height:
        return None
    given = points.filter(source=GIVEN)
    if given.height:
        return given.row(0, named=True)
    targets = points.drop_nulls("fmr_target").sort("fmr_target", descending=True)
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
    sentences += result.context["pairs"]["notes"]
    return [*sentences, *remedied(result, point), *associated(result), *protocol(result)]


def where(point: dict[str, Any]) -> str:
    """Return ``at the threshold for an FMR of 0.1 % over everybody (0.412)``."""
    at = f"{point['threshold']:.3f}"
    if point["source"] == GIVEN or point["fmr_target"] is None:
        return f"at the given threshold ({at})"
    target = plain(point["fmr_target"])
    if point["source"] == POOLED:
        return f"at the threshold for an FMR of {target} over everybody ({at})"
    source = drawing.short(str(point["source"]), 60)
    return f"at the threshold set for an FMR of {target} on the data of {source} ({at})"


def _first_attribute(result: VerifyResult) -> str:
    return str(result.tables["counts"]["attribute"][0])


def _pooled(result: VerifyResult, point: dict[str, Any]) -> str:
    rows = at_point(result, point).filter(group_a=ALL, group_b=ALL).filter(
        pl.col("attribute").is_null()
    )  # fmt: skip
    fmr, fnmr = (estimate_in(rows, metric=m) for m in NAMES)
    pairs = result.context["pairs"]
    text = where(point)
    return (
        f"{text[0].upper()}{text[1:]}, {said_rate(fmr) if fmr else '(unknown)'} of impostor pairs "
        f"match and {said_rate(fnmr) if fnmr else '(unknown)'} of genuine pairs don't "
        f"({plural(pairs['genuine'], 'genuine pair')}, "
        f"{plural(pairs['impostor'], 'impostor pair')})."
    )


def _pooled_eer(result: VerifyResult) -> str:
    eer = estimate_in(result.where(metric="eer").filter(pl.col("attribute").is_null()))
    return f"The equal error rate over everybody is {said_rate(eer) if eer else '(unknown)'}."


def _between(result: VerifyResult, point: dict[str, Any]) -> list[str]:
    """Say of which ways to part people a test finds different rates, of the first one how."""
    alpha = 1 - float(result.config["level"])
    main, rows = _first_attribute(result), at_point(result, point)
    sentences, further, same = [], [], []
    for test in tests_at(result, point).rows(named=True):
        metric, attribute = test["metric"], test["attribute"]
        name = "demographic groups" if attribute == "group" else drawing.short(attribute, 60)
        what = f"{NAMES[metric]} by {name}"
        shown = f"(p = {shown_p(test['p_holm'])} after Holm)".replace("= <", "<")
        own = rows.filter(metric=metric, attribute=attribute).filter(
            pl.col("group_a") == pl.col("group_b"), pl.col("value").is_not_null()
        )
        own = own.filter(pl.col("group_a").is_in(tested_groups(result, attribute)))
        if test["p_holm"] >= alpha or own.height < 2:
            same.append(what)
        elif attribute == main:
            sentences.append(f"{what} differs {shown}: {_ends(own)}.")
        else:
            further.append(f"{what} {shown}")
    if further:
        sentences.append(f"{'Also shown' if sentences else 'Shown'} to differ: {listed(further)}.")
    if same:
        sentences.append(
            f"No difference between groups is shown for {listed(same)}; that does not show that "
            "there is none."
        )
    return sentences


def _ends(own: pl.DataFrame) -> str:
    """Return which groups have the highest and the lowest rate, and how sure that is."""
    least, most = (own.sort("value").row(k, named=True) for k in (0, -1))
    high, low = (estimate_in(own, group_a=r["group_a"]) for r in (most, least))
    named = [drawing.short(r["group_a"], 60) for r in (most, least)]
    text = (
        f"{said_rate(high) if high else ''} for {named[0]}, the highest, "
        f"{said_rate(low) if low else ''} for {named[1]}, the lowest"
    )
    if least["high"] >= most["low"]:
        text += "; the two intervals overlap, so it is not shown which groups are at the ends"
    return text


def tested_groups(result: VerifyResult, attribute: str) -> list[str]:
    """Return the groups that have enough people to be held against each other."""
    counts = result.tables["counts"].filter(pl.col("identities") >= LEAST, attribute=attribute)
    return list(counts["group"].to_list())


def _unequal(result: VerifyResult, point: dict[str, Any]) -> list[str]:
    """Hold GARBE against what equal groups of these sizes would show."""
    attribute = _first_attribute(result)
    found = estimate_in(at_point(result, point), metric="garbe", attribute=attribute)
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
    targets = [plain(t) for t in gone["fmr_target"].to_list()]
    return [
        f"Nothing is said at FMRs of {listed(targets)}: that would take at least "
        f"{ENOUGH} / FMR impostor pairs."
    ]
